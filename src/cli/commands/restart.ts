/** `bgjob restart`: jobs once more, as new ones; what runs of them is stopped first. */
import { isProcForeign } from '../../engine/os/call-sandbox.ts';
import { howEnded } from '../../engine/queue/queued-job.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import { type EndedView, type JobView, shellOf } from '../../job/view.ts';
import { type Exit, type Input, SUCCESS, verb } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { parseChoice, requireQueues } from '../jobs/job-filter.ts';
import { selectAll } from '../jobs/select.ts';
import { commandLine, jobLabel, jobs, sentence } from '../messages/job-text.ts';
import { pipefailNotes } from '../messages/warnings.ts';
import type { Output } from '../output/output.ts';
import {
  checkWatch,
  isWatched,
  portsAreFree,
  printId,
  WATCH_OPTIONS,
  watchStarted,
} from '../run/after-start.ts';
import { planRestarts, type Restarted, restartJobs } from '../run/restart-jobs.ts';
import { Deadline } from '../wait/deadline.ts';
import { isConditional, parseConditions } from '../wait/parse-conditions.ts';
import { printPauses } from '../wait/pause-notes.ts';
import { renderIds } from '../wait/render-ids.ts';

/** More failures than these are started once more only with --yes. */
const MOST_UNASKED = 20;
/** More jobs than these are told in one line. */
const MOST_TOLD = 20;

const OPTIONS = {
  failed: { kind: 'flag', text: 'what bgjob ls --failed shows, with the same options' },
  queue: { kind: 'list', short: '-Q', value: 'NAME', text: 'with --failed: of this queue' },
  tag: { kind: 'list', value: 'TAG', text: 'with --failed: with this label' },
  all: { kind: 'flag', short: '-a', text: 'with --failed: of all projects' },
  yes: { kind: 'flag', text: `with --failed: also more than ${MOST_UNASKED} jobs` },
  ...WATCH_OPTIONS,
} as const;
type RestartInput = Input<typeof OPTIONS>;

const usage = (message: string, hint: string) => fail({ code: 'usage', message, hint });

/** What does not go together. */
function checkCall({ options, words }: RestartInput): Result<void> {
  const { failed, queue, tag, all, yes } = options;
  if (failed && words.length > 0) return usage('--failed and REF exclude each other', 'bgjob ls --failed');
  if (!failed && words.length === 0)
    return usage('restart needs REF..., or --failed', 'bgjob restart @last · bgjob ls --failed');
  const stray = { '--queue': queue.length > 0, '--tag': tag.length > 0, '-a': all, '--yes': yes };
  const needless = failed ? undefined : Object.entries(stray).find(([, given]) => given)?.[0];
  if (needless !== undefined)
    return usage(`${needless} is for --failed`, 'bgjob restart --failed --queue NAME');
  if ((failed || words.length > 1) && (options.follow || isConditional(options)))
    return usage(
      `${options.follow ? '--follow is' : 'conditions such as --until are'} for one job that is named`,
      'bgjob restart --wait REF...',
    );
  return ok(undefined);
}

/** The failures of the last round; an exit where there is nothing to do. */
function selectFailed(context: Context, { options }: RestartInput): Result<EndedView[] | Exit> {
  const { output } = context;
  const choice = parseChoice({ ...options, number: null, state: [], name: [] });
  if (!choice.ok) return choice;
  const opened = context.home();
  if (!opened.ok) return opened;
  const known = requireQueues(opened.value, choice.value.queues);
  if (!known.ok) return known;
  const { failedJobs, nothingFailedText, removedFailuresText } =
    require('../jobs/failed-jobs.ts') as typeof import('../jobs/failed-jobs.ts');
  const failed = failedJobs(context, opened.value, choice.value);
  const { views, removed } = failed;
  if (views.length === 0) {
    if (!output.json) output.note(`(${nothingFailedText(failed, choice.value)})`);
    return ok(SUCCESS);
  }
  if (removed > 0 && !output.json) output.note(`(${removedFailuresText(removed)})`);
  if (views.length <= MOST_UNASKED || options.yes) return ok(views);
  const now = Date.now();
  for (const view of views) output.note(`${sentence(view, now)}: ${commandLine(view)}`);
  return usage(`${jobs(views.length)} failed; nothing was restarted yet`, 'the same with --yes');
}

/** Tells that a job was started once more. */
function printRestarted(
  output: Output,
  home: Home,
  options: RestartInput['options'],
  { id, again, replaced }: Restarted,
  many: boolean,
): void {
  const { view, environment, draft, earlier } = again;
  const { name } = draft;
  if (output.json) {
    const log = { path: home.job(id).log };
    output.object({
      v: 1,
      id,
      name,
      reused: false,
      replaced,
      restarted: view.id,
      environment,
      shell: shellOf(draft),
      log,
    });
    return;
  }
  printId(output, id, options);
  if (earlier.length > 0)
    output.note(`(${id} also stands for ${earlier.join(' ')}: one job of the name ${name} runs)`);
  if (many) {
    for (const note of pipefailNotes(draft)) output.note(note);
    return;
  }
  const which =
    environment === 'kept' ? 'in the environment that was kept with it' : 'in the environment of this call';
  output.note(`(${id} is ${jobLabel(view)}${howText(view)} once more, ${which})`);
  for (const note of pipefailNotes(draft)) output.note(note);
}

const howText = (view: JobView): string =>
  view.kind === 'ended' ? `, which ${howEnded(view.status.outcome)},` : '';

export const restart = verb({
  name: 'restart',
  operands: 'REF...',
  // at least one, but for --failed: checked below
  arity: [0, Number.POSITIVE_INFINITY],
  brief: '',
  changes: true,
  summary: 'start jobs once more, as new ones; one that runs is stopped first',
  description: [
    'The same command, script, directory, options and -e values, and the environment of this call; with run --keep-env the',
    'one that was kept. Its name then means the new job, whose id is printed; on stdout that is all, as with run.',
    'A job that runs is stopped as run --replace does it, with all its processes, until its ports are free. What it waited for',
    '(--after, --delay) is not waited for again, but for jobs that are restarted with it. Queue, priority, tags and batch are kept.',
    'Several: what cannot be restarted is refused before any is touched. --failed: what failed in the last round, see ls --failed;',
    'none is no failure; of more than 20 a list is shown, and --yes restarts them.',
  ],
  examples: [
    ['bgjob restart web', 'a server, with the code of now'],
    ['bgjob restart web --until-port 3000', 'back when it listens'],
    ['bgjob restart --wait @last', 'the same again, and its result'],
    ['bgjob restart --failed --queue gcc --wait', 'what failed, again'],
  ],
  options: OPTIONS,
  async run(context, given) {
    const { output } = context;
    const { options, words } = given;
    const fits = checkCall(given);
    if (!fits.ok) return fits;
    const waits = isWatched(options);
    const deadline = waits ? context.deadline(options.wait?.ms ?? null) : ok(null);
    if (!deadline.ok) return deadline;
    const selected = options.failed
      ? selectFailed(context, given)
      : selectAll(context, words, 'bgjob restart');
    if (!selected.ok) return selected;
    if (!Array.isArray(selected.value)) return ok(selected.value);
    const opened = context.home();
    if (!opened.ok) return opened;
    const home = opened.value!;
    if (isProcForeign()) return fail({ code: 'proc-foreign' });
    const planned = planRestarts(context, home, selected.value);
    if (!planned.ok) return planned;
    const plan = planned.value;
    const conditions = parseConditions(options, null, () => ok(plan[0]!.draft.cwd));
    if (!conditions.ok) return conditions;
    const watched = checkWatch(options, conditions.value);
    if (!watched.ok) return watched;
    const mayStart = (leaving?: JobId[]) => portsAreFree(home, conditions.value, leaving);
    const tellsEach = plan.length <= MOST_TOLD;
    const { done, failed } = await restartJobs(output, home, plan, mayStart, (restarted) =>
      printRestarted(output, home, options, restarted, !tellsEach),
    );
    if (!tellsEach && !output.json)
      output.note(`(${jobs(done.length)} once more, in the environment of this call)`);
    if (!waits)
      printPauses(
        output,
        home,
        done.map(({ id }) => id),
      );
    if (failed) {
      if (plan.length > 1 && !output.json)
        output.note(
          `(not restarted: ${failed.left.join(' ')}; again: bgjob restart ${renderIds(failed.left)})`,
        );
      return failed.failure;
    }
    if (!waits) return ok(SUCCESS);
    const ids = done.map(({ id }) => id);
    if (ids.length > 1) {
      const { waitWithSummary } =
        require('../run/many-summary.ts') as typeof import('../run/many-summary.ts');
      const patience = new Deadline(deadline.value);
      return ok(await waitWithSummary(output, home, ids, `bgjob wait ${renderIds(ids)}`, patience));
    }
    return watchStarted(context, home, ids[0]!, {
      ...options,
      conditions: conditions.value,
      deadlineMs: deadline.value,
    });
  },
});

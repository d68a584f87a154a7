/** `bgjob restart`: starts jobs again, as new jobs. A job that runs is stopped first. */
import { isProcForeign } from '../../engine/os/call-sandbox.ts';
import { howEnded } from '../../engine/queue/queued-job.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import { type EndedView, shellOf } from '../../job/view.ts';
import { type Exit, type Input, SUCCESS, verb } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { parseChoice, requireQueues } from '../jobs/job-filter.ts';
import { selectAll } from '../jobs/select.ts';
import { commandLine, sentence } from '../messages/job-text.ts';
import { nothingFailedText, removedFailuresText } from '../messages/lists.ts';
import {
  followedLinkText,
  forOneNamedJob,
  manyFailed,
  notRestartedText,
  restartedManyText,
  restartedText,
  standsForText,
} from '../messages/run.ts';
import { cannotCombine, needsOperands, needsOption } from '../messages/usage.ts';
import { printWarnings, variableWarnings } from '../messages/warnings.ts';
import type { Output } from '../output/output.ts';
import {
  acceptanceOf,
  isServer,
  isWatched,
  portsAreFree,
  printId,
  WATCH_OPTIONS,
  watchConditions,
  watchDeadline,
  watchStarted,
} from '../run/after-start.ts';
import { earlyEndWarnings } from '../run/early-end.ts';
import { planRestarts, type Restarted, restartJobs } from '../run/restart-jobs.ts';
import { pipefailNotes } from '../shell/pipes.ts';
import type { Acceptance } from '../wait/await-accepted.ts';
import { Deadline } from '../wait/deadline.ts';
import { isConditional } from '../wait/parse-conditions.ts';
import { printPauses } from '../wait/pause-notes.ts';
import { renderIds } from '../wait/render-ids.ts';

/** More failures than these are restarted only with --yes. */
const MOST_UNASKED = 20;
/** More jobs than these are reported in one line. */
const MOST_REPORTED = 20;

const OPTIONS = {
  failed: { kind: 'flag', text: 'the jobs that bgjob ls --failed shows, with the same options' },
  queue: { kind: 'list', short: '-Q', value: 'NAME', text: 'with --failed: only jobs of this queue' },
  tag: { kind: 'list', value: 'TAG', text: 'with --failed: only jobs with this label' },
  all: { kind: 'flag', short: '-a', text: 'with --failed: jobs of all projects' },
  yes: { kind: 'flag', text: `with --failed: restart more than ${MOST_UNASKED} jobs, too` },
  ...WATCH_OPTIONS,
} as const;
type RestartInput = Input<typeof OPTIONS>;

/** Fails for options and words that cannot be used together. */
function checkCall({ options, words }: RestartInput): Result<void> {
  const { failed, queue, tag, all, yes } = options;
  if (failed && words.length > 0) return fail(cannotCombine('--failed', 'REF', 'bgjob ls --failed'));
  if (!failed && words.length === 0)
    return fail(needsOperands('restart', 'REF..., or --failed', 'bgjob restart @last · bgjob ls --failed'));
  const stray = { '--queue': queue.length > 0, '--tag': tag.length > 0, '-a': all, '--yes': yes };
  const needless = failed ? undefined : Object.entries(stray).find(([, given]) => given)?.[0];
  if (needless !== undefined)
    return fail(needsOption(needless, '--failed', 'bgjob restart --failed --queue NAME'));
  if ((failed || words.length > 1) && (options.follow || isConditional(options)))
    return fail(forOneNamedJob(options.follow));
  return ok(undefined);
}

/** The failures of the last round; an exit if there is nothing to do. */
function selectFailed(context: Context, { options }: RestartInput): Result<EndedView[] | Exit> {
  const { output } = context;
  const choice = parseChoice({ ...options, number: null, state: [], name: [] });
  if (!choice.ok) return choice;
  const opened = context.home();
  if (!opened.ok) return opened;
  const known = requireQueues(opened.value, choice.value.queues);
  if (!known.ok) return known;
  const { failedJobs } = require('../jobs/failed-jobs.ts') as typeof import('../jobs/failed-jobs.ts');
  const failed = failedJobs(context, opened.value, choice.value);
  const { views, removed } = failed;
  if (views.length === 0) {
    if (!output.json) output.note(`(${nothingFailedText(removed, choice.value)})`);
    return ok(SUCCESS);
  }
  if (removed > 0 && !output.json) output.note(`(${removedFailuresText(removed)})`);
  if (views.length <= MOST_UNASKED || options.yes) return ok(views);
  const now = Date.now();
  for (const view of views) output.note(`${sentence(view, now)}: ${commandLine(view)}`);
  return fail(manyFailed(views.length));
}

/** Prints the id of a job that was restarted, and what it is. */
function printRestarted(
  output: Output,
  home: Home,
  options: RestartInput['options'],
  { id, again, replaced }: Restarted,
  many: boolean,
  there: Acceptance | null,
): void {
  const { view, environment, draft, earlier } = again;
  const { name } = draft;
  if (environment === 'caller') printWarnings(output, variableWarnings(draft.changedVariables));
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
      accepted: there?.accepted ?? null,
    });
    return;
  }
  printId(output, id, options);
  if (there?.next) output.next(...there.next);
  if (earlier.length > 0) output.note(standsForText(id, earlier, name));
  const how = view.kind === 'ended' ? howEnded(view.status.outcome) : null;
  if (!many) output.note(restartedText(id, view, how, environment === 'kept'));
  const { cwd, cwdLink } = draft;
  if (cwdLink !== null && (!many || cwd !== view.spec.cwd))
    output.note(followedLinkText(cwd, cwdLink, view.spec.cwd, view.id));
  for (const note of pipefailNotes(draft)) output.note(note);
}

export const restart = verb({
  name: 'restart',
  operands: 'REF...',
  // at least one, but for --failed: checked below
  arity: [0, Number.POSITIVE_INFINITY],
  brief: '',
  changes: true,
  summary: 'start jobs again, as new jobs; stop those that run first',
  description: [
    'The new job has the same command, script, directory, options and -e values. Its environment is that',
    'of this call, or with run --keep-env the one that was stored. The name of the old job now means the',
    'new one. Its id is printed; as with run, stdout carries nothing else.',
    '',
    'A job that runs is stopped first, as run --replace does it: with all its processes, until its ports',
    'are free. Queue, priority, tags and batch stay. The new job does not wait again for what the old one',
    'waited for (--after, --delay), except for jobs that are restarted with it.',
    '',
    'If one of several jobs cannot be restarted, nothing is done.',
    '',
    '--failed restarts what failed in the last round, see ls --failed; if nothing failed, the exit code',
    'is 0. More than 20 jobs are listed, and restarted only with --yes.',
  ],
  examples: [
    ['bgjob restart web', 'a server, with its new code'],
    ['bgjob restart web --until-port 3000', 'return when it listens'],
    ['bgjob restart --wait @last', 'the last job again, and its result'],
    ['bgjob restart --failed --queue gcc --wait', 'the jobs that failed, again'],
  ],
  options: OPTIONS,
  async run(context, given) {
    const { output } = context;
    const { options, words } = given;
    const fits = checkCall(given);
    if (!fits.ok) return fits;
    const waits = isWatched(options);
    const deadline = watchDeadline(context, options);
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
    const conditions = watchConditions(options, plan[0]!.draft.cwd);
    if (isServer(options)) for (const { draft } of plan) draft.server = true;
    if (!conditions.ok) return conditions;
    const mayStart = (leaving?: JobId[]) => portsAreFree(home, conditions.value, leaving);
    const isFew = plan.length <= MOST_REPORTED;
    let until: Deadline | undefined;
    const report = async (restarted: Restarted): Promise<Result<void>> => {
      const isAwaited = !waits && plan.length === 1 && restarted.again.draft.target !== null;
      const there = isAwaited ? await acceptanceOf(context, home, restarted.id) : ok(null);
      if (!there.ok) return there;
      // before the last id is printed: Ctrl-C after it says that the jobs go on
      if (waits && restarted.again === plan.at(-1)) until = new Deadline(deadline.value);
      printRestarted(output, home, options, restarted, !isFew, there.value);
      return ok(undefined);
    };
    const { done, failed } = await restartJobs(output, home, plan, mayStart, report);
    if (!isFew && !output.json) output.note(restartedManyText(done.length));
    const ids = done.map(({ id }) => id);
    if (!waits) {
      printPauses(output, home, ids);
      const again = plan.find(({ environment }) => environment === 'caller');
      if (again) printWarnings(output, earlyEndWarnings(context.env, home, again.draft.env));
    }
    if (failed) {
      if (plan.length > 1 && !output.json) output.note(notRestartedText(failed.left, renderIds(failed.left)));
      return failed.failure;
    }
    if (!until) return ok(SUCCESS);
    if (ids.length > 1) {
      const { waitWithSummary } =
        require('../run/many-summary.ts') as typeof import('../run/many-summary.ts');
      const again = `bgjob wait ${renderIds(ids)}`;
      return ok(await waitWithSummary(output, home, ids, again, until));
    }
    return watchStarted(context, home, ids[0]!, {
      ...options,
      conditions: conditions.value,
      deadline: until,
    });
  },
});

/** `bgjob restart`: a job once more, as a new one; what runs of it is stopped first. */
import { processesOf } from '../../engine/observe/leftovers.ts';
import { holderOf } from '../../engine/observe/name-owner.ts';
import { isProcForeign } from '../../engine/os/call-sandbox.ts';
import { attendQueue } from '../../engine/queue/admission.ts';
import { howEnded } from '../../engine/queue/queued-job.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { titleOf } from '../../job/home/name-claims.ts';
import { markSuperseded } from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';
import { type EndedView, type LiveView, stateWord } from '../../job/view.ts';
import { SUCCESS, verb } from '../command/command.ts';
import { judgeable, select } from '../jobs/select.ts';
import { jobLabel } from '../messages/job-text.ts';
import type { Output } from '../output/output.ts';
import {
  checkWatch,
  isWatched,
  portsAreFree,
  printId,
  WATCH_OPTIONS,
  watchStarted,
} from '../run/after-start.ts';
import { startNamed } from '../run/name-policy.ts';
import { tellIfPaused } from '../run/queue-options.ts';
import { stopOne } from '../run/replace.ts';
import { redraftOf } from '../run/restart-draft.ts';
import { parseConditions } from '../wait/parse-conditions.ts';

/** Stops the job, or what it left; fails where that cannot be verified, or where its name is another's by now. */
async function makeWay(
  output: Output,
  home: Home,
  view: LiveView | EndedView,
  stopped: JobId[],
): Promise<Result<void>> {
  const title = titleOf(view.spec);
  const holder = title && holderOf(home, title);
  if (holder && holder.id !== view.id)
    return fail({
      code: 'usage',
      message: `${jobLabel(view)} was followed by ${jobLabel(holder)}, which is ${stateWord(holder)}: one job of a name runs`,
      hint: `bgjob restart ${title.name}`,
    });
  if (view.kind === 'ended' && (await processesOf(home, view)).length === 0) return ok(undefined);
  return stopOne(output, home, view, stopped, 'restart');
}

export const restart = verb({
  name: 'restart',
  operands: 'REF',
  arity: [1, 1],
  brief: '',
  summary: 'start a job once more, as a new one; one that runs is stopped first',
  description: [
    'The same command, script, directory, options and -e values, and the environment of this call; with run --keep-env the',
    'one that was kept. Its name then means the new job, whose id is printed.',
    'A job that runs is stopped as run --replace does it, with all its processes, until its ports are free. What it waited for',
    '(--after, --delay) is not waited for again.',
  ],
  examples: [
    ['bgjob restart web', 'a server, with the code of now'],
    ['bgjob restart web --until-port 3000', 'back when it listens'],
    ['bgjob restart --wait @last', 'the same again, and its result'],
  ],
  options: WATCH_OPTIONS,
  async run(context, { options, words }) {
    const { output } = context;
    const waits = isWatched(options);
    const deadline = waits ? context.deadline(options.wait?.ms ?? null) : ok(null);
    if (!deadline.ok) return deadline;
    const found = select(context, words[0]!, 'bgjob restart');
    if (!found.ok) return found;
    const { home } = found.value;
    if (isProcForeign()) return fail({ code: 'proc-foreign' });
    const judged = judgeable(found.value.view);
    if (!judged.ok) return judged;
    const view = judged.value;
    const redrafted = redraftOf(context, home, view);
    if (!redrafted.ok) return redrafted;
    const { draft, environment } = redrafted.value;
    const conditions = parseConditions(options, null, () => ok(draft.cwd));
    if (!conditions.ok) return conditions;
    const fits = checkWatch(options, conditions.value);
    if (!fits.ok) return fits;
    const stopped: JobId[] = [];
    const way = await makeWay(output, home, view, stopped);
    if (!way.ok) return way;
    const mayStart = () => portsAreFree(home, conditions.value);
    const naming = draft.name === null ? 'alone' : 'replace';
    const started = await startNamed(output, home, draft, naming, mayStart, 'restart');
    if (!started.ok) return started;
    const { id } = started.value;
    markSuperseded(home.job(view.id), id);
    const { name, placement } = draft;
    if (placement) await attendQueue(home, placement.queue);
    if (output.json) {
      const replaced = [...stopped, ...started.value.replaced];
      const log = { path: home.job(id).log };
      output.object({ v: 1, id, name, reused: false, replaced, restarted: view.id, environment, log });
    } else {
      printId(output, id, options);
      const which =
        environment === 'kept'
          ? 'in the environment that was kept with it'
          : 'in the environment of this call';
      const how = view.kind === 'ended' ? `, which ${howEnded(view.status.outcome)},` : '';
      output.note(`(${id} is ${jobLabel(view)}${how} once more, ${which})`);
      if (placement) tellIfPaused(output, home, placement.queue);
    }
    if (!waits) return ok(SUCCESS);
    return watchStarted(output, home, id, {
      ...options,
      conditions: conditions.value,
      deadlineMs: deadline.value,
    });
  },
});

/**
 * `--replace` and `restart`: stops the job that has a name, with all its processes, and also what ended
 * jobs of the name left running. It returns when they are gone and their ports are free, so that the next
 * job can listen there.
 */
import { systemClock } from '../../base/clock.ts';
import { countLeftovers, markedProcesses, processesOf } from '../../engine/observe/leftovers.ts';
import { nameOwner, nameTaken, waitSettled } from '../../engine/observe/name-owner.ts';
import { observe } from '../../engine/observe/observe.ts';
import { isInUse, type Listening } from '../../engine/os/sockets.ts';
import { wakeQueueWaiters } from '../../engine/queue/queue-waiter.ts';
import { stopJob } from '../../engine/stop/stop-job.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { type JobName, jobNameOf, readClaims } from '../../job/home/name-claims.ts';
import type { JobId } from '../../job/spec.ts';
import type { Stop } from '../../job/state.ts';
import type { EndedView, JobView, LiveView } from '../../job/view.ts';
import { judgeable } from '../jobs/select.ts';
import { forcedNote, hiddenNote } from '../messages/job-text.ts';
import { replacedText, stopsItself } from '../messages/run.ts';
import { markReported } from '../output/mark-reported.ts';
import type { Output } from '../output/output.ts';

/** How long a port may stay taken after its job is gone, and how often it is checked, milliseconds. */
const PORT_LIMIT_MS = 10_000;
const PORT_POLL_MS = 20;

/** Also stops what ended jobs of the name left running. Adds the ids to `replaced`. */
export async function clearName(
  output: Output,
  home: Home,
  title: JobName,
  replaced: JobId[],
  by: StopFor,
): Promise<Result<void>> {
  const owner = nameOwner(home, title);
  if (owner) {
    const { claimState, view } = await waitSettled(home, owner.id);
    // a launcher that hangs while it starts the job: the job can neither be stopped nor ignored
    if (claimState === 'pending') return fail(nameTaken(title, view));
    const stopped = claimState === 'none' ? ok(undefined) : await stopOne(output, home, view, replaced, by);
    if (!stopped.ok) return stopped;
  }
  const marked = await markedProcesses(home);
  for (const [n, { id }] of readClaims(home, title).entries()) {
    const view = observe(home, id);
    if (view?.kind !== 'ended') continue;
    // one scan serves all; the newest job gets a thorough one, which also finds processes without the marker
    const thorough = n === 0 && id !== owner?.id;
    const left = thorough ? (await processesOf(home, view)).length : countLeftovers(home, view, marked);
    const stopped = left > 0 ? await stopOne(output, home, view, replaced, by) : ok(undefined);
    if (!stopped.ok) return stopped;
  }
  return ok(undefined);
}

export type StopFor = 'run --replace' | 'restart';

/** Stops a job, or what it left running, and waits until its ports are free. Adds its id to `replaced`. */
export async function stopOne(
  output: Output,
  home: Home,
  view: JobView,
  replaced: JobId[],
  by: StopFor,
): Promise<Result<void>> {
  const judged = judgeable(view);
  if (!judged.ok) return judged;
  const { id, spec } = judged.value;
  if (process.env['BGJOB_ID'] === String(id) && process.env['BGJOB_TOKEN'] === home.token)
    return fail(stopsItself(view, by === 'restart' ? 'restart' : 'replace'));
  const stop: Stop = { by, cause: 'kill', signal: 'SIGTERM', graceMs: spec.graceMs, at: systemClock.now() };
  const done = await stopJob(home, judged.value, stop);
  wakeQueueWaiters(home, [judged.value]);
  // another process may have stopped it, and gc may have removed it, meanwhile
  if (!done.ok) return observe(home, id) ? done : ok(undefined);
  if (done.value.after.kind === 'live') return fail({ code: 'not-verified', id, pids: [], why: 'no-answer' });
  // it ended by itself meanwhile
  const { before, after, processes } = done.value;
  if (processes === 0 && (before.kind === 'ended' || (after.kind === 'ended' && !after.status.stop)))
    return ok(undefined);
  const free = await waitPortsFree(home, judged.value, done.value.listened);
  if (!free.ok) return free;
  replaced.push(id);
  markReported(output, home, done.value.after);
  if (!output.json) output.note(replacedText(done.value, by === 'restart' ? 'stopped' : 'replaced'));
  const forced = forcedNote(done.value.forced, stop.graceMs, stop.signal);
  if (forced !== undefined && !output.json) output.note(forced);
  if (!output.json) for (const one of done.value.hidden) output.note(hiddenNote(one));
  return ok(undefined);
}

/** Also resolves when the next job of the name has started: that one must be stopped first. */
async function waitPortsFree(
  home: Home,
  { id, spec }: LiveView | EndedView,
  listened: Listening[],
): Promise<Result<void>> {
  const title = jobNameOf(spec);
  const deadline = systemClock.monotonic() + PORT_LIMIT_MS;
  for (;;) {
    const taken = listened.find(isInUse);
    if (taken === undefined || (title && nameOwner(home, title))) return ok(undefined);
    if (systemClock.monotonic() > deadline)
      return fail({ code: 'port-not-free', name: spec.name ?? 'job', id, port: taken.port });
    await systemClock.sleep(PORT_POLL_MS);
  }
}

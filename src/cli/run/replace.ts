/**
 * `--replace`: the job that has a name is stopped with all its processes, and so is what ended ones of the name left. It is
 * over when that is verified and their ports are free: the next one never finds the port still taken.
 */
import { systemClock } from '../../base/clock.ts';
import { plural } from '../../base/text/sanitize.ts';
import { countLeftovers, markedProcesses, processesOf } from '../../engine/observe/leftovers.ts';
import { nameOwner, nameTaken, waitSettled } from '../../engine/observe/name-owner.ts';
import { observe } from '../../engine/observe/observe.ts';
import { isInUse, type Listening, portsIn } from '../../engine/os/sockets.ts';
import { wakeQueueWaiters } from '../../engine/queue/queue-waiter.ts';
import { type Stopped, stopJob } from '../../engine/stop/stop-job.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { readClaims, type Title, titleOf } from '../../job/home/name-claims.ts';
import { noteSeen } from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';
import type { Stop } from '../../job/state.ts';
import type { EndedView, JobView, LiveView } from '../../job/view.ts';
import { judgeable } from '../jobs/select.ts';
import { forcedNote, hiddenNote, jobLabel } from '../messages/job-text.ts';
import type { Output } from '../output/output.ts';

/** How long a port may stay taken after its job is gone, and how often that is looked at, milliseconds. */
const PORT_LIMIT_MS = 10_000;
const PORT_POLL_MS = 20;

/** Stops the job that has the name and what ended ones left, waits until their ports are free, and adds them to `replaced`. */
export async function clearName(
  output: Output,
  home: Home,
  title: Title,
  replaced: JobId[],
  by: StopFor,
): Promise<Result<void>> {
  const holder = nameOwner(home, title);
  if (holder) {
    const { claimState, view } = await waitSettled(home, holder.id);
    // whoever stands still while it starts can neither be stopped nor passed by
    if (claimState === 'pending') return fail(nameTaken(title, view));
    const stopped = claimState === 'none' ? ok(undefined) : await stopOne(output, home, view, replaced, by);
    if (!stopped.ok) return stopped;
  }
  const marked = await markedProcesses(home);
  for (const [n, { id }] of readClaims(home, title).entries()) {
    const view = observe(home, id);
    if (view?.kind !== 'ended') continue;
    // one look serves all; the newest gets a thorough one, that finds also what carries no marker
    const thorough = n === 0 && id !== holder?.id;
    const left = thorough ? (await processesOf(home, view)).length : countLeftovers(home, view, marked);
    const stopped = left > 0 ? await stopOne(output, home, view, replaced, by) : ok(undefined);
    if (!stopped.ok) return stopped;
  }
  return ok(undefined);
}

/** What a job is stopped for. */
export type StopFor = 'run --replace' | 'restart';

/** Stops a job, or what it left, and waits until its ports are free; adds it to `replaced`. */
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
    return fail({
      code: 'usage',
      message: `${jobLabel(view)} cannot ${by === 'restart' ? 'restart' : 'replace'} itself: it would be stopped first`,
    });
  const stop: Stop = {
    by,
    cause: 'kill',
    signal: 'SIGTERM',
    graceMs: spec.graceMs,
    at: systemClock.now(),
  };
  const done = await stopJob(home, judged.value, stop);
  wakeQueueWaiters(home, [judged.value]);
  // another one may have stopped it, and gc taken it away, meanwhile
  if (!done.ok) return observe(home, id) ? done : ok(undefined);
  if (done.value.after.kind === 'live') return fail({ code: 'not-verified', id, pids: [], why: 'no-answer' });
  // it went by itself meanwhile
  if (done.value.before.kind === 'ended' && done.value.processes === 0) return ok(undefined);
  const free = await waitPortsFree(home, judged.value, done.value.listened);
  if (!free.ok) return free;
  replaced.push(id);
  noteSeen(home.job(id));
  if (!output.json) output.note(replacedText(done.value, by === 'restart' ? 'stopped' : 'replaced'));
  const forced = forcedNote(done.value.forced, stop.graceMs, stop.signal);
  if (forced !== undefined && !output.json) output.note(forced);
  if (!output.json) for (const one of done.value.hidden) output.note(hiddenNote(one));
  return ok(undefined);
}

/** Resolves when nobody listens there any more, or when the next job of the name does: that has to be stopped first. */
async function waitPortsFree(
  home: Home,
  { id, spec }: LiveView | EndedView,
  listened: Listening[],
): Promise<Result<void>> {
  const title = titleOf(spec);
  const deadline = systemClock.monotonic() + PORT_LIMIT_MS;
  for (;;) {
    const taken = listened.find(isInUse);
    if (taken === undefined || (title && nameOwner(home, title))) return ok(undefined);
    if (systemClock.monotonic() > deadline)
      return fail({ code: 'port-not-free', name: spec.name ?? 'job', id, port: taken.port });
    await systemClock.sleep(PORT_POLL_MS);
  }
}

function replacedText({ before, after, processes, listened }: Stopped, verb: string): string {
  if (after.kind === 'ended' && after.status.outcome.kind === 'cancelled')
    return `${verb} ${jobLabel(before)}: cancelled before it started`;
  const count = plural(processes, 'process', 'processes');
  const left = before.kind === 'ended' ? ' that it left' : '';
  return `${verb} ${jobLabel(before)}: killed ${count}${left}${portText(listened)}`;
}

/** `, port 3000 free`: what became of the ports of processes that are gone. */
export function portText(listened: Listening[]): string {
  const taken = portsIn(listened.filter(isInUse));
  const free = portsIn(listened).filter((port) => !taken.includes(port));
  const word = (list: number[], state: string) =>
    list.length === 0 ? '' : `, ${list.length === 1 ? 'port' : 'ports'} ${list.join(' ')} ${state}`;
  return word(free, 'free') + word(taken, 'taken by somebody else');
}

/**
 * Pausing a job from outside. It is the owner's work, as a stop is: a request is left and the owner nudged. Whoever asked looks
 * himself afterwards what became of the processes. Where nobody answers nothing is signalled.
 */
import { systemClock } from '../../base/clock.ts';
import { fail, ok, type PauseTrouble, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { writePauseRequest } from '../../job/home/pause-requests.ts';
import { signalOfCode } from '../../job/signals.ts';
import type { StatusOf } from '../../job/state.ts';
import { type EndedView, type JobView, type LiveView, pauseOf } from '../../job/view.ts';
import { processesOf } from '../observe/leftovers.ts';
import { observe } from '../observe/observe.ts';
import { isProcForeign } from '../os/call-sandbox.ts';
import { isStopped } from '../os/process-identity.ts';
import { howEnded } from '../queue/queued-job.ts';
import { nudge, watchOwner } from './stop-request.ts';

/** How long the owner has to answer: one that just boots on a busy machine needs a second, milliseconds. */
const ANSWER_MS = 10_000;
/** How long the processes may take from then on, or from when another owner began to do it, milliseconds. */
const STOP_MS = 10_000;
const POLL_MS = 5;
/** Who was nudged while another took its place is asked again, milliseconds. */
const NUDGE_MS = 500;

export interface PausedJob {
  /** The job now. One that was resumed may have ended since. */
  view: LiveView | EndedView;
  /** It was so before. */
  already: boolean;
  /** Somebody asked for the contrary meanwhile. */
  undone: boolean;
  processes: number;
}

export type PauseVerb = 'pause' | 'resume';

/** Pauses a live job, or lets it go on, and returns when that is seen. Throws system errors where no request can be left. */
export async function pauseJob(
  home: Home,
  before: LiveView,
  verb: PauseVerb,
  by: string,
): Promise<Result<PausedJob>> {
  const { id } = before;
  // its pids are others here
  if (isProcForeign()) return fail({ code: 'proc-foreign' });
  const refuse = (trouble: PauseTrouble) => fail({ code: 'not-held', id, verb, trouble });
  const refused = troubleOf(before);
  if (refused) return refuse(refused);
  const paused = verb === 'pause';
  const isSo = (pauseOf(before.status) !== null) === paused;
  if (isSo && before.status.phase === 'running') {
    const processes = await processesOf(home, before);
    return ok({ view: before, already: true, undone: false, processes: processes.length });
  }
  const job = home.job(id);
  const ask = (wanted: boolean) =>
    writePauseRequest(job, { paused: wanted, by, attempt: before.state?.attempt ?? 1 });
  const number = ask(paused);
  const answered = await answerOf(home, before, number);
  if (answered === 'no-answer' || answered === 'no-owner') {
    // it would come to that later, when nobody expects it any more
    if (paused) ask(false);
    return refuse({ kind: answered });
  }
  if (!paused && answered.kind === 'ended' && wentOn(answered))
    return ok({ view: answered, already: false, undone: false, processes: 0 });
  if (answered.kind !== 'live') return refuse(troubleOf(answered)!);
  const undone = (pauseOf(answered.status) !== null) !== paused;
  return verify(home, answered, paused && !undone, { already: false, undone }, refuse);
}

/** Whether a paused job that has ended must have gone on before: of all ends SIGKILL alone comes to what stands still. */
const wentOn = ({ status: { outcome } }: EndedView): boolean =>
  outcome.kind === 'exited' && signalOfCode(outcome.code) !== 'SIGKILL';

/** Why a job in this state can neither be paused nor go on. */
function troubleOf(view: JobView): PauseTrouble | undefined {
  if (view.kind === 'ended') return { kind: 'ended', how: howEnded(view.status.outcome) };
  if (view.kind !== 'live') return { kind: 'ended', how: 'was removed' };
  const { phase } = view.status;
  return phase === 'queued' || phase === 'stopping' ? { kind: phase } : undefined;
}

/** The job once its owner has answered, or has no more to answer. `no-answer`: the time is over. `no-owner`: the owner was killed. */
async function answerOf(
  home: Home,
  before: LiveView,
  number: number,
): Promise<JobView | 'no-answer' | 'no-owner'> {
  const { id } = before;
  let nudged = Number.NEGATIVE_INFINITY;
  const isUnowned = watchOwner(home.job(id));
  for (let deadline = systemClock.monotonic() + ANSWER_MS; ; ) {
    const now = observe(home, id) ?? { kind: 'unreadable' as const, id, why: 'it was removed' };
    if (troubleOf(now)) return now;
    // read before the time is looked at: one who was paused with its own job comes back later than that
    const { holding } = (now as LiveView).status as StatusOf<'running'>;
    if ((holding?.request ?? 0) >= number) return now;
    const at = systemClock.monotonic();
    if (at > deadline) return 'no-answer';
    if (isUnowned()) return 'no-owner';
    if (at - nudged > NUDGE_MS) {
      nudge(home.job(id), id);
      nudged = at;
    }
    await systemClock.sleep(POLL_MS);
  }
}

/** Looks until all of it stands still, twice in a row: what was born during one look is seen in the next. */
async function verify(
  home: Home,
  view: LiveView,
  stands: boolean,
  facts: Pick<PausedJob, 'already' | 'undone'>,
  refuse: (trouble: PauseTrouble) => Result<never>,
): Promise<Result<PausedJob>> {
  let deadline = systemClock.monotonic() + STOP_MS;
  let { state } = view;
  for (let still = 0; ; ) {
    const found = await processesOf(home, view);
    const going = found.filter((stat) => !isStopped(stat));
    still = going.length === 0 ? still + 1 : 0;
    const held = { view, ...facts, processes: found.length };
    if (!stands || still === 2) return ok(held);
    const now = observe(home, view.id);
    const trouble = now ? troubleOf(now) : undefined;
    if (trouble) return refuse(trouble);
    if (now?.kind === 'live' && !pauseOf(now.status)) return ok({ ...held, view: now, undone: true });
    if (now?.kind === 'live' && now.state?.generation !== state?.generation) {
      // the owner died amidst it: whoever took its place begins anew
      ({ state } = now);
      deadline = systemClock.monotonic() + STOP_MS;
    }
    if (systemClock.monotonic() > deadline)
      return refuse({ kind: 'not-stopped', pids: going.map(({ pid }) => pid) });
    await systemClock.sleep(POLL_MS);
  }
}

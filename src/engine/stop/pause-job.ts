/**
 * Pauses a job from outside. The owner does it, as it does a stop: a request is written and the owner is
 * nudged. Afterwards the caller checks the processes itself. If no owner answers, no process is signalled.
 */
import { systemClock } from '../../base/clock.ts';
import { fail, ok, type PauseTrouble, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { writePauseRequest } from '../../job/home/pause-requests.ts';
import { signalOfCode } from '../../job/signals.ts';
import type { JobId } from '../../job/spec.ts';
import type { StatusOf } from '../../job/state.ts';
import { type EndedView, type JobView, type LiveView, pauseOf } from '../../job/view.ts';
import { processesOf } from '../observe/leftovers.ts';
import { observe } from '../observe/observe.ts';
import { isProcForeign } from '../os/call-sandbox.ts';
import { isStopped } from '../os/process-identity.ts';
import { howEnded } from '../queue/queued-job.ts';
import { untilAnswered } from './owner-answer.ts';

/** How long the processes may take after the answer, or after another owner began anew, milliseconds. */
const STOP_MS = 10_000;
const POLL_MS = 5;

export interface PausedJob {
  /** The job now. After a resume it may have ended. */
  view: LiveView | EndedView;
  already: boolean;
  /** The contrary was requested meanwhile. */
  undone: boolean;
  processes: number;
}

export type PauseVerb = 'pause' | 'resume';

/** Pauses or resumes a live job; returns when that is seen. Throws system errors if it cannot ask. */
export async function pauseJob(
  home: Home,
  before: LiveView,
  verb: PauseVerb,
  by: string,
): Promise<Result<PausedJob>> {
  const { id } = before;
  // its pids are other processes here
  if (isProcForeign()) return fail({ code: 'proc-foreign' });
  const refuse = (trouble: PauseTrouble) => fail({ code: 'not-held', id, verb, trouble });
  const refused = troubleOf(before);
  if (refused) return refuse(refused);
  const paused = verb === 'pause';
  const isInState = (pauseOf(before.status) !== null) === paused;
  if (isInState && before.status.phase === 'running') {
    const processes = await processesOf(home, before);
    return ok({ view: before, already: true, undone: false, processes: processes.length });
  }
  const job = home.job(id);
  const ask = (wanted: boolean) =>
    writePauseRequest(job, { paused: wanted, by, attempt: before.state?.attempt ?? 1 });
  const number = ask(paused);
  const answered = await answerOf(home, id, number);
  if (answered === 'no-answer' || answered === 'no-owner') {
    // withdrawn: the owner would pause the job later, when the user does not expect it
    if (paused) ask(false);
    return refuse({ kind: answered });
  }
  if (!paused && answered.kind === 'ended' && wasResumed(answered))
    return ok({ view: answered, already: false, undone: false, processes: 0 });
  const trouble = troubleOf(answered);
  // a job that is being stopped goes on, so it was resumed; but it was not paused
  if (answered.kind !== 'live' || (paused && trouble)) return refuse(trouble!);
  const undone = (pauseOf(answered.status) !== null) !== paused;
  return verify(home, answered, paused, undone, refuse);
}

/** Whether an ended job must have been resumed before: a stopped process ends by SIGKILL only. */
const wasResumed = ({ status: { outcome } }: EndedView): boolean =>
  outcome.kind === 'exited' && signalOfCode(outcome.code) !== 'SIGKILL';

/** Why a job in this state can be neither paused nor resumed. */
function troubleOf(view: JobView): PauseTrouble | undefined {
  if (view.kind === 'ended') return { kind: 'ended', how: howEnded(view.status.outcome) };
  if (view.kind !== 'live') return { kind: 'ended', how: 'was removed' };
  const { phase } = view.status;
  return phase === 'queued' || phase === 'stopping' ? { kind: phase } : undefined;
}

/** The job once its owner has answered, or will not: it is being stopped, or has ended. */
const answerOf = (home: Home, id: JobId, number: number): Promise<JobView | 'no-answer' | 'no-owner'> =>
  untilAnswered(home, id, () => {
    const now = observe(home, id) ?? { kind: 'unreadable' as const, id, why: 'it was removed' };
    if (troubleOf(now)) return now;
    const { holding } = (now as LiveView).status as StatusOf<'running'>;
    return (holding?.request ?? 0) >= number ? now : undefined;
  });

/** Polls until all processes are stopped, twice in a row: the second scan finds those born in the first. */
async function verify(
  home: Home,
  view: LiveView,
  paused: boolean,
  undone: boolean,
  refuse: (trouble: PauseTrouble) => Result<never>,
): Promise<Result<PausedJob>> {
  let deadline = systemClock.monotonic() + STOP_MS;
  let { state } = view;
  for (let stopped = 0; ; ) {
    const found = await processesOf(home, view);
    const running = found.filter((stat) => !isStopped(stat));
    stopped = running.length === 0 ? stopped + 1 : 0;
    const result = { view, already: false, undone, processes: found.length };
    if (!paused || undone || stopped === 2) return ok(result);
    const now = observe(home, view.id);
    const trouble = now ? troubleOf(now) : undefined;
    if (trouble) return refuse(trouble);
    if (now?.kind === 'live' && !pauseOf(now.status)) return ok({ ...result, view: now, undone: true });
    if (now?.kind === 'live' && now.state?.generation !== state?.generation) {
      // the owner died meanwhile: its successor begins anew
      ({ state } = now);
      deadline = systemClock.monotonic() + STOP_MS;
    }
    if (running.length > 0 && systemClock.monotonic() > deadline)
      return refuse({ kind: 'not-stopped', pids: running.map(({ pid }) => pid) });
    await systemClock.sleep(POLL_MS);
  }
}

/**
 * How a job ended, from the end record of the far side: as events of the lifecycle, so that a job on a target
 * ends as a local one does. What Slurm did to it decides where the record has no code of its own.
 */
import type { FarEnd, Verdict } from '../../engine/targets/engine.ts';
import { EXIT } from '../../job/failure.ts';
import { type Event, nextStatus } from '../../job/lifecycle.ts';
import type { Spec } from '../../job/spec.ts';
import type { Status, Stop } from '../../job/state.ts';
import type { Target } from '../../job/target.ts';
import { endedThere, limitText, notStartedThere, SLURM_LIMIT, scancelled } from './reasons.ts';

/** As the kernel ends a process that takes too much memory. */
const OUT_OF_MEMORY = 137;

interface Known {
  spec: Pick<Spec, 'graceMs' | 'timeoutMs' | 'maxLogBytes'> & { target: Target };
  status: Status;
  /** A stop of a job that waits in the queue of the engine there. */
  stopBefore: Stop | undefined;
  /** The signal that the far side was asked to send. */
  asked: string | undefined;
  now: number;
}

export function statusAfter(end: FarEnd, known: Known): Status {
  const neverRan = end.status === null && end.tookMs === 0 && known.status.phase === 'starting';
  return neverRan ? afterNoRun(end.verdict, known) : afterRun(end, known);
}

/** No record will come. */
export function lostStatus(status: Status, why: string, at: number): Status {
  const events: Event[] = [
    { type: 'started', at, monotonicMs: 0 },
    { type: 'main-ended', at, code: null, known: false },
    { type: 'swept', at },
  ];
  const ended = events.reduce(nextStatus, status);
  return ended.phase === 'ended' ? { ...ended, outcome: { kind: 'lost', why } } : ended;
}

/** It was in the queue there, and left it without a start. */
function afterNoRun(verdict: Verdict | null, { spec, status, stopBefore, now }: Known): Status {
  const word = verdict?.word;
  if (stopBefore || word === 'cancelled')
    return nextStatus(status, { type: 'stop-requested', stop: stopBefore ?? scancelled(spec, now) });
  if (verdict && word === 'not-started') {
    const why = notStartedThere(spec.target, verdict);
    return nextStatus(status, { type: 'start-failed', at: now, why, code: EXIT.bgjob });
  }
  return lostStatus(status, endedThere(verdict), now);
}

function afterRun(end: FarEnd, { spec, status: before, stopBefore, asked, now }: Known): Status {
  const { verdict, tookMs, afterStop } = end;
  const isLate = verdict?.word === 'time-limit';
  const limit = isLate ? 'timeout' : end.limit;
  let status = before;
  // the stop came too late: the job had ended by itself
  if (status.phase === 'stopping' && !afterStop && limit === null)
    status = { ...status, phase: 'running', holding: null };
  const begin = 'startedAt' in status && status.startedAt !== null ? status.startedAt : now - tookMs;
  const at = Math.min(now, begin + tookMs);
  const events: Event[] = [{ type: 'started', at: begin, monotonicMs: 0 }];
  if (stopBefore && afterStop) events.push({ type: 'stop-requested', stop: stopBefore });
  if (limit !== null) {
    const by = isLate ? SLURM_LIMIT : limitText(spec, limit);
    const stop: Stop = { by, cause: limit, signal: 'SIGTERM', graceMs: spec.graceMs, at };
    events.push({ type: 'limit-reached', stop });
  }
  const signals = [asked ?? 'SIGTERM', 'SIGKILL'];
  events.push(...signals.map((signal): Event => ({ type: 'signalled', signal })));
  const code = verdict?.word === 'out-of-memory' ? OUT_OF_MEMORY : end.status;
  events.push({ type: 'main-ended', at, code, tookMs }, { type: 'swept', at });
  const ended = events.reduce(nextStatus, status);
  const isLost = ended.phase === 'ended' && ended.outcome.kind === 'lost';
  return isLost ? { ...ended, outcome: { kind: 'lost', why: endedThere(verdict) } } : ended;
}

/**
 * Waits until a job has written nothing for a while. It compares the sizes and the time stamps of its logs,
 * because a job that empties its log before each line leaves it at one size. Where the log is trimmed the
 * time stamp does not count, because trimming sets it. Time is measured on the monotonic clock. The silence
 * before the wait counts only if it is certain.
 */
import { existsSync, statSync } from 'node:fs';
import { sleep, systemClock } from '../../base/clock.ts';
import { ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import { foundValue, readState } from '../../job/home/records.ts';
import { readTrimmed } from '../../job/log/trim-record.ts';
import type { JobId } from '../../job/spec.ts';
import { thisHost } from '../os/process-identity.ts';
import type { ConditionMet } from './condition.ts';

const MIN_POLL_MS = 10;
const MAX_POLL_MS = 200;
/** Polls per awaited silence: output is noticed at most that fraction of it late. */
const POLLS = 20;
/** How much the two clocks may differ since the start, milliseconds; more means that one was set. */
const CLOCK_SLACK_MS = 1000;

function stampsOf(job: JobPaths): string {
  const trimmed = readTrimmed(job);
  return (['log', 'err'] as const)
    .map((stream) => {
      const stat = statSync(job[stream], { throwIfNoEntry: false });
      const trimming = trimmed[stream];
      const isTrimmed = trimming !== null && (trimming.to > trimming.from || trimming.keep > 0);
      return stat ? `${stat.size} ${isTrimmed ? trimming.floor : stat.mtimeMs}` : '-';
    })
    .join(' ');
}

/** When the job started, on both clocks; undefined if it does not run, or not in this boot. */
function startedAt(home: Home, id: JobId): { wall: number; monotonic: number } | undefined {
  const state = foundValue(readState(home.job(id)));
  if (!state || !('startedMonotonicMs' in state.status)) return undefined;
  const { startedAt: wall, startedMonotonicMs: monotonic } = state.status;
  const bootId = state.spec?.bootId ?? thisHost().bootId;
  return bootId === thisHost().bootId ? { wall, monotonic } : undefined;
}

/** How long the job had been silent when the wait began, as far as that is certain, milliseconds. */
function silenceBefore(job: JobPaths, started: { wall: number; monotonic: number }): number {
  if (existsSync(job.trimmed)) return 0;
  const now = systemClock.now();
  const runningMs = systemClock.monotonic() - started.monotonic;
  if (Math.abs(now - started.wall - runningMs) > CLOCK_SLACK_MS) return 0;
  const written = [job.log, job.err].map((path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  const silentMs = now - Math.max(...written);
  // a log is made a moment before the start: a job that never wrote is silent since its start
  return silentMs < 0 ? 0 : Math.max(0, Math.min(silentMs, runningMs));
}

export async function waitIdle(
  home: Home,
  id: JobId,
  idleMs: number,
  abort: AbortSignal,
): Promise<Result<ConditionMet | undefined>> {
  const job = home.job(id);
  const pollMs = Math.min(MAX_POLL_MS, Math.max(MIN_POLL_MS, idleMs / POLLS));
  let quietSince: number | undefined;
  for (let stamps = stampsOf(job); !abort.aborted; ) {
    if (quietSince === undefined) {
      const started = startedAt(home, id);
      if (started) quietSince = systemClock.monotonic() - silenceBefore(job, started);
    }
    const changed = stampsOf(job);
    const now = systemClock.monotonic();
    if (changed !== stamps && quietSince !== undefined) quietSince = now;
    stamps = changed;
    const silentMs = quietSince === undefined ? 0 : now - quietSince;
    if (quietSince !== undefined && silentMs >= idleMs)
      return ok({ condition: 'idle', facts: { idleMs: Math.round(silentMs) } });
    await sleep(Math.max(1, Math.min(pollMs, idleMs - silentMs)), abort);
  }
  return ok(undefined);
}

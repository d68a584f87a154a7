/** Retention: which ended jobs gc may remove. Pure. Live jobs are never asked about. */
import type { JobId } from '../spec.ts';

export interface RetentionCandidate {
  id: JobId;
  /** Milliseconds since 1970. */
  endedAt: number;
  sizeBytes: number;
  unseenFailure: boolean;
  leftovers: boolean;
  /**
   * A queued job waits for it, or must learn of its end; or it is the last result of a schedule or trigger.
   */
  awaited: boolean;
}

export interface RetentionRules {
  olderThanMs: number;
  keep: number;
  maxTotalBytes: number;
  /** How long an unreported failure stays, milliseconds, whatever the other rules say. */
  unseenFailureMs: number;
}

const DAY_MS = 86_400_000;
export const DEFAULT_RETENTION: RetentionRules = {
  olderThanMs: 7 * DAY_MS,
  keep: 2000,
  maxTotalBytes: 2 * 2 ** 30,
  unseenFailureMs: 30 * DAY_MS,
};

/** The jobs to remove: too old, beyond the newest, or beyond the total size (the oldest go first). */
export function chooseRemovals(jobs: RetentionCandidate[], rules: RetentionRules, now: number): JobId[] {
  const newestFirst = [...jobs].sort((a, b) => b.endedAt - a.endedAt || b.id - a.id);
  let count = 0;
  let bytes = 0;
  const removals: JobId[] = [];
  for (const job of newestFirst) {
    const surplus =
      now - job.endedAt > rules.olderThanMs ||
      count >= rules.keep ||
      bytes + job.sizeBytes > rules.maxTotalBytes;
    const guarded =
      job.leftovers || job.awaited || (job.unseenFailure && now - job.endedAt <= rules.unseenFailureMs);
    if (surplus && !guarded) {
      removals.push(job.id);
    } else {
      count++;
      bytes += job.sizeBytes;
    }
  }
  return removals;
}

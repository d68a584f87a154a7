/** Pure: what may gc remove? Given what it needs to know about each ended job, never about live ones. */
import type { JobId } from '../spec.ts';

export interface Keepsake {
  id: JobId;
  /** Milliseconds since 1970. */
  endedAt: number;
  sizeBytes: number;
  /** It failed and nobody was told so yet. */
  unseenFailure: boolean;
  /** Something of it still runs. */
  leftovers: boolean;
  /** A queued job waits for it, or its end has yet to be told to one; or it is the last result of a schedule or trigger. */
  awaited: boolean;
}

export interface RetentionRules {
  olderThanMs: number;
  /** How many of the newest are kept at most. */
  keep: number;
  /** How many bytes of logs are kept at most. */
  maxTotalBytes: number;
  /** A failure that nobody was told about is kept this long, milliseconds, whatever the other rules say. */
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
export function chooseRemovals(jobs: Keepsake[], rules: RetentionRules, now: number): JobId[] {
  const newestFirst = [...jobs].sort((a, b) => b.endedAt - a.endedAt || b.id - a.id);
  let kept = 0;
  let keptBytes = 0;
  const removals: JobId[] = [];
  for (const job of newestFirst) {
    const surplus =
      now - job.endedAt > rules.olderThanMs ||
      kept >= rules.keep ||
      keptBytes + job.sizeBytes > rules.maxTotalBytes;
    const guarded =
      job.leftovers || job.awaited || (job.unseenFailure && now - job.endedAt <= rules.unseenFailureMs);
    if (surplus && !guarded) {
      removals.push(job.id);
    } else {
      kept++;
      keptBytes += job.sizeBytes;
    }
  }
  return removals;
}

/**
 * Waits until the owner of a job has answered a request that was written before (`pause`, `resume`, `set`).
 */
import { systemClock } from '../../base/clock.ts';
import type { Home } from '../../job/home/home.ts';
import { foundValue, readState } from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';
import { adoptOrphan } from '../launch/adopt-orphan.ts';
import { nudge, watchOwner } from './stop-request.ts';

/** How long the owner may take to answer, milliseconds. On a busy machine its boot takes a second. */
const ANSWER_MS = 10_000;
/** An adopter may take so long to become the owner, milliseconds. */
const ADOPTED_MS = 8000;
const POLL_MS = 5;
/** How often the owner is nudged again: another may have taken its place, milliseconds. */
const NUDGE_MS = 500;

/**
 * `read` returns undefined until the job shows the answer. `no-answer`: the time is over. `no-owner`: the
 * owner is dead, and no other one has taken its place.
 */
export async function untilAnswered<T>(
  home: Home,
  id: JobId,
  read: () => T | undefined,
): Promise<T | 'no-answer' | 'no-owner'> {
  const job = home.job(id);
  let nudged = Number.NEGATIVE_INFINITY;
  let isUnowned = watchOwner(job);
  let isAdopted = false;
  for (const deadline = systemClock.monotonic() + ANSWER_MS; ; ) {
    // before the clock: a caller that was paused with its own job comes back late
    const answer = read();
    if (answer !== undefined) return answer;
    const at = systemClock.monotonic();
    if (at > deadline) return 'no-answer';
    const waits = foundValue(readState(job))?.status.phase === 'queued';
    if (!waits && isUnowned()) {
      if (isAdopted) return 'no-owner';
      // where the watcher lives it starts the adopter, and this does nothing
      adoptOrphan(home, id);
      isAdopted = true;
      isUnowned = watchOwner(job, ADOPTED_MS);
    }
    if (at - nudged > NUDGE_MS) {
      nudge(job, id);
      nudged = at;
    }
    await systemClock.sleep(POLL_MS);
  }
}

/**
 * What had ended when a home first met a version that knows rounds counts as answered. Noted once, before this version adds its first
 * job there: whatever is added later belongs to a round.
 */
import { ignoreSystemError } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';
import { givenIds } from '../../job/home/ids.ts';
import { queuedIds } from '../../job/queue/waiting-list.ts';
import { type Bounds, claimSince, readSince } from '../../job/rounds/answered.ts';
import { idRanges } from '../../job/rounds/id-ranges.ts';
import type { JobId } from '../../job/spec.ts';
import { observe } from './observe.ts';
import { listUnended } from './unended.ts';

/** Notes it, unless somebody did before, and returns it. A home that cannot be written is no reason to fail. */
export function beginRounds(home: Home): Bounds {
  const known = readSince(home);
  if (known) return known;
  // a marker may have outlived its job; one in a queue is looked at by nobody
  const queued = new Set(queuedIds(home));
  const isOpen = (id: JobId): boolean => queued.has(id) || observe(home, id)?.kind !== 'ended';
  const open = idRanges(listUnended(home).filter(isOpen));
  const bounds = { upTo: givenIds(home).at(-1) ?? 0, open };
  try {
    claimSince(home, bounds);
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
  // another one may have been first
  return readSince(home) ?? bounds;
}

/**
 * Fixes once per home which ends count as answered: all jobs that had ended before this home met a version
 * that knows rounds. It runs before this version adds its first job there, so each later job belongs to a
 * round.
 */
import { attemptQuietly } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';
import { givenIds } from '../../job/home/ids.ts';
import { queuedIds } from '../../job/queue/waiting-list.ts';
import { type Bounds, claimSince, readSince } from '../../job/rounds/answered.ts';
import { idRanges } from '../../job/rounds/id-ranges.ts';
import type { JobId } from '../../job/spec.ts';
import { observe } from './observe.ts';
import { listUnended } from './unended.ts';

/** Writes these bounds unless they are on record; returns those on record. Writing may fail. */
export function beginRounds(home: Home): Bounds {
  const known = readSince(home);
  if (known) return known;
  // a file in `live` may outlive its job, so those are observed; jobs in a queue are open without a check
  const queued = new Set(queuedIds(home));
  const isOpen = (id: JobId): boolean => queued.has(id) || observe(home, id)?.kind !== 'ended';
  const open = idRanges(listUnended(home).filter(isOpen));
  const bounds = { upTo: givenIds(home).at(-1) ?? 0, open };
  attemptQuietly(() => claimSince(home, bounds));
  // another process may have been first
  return readSince(home) ?? bounds;
}

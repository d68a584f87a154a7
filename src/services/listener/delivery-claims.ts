/** Claims of deliveries: completes those of a killed listener, and removes old ones. */
import { systemClock } from '../../base/clock.ts';
import {
  claimedAt,
  forgetClaim,
  listClaimed,
  readEvents,
  unnotedClaims,
} from '../../job/automation/template-records.ts';
import type { Home } from '../../job/home/home.ts';
import { foundValue, readSpec } from '../../job/home/records.ts';
import { judgeClaim, recordEvent } from './delivery.ts';

const REMEMBERED_MS = 86_400_000;

/** Adds missing events of started jobs, and removes claims of others. Throws system errors. */
export function settleClaims(home: Home, name: string): void {
  const paths = home.trigger(name);
  for (const { key, generation } of unnotedClaims(paths, readEvents(paths))) {
    const { started, job, by } = judgeClaim(home, name, key, generation);
    if (job === null || by === 'alive') continue;
    const spec = foundValue(readSpec(home.job(job), job));
    const origin = spec?.origin;
    const delivery = origin?.kind === 'trigger' ? origin.delivery : null;
    if (started && spec)
      recordEvent(home, name, { did: 'started', why: null, job, delivery }, spec.createdAt);
    if (started) continue;
    forgetClaim(paths, key, generation);
    recordEvent(home, name, { did: 'failed', why: KILLED, job: null, delivery });
  }
}

/** Older than a day. Throws system errors. */
export function pruneDeliveryClaims(home: Home, name: string): void {
  const paths = home.trigger(name);
  const now = systemClock.now();
  for (const [key, generation] of listClaimed(paths))
    if (now - claimedAt(paths.claim(key, generation)) > REMEMBERED_MS) forgetClaim(paths, key, generation);
}

const KILLED = 'the listener ended while it started it; it may be delivered again';

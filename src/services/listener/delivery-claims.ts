/** The claims of a trigger: what a listener that was killed had not noted, and those that are old enough to be forgotten. */
import { statSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { forgetClaim, listClaimed, readEvents } from '../../job/automation/template-records.ts';
import type { Home } from '../../job/home/home.ts';
import { readSpec } from '../../job/home/records.ts';
import { judgeClaim, note } from './delivery.ts';

/** So long a delivery is not started a second time, milliseconds. */
const REMEMBERED_MS = 86_400_000;

/** When a claim was made, milliseconds since 1970. */
const madeAt = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Notes what was started without a word, and gives back what was claimed and not started. Throws system errors. */
export function settleClaims(home: Home, name: string): void {
  const paths = home.trigger(name);
  const events = readEvents(paths);
  const noted = new Set(events.map(({ job }) => job));
  // a claim comes before its entry: what is older than the journal was noted in it
  const oldest = events[0]?.notedAt ?? 0;
  for (const [key, generation] of listClaimed(paths)) {
    if (madeAt(paths.claim(key, generation)) < oldest) continue;
    const { started, job, by } = judgeClaim(home, name, key, generation);
    if (job === null || noted.has(job) || by === 'alive') continue;
    const spec = readSpec(home.job(job), job);
    const origin = spec.kind === 'read' ? spec.value.origin : null;
    const delivery = origin?.kind === 'trigger' ? origin.delivery : null;
    if (started && spec.kind === 'read')
      note(home, name, { did: 'started', why: null, job, delivery }, spec.value.createdAt);
    if (started) continue;
    forgetClaim(paths, key, generation);
    note(home, name, { did: 'failed', why: KILLED, job: null, delivery });
  }
}

/** Forgets what was delivered more than a day ago. Throws system errors. */
export function pruneDeliveryClaims(home: Home, name: string): void {
  const paths = home.trigger(name);
  const now = systemClock.now();
  for (const [key, generation] of listClaimed(paths))
    if (now - madeAt(paths.claim(key, generation)) > REMEMBERED_MS) forgetClaim(paths, key, generation);
}

const KILLED = 'the listener was killed while it started it; it may be delivered again';

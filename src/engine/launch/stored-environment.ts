/**
 * The environment that is stored with a job as long as it may be needed: while it waits, for a restart, for
 * --on-exit.
 */
import { listWithChecksum } from '../../base/checksum.ts';
import { removeQuietly, writeAtomic } from '../../base/fs/atomic-write.ts';
import { readRecord } from '../../base/fs/read-record.ts';
import { parseSchema, variables } from '../../base/schema.ts';
import type { Home } from '../../job/home/home.ts';
import { type Found, readChecked } from '../../job/home/records.ts';
import type { Placement, Spec } from '../../job/spec.ts';
import type { JobView } from '../../job/view.ts';
import { envMarkerOf } from '../observe/process-tree.ts';
import { isLocked } from '../os/process-identity.ts';
import { withEnvMarker } from './environment.ts';

export type QueuedSpec = Spec & { placement: Placement };
export const wasQueued = (spec: Spec): spec is QueuedSpec => spec.placement !== null;

/** Parses such a text; also that of old versions, which has no checksum. */
export const parseEnvironment = (stored: string): ReturnType<typeof parseSchema<string[]>> =>
  parseSchema(variables, stored);

/** The stored environment of a job, with its marker. The first readable one counts. */
export function readStoredEnvironment(home: Home, { id, placement }: Spec): Found<string[]> {
  const batch = placement?.batch ?? null;
  let stored = readChecked(home.job(id).env, 'env.json', variables);
  if (stored.kind !== 'read' && placement !== null && batch !== null) {
    // that of a batch lies with the queue
    const shared = readChecked(home.queue(placement.queue).environment(batch), `env.${batch}`, variables);
    if (stored.kind === 'absent' || shared.kind === 'read') stored = shared;
  }
  return stored.kind === 'read'
    ? { kind: 'read', value: withEnvMarker(stored.value, envMarkerOf(home, id)) }
    : stored;
}

/** Stores it with the job itself: that of a batch is removed with the last entry. Throws system errors. */
export function storeEnvironment(home: Home, spec: Spec): void {
  const job = home.job(spec.id);
  if (readRecord(job.env).kind === 'text') return;
  const stored = readStoredEnvironment(home, spec);
  if (stored.kind === 'read') writeAtomic(job.env, listWithChecksum(stored.value));
}

export function forgetEnvironment(home: Home, { id, keepEnv }: Spec): void {
  if (!keepEnv) removeQuietly(home.job(id).env);
}

/**
 * The same for a job whose end no process wrote down: all its processes were killed. A locked job is left
 * alone: its owner may be stopped, and needs it for the next attempt.
 */
export function forgetUnownedEnvironment(home: Home, view: JobView): void {
  if (view.kind !== 'ended' || view.state?.status.phase === 'ended' || isLocked(home.job(view.id).alive))
    return;
  forgetEnvironment(home, view.spec);
}

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

export const environmentText = (environment: string[]): string => listWithChecksum(environment);

/** Parses such a text; also that of old versions, which has no checksum. */
export const parseEnvironment = (stored: string): ReturnType<typeof parseSchema<string[]>> =>
  parseSchema(variables, stored);

/** The stored environment of a job. That of a batch lies with the queue. The first readable one counts. */
export function readStoredEnvironment(home: Home, { id, placement }: Spec): Found<string[]> {
  const batch = placement?.batch ?? null;
  const own = readChecked(home.job(id).env, 'env.json', variables);
  if (own.kind === 'read' || placement === null || batch === null) return own;
  const shared = readChecked(home.queue(placement.queue).environment(batch), `env.${batch}`, variables);
  return own.kind === 'unreadable' && shared.kind !== 'read' ? own : shared;
}

export function readQueuedEnvironment(home: Home, spec: QueuedSpec): Found<string[]> {
  const stored = readStoredEnvironment(home, spec);
  return stored.kind === 'read'
    ? { kind: 'read', value: withEnvMarker(stored.value, envMarkerOf(home, spec.id)) }
    : stored;
}

/** Stores it with the job itself: that of a batch is removed with the last entry. Throws system errors. */
export function storeEnvironment(home: Home, spec: Spec): void {
  const job = home.job(spec.id);
  if (readRecord(job.env).kind === 'text') return;
  const stored = readStoredEnvironment(home, spec);
  if (stored.kind !== 'read') return;
  writeAtomic(job.env, environmentText(withEnvMarker(stored.value, envMarkerOf(home, spec.id))));
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

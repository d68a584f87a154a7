/** The environment that is kept with a job as long as it may be needed: it waits, may be run again, or has --on-exit. */
import { removeQuietly, writeAtomic } from '../../base/fs/atomic-write.ts';
import { readRecord } from '../../base/fs/read-record.ts';
import type { Home } from '../../job/home/home.ts';
import type { Placement, Spec } from '../../job/spec.ts';
import { markerOf } from '../observe/process-tree.ts';
import { withMarker } from './environment.ts';

/** A job that was queued. */
export type QueuedSpec = Spec & { placement: Placement };
export const wasQueued = (spec: Spec): spec is QueuedSpec => spec.placement !== null;

/** The environment that is kept; undefined if there is none. With --batch that of all is the queue's. */
export function keptEnvironment(home: Home, { id, placement }: Spec): string[] | undefined {
  const batch = placement?.batch ?? null;
  const places = [home.job(id).env];
  if (placement && batch !== null) places.push(home.queue(placement.queue).environment(batch));
  for (const place of places) {
    const stored = readRecord(place);
    if (stored.kind === 'text') return JSON.parse(stored.text);
  }
  return undefined;
}

/** The environment of a queued job, with its marker. Throws ENOENT if it is gone. */
export function queuedEnvironment(home: Home, spec: QueuedSpec): string[] {
  const kept = keptEnvironment(home, spec);
  if (kept) return withMarker(kept, markerOf(home, spec.id));
  throw Object.assign(new Error('no environment'), { code: 'ENOENT' });
}

/** Keeps it with the job: that of a batch goes with the last marker. Throws system errors. */
export function keepEnvironment(home: Home, spec: Spec): void {
  const job = home.job(spec.id);
  if (readRecord(job.env).kind === 'text') return;
  const kept = keptEnvironment(home, spec);
  if (kept) writeAtomic(job.env, JSON.stringify(withMarker(kept, markerOf(home, spec.id))));
}

/** Removes it, unless --keep-env keeps it for ever. */
export function forgetEnvironment(home: Home, { id, keepEnv }: Spec): void {
  if (!keepEnv) removeQuietly(home.job(id).env);
}

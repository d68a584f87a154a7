/** Finds the next job of a queue that may start, and why the others may not. */
import { systemClock } from '../../base/clock.ts';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import { foundValue, readOwner, readSpec, readState } from '../../job/home/records.ts';
import { unknownNeeds } from '../../job/needs.ts';
import { type EntryFile, isGone, removeEntry } from '../../job/queue/queue-files.ts';
import { judgeReadiness, parseQueueEntry } from '../../job/queue/queue-order.ts';
import type { JobId } from '../../job/spec.ts';
import { startHook } from '../hooks/exit-hook.ts';
import { type QueuedSpec, wasQueued } from '../launch/stored-environment.ts';
import { isAlive } from '../os/process-identity.ts';
import { readShim } from '../shim/shim-record.ts';
import { type OlderJob, type QueueSnapshot, unableSupervisors } from './queue-snapshot.ts';
import { nudgeQueueWaiter } from './queue-waiter.ts';
import { dismiss, hasStarted, readFates } from './queued-job.ts';

export interface Candidate {
  file: EntryFile;
  spec: QueuedSpec;
}

export interface Scan {
  candidate?: Candidate;
  skipped: boolean;
  /** The free slots are for jobs of other sandboxes, whose queue waiters were woken. */
  yields: boolean;
  ours: boolean;
  /** The turn of some has come, and their target is not reached. */
  unready: boolean;
  at: number | null;
  after: Set<JobId>;
  /** Running jobs of this queue for which some wait: an older bgjob runs them, which cannot start these. */
  older: Set<JobId>;
}

/**
 * Reads the entries in order up to the first job that may start here, and ends jobs that never can. Jobs in
 * `passed` are not considered again; `older` gives the running jobs of an older bgjob. `ending`: see Mover.
 */
export function findCandidate(
  snapshot: QueueSnapshot,
  free: number,
  passed: Set<JobId>,
  older: () => OlderJob[],
  ending?: JobId,
): Scan {
  const { home } = snapshot;
  const none = { skipped: false, yields: false, ours: false, unready: false, at: null };
  const found: Scan = { ...none, after: new Set(), older: new Set() };
  const fate = readFates(home);
  const woken = new Map<string, boolean>();
  let left = free;
  for (const file of [...snapshot.read()]) {
    const entry = parseQueueEntry(file.name);
    if (!entry || passed.has(entry.id)) continue;
    let read: QueuedSpec | undefined;
    const spec = (): QueuedSpec | undefined => {
      const stored = foundValue(readSpec(home.job(entry.id), entry.id));
      read ??= stored && wasQueued(stored) ? stored : undefined;
      return read;
    };
    const after = entry.after === 'spec' ? (spec()?.placement.after ?? []) : entry.after;
    const readiness = judgeReadiness(entry.notBefore, after, systemClock.now(), fate);
    if (readiness.kind === 'skip') {
      const own = spec();
      const { why } = readiness;
      const isOver = own ? dismiss(home, own, { type: 'skipped', at: systemClock.now(), why }) : false;
      if (!isOver) forgetStale(snapshot, file, entry.id);
      found.skipped ||= isOver;
      if (isOver) snapshot.drop(file);
      continue;
    }
    if (readiness.kind === 'ready' && !snapshot.isOurs(entry)) {
      const known = woken.get(entry.sandbox) ?? nudgeQueueWaiter(snapshot.queue, entry.sandbox);
      woken.set(entry.sandbox, known);
      // it comes before ours
      if (known && --left <= 0) return { ...found, yields: true };
      continue;
    }
    if (readiness.kind === 'ready' && !snapshot.runner.isReady(entry.id)) {
      found.unready = true;
      continue;
    }
    if (readiness.kind === 'ready') {
      // nearly always another process has started it: where many supervisors share a queue, no more is asked
      // of most entries
      if (isGone(file)) {
        snapshot.drop(file);
        snapshot.isOutdated = true;
        continue;
      }
      const own = spec();
      // perhaps another process removed it
      if (!own) forgetStale(snapshot, file, entry.id);
      if (!own) continue;
      // a newer bgjob starts it
      if (unknownNeeds(own).length > 0) continue;
      const unable = own.needs.length > 0 ? unableSupervisors(own.needs, older()) : [];
      if (unable.length > 0) {
        found.ours = true;
        for (const id of unable) found.older.add(id);
        continue;
      }
      return { ...found, ours: true, candidate: { file, spec: own } };
    }
    if (!snapshot.isOurs(entry)) continue;
    found.ours = true;
    if (readiness.kind === 'time') found.at = Math.min(found.at ?? readiness.at, readiness.at);
    else {
      for (const id of readiness.ids) found.after.add(id);
      // those behind it would overtake it
      if (readiness.ids.every((id) => id === ending)) return found;
    }
  }
  return found;
}

/** Removes the entry, and environment, that a killed owner left: the job has begun to run or is gone. */
export function forgetStale({ home }: QueueSnapshot, file: EntryFile, id: JobId): void {
  const job = home.job(id);
  const spec = readSpec(job, id);
  // a living owner may be putting it back right now
  if (spec.kind !== 'absent' && (!hasStarted(job) || isAttended(job))) return;
  if (spec.kind === 'read') {
    if (!spec.value.keepEnv && spec.value.onExit === null) removeQuietly(job.env);
    // a process that ended it died before it started the hook
    if (foundValue(readState(job))?.status.phase === 'ended') startHook(home, spec.value);
  }
  removeEntry(file);
}

function isAttended(job: JobPaths): boolean {
  const owner = foundValue(readOwner(job))?.identity;
  const { shim, watcher } = readShim(job);
  return [owner, shim, watcher].some((one) => one !== undefined && isAlive(one) !== 'dead');
}

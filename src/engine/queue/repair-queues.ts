/**
 * The part of gc for queues: removes entries of jobs that do not wait any more, and files that killed
 * launchers left. The queue itself stays until it is removed by command. Young files are left alone: their
 * process may be at work.
 */
import { lstatSync, rmdirSync } from 'node:fs';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { inspectDirectory } from '../../base/fs/directories.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import { attemptQuietly } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';
import type { QueuePaths } from '../../job/home/paths.ts';
import { foundValue, readSpec } from '../../job/home/records.ts';
import { listEntries, listQueues, removeEntry } from '../../job/queue/queue-files.ts';
import { idOfEntry, parseQueueEntry } from '../../job/queue/queue-order.ts';
import type { JobId } from '../../job/spec.ts';
import type { JobView } from '../../job/view.ts';
import { observe } from '../observe/observe.ts';
import { finishRemovals } from './remove-queue.ts';

/** For this long the process that made a file may still need it, milliseconds. */
const YOUNG_MS = 60_000;

/** Whether it changed long ago; in either direction, because the clock may have been set back. */
function isOld(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat !== undefined && Math.abs(Date.now() - stat.mtimeMs) > YOUNG_MS;
}

export function awaitedJobs(home: Home): Set<JobId> {
  const awaited = new Set<JobId>();
  for (const name of listQueues(home)) {
    for (const { name: text } of listEntries(home.queue(name))) {
      const entry = parseQueueEntry(text);
      if (!entry) continue;
      const spec = () => foundValue(readSpec(home.job(entry.id), entry.id));
      const after = entry.after === 'spec' ? (spec()?.placement?.after ?? []) : entry.after;
      for (const { id } of after) awaited.add(id);
    }
  }
  return awaited;
}

/** Whether a job waits or may wait: the entry of a job that cannot be judged stays. */
const isNeeded = (view: JobView | undefined): boolean =>
  view?.kind === 'unreadable' ||
  view?.kind === 'elsewhere' ||
  (view?.kind === 'live' && (view.status.phase === 'queued' || view.status.phase === 'starting'));

/** Repairs all queues. `isQueued`: the caller has just seen the job wait. The next gc retries errors. */
export function repairQueues(home: Home, isQueued: (id: JobId) => boolean): void {
  attemptQuietly(() => finishRemovals(home));
  for (const name of listQueues(home)) {
    const queue = home.queue(name);
    for (const file of listEntries(queue)) {
      const id = idOfEntry(file.name);
      if (isQueued(id) || !isOld(`${file.folder}/${file.name}`) || isNeeded(observe(home, id))) continue;
      attemptQuietly(() => removeEntry(file));
    }
    attemptQuietly(() => removeAbandoned(queue));
  }
}

function removeAbandoned(queue: QueuePaths): void {
  const names = namesIn(queue.dir);
  for (const name of names) {
    const path = `${queue.dir}/${name}`;
    if (!/^((new|batch|env)\.\d{1,15}|.*\.tmp)$/.test(name) || !isOld(path)) continue;
    const [kind, first] = name.split('.');
    if (kind === 'new' && inspectDirectory(path) === 'ours') emptyFolder(path);
    else if (kind === 'batch') removeEmpty(path);
    else if (kind === 'env' && (names.includes(`batch.${first}`) || names.includes(`new.${first}`))) continue;
    else if (kind !== 'new') removeQuietly(path);
  }
}

/** Removes entries only. Other files stay, and the folder with them. */
function emptyFolder(path: string): void {
  for (const name of namesIn(path)) if (parseQueueEntry(name)) removeQuietly(`${path}/${name}`);
  removeEmpty(path);
}

function removeEmpty(path: string): void {
  attemptQuietly(() => rmdirSync(path));
}

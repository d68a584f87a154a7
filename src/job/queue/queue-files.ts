/**
 * Queues on disk. A queue is a directory that exists from its first job or setting until `queue remove`. A
 * job waits while its entry exists: the entry is created last, when all other records of the job are durable,
 * and removed when the job starts or ends. Files with several writers are claimed, or replaced as a whole.
 * Functions that write throw system errors.
 */
import { closeSync, existsSync, linkSync, lstatSync, renameSync, rmdirSync } from 'node:fs';
import { withChecksum } from '../../base/checksum.ts';
import { removeQuietly, syncDir, touch, writeHint, writeShared } from '../../base/fs/atomic-write.ts';
import { inspectDirectory, makeDirectory, makeOwnDirectory } from '../../base/fs/directories.ts';
import { createExclusive } from '../../base/fs/open-file.ts';
import { namesIn, readText } from '../../base/fs/read-record.ts';
import { attemptQuietly, errnoOf, ignoreSystemError } from '../../base/result.ts';
import * as is from '../../base/schema.ts';
import { admitQueues, type Home } from '../home/home.ts';
import type { QueuePaths } from '../home/paths.ts';
import { isName } from '../home/project.ts';
import { readValid } from '../home/records.ts';
import type { JobId, Placement, Spec } from '../spec.ts';
import { entryName, idOfEntry, NO_QUEUE } from './queue-order.ts';

const slotsSchema = is.object({ v: is.version(1), slots: is.count });

export const MOST_SLOTS = 10_000;
export const DEFAULT_SLOTS = 1;

export const listQueues = (home: Home): string[] =>
  namesIn(home.queues).filter((name) => isQueueName(name) && isQueue(home, name));

const isQueueName = (name: string): boolean => name === NO_QUEUE || isName(name);
export const isQueue = (home: Home, name: string): boolean =>
  inspectDirectory(home.queue(name).dir) === 'ours';

export function makeQueue(home: Home, name: string): QueuePaths {
  for (let tries = 1; ; tries++) {
    try {
      return makeDirectories(home, name);
    } catch (thrown) {
      // `queue remove` ran between two steps; EPERM: the directory that was checked is gone
      if (!['ENOENT', 'EPERM'].includes(errnoOf(thrown)) || tries === MOST_TRIES) throw thrown;
    }
  }
}

function makeDirectories(home: Home, name: string): QueuePaths {
  const queue = home.queue(name);
  admitQueues(home);
  const made = makeDirectory(home.queues);
  const madeQueue = makeOwnDirectory(queue.dir);
  makeOwnDirectory(queue.waiting);
  if (madeQueue) {
    syncDir(queue.dir);
    syncDir(home.queues);
  }
  if (made) syncDir(home.path);
  return queue;
}

export function readSlots(queue: QueuePaths): number {
  if (queue.dir.endsWith(`/${NO_QUEUE}`)) return Number.POSITIVE_INFINITY;
  return readValid(queue.slots, slotsSchema)?.slots ?? DEFAULT_SLOTS;
}

export function writeSlots(queue: QueuePaths, slots: number): void {
  writeShared(queue.slots, withChecksum({ v: 1, slots }));
  stampQueue(queue);
}

export const isPaused = (queue: QueuePaths): boolean => existsSync(queue.paused);
export function setPaused(queue: QueuePaths, paused: boolean): void {
  if (paused) touch(queue.paused);
  else removeQuietly(queue.paused);
  syncDir(queue.dir);
  stampQueue(queue);
}

// ---- entries of waiting jobs -----------------------------------------------------------------------------

export interface EntryFile {
  folder: string;
  name: string;
}

/** A job may move on for a retry, or because `set` changed it. In this order it is not missed. */
export const foldersOf = (queue: QueuePaths): string[] =>
  [...namesIn(queue.dir).filter((name) => /^(batch\.\d{1,15}|changed)$/.test(name)), 'waiting']
    .sort((a, b) => Number(a === 'changed') - Number(b === 'changed'))
    .map((name) => `${queue.dir}/${name}`)
    .filter((folder) => inspectDirectory(folder) === 'ours');

/** In the order in which the jobs start. */
export function listEntries(queue: QueuePaths): EntryFile[] {
  const files = foldersOf(queue).flatMap((folder) => namesIn(folder).map((name) => ({ folder, name })));
  return files
    .filter(({ name }) => idOfEntry(name) > 0)
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

/** Whether there is no entry of this name any more. */
export function isGone({ folder, name }: EntryFile): boolean {
  try {
    return lstatSync(`${folder}/${name}`, { throwIfNoEntry: false }) === undefined;
  } catch (thrown) {
    ignoreSystemError(thrown);
    return false;
  }
}

const folderOf = (home: Home, { queue, batch }: Placement): string =>
  batch === null ? home.queue(queue).waiting : home.queue(queue).batch(batch);

export function findEntry(home: Home, spec: Spec & { placement: Placement }): EntryFile | undefined {
  const { id, project, placement } = spec;
  const folder = folderOf(home, placement);
  const name = entryName(id, project, placement);
  if (existsSync(`${folder}/${name}`)) return { folder, name };
  // a moved job, or one that will be retried, has another name, and perhaps another folder
  const { waiting, changed } = home.queue(placement.queue);
  for (const other of new Set([folder, waiting, changed])) {
    const found = namesIn(other).find((one) => idOfEntry(one) === id);
    if (found !== undefined) return { folder: other, name: found };
  }
  return undefined;
}

/** Durable on return. */
export function addEntry(queue: QueuePaths, name: string, folder = queue.waiting): void {
  for (let tries = 1; ; tries++) {
    try {
      makeDirectory(queue.dir);
      makeDirectory(folder);
      touch(`${folder}/${name}`);
      break;
    } catch (thrown) {
      // the queue is being removed
      if (errnoOf(thrown) !== 'ENOENT' || tries === MOST_TRIES) throw thrown;
    }
  }
  try {
    syncDir(folder);
  } catch (thrown) {
    // the queue was renamed away: `queue remove` finds the entry, puts the queue back and flushes it
    if (errnoOf(thrown) !== 'ENOENT') throw thrown;
  }
  stampQueue(queue);
}
const MOST_TRIES = 100;

/** A job never has two entries. Durable on return. */
export function renameEntry(
  queue: QueuePaths,
  { folder, name: before }: EntryFile,
  name: string,
  to = queue.waiting,
): void {
  renameSync(`${folder}/${before}`, `${to}/${name}`);
  syncDir(to);
  removeEmptyBatch(folder);
  stampQueue(queue);
}

/** Moves the entry to where only versions look that know `set`; false if the job does not wait any more. */
export function hideFromOlder(queue: QueuePaths, entry: EntryFile): boolean {
  if (entry.folder === queue.changed) return true;
  makeDirectory(queue.changed);
  syncDir(queue.dir);
  try {
    renameEntry(queue, entry, entry.name, queue.changed);
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT') throw thrown;
    return false;
  }
  return true;
}

/** With the last entry of a batch, its folder and environment go. */
export function removeEntry({ folder, name }: EntryFile): void {
  removeQuietly(`${folder}/${name}`);
  removeEmptyBatch(folder);
}

/** Renames the entry to the live marker, so that the job is always in one of both lists. */
export function markStarted(home: Home, id: JobId, { folder, name }: EntryFile): void {
  renameSync(`${folder}/${name}`, `${home.live}/${id}`);
  removeEmptyBatch(folder);
}

function removeEmptyBatch(folder: string): void {
  const batch = /^(.*)\/batch\.(\d+)$/.exec(folder);
  if (!batch) return;
  try {
    rmdirSync(folder);
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT') return;
  }
  removeQuietly(`${batch[1]}/env.${batch[2]}`);
}

/** False if the job does not wait any more. */
export function moveEntry(queue: QueuePaths, { folder, name }: EntryFile, rank: number): boolean {
  const moved = `${String(rank).padStart(6, '0')}${name.slice(6)}`;
  try {
    renameSync(`${folder}/${name}`, `${folder}/${moved}`);
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT') throw thrown;
    return false;
  }
  syncDir(folder);
  stampQueue(queue);
  return true;
}

export function stampQueue(queue: QueuePaths): void {
  attemptQuietly(() => writeHint(queue.stamp, `${process.pid}.${process.hrtime.bigint()}\n`));
}

export const readStamp = (queue: QueuePaths): string => readText(queue.stamp);

// ---- batches ---------------------------------------------------------------------------------------------

export function hideBatch(queue: QueuePaths, first: JobId): string {
  const folder = queue.hidden(first);
  makeDirectory(folder);
  return folder;
}

/** So many entries are hard links to one empty file, which is far cheaper than a file for each. */
const NAMES_PER_FILE = 1000;

/** `names` are all entries so far. Not flushed. */
export function addHiddenEntry(folder: string, names: string[], nth: number): void {
  const path = `${folder}/${names[nth]}`;
  const first = nth - (nth % NAMES_PER_FILE);
  let isMade = false;
  try {
    if (nth !== first) linkSync(`${folder}/${names[first]}`, path);
    isMade = nth !== first;
  } catch (thrown) {
    // the file system allows fewer hard links, or none
    if (errnoOf(thrown) === 'ENOSPC') throw thrown;
  }
  if (!isMade) closeSync(createExclusive(path));
}

/** Their records are durable. */
export function revealBatch(queue: QueuePaths, hidden: string, first: JobId): void {
  syncDir(hidden);
  renameSync(hidden, queue.batch(first));
  syncDir(queue.dir);
  stampQueue(queue);
}

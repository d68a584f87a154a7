/**
 * Queues on disk. A queue is a directory; it exists from the first job or setting on until `queue remove`. A job waits in it
 * as long as its entry is there: made last, when everything else of it is durable, and removed when it was started or ended.
 * What is written by several is made by exclusive create or replaced as a whole. Functions that write throw system errors.
 */
import { closeSync, existsSync, linkSync, renameSync, rmdirSync } from 'node:fs';
import { sealed } from '../../base/checksum.ts';
import {
  createExclusive,
  removeQuietly,
  syncDir,
  touch,
  writeHint,
  writeShared,
} from '../../base/fs/atomic-write.ts';
import { inspectDirectory, makeDirectory, requireDirectory } from '../../base/fs/directories.ts';
import { namesIn, readRecord } from '../../base/fs/read-record.ts';
import { errnoOf, ignoreSystemError } from '../../base/result.ts';
import * as is from '../../base/schema.ts';
import { admitQueues, type Home } from '../home/home.ts';
import type { QueuePaths } from '../home/paths.ts';
import { isName } from '../home/project.ts';
import type { JobId, Placement, Spec } from '../spec.ts';
import { entryName, idOfEntry, NO_QUEUE } from './queue-order.ts';

const slotsSchema = is.object({ v: is.version(1), slots: is.count });

export const MOST_SLOTS = 10_000;
export const DEFAULT_SLOTS = 1;

/** The names of all queues, that of jobs without a queue among them. */
export const listQueues = (home: Home): string[] =>
  namesIn(home.queues).filter((name) => isQueueName(name) && isQueue(home, name));

const isQueueName = (name: string): boolean => name === NO_QUEUE || isName(name);
/** Whether there is such a queue. */
export const isQueue = (home: Home, name: string): boolean =>
  inspectDirectory(home.queue(name).dir) === 'ours';

/** Makes the queue if it is not there. */
export function makeQueue(home: Home, name: string): QueuePaths {
  for (let tries = 1; ; tries++) {
    try {
      return makeRoom(home, name);
    } catch (thrown) {
      // the queue was removed between two of these steps; EPERM: what is not there any more is not ours
      if (!['ENOENT', 'EPERM'].includes(errnoOf(thrown)) || tries === MOST_TRIES) throw thrown;
    }
  }
}

function makeRoom(home: Home, name: string): QueuePaths {
  const queue = home.queue(name);
  admitQueues(home);
  const made = makeDirectory(home.queues);
  const madeQueue = makeDirectory(queue.dir);
  requireDirectory(queue.dir, true);
  makeDirectory(queue.waiting);
  requireDirectory(queue.waiting, true);
  if (madeQueue) {
    syncDir(queue.dir);
    syncDir(home.queues);
  }
  if (made) syncDir(home.path);
  return queue;
}

/** How many jobs of the queue may run at once. */
export function readSlots(queue: QueuePaths): number {
  if (queue.dir.endsWith(`/${NO_QUEUE}`)) return Number.POSITIVE_INFINITY;
  const stored = readRecord(queue.slots);
  const parsed = stored.kind === 'text' ? is.parseSchema(slotsSchema, stored.text) : undefined;
  return parsed?.ok ? parsed.value.slots : DEFAULT_SLOTS;
}

export const writeSlots = (queue: QueuePaths, slots: number): void =>
  writeShared(queue.slots, sealed({ v: 1, slots }));

export const isPaused = (queue: QueuePaths): boolean => existsSync(queue.paused);
export function setPaused(queue: QueuePaths, paused: boolean): void {
  if (paused) touch(queue.paused);
  else removeQuietly(queue.paused);
  syncDir(queue.dir);
}

// ---- entries of jobs that wait ---------------------------------------------------------------------------

/** Where an entry lies. */
export interface EntryFile {
  folder: string;
  name: string;
}

/** The folders with entries. `waiting` is the last: a job of a batch that is to be run again moves there, and is not missed. */
export const foldersOf = (queue: QueuePaths): string[] =>
  [...namesIn(queue.dir).filter((name) => /^batch\.\d{1,15}$/.test(name)), 'waiting']
    .map((name) => `${queue.dir}/${name}`)
    .filter((folder) => inspectDirectory(folder) === 'ours');

/** All entries of a queue, in the order in which their jobs are started. */
export function listEntries(queue: QueuePaths): EntryFile[] {
  const files = foldersOf(queue).flatMap((folder) => namesIn(folder).map((name) => ({ folder, name })));
  return files
    .filter(({ name }) => idOfEntry(name) > 0)
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

const folderOf = (home: Home, { queue, batch }: Placement): string =>
  batch === null ? home.queue(queue).waiting : home.queue(queue).batch(batch);

/** The entry of a job; undefined if it waits no more. */
export function findEntry(home: Home, spec: Spec & { placement: Placement }): EntryFile | undefined {
  const { id, project, placement } = spec;
  const folder = folderOf(home, placement);
  const name = entryName(id, project, placement);
  if (existsSync(`${folder}/${name}`)) return { folder, name };
  // moved, or to be run again: under another name, and then perhaps among those that were added alone
  for (const other of new Set([folder, home.queue(placement.queue).waiting])) {
    const found = namesIn(other).find((one) => idOfEntry(one) === id);
    if (found !== undefined) return { folder: other, name: found };
  }
  return undefined;
}

/** Puts a job into the line; durable. */
export function addEntry(queue: QueuePaths, name: string): void {
  for (let tries = 1; ; tries++) {
    try {
      makeDirectory(queue.dir);
      makeDirectory(queue.waiting);
      touch(`${queue.waiting}/${name}`);
      break;
    } catch (thrown) {
      // somebody removes the queue at this instant
      if (errnoOf(thrown) !== 'ENOENT' || tries === MOST_TRIES) throw thrown;
    }
  }
  try {
    syncDir(queue.waiting);
  } catch (thrown) {
    // somebody renamed the queue away: the entry is seen there, put back and flushed
    if (errnoOf(thrown) !== 'ENOENT') throw thrown;
  }
  stampQueue(queue);
}
const MOST_TRIES = 100;

/** The same for one that has an entry, which becomes this one: a job never stands in the line twice. Durable. */
export function renameEntry(queue: QueuePaths, { folder, name: before }: EntryFile, name: string): void {
  renameSync(`${folder}/${before}`, `${queue.waiting}/${name}`);
  syncDir(queue.waiting);
  dropEmptied(folder);
  stampQueue(queue);
}

/** Takes a job out of the line; with the last one of a batch goes what belongs to all of it. */
export function removeEntry({ folder, name }: EntryFile): void {
  removeQuietly(`${folder}/${name}`);
  dropEmptied(folder);
}

/** Makes the entry of a job that runs of the one with which it waited: it is never missing from both lists. */
export function markStarted(home: Home, id: JobId, { folder, name }: EntryFile): void {
  renameSync(`${folder}/${name}`, `${home.live}/${id}`);
  dropEmptied(folder);
}

function dropEmptied(folder: string): void {
  const batch = /^(.*)\/batch\.(\d+)$/.exec(folder);
  if (!batch) return;
  try {
    rmdirSync(folder);
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT') return;
  }
  removeQuietly(`${batch[1]}/env.${batch[2]}`);
}

/** Moves a job in the line; false if it waits no more. */
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

/** Tells whoever keeps a list of the entries that there are others now. */
export function stampQueue(queue: QueuePaths): void {
  try {
    writeHint(queue.stamp, `${process.pid}.${process.hrtime.bigint()}\n`);
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}

export function readStamp(queue: QueuePaths): string {
  const stored = readRecord(queue.stamp);
  return stored.kind === 'text' ? stored.text : '';
}

// ---- batches ---------------------------------------------------------------------------------------------

/** The folder of a batch, which nobody sees until it is revealed. */
export function hideBatch(queue: QueuePaths, first: JobId): string {
  const folder = queue.hidden(first);
  makeDirectory(folder);
  return folder;
}

/** So many names are given to one empty file: fewer than any file system allows, and far cheaper than a file for each. */
const NAMES_PER_FILE = 1000;

/** The `nth` entry in a folder that is not revealed yet, `names` are all of them so far; not flushed. */
export function addHiddenEntry(folder: string, names: string[], nth: number): void {
  const path = `${folder}/${names[nth]}`;
  const first = nth - (nth % NAMES_PER_FILE);
  let isMade = false;
  try {
    if (nth !== first) linkSync(`${folder}/${names[first]}`, path);
    isMade = nth !== first;
  } catch (thrown) {
    // a file system with fewer, or without
    if (errnoOf(thrown) === 'ENOSPC') throw thrown;
  }
  if (!isMade) closeSync(createExclusive(path));
}

/** All jobs of a batch, whose records are durable, wait from now on. */
export function revealBatch(queue: QueuePaths, hidden: string, first: JobId): void {
  syncDir(hidden);
  renameSync(hidden, queue.batch(first));
  syncDir(queue.dir);
  stampQueue(queue);
}

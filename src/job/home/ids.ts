/**
 * Ids: given in order, by an exclusive mkdir, and never twice. `seq` is a hint; `floor.N` is the highest id that gc removed.
 * Functions that write throw system errors.
 */
import { existsSync, renameSync, rmdirSync } from 'node:fs';
import { removeQuietly, syncDir, touch, writeHint } from '../../base/fs/atomic-write.ts';
import { makeDirectory } from '../../base/fs/directories.ts';
import { namesIn, readRecord } from '../../base/fs/read-record.ts';
import { errnoOf, ignoreSystemError } from '../../base/result.ts';
import type { JobId } from '../spec.ts';
import type { Home } from './home.ts';

export const parseId = (name: string): JobId | undefined =>
  /^[1-9]\d{0,14}$/.test(name) ? Number(name) : undefined;

/** All ids that have a directory, in no order. */
export const listIds = (home: Home): JobId[] => namesIn(home.jobs).flatMap((name) => parseId(name) ?? []);

/** The highest id that gc has ever removed: these are never given again. */
function readFloor(home: Home): number {
  return Math.max(0, ...namesIn(home.path).map((name) => Number(/^floor\.(\d{1,14})$/.exec(name)?.[1] ?? 0)));
}

/** Whether a job was removed, or was never made though later ones were: its id is not given again. */
export const isRetired = (home: Home, id: JobId): boolean =>
  id <= readFloor(home) && !existsSync(home.job(id).dir);

/** Makes a name of something that may be deleted at any time: it is the name that counts. */
function takeFromCache(home: Home, path: string): boolean {
  return namesIn(home.cache).some((name) => {
    if (!/^(fifo|code)\./.test(name)) return false;
    try {
      renameSync(`${home.cache}/${name}`, path);
      return true;
    } catch (thrown) {
      ignoreSystemError(thrown);
      return false;
    }
  });
}

/** Before ids up to `id` are removed: makes sure, durably, that none of them is given again. */
export function raiseFloor(home: Home, id: JobId): void {
  const before = readFloor(home);
  if (before >= id) return;
  const floor = `${home.path}/floor.${id}`;
  try {
    touch(floor);
  } catch (thrown) {
    // no inode is left, and gc is the way out
    if (errnoOf(thrown) !== 'ENOSPC' || !takeFromCache(home, floor)) throw thrown;
  }
  syncDir(home.path);
  // only a lower number goes, and only after a higher one is durable: two gcs at once cannot lower it
  if (before > 0) removeQuietly(`${home.path}/floor.${before}`);
}

/** The ids that have a directory, ascending; what is near the end of all numbers was not given by us. */
export const givenIds = (home: Home): JobId[] =>
  listIds(home)
    .filter((id) => id < FARTHEST)
    .sort((a, b) => a - b);
const FARTHEST = 1e14;
/** The highest id that has a directory. */
const highestId = (home: Home): JobId => Math.max(0, ...listIds(home).filter((id) => id < FARTHEST));
/** A hint may be ahead of the directories: launches that were taken back. More of them than this in a row are damage. */
const MOST_AHEAD = 1000;

/** The id that was given last, as far as the hint can be believed. */
function readHint(home: Home): JobId | undefined {
  const hint = readRecord(home.seq);
  const last = hint.kind === 'text' ? parseId(hint.text.trim()) : undefined;
  if (last === undefined || existsSync(home.job(last).dir)) return last;
  return last <= highestId(home) + MOST_AHEAD ? last : undefined;
}

/** What cannot be noted is looked up the next time: the id is claimed by then, and must not be left behind for a full disk. */
function noteHint(home: Home, id: JobId): void {
  try {
    writeHint(home.seq, `${id}\n`);
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}

/**
 * Claims the next id by an exclusive mkdir and returns it. Ids are given in order and never twice: one that has a
 * directory cannot be made again, and one that gc removed is below the floor.
 */
export function claimId(home: Home): JobId {
  const id = claimAfter(home, readHint(home) ?? highestId(home));
  noteHint(home, id);
  return id;
}

/** The same many times; `each` is called with one after the other. */
export function claimIds(home: Home, count: number, each: (id: JobId) => void): void {
  let last = readHint(home) ?? highestId(home);
  const ids: JobId[] = [];
  try {
    for (let n = 0; n < count; n++) {
      last = claimDirectory(home, last);
      ids.push(last);
    }
    // one look for all of them, as for one: after they were made
    const floor = readFloor(home);
    const used = ids.filter((id) => id <= floor).length;
    for (const id of ids.splice(0, used)) rmdirSync(home.job(id).dir);
    for (let n = 0; n < used; n++) {
      last = claimAfter(home, Math.max(last, floor));
      ids.push(last);
    }
  } catch (thrown) {
    for (const id of ids) removeEmpty(home.job(id).dir);
    throw thrown;
  }
  noteHint(home, last);
  for (const [n, id] of ids.entries()) {
    try {
      each(id);
    } catch (thrown) {
      // what `each` has not heard of is nobody's
      for (const unheard of ids.slice(n + 1)) removeEmpty(home.job(unheard).dir);
      throw thrown;
    }
  }
}

function removeEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}

function claimAfter(home: Home, last: JobId): JobId {
  for (let id = claimDirectory(home, last); ; ) {
    const floor = readFloor(home);
    if (id > floor) return id;
    // the hint is older than a gc, or we slept between choosing and taking: it was another job's, which gc removed
    rmdirSync(home.job(id).dir);
    id = claimDirectory(home, floor);
  }
}

/** The next number whose directory could be made. */
function claimDirectory(home: Home, last: JobId): JobId {
  let id = last + 1;
  for (let tries = 1; ; tries++, id++) {
    // the hint may be far behind: a stopped launcher wrote it late
    if (tries % 256 === 0) id = Math.max(id, highestId(home) + 1);
    try {
      if (makeDirectory(home.job(id).dir)) return id;
    } catch (thrown) {
      removeEmpty(home.job(id).dir);
      throw thrown;
    }
  }
}

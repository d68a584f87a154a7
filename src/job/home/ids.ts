/**
 * Ids of jobs. They ascend and are never given twice: an id is claimed by an exclusive mkdir, and ids up to
 * `floor.N` are used. `seq` is a hint, N is the highest id that gc removed. Functions that write throw system
 * errors.
 */
import { existsSync, renameSync, rmdirSync } from 'node:fs';
import { removeQuietly, syncDir, touch, writeHint } from '../../base/fs/atomic-write.ts';
import { makeDirectory, removeEmptyDirectory } from '../../base/fs/directories.ts';
import { highestNumber } from '../../base/fs/generation-claim.ts';
import { namesIn, readText } from '../../base/fs/read-record.ts';
import { attemptQuietly, errnoOf, succeeds } from '../../base/result.ts';
import type { JobId } from '../spec.ts';
import type { Home } from './home.ts';

export const parseId = (name: string): JobId | undefined =>
  /^[1-9]\d{0,14}$/.test(name) ? Number(name) : undefined;

export const listIds = (home: Home): JobId[] => namesIn(home.jobs).flatMap((name) => parseId(name) ?? []);

/** Of a job that gc removed. */
const readFloor = (home: Home): number => highestNumber(home.path, 'floor', 14);

/** Whether the job was removed, or was never created although later ones were. Its id is not given again. */
export const isRetired = (home: Home, id: JobId): boolean =>
  id <= readFloor(home) && !existsSync(home.job(id).dir);

/** Renames a file of the cache, which may be deleted at any time, to `path`: a marker needs only its name. */
function renameFromCache(home: Home, path: string): boolean {
  return namesIn(home.cache).some((name) => {
    if (!/^(fifo|code)\./.test(name)) return false;
    return succeeds(() => renameSync(`${home.cache}/${name}`, path));
  });
}

/** Called before ids up to `id` are removed. Durable on return: none of them is given again. */
export function raiseFloor(home: Home, id: JobId): void {
  const before = readFloor(home);
  if (before >= id) return;
  const floor = `${home.path}/floor.${id}`;
  try {
    touch(floor);
  } catch (thrown) {
    // no inode is left, and only gc can free one
    if (errnoOf(thrown) !== 'ENOSPC' || !renameFromCache(home, floor)) throw thrown;
  }
  syncDir(home.path);
  // only a lower number is removed, after the higher one is durable: two gcs at once cannot lower the floor
  if (before > 0) removeQuietly(`${home.path}/floor.${before}`);
}

/** The ids that have a directory, ascending. Numbers of 1e14 and above are not ours. */
export const givenIds = (home: Home): JobId[] =>
  listIds(home)
    .filter((id) => id < FOREIGN_ID)
    .sort((a, b) => a - b);
const FOREIGN_ID = 1e14;
const highestId = (home: Home): JobId => Math.max(0, ...listIds(home).filter((id) => id < FOREIGN_ID));
/** The hint may be ahead of the directories by launches that were undone. A larger distance means damage. */
const MOST_AHEAD = 1000;

/** The id that was given last; undefined if there is no hint, or a damaged one. */
function readHint(home: Home): JobId | undefined {
  const last = parseId(readText(home.seq).trim());
  if (last === undefined || existsSync(home.job(last).dir)) return last;
  return last <= highestId(home) + MOST_AHEAD ? last : undefined;
}

/** A full disk must not fail a claimed id: without the hint the next launch reads the directory. */
const writeSeq = (home: Home, id: JobId): void => attemptQuietly(() => writeHint(home.seq, `${id}\n`));

export function claimId(home: Home): JobId {
  const id = claimAfter(home, readHint(home) ?? highestId(home));
  writeSeq(home, id);
  return id;
}

/** Claims `count` ids and calls `each` with one after the other. */
export function claimIds(home: Home, count: number, each: (id: JobId) => void): void {
  let last = readHint(home) ?? highestId(home);
  const ids: JobId[] = [];
  try {
    for (let n = 0; n < count; n++) {
      last = claimDirectory(home, last);
      ids.push(last);
    }
    // the floor is read after the claims, as for a single one
    const floor = readFloor(home);
    const used = ids.filter((id) => id <= floor).length;
    for (const id of ids.splice(0, used)) rmdirSync(home.job(id).dir);
    for (let n = 0; n < used; n++) {
      last = claimAfter(home, Math.max(last, floor));
      ids.push(last);
    }
  } catch (thrown) {
    for (const id of ids) removeEmptyDirectory(home.job(id).dir);
    throw thrown;
  }
  writeSeq(home, last);
  for (const [n, id] of ids.entries()) {
    try {
      each(id);
    } catch (thrown) {
      // ids that `each` was not called with belong to no job
      for (const unheard of ids.slice(n + 1)) removeEmptyDirectory(home.job(unheard).dir);
      throw thrown;
    }
  }
}

function claimAfter(home: Home, last: JobId): JobId {
  for (let id = claimDirectory(home, last); ; ) {
    const floor = readFloor(home);
    if (id > floor) return id;
    // the hint is older than a gc, or this process was suspended before it claimed: the id was that of a
    // removed job
    rmdirSync(home.job(id).dir);
    id = claimDirectory(home, floor);
  }
}

/** Claims the next id whose directory does not exist. */
function claimDirectory(home: Home, last: JobId): JobId {
  let id = last + 1;
  for (let tries = 1; ; tries++, id++) {
    // the hint may be far behind: a suspended launcher wrote it late
    if (tries % 256 === 0) id = Math.max(id, highestId(home) + 1);
    try {
      if (makeDirectory(home.job(id).dir)) return id;
    } catch (thrown) {
      removeEmptyDirectory(home.job(id).dir);
      throw thrown;
    }
  }
}

/**
 * Reading and writing the records of jobs. Each file has one writer (see JobPaths); what others may do is done by
 * exclusive create. A record that cannot be read is reported as unreadable, never dropped and never believed.
 * Functions that write throw system errors; callers turn them into failures with `attempt`.
 */
import * as fs from 'node:fs';
import { errnoOf } from '../base/failure.ts';
import {
  claim,
  createBlank,
  createExclusive,
  isAlone,
  namesIn,
  readRecord,
  removeQuietly,
  syncDir,
  touch,
  writeHint,
  writeOnce,
  writeRenamed,
  writeReserved,
} from '../base/files.ts';
import { sealed } from '../base/seal.ts';
import { parseShaped, type Shape } from '../base/shape.ts';
import type { Home, JobPaths } from './home.ts';
import {
  type Identity,
  type JobId,
  ownerShape,
  type Spec,
  type State,
  type Stop,
  specShape,
  stateShape,
  stopShape,
} from './job.ts';

/** What a reader finds where a record should be. */
export type Found<T> = { kind: 'absent' } | { kind: 'unreadable'; why: string } | { kind: 'read'; value: T };

function readShaped<T>(path: string, what: string, shape: Shape<T>): Found<T> {
  const stored = readRecord(path);
  if (stored.kind === 'absent') return stored;
  if (stored.kind === 'unreadable') return { kind: 'unreadable', why: `${what}: ${stored.why}` };
  const parsed = parseShaped(shape, stored.text);
  return parsed.ok
    ? { kind: 'read', value: parsed.value }
    : { kind: 'unreadable', why: `${what}: ${parsed.why}` };
}

// ---- spec, state -----------------------------------------------------------------------------------------

/** Its name is durable only when the directory is flushed: the claim of the owner, which follows, does that. */
export const writeSpec = (job: JobPaths, spec: Spec): void => writeRenamed(job.spec, sealed(spec));
/** As durable as the spec. */
export const writeScript = (job: JobPaths, bytes: Uint8Array): void => writeOnce(job.script, bytes);
export function readSpec(job: JobPaths, id: JobId): Found<Spec> {
  const spec = readShaped(job.spec, 'spec.json', specShape);
  if (spec.kind !== 'read') return spec;
  if (spec.value.id !== id) return { kind: 'unreadable', why: `spec.json: it is of job ${spec.value.id}` };
  if (spec.value.argv.length === 0) return { kind: 'unreadable', why: 'spec.json: argv is empty' };
  return spec;
}

/** Enough for every state but one with a long spec. */
const STATE_BYTES = 4096;

/** Keeps room for the last state, so that a full disk cannot lose how a job ended, and why. */
export const reserveEnd = (job: JobPaths): void => fs.closeSync(createBlank(job.end, STATE_BYTES));

/** Publishes the state: the last one in the room that is kept for it, if need be without the spec, which stands beside it. */
export function writeState(job: JobPaths, state: State): void {
  const isLast = state.status.phase === 'ended' && isAlone(job.end);
  const write = (one: State): void => {
    const text = sealed(one);
    if (isLast) writeReserved(job.state, job.end, text);
    else writeRenamed(job.state, text);
  };
  try {
    write(state);
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOSPC' || !isLast) throw thrown;
    write({ ...state, spec: null });
  }
  syncDir(job.dir);
}
export const readState = (job: JobPaths): Found<State> => readShaped(job.state, 'state.json', stateShape);

// ---- owners: the highest generation publishes ------------------------------------------------------------

export interface Owner {
  generation: number;
  identity: Identity;
}

/** Tries to become `owner.N`; false if somebody is. */
export const claimOwner = (job: JobPaths, { generation, identity }: Owner): boolean =>
  claim(job.owner(generation), sealed({ v: 1, identity }));

/** The number of the highest owner, readable or not; 0 if nobody is yet. */
export const highestGeneration = (job: JobPaths): number =>
  Math.max(0, ...namesIn(job.dir).map((name) => Number(/^owner\.(\d{1,9})$/.exec(name)?.[1] ?? 0)));

/** The highest owner; absent if nobody is yet. */
export function readOwner(job: JobPaths): Found<Owner> {
  const generation = highestGeneration(job);
  return generation === 0 ? { kind: 'absent' } : readOwnerOf(job, generation);
}

/** One owner of the job, the first or a later one. */
export function readOwnerOf(job: JobPaths, generation: number): Found<Owner> {
  const owner = readShaped(job.owner(generation), `owner.${generation}`, ownerShape);
  return owner.kind === 'read'
    ? { kind: 'read', value: { generation, identity: owner.value.identity } }
    : owner;
}

// ---- exit status: written by the shim, valid only as a whole line ----------------------------------------

/** Reserves the room for an exit status on the disk, so that a full one cannot lose it; durable with flushExit. */
export const prepareExit = (job: JobPaths, attempt: number): void =>
  fs.closeSync(createBlank(job.exit(attempt), 8));

/** Makes sure, before the job starts, that the room is really on the disk. */
export function flushExit(job: JobPaths, attempt: number): void {
  const fd = fs.openSync(job.exit(attempt), fs.constants.O_WRONLY | fs.constants.O_NOFOLLOW);
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** What the shim writes over the blanks: the status twice, as far as there is room, so that a flipped bit makes no other of it. */
const STATUS = /^(\d{1,3})\n(?:\1\n)? *$/;

/** The status that the shim saw, and when it wrote it (milliseconds since 1970); undefined while there is none. */
export function readExit(job: JobPaths, attempt: number): { code: number; at: number } | undefined {
  const stored = readRecord(job.exit(attempt));
  const code = stored.kind === 'text' ? STATUS.exec(stored.text)?.[1] : undefined;
  if (code === undefined || Number(code) > 255) return undefined;
  // gc may have removed the job since
  const stat = fs.statSync(job.exit(attempt), { throwIfNoEntry: false });
  return stat && { code: Number(code), at: Math.round(stat.mtimeMs) };
}

/** Whether something else than a status, or the blanks before it, stands there. */
export function isExitDamaged(job: JobPaths, attempt: number): boolean {
  const stored = readRecord(job.exit(attempt));
  return stored.kind === 'unreadable' || (stored.kind === 'text' && !/^ *$/.test(stored.text));
}

// ---- requests to stop ------------------------------------------------------------------------------------

/** Leaves a request to stop; false if one of this hardness is there already: it stands. */
export const requestStop = (job: JobPaths, hardness: 'term' | 'kill', stop: Stop): boolean =>
  claim(job.stop(hardness), sealed(stop));

/** The requests to stop so far, the softer first. An unreadable one still asks for a stop: the plainest. */
export function readStops(job: JobPaths): Stop[] {
  return (['term', 'kill'] as const).flatMap((hardness) => {
    const stop = readShaped(job.stop(hardness), `stop.${hardness}`, stopShape);
    if (stop.kind === 'absent') return [];
    if (stop.kind === 'read') return [stop.value];
    const signal = hardness === 'kill' ? 'SIGKILL' : 'SIGTERM';
    return [{ by: 'an unreadable request', cause: 'kill' as const, signal, graceMs: 5000, at: Date.now() }];
  });
}

// ---- seen ------------------------------------------------------------------------------------------------

/** Notes that somebody was told how the job ended. A home that cannot be written is no reason to fail. */
export function markSeen(job: JobPaths): void {
  try {
    fs.closeSync(createExclusive(job.seen));
  } catch (thrown) {
    errnoOf(thrown);
  }
}
export const isSeen = (job: JobPaths): boolean => fs.existsSync(job.seen);

// ---- ids -------------------------------------------------------------------------------------------------

export const parseId = (name: string): JobId | undefined =>
  /^[1-9]\d{0,14}$/.test(name) ? Number(name) : undefined;

/** All ids that have a directory, in no order. */
export const listIds = (home: Home): JobId[] => namesIn(home.jobs).flatMap((name) => parseId(name) ?? []);

/** The highest id that gc has ever removed: these are never given again. */
function readFloor(home: Home): number {
  return Math.max(0, ...namesIn(home.path).map((name) => Number(/^floor\.(\d{1,14})$/.exec(name)?.[1] ?? 0)));
}

/** Before ids up to `id` are removed: makes sure, durably, that none of them is given again. */
export function raiseFloor(home: Home, id: JobId): void {
  const before = readFloor(home);
  if (before >= id) return;
  touch(`${home.path}/floor.${id}`);
  syncDir(home.path);
  // only a lower number goes, and only after a higher one is durable: two gcs at once cannot lower it
  if (before > 0) removeQuietly(`${home.path}/floor.${before}`);
}

/** The highest id that has a directory; what is near the end of all numbers was not given by us. */
const highestId = (home: Home): JobId => Math.max(0, ...listIds(home).filter((id) => id < FARTHEST));
const FARTHEST = 1e14;
/** A hint may be ahead of the directories: launches that were taken back. More of them than this in a row are damage. */
const MOST_AHEAD = 1000;

/** The id that was given last, as far as the hint can be believed. */
function readHint(home: Home): JobId | undefined {
  const hint = readRecord(home.seq);
  const last = hint.kind === 'text' ? parseId(hint.text.trim()) : undefined;
  if (last === undefined || fs.existsSync(home.job(last).dir)) return last;
  return last <= highestId(home) + MOST_AHEAD ? last : undefined;
}

/** What cannot be noted is looked up the next time: the id is claimed by then, and must not be left behind for a full disk. */
function noteHint(home: Home, id: JobId): void {
  try {
    writeHint(home.seq, `${id}\n`);
  } catch (thrown) {
    errnoOf(thrown);
  }
}

/**
 * Claims the next id by an exclusive mkdir and returns it. Ids are given in order and never twice: one that has a
 * directory cannot be made again, and one that gc removed is below the floor.
 */
export function claimId(home: Home): JobId {
  let id = (readHint(home) ?? highestId(home)) + 1;
  for (let tries = 1; ; tries++, id++) {
    // the hint may be far behind: a stopped launcher wrote it late
    if (tries % 256 === 0) id = Math.max(id, highestId(home) + 1);
    try {
      fs.mkdirSync(home.job(id).dir, 0o700);
      const floor = readFloor(home);
      if (id > floor) break;
      // the hint is older than a gc, or we slept between choosing and taking: it was another job's, which gc removed
      fs.rmdirSync(home.job(id).dir);
      id = floor;
    } catch (thrown) {
      if (errnoOf(thrown) !== 'EEXIST') throw thrown;
    }
  }
  fs.chmodSync(home.job(id).dir, 0o700);
  noteHint(home, id);
  return id;
}

/**
 * Reading and writing the records of jobs. Each file has one writer (see JobPaths); what others may do is done by
 * exclusive create. A record that cannot be read is reported as unreadable, never dropped and never believed.
 * Functions that write throw system errors; callers turn them into failures with `attempt`.
 */
import { closeSync, constants, existsSync, fsyncSync, lstatSync, statSync } from 'node:fs';
import { sealed } from '../../base/checksum.ts';
import { claim, createExclusive, openRegular, syncDir, writeRenamed } from '../../base/fs/atomic-write.ts';
import { requireDirectory } from '../../base/fs/directories.ts';
import { fileAt } from '../../base/fs/file-id.ts';
import { createBlank, isAlone, writeReserved, writeReservedAsync } from '../../base/fs/preallocated.ts';
import { namesIn, readRecord } from '../../base/fs/read-record.ts';
import { errnoOf, ignoreSystemError } from '../../base/result.ts';
import { parseSchema, type Schema } from '../../base/schema.ts';
import type { Identity } from '../identity.ts';
import { KNOWN_NEEDS } from '../needs.ts';
import { type JobId, type Spec, specSchema } from '../spec.ts';
import {
  type Crash,
  crashSchema,
  type FirstSignal,
  firstSignalSchema,
  ownerSchema,
  type State,
  type Stop,
  stateSchema,
  stopSchema,
} from '../state.ts';
import type { JobPaths } from './paths.ts';

/** What a reader finds where a record should be. */
export type Found<T> = { kind: 'absent' } | { kind: 'unreadable'; why: string } | { kind: 'read'; value: T };

/** One record of a job; `what`: its name, for the reason why it is unreadable. */
export function readShaped<T>(path: string, what: string, shape: Schema<T>): Found<T> {
  const stored = readRecord(path);
  if (stored.kind === 'absent') return stored;
  if (stored.kind === 'unreadable') return { kind: 'unreadable', why: `${what}: ${stored.why}` };
  if (stored.text === '') return { kind: 'unreadable', why: `${what}: ${EMPTY}` };
  const parsed = parseSchema(shape, stored.text);
  return parsed.ok
    ? { kind: 'read', value: parsed.value }
    : { kind: 'unreadable', why: `${what}: ${parsed.why}` };
}

const EMPTY = 'it is empty';
/** Whether a record has nothing in it: what was not flushed before a power cut. */
export const isEmpty = (found: Found<unknown>): boolean =>
  found.kind === 'unreadable' && found.why.endsWith(`: ${EMPTY}`);

// ---- spec, state -----------------------------------------------------------------------------------------

/** Its name is durable only when the directory is flushed: the claim of the owner, which follows, does that. */
export const writeSpec = (job: JobPaths, spec: Spec): void => writeRenamed(job.spec, sealed(spec));
export function readSpec(job: JobPaths, id: JobId): Found<Spec> {
  const spec = readShaped(job.spec, 'spec.json', specSchema);
  if (spec.kind !== 'read') return spec;
  if (spec.value.id !== id) return { kind: 'unreadable', why: `spec.json: it is of job ${spec.value.id}` };
  if (spec.value.argv.length === 0) return { kind: 'unreadable', why: 'spec.json: argv is empty' };
  return spec;
}

/** Enough for every state but one with a long spec. */
const STATE_BYTES = 4096;

/** Keeps room for the last state, so that a full disk cannot lose how a job ended, and why. */
export const reserveEnd = (job: JobPaths): void => closeSync(createBlank(job.end, STATE_BYTES));

/** Publishes the state, durably unless `flush` is false: the last one in the room that is kept for it, if need be without the spec, which stands beside it. */
export function writeState(job: JobPaths, state: State, flush = true): void {
  // a FIFO in its place would hold us up for ever
  const isLast = state.status.phase === 'ended' && isAlone(job.end);
  const write = (one: State): void => {
    const text = sealed(one);
    if (isLast) writeReserved(job.state, job.end, text);
    else writeRenamed(job.state, text, flush);
  };
  try {
    write(state);
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOSPC' || !isLast) throw thrown;
    write({ ...state, spec: null });
  }
  if (flush) syncDir(job.dir);
}

/** Publishes the last state, durably, beside this thread. Rejects with a system error where writeState has to do. */
export const writeEndAsync = (job: JobPaths, state: State): Promise<void> =>
  isAlone(job.end)
    ? writeReservedAsync(job.state, job.end, sealed(state))
    : Promise.reject(Object.assign(new Error('no room is kept'), { code: 'ENOENT' }));

export const readState = (job: JobPaths): Found<State> => readShaped(job.state, 'state.json', stateSchema);

// ---- owners: the highest generation publishes ------------------------------------------------------------

export interface Owner {
  generation: number;
  identity: Identity;
}

/** An owner as it is on record; `knows`: what its program knows of what a job may need. */
export interface RecordedOwner extends Owner {
  knows: string[];
}

/** Tries to become `owner.N`, durably unless `flush` is false; false if somebody is. */
export const claimOwner = (job: JobPaths, { generation, identity }: Owner, flush = true): boolean =>
  claim(
    job.owner(generation),
    sealed({ v: 1, identity, knows: KNOWN_NEEDS, directory: numberOf(job) }),
    flush,
  );

const numberOf = (job: JobPaths): string | null => fileAt(job.dir)?.ino.toString() ?? null;

/** Whether the job's directory is a copy of the one in which it was started. */
export function isCopied(job: JobPaths): boolean {
  const owner = readShaped(job.owner(highestGeneration(job)), 'owner', ownerSchema);
  return owner.kind === 'read' && owner.value.directory !== null && owner.value.directory !== numberOf(job);
}

/** All who are on record as owners of the job in this folder, also of another home. */
export const wereOwners = (folder: string): Identity[] =>
  namesIn(folder).flatMap((name) => {
    if (!/^owner\.\d{1,9}$/.test(name)) return [];
    const owner = readShaped(`${folder}/${name}`, name, ownerSchema);
    return owner.kind === 'read' ? owner.value.identity : [];
  });

/** The number of the highest owner, readable or not; 0 if nobody is yet. */
export const highestGeneration = (job: JobPaths): number =>
  Math.max(0, ...namesIn(job.dir).map((name) => Number(/^owner\.(\d{1,9})$/.exec(name)?.[1] ?? 0)));

/** The highest owner; absent if nobody is yet. */
export function readOwner(job: JobPaths): Found<RecordedOwner> {
  const generation = highestGeneration(job);
  return generation === 0 ? { kind: 'absent' } : readOwnerOf(job, generation);
}

/** One owner of the job, the first or a later one. */
export function readOwnerOf(job: JobPaths, generation: number): Found<RecordedOwner> {
  const owner = readShaped(job.owner(generation), `owner.${generation}`, ownerSchema);
  return owner.kind === 'read'
    ? { kind: 'read', value: { generation, identity: owner.value.identity, knows: owner.value.knows } }
    : owner;
}

// ---- owners that failed ------------------------------------------------------------------------------------

/** Notes why an owner ends, or gives up. A home that cannot be written is no reason to fail. */
export function writeCrash(job: JobPaths, generation: number, crash: Omit<Crash, 'v'>): void {
  try {
    claim(job.crash(generation), sealed({ v: 1, ...crash }), false);
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}

/** Why the last owner of the job that failed did so, and when; undefined: none did, as far as is known. */
export function readLastCrash(job: JobPaths): Crash | undefined {
  const [last = 0] = numbersOf(job, 'crash').sort((a, b) => b - a);
  if (last === 0) return undefined;
  const crash = readShaped(job.crash(last), `crash.${last}`, crashSchema);
  return crash.kind === 'read' ? crash.value : { v: 1, at: 0, why: 'the reason cannot be read' };
}

/**
 * How many owners in a row, up to the last one, failed: they left no state behind, or noted why they ended. Asked of a job that
 * nobody owns.
 */
export function countFailedOwners(job: JobPaths): number {
  const state = readState(job);
  const told = state.kind === 'read' ? state.value.generation : 0;
  const crashed = new Set(numbersOf(job, 'crash'));
  const owners = numbersOf(job, 'owner').sort((a, b) => b - a);
  const sound = owners.findIndex((generation) => generation <= told && !crashed.has(generation));
  return sound < 0 ? owners.length : sound;
}

const numbersOf = (job: JobPaths, kind: 'owner' | 'crash'): number[] =>
  namesIn(job.dir).flatMap((name) => Number(NUMBERED[kind].exec(name)?.[1] ?? []));
const NUMBERED = { owner: /^owner\.([1-9]\d{0,8})$/, crash: /^crash\.([1-9]\d{0,8})$/ };

// ---- exit status: written by the shim, valid only as a whole line ----------------------------------------

/** Reserves the room for an exit status on the disk, so that a full one cannot lose it; durable with flushExit. */
export const prepareExit = (job: JobPaths, attempt: number): void =>
  closeSync(createBlank(job.exit(attempt), 8));

/** Makes sure, before the job starts, that the room is really on the disk. */
export function flushExit(job: JobPaths, attempt: number): void {
  const fd = openRegular(job.exit(attempt), constants.O_WRONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
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
  const stat = statSync(job.exit(attempt), { throwIfNoEntry: false });
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
    const stop = readShaped(job.stop(hardness), `stop.${hardness}`, stopSchema);
    if (stop.kind === 'absent') return [];
    const stat = lstatSync(job.stop(hardness), { throwIfNoEntry: false });
    // where no descriptor is left nothing can be opened, not even to see that there is nothing
    if (!stat) return [];
    // as the end: by the clock that files are stamped with, whatever the killer's says
    const at = Math.round(stat.mtimeMs);
    if (stop.kind === 'read') return [{ ...stop.value, at }];
    const signal = hardness === 'kill' ? 'SIGKILL' : 'SIGTERM';
    return [{ by: 'an unreadable request', cause: 'kill' as const, signal, graceMs: 5000, at }];
  });
}

/**
 * Notes, durably, that a signal is about to be sent; undefined: nobody has sent one before. Else what was sent before. Where nothing
 * can be written the signal is sent all the same.
 */
export function claimFirstSignal(
  job: JobPaths,
  attempt: number,
  first: Omit<FirstSignal, 'v'>,
): FirstSignal | undefined {
  try {
    if (claim(job.firstSignal(attempt), sealed({ v: 1, ...first }))) return undefined;
  } catch (thrown) {
    ignoreSystemError(thrown);
    return undefined;
  }
  const before = readShaped(job.firstSignal(attempt), `first.${attempt}`, firstSignalSchema);
  // one that cannot be read has been written all the same
  return before.kind === 'read'
    ? before.value
    : { v: 1, ticks: 0, monotonicMs: first.monotonicMs, graceMs: 0 };
}

/** A claim of the first signal to what an ended job left: the claim of another process, or the path of the new one. */
export interface LeftClaim {
  earlier?: FirstSignal;
  path?: string;
}

/**
 * Claims the first signal to what an ended job left. Such a stop may come again and again, so a claim counts for its grace alone, and
 * its owner removes it when nothing is left.
 */
export function claimLeftSignal(job: JobPaths, first: Omit<FirstSignal, 'v'>): LeftClaim {
  try {
    for (;;) {
      const numbers = namesIn(job.dir).map((name) => Number(/^first\.left\.(\d{1,9})$/.exec(name)?.[1] ?? 0));
      const last = Math.max(0, ...numbers);
      const before = readShaped(job.leftSignal(last), 'first.left', firstSignalSchema);
      if (before.kind === 'read' && first.monotonicMs - before.value.monotonicMs < before.value.graceMs)
        return { earlier: before.value };
      const path = job.leftSignal(last + 1);
      if (claim(path, sealed({ v: 1, ...first }), false)) return { path };
    }
  } catch (thrown) {
    errnoOf(thrown);
    return {};
  }
}

// ---- seen ------------------------------------------------------------------------------------------------

/** Notes that somebody was told how the job ended. A home that cannot be written is no reason to fail. */
export function noteSeen(job: JobPaths): void {
  try {
    // not through a link that stands in the place of the job
    requireDirectory(job.dir, true);
    closeSync(createExclusive(job.seen));
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}
export const isSeen = (job: JobPaths): boolean => existsSync(job.seen);

// ---- superseded ------------------------------------------------------------------------------------------

/** Notes which later job stands for this one: a failure of it counts no more. A home that cannot be written is no reason to fail. */
export function markSuperseded(job: JobPaths, by: JobId): void {
  try {
    requireDirectory(job.dir, true);
    claim(job.superseded, `${by}\n`);
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}

/** The job that stands for this one: its first successor. */
export function supersededBy(job: JobPaths): JobId | undefined {
  const stored = readRecord(job.superseded);
  const id = stored.kind === 'text' ? Number(stored.text.trim()) : 0;
  return Number.isSafeInteger(id) && id > 0 ? id : undefined;
}

/**
 * Reading and writing the records of a job. Each file has one writer (see JobPaths); any other process may
 * only create files, by a claim. A damaged record is reported as unreadable, never dropped or believed.
 * Functions that write throw system errors; `attempt` makes failures of them.
 */
import { constants, existsSync, fsyncSync, lstatSync, statSync } from 'node:fs';
import { withChecksum } from '../../base/checksum.ts';
import { claim, type Flush, touch, writeAtomic } from '../../base/fs/atomic-write.ts';
import { requireDirectory } from '../../base/fs/directories.ts';
import { fileAt } from '../../base/fs/file-id.ts';
import { highestNumber, listNumbers } from '../../base/fs/generation-claim.ts';
import { closing, openRegular } from '../../base/fs/open-file.ts';
import { createBlank, hasOneName, writeReserved, writeReservedAsync } from '../../base/fs/preallocated.ts';
import { readRecord, readText } from '../../base/fs/read-record.ts';
import { attemptQuietly, errnoOf, ignoreSystemError, systemError } from '../../base/result.ts';
import { parseSchema, type Schema } from '../../base/schema.ts';
import type { Identity } from '../identity.ts';
import { KNOWN_NEEDS, missingOf } from '../needs.ts';
import { type Settings, settingsSchema, withSettings } from '../settings.ts';
import { type JobId, type Spec, specSchema } from '../spec.ts';
import {
  type Crash,
  crashSchema,
  type FirstSignal,
  firstSignalSchema,
  ownerSchema,
  type State,
  type Stop,
  type Swept,
  stateSchema,
  stopSchema,
  sweptSchema,
} from '../state.ts';
import type { JobPaths } from './paths.ts';

export type Found<T> = { kind: 'absent' } | { kind: 'unreadable'; why: string } | { kind: 'read'; value: T };

/** Reads and checks a record; `what`: its name, for the reason why it is unreadable. */
export function readChecked<T>(path: string, what: string, schema: Schema<T>): Found<T> {
  const stored = readRecord(path);
  if (stored.kind === 'absent') return stored;
  if (stored.kind === 'unreadable') return { kind: 'unreadable', why: `${what}: ${stored.why}` };
  if (stored.text === '') return { kind: 'unreadable', why: `${what}: ${EMPTY}` };
  const parsed = parseSchema(schema, stored.text);
  return parsed.ok
    ? { kind: 'read', value: parsed.value }
    : { kind: 'unreadable', why: `${what}: ${parsed.why}` };
}

/** The value of a record; undefined if it is absent or unreadable. */
export const foundValue = <T>(found: Found<T>): T | undefined =>
  found.kind === 'read' ? found.value : undefined;

/** The value of the record at a path; undefined if it is absent or unreadable. */
export const readValid = <T>(path: string, schema: Schema<T>): T | undefined =>
  foundValue(readChecked(path, path, schema));

const EMPTY = 'it is empty';
/** Whether a record is empty: after a power cut, a file that was not flushed. */
export const isEmpty = (found: Found<unknown>): boolean =>
  found.kind === 'unreadable' && found.why.endsWith(`: ${EMPTY}`);

// ---- spec, state -----------------------------------------------------------------------------------------

/** The caller flushes the directory: it claims the owner next, and that claim does it. */
export const writeSpec = (job: JobPaths, spec: Spec): void =>
  writeAtomic(job.spec, withChecksum(spec), 'content');
export function readSpec(job: JobPaths, id: JobId): Found<Spec> {
  const spec = readChecked(job.spec, 'spec.json', specSchema);
  if (spec.kind !== 'read') return spec;
  if (spec.value.id !== id) return { kind: 'unreadable', why: `spec.json: it is of job ${spec.value.id}` };
  if (spec.value.argv.length === 0) return { kind: 'unreadable', why: 'spec.json: argv is empty' };
  const changed = readSettings(job);
  if (changed.kind === 'absent') return spec;
  if (changed.kind === 'unreadable') return changed;
  return { kind: 'read', value: withSettings(spec.value, changed.value.settings) };
}

/** What `set` changed last, with the number of its record. */
export function readSettings(job: JobPaths): Found<{ number: number; settings: Settings }> {
  let last: Found<{ number: number; settings: Settings }> = { kind: 'absent' };
  // no record is ever removed, and most jobs have none: the numbers are tried, and no folder is listed
  for (let number = 1; ; number++) {
    const found = readChecked(job.settings(number), `set.${number}`, settingsSchema);
    if (found.kind === 'absent') return last;
    if (found.kind === 'unreadable') return found;
    last = { kind: 'read', value: { number, settings: found.value } };
  }
}

/** Adds changes to those so far; returns the number of the record. Durable on return. */
export function writeSettings(job: JobPaths, changes: Settings): number {
  for (;;) {
    const { number, settings } = foundValue(readSettings(job)) ?? { number: 0, settings: {} };
    const next = { ...settings, ...changes, v: 1 };
    if (claim(job.settings(number + 1), withChecksum(next))) return number + 1;
  }
}

const STATE_BYTES = 4096;

/** Preallocates room for the last state, so that a full disk cannot lose the outcome of the job. */
export const reserveEnd = (job: JobPaths): void => createBlank(job.end, STATE_BYTES);

/**
 * Publishes a state. The last one goes into the preallocated room, on a full disk without its copy of the
 * spec if need be.
 */
export function writeState(job: JobPaths, state: State, flush: Flush = 'all'): void {
  // something else may stand in its place, and a FIFO would block this process
  const isLast = state.status.phase === 'ended' && hasOneName(job.end);
  if (!isLast) {
    writeAtomic(job.state, withChecksum(state), flush);
    return;
  }
  try {
    writeReserved(job.state, job.end, withChecksum(state));
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOSPC') throw thrown;
    writeReserved(job.state, job.end, withChecksum({ ...state, spec: null }));
  }
}

/**
 * Publishes the last state outside of this thread. Rejects with a system error where writeState must do it.
 */
export const writeEndAsync = (job: JobPaths, state: State): Promise<void> =>
  hasOneName(job.end)
    ? writeReservedAsync(job.state, job.end, withChecksum(state))
    : Promise.reject(systemError('ENOENT', job.end));

export const readState = (job: JobPaths): Found<State> => readChecked(job.state, 'state.json', stateSchema);

// ---- owners: the highest generation publishes ------------------------------------------------------------

export interface Owner {
  generation: number;
  identity: Identity;
  /** The number of the slot in which the job runs; null: none. An adopter takes it over. */
  slot: number | null;
}

/** An owner on record; `knows`: the needs that its program knows, SWEEPERS, and SETTINGS. */
interface RecordedOwner extends Owner {
  knows: string[];
}

/** An owner that knows this waits for the sweeper of a stop. */
export const SWEEPERS = 'sweepers';
/** An owner that knows this obeys what `set` changes while the job runs. */
export const SETTINGS = 'settings';

/** Tries to become `owner.N`. */
export const claimOwner = (
  job: JobPaths,
  { generation, identity, slot }: Owner,
  flush: Flush = 'all',
): boolean =>
  claim(
    job.owner(generation),
    withChecksum({
      v: 1,
      ...{ identity, knows: [...KNOWN_NEEDS, SWEEPERS, SETTINGS], directory: inodeOf(job) },
      ...(slot !== null && { slot }),
    }),
    flush,
  );

const inodeOf = (job: JobPaths): string | null => fileAt(job.dir)?.ino.toString() ?? null;

/** A copy has another inode. */
export function isCopied(job: JobPaths): boolean {
  const directory = readValid(job.owner(highestGeneration(job)), ownerSchema)?.directory ?? null;
  return directory !== null && directory !== inodeOf(job);
}

/** All owners in a job's folder, which may be in another home. */
export const listOwners = (folder: string): Identity[] =>
  listNumbers(folder, 'owner').flatMap(
    (number) => readValid(`${folder}/owner.${number}`, ownerSchema)?.identity ?? [],
  );

/** Readable or not; 0 if there is none. */
export const highestGeneration = (job: JobPaths): number => highestNumber(job.dir, 'owner');

export function readOwner(job: JobPaths): Found<RecordedOwner> {
  const generation = highestGeneration(job);
  return generation === 0 ? { kind: 'absent' } : readOwnerOf(job, generation);
}

export function readOwnerOf(job: JobPaths, generation: number): Found<RecordedOwner> {
  const owner = readChecked(job.owner(generation), `owner.${generation}`, ownerSchema);
  if (owner.kind !== 'read') return owner;
  const { identity, knows, slot } = owner.value;
  return { kind: 'read', value: { generation, identity, knows, slot } };
}

// ---- owners that failed ----------------------------------------------------------------------------------

/** Records why an owner ends unexpectedly. If it cannot be written, it is lost. */
export function writeCrash(job: JobPaths, generation: number, crash: Omit<Crash, 'v'>): void {
  attemptQuietly(() => claim(job.crash(generation), withChecksum({ v: 1, ...crash }), 'none'));
}

export function readLastCrash(job: JobPaths): Crash | undefined {
  const last = highestNumber(job.dir, 'crash');
  if (last === 0) return undefined;
  return readValid(job.crash(last), crashSchema) ?? { v: 1, at: 0, why: 'the reason cannot be read' };
}

/** Whether this owner recorded an unexpected error. */
export const hasCrashed = (job: JobPaths, generation: number): boolean => existsSync(job.crash(generation));

/**
 * How many owners in a row, up to the last one, left no state or recorded a crash. For a job without a living
 * owner. Owners of an older version do not count: a process of that version that was running before an update
 * starts supervisors that refuse the format of the home and end, and one of this version may do better.
 */
export function countFailedOwners(job: JobPaths): number {
  const published = foundValue(readState(job))?.generation ?? 0;
  const crashed = new Set(listNumbers(job.dir, 'crash'));
  const owners = listNumbers(job.dir, 'owner').sort((a, b) => b - a);
  const sound = owners.findIndex((generation) => generation <= published && !crashed.has(generation));
  return owners.slice(0, sound < 0 ? undefined : sound).filter((generation) => !isOlder(job, generation))
    .length;
}

function isOlder(job: JobPaths, generation: number): boolean {
  const owner = foundValue(readOwnerOf(job, generation));
  return owner !== undefined && missingOf(KNOWN_NEEDS, owner.knows).length > 0;
}

// ---- exit status: written by the shim, valid only as a whole line ----------------------------------------

/** Preallocates the exit status, so that a full disk cannot lose it. flushExit makes the room durable. */
export const prepareExit = (job: JobPaths, attempt: number): void => createBlank(job.exit(attempt), 8);

/** Makes sure that the room is on the disk. */
export const flushExit = (job: JobPaths, attempt: number): void =>
  closing(openRegular(job.exit(attempt), constants.O_WRONLY), fsyncSync);

/** The shim writes the status twice if there is room, so that a flipped bit is found. Blanks may follow. */
const STATUS = /^(\d{1,3})\n(?:\1\n)? *$/;

/** With its time; undefined if there is none yet. */
export function readExit(job: JobPaths, attempt: number): { code: number; at: number } | undefined {
  const code = STATUS.exec(readText(job.exit(attempt)))?.[1];
  if (code === undefined || Number(code) > 255) return undefined;
  // gc may have removed the job meanwhile
  const stat = statSync(job.exit(attempt), { throwIfNoEntry: false });
  return stat && { code: Number(code), at: Math.round(stat.mtimeMs) };
}

/** Something else than a status or blanks. */
export function isExitDamaged(job: JobPaths, attempt: number): boolean {
  const stored = readRecord(job.exit(attempt));
  return stored.kind === 'unreadable' || (stored.kind === 'text' && !/^ *$/.test(stored.text));
}

// ---- requests to stop ------------------------------------------------------------------------------------

/**
 * `earlier`: there is a request that is as hard, and the first one counts. `shorter`: it differs from earlier
 * ones by a shorter grace. Then its maker stops no process itself.
 */
export function requestStop(
  job: JobPaths,
  hardness: 'term' | 'kill',
  stop: Stop,
): 'new' | 'shorter' | 'earlier' {
  if (claim(job.stop(hardness), withChecksum(stop))) return 'new';
  if (hardness === 'kill') return 'earlier';
  const { sweeper: _, ...shorter } = stop;
  for (let number = 2; ; number++) {
    if (readStops(job).some(({ graceMs }) => graceMs <= stop.graceMs)) return 'earlier';
    if (claim(job.stop(hardness, number), withChecksum(shorter))) return 'shorter';
  }
}

/** The requests to stop, the softer first. An unreadable request counts as one with default values. */
export function readStops(job: JobPaths): Stop[] {
  const stops: Stop[] = [];
  for (let number = 1; ; number++) {
    const stop = readStop(job, 'term', number);
    if (!stop) break;
    stops.push(stop);
  }
  const hardest = readStop(job, 'kill', 1);
  return hardest ? [...stops, hardest] : stops;
}

function readStop(job: JobPaths, hardness: 'term' | 'kill', number: number): Stop | undefined {
  const path = job.stop(hardness, number);
  const stop = readChecked(path, `stop.${hardness}`, stopSchema);
  if (stop.kind === 'absent') return undefined;
  const stat = lstatSync(path, { throwIfNoEntry: false });
  // with no descriptor left every open fails, also of a file that does not exist
  if (!stat) return undefined;
  // by the clock of the file system, as the end is; the clock of the requesting process may differ
  const at = Math.round(stat.mtimeMs);
  if (stop.kind === 'read') return { ...stop.value, at };
  const signal = hardness === 'kill' ? 'SIGKILL' : 'SIGTERM';
  return { by: 'an unreadable request', cause: 'kill', signal, graceMs: 5000, at };
}

/** Tells the owner that no process of the job is left; without disk space the owner finds out by itself. */
export function recordSwept(job: JobPaths, swept: Omit<Swept, 'v'>): void {
  attemptQuietly(() => claim(job.swept, withChecksum({ v: 1, ...swept }), 'none'));
}
export const readSwept = (job: JobPaths): Swept | undefined => readValid(job.swept, sweptSchema);

/** The first signal of an attempt, if one was sent or is about to be. */
export const readFirstSignal = (job: JobPaths, attempt: number): FirstSignal | undefined =>
  readValid(job.firstSignal(attempt), firstSignalSchema);

/**
 * Records the first signal before it is sent, or returns that of another process. If it cannot be recorded,
 * the signal is sent anyway. It is not flushed: after a crash of the machine no process is left to stop.
 */
export function claimFirstSignal(
  job: JobPaths,
  attempt: number,
  first: Omit<FirstSignal, 'v'>,
): FirstSignal | undefined {
  try {
    if (claim(job.firstSignal(attempt), withChecksum({ v: 1, ...first }), 'none')) return undefined;
  } catch (thrown) {
    ignoreSystemError(thrown);
    return undefined;
  }
  // an unreadable record was still written before a signal
  const unreadable = { v: 1 as const, ticks: 0, monotonicMs: first.monotonicMs, graceMs: 0 };
  return readValid(job.firstSignal(attempt), firstSignalSchema) ?? unreadable;
}

/** A claim of the first signal to leftovers: that of another process, or the path of the new claim. */
export interface LeftClaim {
  earlier?: FirstSignal;
  path?: string;
}

/**
 * Claims the first signal to the leftovers of an ended job. Such a stop may be repeated, so a claim counts
 * for its grace only, and its maker removes it in the end.
 */
export function claimLeftSignal(job: JobPaths, first: Omit<FirstSignal, 'v'>): LeftClaim {
  try {
    for (;;) {
      const last = highestNumber(job.dir, 'first.left');
      const earlier = readValid(job.leftSignal(last), firstSignalSchema);
      if (earlier && first.monotonicMs - earlier.monotonicMs < earlier.graceMs) return { earlier };
      const path = job.leftSignal(last + 1);
      if (claim(path, withChecksum({ v: 1, ...first }), 'none')) return { path };
    }
  } catch (thrown) {
    ignoreSystemError(thrown);
    return {};
  }
}

// ---- seen ------------------------------------------------------------------------------------------------

/** Records that a command reported the end to the user, if it can be written. */
export function markSeen(job: JobPaths): void {
  attemptQuietly(() => {
    // the job's directory may be a link by now
    requireDirectory(job.dir, true);
    touch(job.seen);
  });
}
export const isSeen = (job: JobPaths): boolean => existsSync(job.seen);

/** Records that a command reported the end to the session of the job, if it can be written. */
export function markTold(job: JobPaths): void {
  attemptQuietly(() => {
    requireDirectory(job.dir, true);
    touch(job.told);
  });
}
export const isTold = (job: JobPaths): boolean => existsSync(job.told);

// ---- superseded ------------------------------------------------------------------------------------------

/**
 * Records the later job that replaces this one, whose failure then no longer counts, if it can be written.
 */
export function markSuperseded(job: JobPaths, by: JobId): void {
  attemptQuietly(() => {
    requireDirectory(job.dir, true);
    claim(job.superseded, `${by}\n`);
  });
}

export function supersededBy(job: JobPaths): JobId | undefined {
  const id = Number(readText(job.superseded).trim());
  return Number.isSafeInteger(id) && id > 0 ? id : undefined;
}

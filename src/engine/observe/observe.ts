/**
 * The state of a job, from its records and the kernel together. A reader never repairs: each reader derives
 * an end that no process wrote down anew. An owner writes the state before it dies, so a reader that finds no
 * living process reads the state once more. Only when that and `exit.N` say nothing is the job lost.
 */
import { existsSync, lstatSync } from 'node:fs';
import { sleepSync, systemClock } from '../../base/clock.ts';
import { type DirectoryTrouble, inspectDirectory } from '../../base/fs/directories.ts';
import { hasReader } from '../../base/fs/fifo.ts';
import { fileAt, isSameFile } from '../../base/fs/file-id.ts';
import { attemptQuietly } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import {
  type Found,
  foundValue,
  highestGeneration,
  isCopied,
  isEmpty,
  isExitDamaged,
  type Owner,
  readExit,
  readLastCrash,
  readOwner,
  readSpec,
  readState,
  readStops,
} from '../../job/home/records.ts';
import type { Identity } from '../../job/identity.ts';
import { endWithoutOwner, retryAt } from '../../job/lifecycle.ts';
import { findEntry } from '../../job/queue/queue-files.ts';
import type { Spec } from '../../job/spec.ts';
import type { State, Status, StatusOf, Usage } from '../../job/state.ts';
import { readSilence } from '../../job/targets/target-records.ts';
import type { JobView } from '../../job/view.ts';
import {
  filesAt,
  HAS_PROC,
  hasOpen,
  isAlive,
  isAtWork,
  isFifo,
  isLocked,
  openFile,
  openFiles,
  pidsInProc,
  thisHost,
} from '../os/process-identity.ts';
import { readShim } from '../shim/shim-record.ts';
import { readShimCpuMs } from '../usage/usage-file.ts';
import { readFirstSent } from './first-sent.ts';

/** A job without owner and state counts as being launched for this long, milliseconds. */
const LAUNCH_MS = 30_000;
/** An owner publishes an end within milliseconds. A stopped one is not waited for longer than this. */
const STUCK_MS = 3000;
/** A running owner may need seconds on a busy machine, and only it knows a limit that a full disk hid. */
const SLOW_MS = 30_000;
/** A dying Node closes its descriptors a little after it counts as dead, milliseconds. */
const LINGER_MS = 50;

const STARTING: StatusOf<'starting'> = { phase: 'starting' };

const DIRECTORY: Record<DirectoryTrouble, string> = {
  'symbolic-link': 'its directory is a symbolic link',
  'not-a-directory': 'something else stands in the place of its directory',
  foreign: 'its directory belongs to another user',
  'open-to-others': 'other users can write its directory',
};

/** The job as it is now; undefined if there is no such job, or not yet: its owner is written last. */
export function observe(home: Home, id: number): JobView | undefined {
  const job = home.job(id);
  const directory = inspectDirectory(job.dir);
  if (directory === 'absent') return undefined;
  if (directory !== 'ours') return unreadable(id, DIRECTORY[directory]);
  const state = readState(job);
  if (state.kind === 'read' && state.value.status.phase === 'ended' && state.value.spec?.id === id)
    return { kind: 'ended', id, spec: state.value.spec, status: state.value.status, state: state.value };
  const spec = readSpec(job, id);
  if (spec.kind === 'absent') {
    const wasStarted = state.kind !== 'absent' || readOwner(job).kind !== 'absent';
    return wasStarted ? unreadable(id, 'spec.json: it is missing') : undefined;
  }
  if (spec.kind === 'unreadable') return unreadable(id, spec.why);
  return withContact(home, viewOf(home, job, spec.value, unlessEmpty(spec.value, state)));
}

/** A job on a target is as its service recorded it last; whether that is of now, these two say. */
function withContact(home: Home, view: JobView | undefined): JobView | undefined {
  const key = view?.kind === 'live' ? view.spec.target?.key : undefined;
  if (view?.kind !== 'live' || key === undefined) return view;
  return { ...view, far: { isServed: hasReader(home.target(key).wake), silence: readSilence(home, key) } };
}

const unreadable = (id: number, why: string): JobView => ({ kind: 'unreadable', id, why });

function viewOf(home: Home, job: JobPaths, spec: Spec, state: Found<State>): JobView | undefined {
  const { id } = spec;
  if (state.kind === 'unreadable') return unreadable(id, state.why);
  const known = foundValue(state) ?? null;
  const ended = (end: StatusOf<'ended'>): JobView => ({ kind: 'ended', id, spec, status: end, state: known });
  const status: Status = known?.status ?? STARTING;
  if (status.phase === 'ended') return ended(status);

  const owner = unlessEmpty(spec, readOwner(job));
  if (owner.kind === 'unreadable') return unreadable(id, owner.why);
  const identity = foundValue(owner)?.identity;
  const host = identity ?? spec;
  if (host.bootId !== thisHost().bootId && host.machine !== thisHost().machine)
    return { kind: 'elsewhere', id, spec, machine: host.machine };

  // no process here has to live: the next service goes on from the records
  if (spec.target !== null && known !== null && status.phase !== 'queued' && !isCopied(job))
    return { kind: 'live', id, spec, status, state: known };

  const { placement } = spec;
  if (placement && (status.phase === 'starting' || status.phase === 'queued') && isUntouched(job, identity)) {
    const notBefore = status.phase === 'queued' ? status.notBefore : placement.notBefore;
    if (findEntry(home, { ...spec, placement }))
      return { kind: 'live', id, spec, status: { phase: 'queued', notBefore }, state: known };
    // a process that starts the job or puts it back changes its owner or state before its entry
    if (hasMoved(job, owner, state)) return observe(home, id);
    if (isUntouched(job, identity)) {
      // a batch that is not revealed does not exist for readers
      if (
        placement.batch !== null &&
        known === null &&
        // but a named job is locked until then: other processes must see that it claims the name
        !isLocked(job.alive) &&
        !existsSync(home.queue(placement.queue).batch(placement.batch))
      )
        return undefined;
      if (!isFresh(spec))
        return ended(lostStatus(job, identity, status, spec, 'it is not in its queue any more'));
    }
  }
  const attempt = known?.attempt ?? 1;
  if (isAttended(job, identity) && !isStuck(job, identity, status, spec, attempt))
    return { kind: 'live', id, spec, status, state: known };

  // read again: the process that held the FIFO a moment ago wrote the end before it closed it
  const again = readState(job);
  if (again.kind === 'read' && again.value.status.phase === 'ended')
    return { kind: 'ended', id, spec, status: again.value.status, state: again.value };
  // or it put the job back into its queue: `exit.N` is of an attempt that another one follows
  if (hasMoved(job, owner, state)) return observe(home, id);
  const exit = readExit(job, attempt);
  if (exit) {
    const startedAt = startByShim(job, identity);
    const sent = readFirstSent(job, attempt, exit.at);
    const end = endWithoutOwner(status, exit.at, exit.code, readStops(job), startedAt, sent);
    return {
      kind: 'ended',
      id,
      spec,
      status: end,
      state: known && { ...known, usage: shimUsage(job, attempt) },
    };
  }
  const apart = runsApart(job, id, identity);
  if (apart !== undefined) return { kind: 'unreadable', id, why: apart, runs: true };
  const launching = !identity && host.bootId === thisHost().bootId && isFresh(spec);
  if (launching) return { kind: 'live', id, spec, status: STARTING, state: known };
  if (isExitDamaged(job, attempt)) return unreadable(id, `exit.${attempt}: it is damaged`);
  if (identity && isAlive(identity) === 'alive' && !isFifo(job.alive)) return unreadable(id, OTHER_FIFO);
  const started = status.phase !== 'starting' || readShim(job, identity).shim !== undefined;
  return ended(lostStatus(job, identity, status, spec, whyLost(job, host, started)));
}

/** Whether a process has taken the job, or changed its state, since owner and state were read. */
function hasMoved(job: JobPaths, owner: Found<Owner>, state: Found<State>): boolean {
  const before = foundValue(owner)?.generation ?? 0;
  if (owner.kind !== 'unreadable' && before < highestGeneration(job) && readOwner(job).kind === 'read')
    return true;
  const now = readState(job);
  if (now.kind !== 'read' || state.kind !== 'read') return now.kind === 'read' && state.kind === 'absent';
  return (
    now.value.generation !== state.value.generation || now.value.status.phase !== state.value.status.phase
  );
}

/**
 * Whether the exit status has been on record for long and the owner has not published the end: the owner is
 * stopped (SIGSTOP), and publishes the end when it continues. During a stop of the job this does not
 * count: there the end is published when all processes are gone. Nor does it after an attempt that another
 * one follows: the owner puts the job back into its queue when it continues.
 */
function isStuck(
  job: JobPaths,
  owner: Identity | undefined,
  status: Status,
  spec: Spec,
  attempt: number,
): boolean {
  const exit = status.phase === 'stopping' ? undefined : readExit(job, attempt);
  // in either direction: if the clock was set back, the end lies in the future
  const sinceMs = exit ? Math.abs(systemClock.now() - exit.at) : 0;
  if (exit === undefined || sinceMs <= STUCK_MS) return false;
  // on a full disk the successor of a dead owner is not on record: its watcher lives
  const inCharge = owner && isAlive(owner) === 'dead' ? readShim(job, owner).watcher : owner;
  if (sinceMs <= SLOW_MS && inCharge && isAtWork(inCharge)) return false;
  return retryAt(spec, attempt, endWithoutOwner(status, exit.at, exit.code, readStops(job))) === undefined;
}

/** Records of a queued job's start are not flushed: if a power cut emptied them, the job waits again. */
const unlessEmpty = <T>({ placement }: Spec, found: Found<T>): Found<T> =>
  placement !== null && isEmpty(found) ? { kind: 'absent' } : found;

/** Whether a queued job is left alone: no shim has run, and its owner is dead or gave it up unstarted. */
function isUntouched(job: JobPaths, owner: Identity | undefined): boolean {
  if (readShim(job, owner).shim !== undefined) return false;
  return owner === undefined || isAlive(owner) === 'dead' || !isLocked(job.alive);
}

function isFresh(spec: Spec): boolean {
  const age = systemClock.monotonic() - spec.createdMonotonicMs;
  return age >= 0 && age < LAUNCH_MS;
}

const OTHER_FIFO = 'alive: it is not the FIFO that was made there';

/** Why a job that runs with another FIFO than this one cannot be judged; usually this home is a copy. */
function runsApart(job: JobPaths, id: number, owner: Identity | undefined): string | undefined {
  const { shim, watcher, main } = readShim(job, owner);
  const lives = (one: Identity | undefined) => one !== undefined && isAlive(one) === 'alive';
  const ours = [owner, shim, watcher].filter((one) => one !== undefined && lives(one));
  const runs = HAS_PROC
    ? ours.some((one) => hasOtherFifo(one!.pid, id, job))
    : ours.length > 0 && lives(main);
  if (!runs) return undefined;
  if (!isCopied(job)) return OTHER_FIFO;
  const which = main && lives(main) ? `its main process is ${main.pid}` : `its supervisor is ${ours[0]!.pid}`;
  return `this home is a copy of the one in which the job runs (${which})`;
}

/** Whether the process has the FIFO of a job of this number open, and it is not the FIFO here. */
function hasOtherFifo(pid: number, id: number, job: JobPaths): boolean {
  const name = new RegExp(`/jobs/${id}/alive( \\(deleted\\))?$`);
  const here = fileAt(job.alive);
  return [...openFiles(pid)].some(([fd, path]) => name.test(path) && !isSameFile(openFile(pid, fd), here));
}

function whyLost(job: JobPaths, host: { bootId: string; pidNamespace?: string }, started: boolean): string {
  const here = thisHost();
  if (host.bootId !== here.bootId) return 'the machine was restarted';
  if (isCopied(job)) return 'this home is a copy, and the end of the job was not written into it';
  const crash = started ? undefined : readLastCrash(job);
  if (crash) return `its supervisor failed before it started the job: ${crash.why}`;
  const isElsewhere = host.pidNamespace !== undefined && host.pidNamespace !== here.pidNamespace;
  const what = started ? 'supervisor and shim were killed' : 'its supervisor ended before it started the job';
  return isElsewhere ? `${what}, in a sandbox or container` : what;
}

function lostStatus(
  job: JobPaths,
  owner: Identity | undefined,
  status: Status,
  spec: Spec,
  why: string,
): StatusOf<'ended'> {
  const startedAt = 'startedAt' in status ? status.startedAt : startByShim(job, owner);
  // the stop saw the end of the main process, and was killed before all processes were gone
  const heard = status.phase === 'stopping' && status.ended?.known ? status.ended.at : null;
  return {
    phase: 'ended',
    startedAt,
    endedAt: heard ?? lastSign(job, startedAt ?? spec.createdAt),
    endKnown: heard !== null,
    tookMs: null,
    outcome: { kind: 'lost', why },
    stop: 'stop' in status ? status.stop : null,
  };
}

function shimUsage(job: JobPaths, attempt: number): Usage | null {
  const cpuMs = readShimCpuMs(job, attempt);
  return cpuMs === null ? null : { cpuMs, peakMemoryBytes: null, from: 'shim' };
}

/** When the shim started the job, by the time of its record; null if it did not get that far. */
function startByShim(job: JobPaths, owner: Identity | undefined): number | null {
  return readShim(job, owner).shim === undefined ? null : changedAt(job.shim);
}

/** The last sign of life of a lost job: the real time of its end is unknown. */
const lastSign = (job: JobPaths, atLeast: number): number =>
  Math.max(atLeast, changedAt(job.log) ?? 0, changedAt(job.err) ?? 0);

function changedAt(path: string): number | null {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat ? Math.round(stat.mtimeMs) : null;
}

/**
 * Whether a process is left that will record the end: the FIFO is locked, and owner, shim or watcher lives.
 * The FIFO alone is wrong for the milliseconds in which a killed process still has it open. The pids alone
 * are wrong in another pid namespace; there the FIFO decides.
 */
export function isAttended(job: JobPaths, owner: Identity | undefined): boolean {
  const deadline = systemClock.monotonic() + LINGER_MS;
  while (isLocked(job.alive)) {
    const shim = readShim(job, owner);
    const identities = [owner, shim.shim, shim.watcher].filter((one) => one !== undefined);
    // a supervisor that is not on record yet
    if (identities.length === 0) return true;
    if (identities.some((one) => isAlive(one) !== 'dead')) return true;
    if (systemClock.monotonic() > deadline) return isLockedByStranger(job);
    sleepSync(2);
  }
  return false;
}

/** The adopter of an adopter is in no record until it claims: /proc shows if it has the FIFO open. */
function isLockedByStranger(job: JobPaths): boolean {
  const fifo = filesAt([job.alive]);
  return attemptQuietly(pidsInProc)?.some((pid) => hasOpen(pid, fifo)) ?? false;
}

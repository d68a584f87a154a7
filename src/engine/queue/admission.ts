/**
 * Who may start now: run by every command that meets a queue, by every supervisor at the end of a job, and by keepers. Nobody
 * decides for the others; what must hold rests on the kernel alone:
 *
 * - A job is being started, or runs, while its FIFO `alive` is held: whoever wants to start it holds that first.
 * - It then notes a start, whose number is above all others. It may go on only if fewer jobs than there are slots are held among
 *   those with lower numbers. Of two that cross, the later sees the earlier in any case: never more run than there are slots.
 * - It is started by whoever becomes its next owner, which is an exclusive create.
 *
 * Whoever is killed on the way lets go of the FIFO, and the job waits as before.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { describeThrown, ignoreSystemError, isSystemError } from '../../base/result.ts';
import { EXIT, type Failure } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import {
  countFailedOwners,
  highestGeneration,
  readLastCrash,
  readOwner,
  readSpec,
  readState,
  writeCrash,
} from '../../job/home/records.ts';
import { addLogNote } from '../../job/log/log-note.ts';
import { claimAdmission, listAdmissions } from '../../job/queue/admissions.ts';
import { isPaused, readSlots } from '../../job/queue/queue-files.ts';
import { parseQueueEntry } from '../../job/queue/queue-order.ts';
import type { JobId } from '../../job/spec.ts';
import { makeFifo } from '../launch/alive-fifo.ts';
import {
  closeInherited,
  confirmOwner,
  prepareFiles,
  prepareRoom,
  startSupervisor,
} from '../launch/spawn-supervisor.ts';
import type { QueuedSpec } from '../launch/stored-environment.ts';
import { isAlive, isLocked } from '../os/process-identity.ts';
import { mayRunHere, thisSandboxKey } from './confinement.ts';
import { type Candidate, forgetStale, look, type Scan } from './next-candidate.ts';
import { olderOwner, QueueSnapshot } from './queue-snapshot.ts';
import { keep } from './queue-waiter.ts';
import { dismiss, hasStarted, isTaken } from './queued-job.ts';

/** A job that may be started now, by whoever holds its FIFO: this process. */
export interface Admitted {
  spec: QueuedSpec;
  aliveFd: number;
  /** As which owner it is started: the next one when it was looked at. */
  generation: number;
}

/** Why no more was started, and what the queue waits for. */
export interface Rest {
  reason: 'empty' | 'paused' | 'full' | 'waiting';
  /** How many were started. */
  started: number;
  /** How many slots were free, as of the last look. */
  free: number;
  /** Whether jobs that may run in this sandbox wait for what is said here. */
  ours: boolean;
  /** The next time that one of them waits for, milliseconds since 1970. */
  at: number | null;
  /** Jobs of other queues, or of none, for which they wait. */
  after: JobId[];
  /** Jobs of this queue for which they wait, because an older bgjob runs them: it does not see to what it cannot start. */
  older: JobId[];
}

/** Between two looks at somebody who is about to start a job, milliseconds; and how long such a one is waited for. */
const POLL_MS = 10;
const SETTLE_MS = 10_000;
/** What ended so many supervisors in a row before they started the job would end the next one, too. */
const MOST_FAILED = 3;
/** After a full disk, milliseconds. */
const NO_ROOM_MS = 1000;

/** Takes hold of the job and of a slot. Throws system errors, for want of room on the disk. */
async function admit(
  line: QueueSnapshot,
  { file, spec }: Candidate,
  slots: number,
  handedOn: Mover['handedOn'],
): Promise<Admitted | 'taken' | 'busy' | 'full' | 'failed'> {
  const { home, queue } = line;
  const job = home.job(spec.id);
  // first of all: whoever becomes its owner from here on comes before us, also one that is dead again when we look
  const generation = highestGeneration(job) + 1;
  if (isLocked(job.alive)) return isTaken(job) ? 'taken' : 'busy';
  const made = await makeFifo(home, spec.id);
  if (!made.ok) throw asThrown(made.failure);
  const aliveFd = openSync(job.alive, constants.O_RDWR | constants.O_NOFOLLOW);
  let isKept = false;
  try {
    if (isTaken(job)) {
      forgetStale(line, file, spec.id);
      return 'taken';
    }
    if (generation > MOST_FAILED && countFailedOwners(job) >= MOST_FAILED) return 'failed';
    const state = readState(job);
    const attempt = state.kind === 'read' ? state.value.attempt : 1;
    // before the start is noted: whoever comes after it sees by this that the attempt is being started, see Line.isOver
    if (attempt > 1) prepareRoom(job, attempt);
    const number = claimAdmission(queue, spec.id, thisSandboxKey());
    if (line.occupied(slots, handedOn, { limit: number, except: spec.id }).size >= slots) return 'full';
    prepareFiles(job, spec, attempt);
    isKept = true;
    return { spec, aliveFd, generation };
  } finally {
    if (!isKept) closeSync(aliveFd);
  }
}

/** Ends a job that cannot be started, and says why; others wait for the same slot. */
function giveUp(home: Home, spec: QueuedSpec, why: string): void {
  const job = home.job(spec.id);
  const at = systemClock.now();
  const generation = highestGeneration(job) + 1;
  if (!dismiss(home, spec, { type: 'start-failed', at, why, code: EXIT.bgjob })) return;
  writeCrash(job, generation, { at, why });
  addLogNote(job, `could not be started: ${why}`);
}

function whyFailed(home: Home, { id }: QueuedSpec): string {
  const crash = readLastCrash(home.job(id));
  return `${MOST_FAILED} supervisors in a row ended before they started it${crash ? `: ${crash.why}` : ''}`;
}

const asThrown = (failure: Failure): Error =>
  Object.assign(new Error(failure.code), { code: 'errno' in failure ? failure.errno : 'ENOSYS' });

/** Whether one of these is held by somebody who has not started it yet; with `stays` also by an owner who lives. */
const isPending = (line: QueueSnapshot, ids: Iterable<JobId>, stays: boolean): boolean =>
  [...ids].some((id) => {
    const job = line.home.job(id);
    const owner = readOwner(job);
    const isDead = owner.kind !== 'read' || isAlive(owner.value.identity) === 'dead';
    return (isDead || stays) && !line.own.has(id) && !hasStarted(job);
  });

/** Starts a supervisor of its own for the job. */
export async function startFresh(home: Home, { spec, aliveFd, generation }: Admitted): Promise<boolean> {
  const job = home.job(spec.id);
  try {
    const started = await startSupervisor(home, spec.id, generation, { environmentFd: 'ignore', aliveFd });
    // no process can be made: not of this job alone
    if (!started.ok) throw asThrown(started.failure);
    await confirmOwner(job, generation, started.value);
    return true;
  } finally {
    closeSync(aliveFd);
  }
}

/** Who moves a queue on. */
export interface Mover {
  /** Starts an admitted job; false if somebody else was first. */
  start(admitted: Admitted): Promise<boolean>;
  /** How many at most. */
  most: number;
  /** A job of this process has just ended: its slot is handed on. */
  handedOn: boolean;
  /** It does not leave before what was started has a shim, which outlives its supervisor: nobody else may be there to see that die. */
  stays: boolean;
  /** Whether somebody who is about to start a job, and may be killed before, is waited for. */
  settles: boolean;
}

/** Who starts a process for each job. */
export const moverFor = (home: Home, others: Partial<Mover> = {}): Mover => ({
  start: (admitted) => startFresh(home, admitted),
  most: Number.POSITIVE_INFINITY,
  handedOn: false,
  stays: false,
  settles: true,
  ...others,
});

/** Starts what may start, until no slot is free or nobody's turn has come. Returns what the queue waits for. */
export async function advance(
  line: QueueSnapshot,
  { start, most, handedOn, stays, settles }: Mover,
): Promise<Rest> {
  const { queue } = line;
  let started = 0;
  let free = 0;
  const rest = (
    reason: Rest['reason'],
    { ours = false, at = null, after = new Set(), older = new Set() }: Partial<Scan> = {},
  ): Rest => ({
    ...{ reason, ours, at, started, free, older: [...older] },
    after: [...(after as Set<JobId>)].filter((id) => !isOfQueue(line, id)),
  });
  const deadline = systemClock.monotonic() + SETTLE_MS;
  /** Somebody holds these, which wait: he is about to start them, or has just put them back. */
  const busy = new Set<JobId>();
  /** These and others who are not to be looked at again. */
  const passed = new Set<JobId>();
  for (let before = 0; ; ) {
    if (started >= most) return rest('full');
    if (isPaused(queue)) return rest('paused');
    const slots = readSlots(queue);
    const held = line.occupied(slots, handedOn);
    // somebody died, perhaps before he started what is no more in our list
    if (held.size < before) {
      line.forget();
      passed.clear();
    }
    before = held.size;
    free = slots - held.size;
    const older = line.older(held);
    const found = free > 0 ? look(line, free, passed, older) : undefined;
    // an end by skipping decides about others
    if (found?.skipped) continue;
    const candidate = found?.candidate;
    if (!candidate) {
      const others = [...busy].some((id) => !line.own.has(id));
      const mayChange = settles && (others || isPending(line, held, stays));
      if (mayChange && systemClock.monotonic() < deadline) {
        await systemClock.sleep(POLL_MS);
        for (const id of busy) passed.delete(id);
        busy.clear();
        continue;
      }
      if (!found || found.yields) return rest('full', { older: new Set(older.map(({ id }) => id)) });
      return line.read().length === 0 ? rest('empty') : rest('waiting', found);
    }
    let admitted: Awaited<ReturnType<typeof admit>>;
    try {
      admitted = await admit(line, candidate, slots, handedOn);
    } catch (thrown) {
      // a full disk: the job waits as before
      if (isSystemError(thrown)) return { ...rest('waiting', found), at: systemClock.now() + NO_ROOM_MS };
      giveUp(line.home, candidate.spec, `unexpected error of bgjob: ${describeThrown(thrown)}`);
      passed.add(candidate.entry.id);
      continue;
    }
    if (admitted === 'full') {
      // two that gave way to each other do not keep step
      await systemClock.sleep(POLL_MS * Math.random());
      continue;
    }
    passed.add(candidate.entry.id);
    if (admitted === 'busy') busy.add(candidate.entry.id);
    if (admitted === 'busy') continue;
    line.drop(candidate.file);
    if (admitted === 'failed') giveUp(line.home, candidate.spec, whyFailed(line.home, candidate.spec));
    if (admitted === 'taken' || admitted === 'failed') continue;
    if (!(await start(admitted))) continue;
    started++;
    free--;
  }
}

/** Whether the end of a job moves this queue on by itself: it is one of the queue, and in our sandbox. */
function isOfQueue({ home, name }: QueueSnapshot, id: JobId): boolean {
  const spec = readSpec(home.job(id), id);
  return spec.kind === 'read' && spec.value.placement?.queue === name && mayRunHere(spec.value);
}

/** Whether somebody has to stay for the queue: it waits for what no end of its jobs in this sandbox brings. */
export function needsQueueWaiter(
  line: QueueSnapshot,
  { reason, started, ours, at, after, older }: Rest,
): boolean {
  if (reason === 'waiting') return ours && (at !== null || after.length > 0 || older.length > 0);
  if (reason !== 'full' || started > 0) return false;
  const held = line.held();
  const isServed = listAdmissions(line.queue).some(
    ({ id, sandbox }) =>
      held.has(id) && !line.own.has(id) && sandbox === thisSandboxKey() && !olderOwner(line.home, id),
  );
  return !isServed && line.read().some(({ name }) => line.isOurs(parseQueueEntry(name)!));
}

/** Moves a queue on, and leaves a keeper where one is needed. */
export async function attend(line: QueueSnapshot, mover = moverFor(line.home)): Promise<Rest> {
  const rest = await advance(line, mover);
  if (needsQueueWaiter(line, rest)) await keep(line.home, line.name);
  return rest;
}

/** Moves a queue on from outside: what the death of all processes of a job left undone. A failure is not the caller's. */
export async function attendQueue(home: Home, name: string): Promise<void> {
  try {
    closeInherited();
    await attend(new QueueSnapshot(home, name), moverFor(home, { settles: true }));
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}

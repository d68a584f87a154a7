/**
 * Admission: which waiting jobs of a queue may start now, and their start. Every command that meets a queue
 * runs it, every supervisor at the end of a job, and queue waiters. No process decides for the others; the
 * rules rest on the kernel alone:
 *
 * - A job is being started, or runs, while its FIFO `alive` is locked. A process that wants to start a job
 *   locks it first.
 * - That process then records an admission, whose number is above all others. It looks at all admissions
 *   below that number, and makes its own only if fewer of those jobs are locked than there are slots. The
 *   create is exclusive: of two that cross, one gets the number, and the other looks again and sees it. A
 *   process that was so slow that there is a higher number when it has made its own looks again, too. So
 *   there never run more jobs than there are slots.
 * - The process that becomes the next owner, by an exclusive create, starts the job.
 *
 * If a process is killed on the way, its lock is gone, and the job waits as before.
 *
 * The slots have numbers from 1 on (BGJOB_SLOT). Invariant: two jobs of a queue that run at the same time
 * never have the same number. An admission has the lowest number that no locked job below it has or may get.
 * The job of a lower admission was locked before that admission was made, and stays locked until it has
 * ended. So of two jobs that run at once, the one with the higher admission saw the number of the other one.
 *
 * - Two processes may admit the same job, with different slots. The owner counts: `owner.N` has the slot with
 *   which its process was admitted, and an adopter takes it over. Until then each of these slots is taken. An
 *   admission names the owner number that its process wants, so one that came too late takes none.
 * - No job gets a number above the count of slots. A process that finds no number looks again: an admission
 *   that takes one is about to be decided. A running job keeps its number when the queue gets fewer slots.
 * - A job that an older version admitted has no number, and takes none.
 */
import { closeSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { describeThrown, ignoreSystemError, isSystemError, systemError } from '../../base/result.ts';
import { EXIT, type Failure } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import {
  countFailedOwners,
  foundValue,
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
import { lockAlive, makeFifo } from '../launch/alive-fifo.ts';
import {
  closeInherited,
  confirmOwner,
  prepareFiles,
  prepareRoom,
  startSupervisor,
} from '../launch/spawn-supervisor.ts';
import type { QueuedSpec } from '../launch/stored-environment.ts';
import { attendTarget } from '../launch/target-service.ts';
import { isAlive, isLocked } from '../os/process-identity.ts';
import { type Candidate, findCandidate, forgetStale, type Scan } from './next-candidate.ts';
import { type OlderJob, olderOwner, QueueSnapshot } from './queue-snapshot.ts';
import { startQueueWaiter } from './queue-waiter.ts';
import { dismiss, hasStarted, isTaken } from './queued-job.ts';

/** A job that this process may start now: it has the job's FIFO open. */
export interface Admitted {
  spec: QueuedSpec;
  aliveFd: number;
  /** The owner number of the start: the next one when the job was read. */
  generation: number;
  /** The number of its slot; null in the queue without slots. */
  slot: number | null;
  /** The jobs that took the slots when it was admitted. */
  occupied: ReturnType<QueueSnapshot['occupied']>;
}

/** Why no more jobs were started, and for what the queue waits. */
export interface AdvanceResult {
  reason: 'empty' | 'paused' | 'full' | 'waiting';
  started: number;
  /** Slots that no process will fill by itself. */
  free: number;
  /** Whether jobs that may run in this sandbox wait for the reasons below. */
  ours: boolean;
  /** Whether the turn of some has come, and their target is not reached. */
  unready: boolean;
  /** The next time for which one of them waits, milliseconds since 1970. */
  at: number | null;
  /** Jobs of other queues, or of none, for which they wait. */
  after: JobId[];
  /** Whether some wait for a job of this process, whose end may not be published yet. */
  awaitsOwn: boolean;
  /** Jobs of this queue for which they wait: an older bgjob runs them, which would pass these over. */
  older: JobId[];
}

/** How often and how long another process is polled that is about to start a job, milliseconds. */
const POLL_MS = 10;
const SETTLE_MS = 10_000;
/** After this many supervisors in a row that ended before the start, the next one would end, too. */
const MAX_FAILED = 3;
const NO_ROOM_MS = 1000;

/** Locks the job and takes a slot. Throws system errors, if the disk is full. */
async function admit(
  snapshot: QueueSnapshot,
  { file, spec }: Candidate,
  slots: number,
  handsOn: Mover['handsOn'],
): Promise<Admitted | 'taken' | 'busy' | 'full' | 'failed'> {
  const { home, queue } = snapshot;
  const job = home.job(spec.id);
  if (isLocked(job.alive)) return isTaken(job) ? 'taken' : 'busy';
  // before we lock it: a process that becomes its owner from here on comes before us, even if it is dead when
  // we read its record
  const generation = highestGeneration(job) + 1;
  const made = await makeFifo(home, spec.id);
  if (!made.ok) throw asThrown(made.failure);
  const aliveFd = lockAlive(job);
  let isAdmitted = false;
  try {
    if (isTaken(job)) {
      forgetStale(snapshot, file, spec.id);
      return 'taken';
    }
    const isPatient = snapshot.runner.isPatient;
    if (!isPatient && generation > MAX_FAILED && countFailedOwners(job) >= MAX_FAILED) return 'failed';
    const attempt = foundValue(readState(job))?.attempt ?? 1;
    // before the admission is recorded: it shows later processes that the attempt is being started, see
    // QueueSnapshot.isOver
    if (attempt > 1) prepareRoom(job, attempt);
    const own = { id: spec.id, sandbox: snapshot.runner.key, generation };
    const admission = claimAdmission(queue, own, (number) => {
      const occupied = snapshot.occupied(slots, handsOn, { limit: number, except: spec.id });
      const slot = occupied.ids.size >= slots ? 'full' : snapshot.freeSlot(slots, occupied.ids);
      return slot === 'full' ? slot : { slot, occupied };
    });
    if (!admission) return 'full';
    prepareFiles(job, spec, attempt);
    isAdmitted = true;
    return { spec, aliveFd, generation, ...admission };
  } finally {
    if (!isAdmitted) closeSync(aliveFd);
  }
}

/** Ends a job that cannot be started, with the reason: other jobs wait for the same slot. */
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
  return `${MAX_FAILED} supervisors in a row ended before they started it${crash ? `: ${crash.why}` : ''}`;
}

const asThrown = (failure: Failure): Error =>
  systemError('errno' in failure ? failure.errno : 'ENOSYS', failure.code);

/** Whether a process has locked one of these and not started it yet; with `untilShim` also a living owner. */
const isPending = (snapshot: QueueSnapshot, ids: Iterable<JobId>, untilShim: boolean): boolean =>
  [...ids].some((id) => {
    const job = snapshot.home.job(id);
    const owner = foundValue(readOwner(job));
    const isDead = !owner || isAlive(owner.identity) === 'dead';
    return (isDead || untilShim) && !snapshot.own.has(id) && !hasStarted(job);
  });

async function startFresh(home: Home, { spec, aliveFd, generation, slot }: Admitted): Promise<boolean> {
  const job = home.job(spec.id);
  const owner = { generation, slot };
  try {
    const started = await startSupervisor(home, spec.id, owner, { environmentFd: 'ignore', aliveFd });
    // no process can be made at all
    if (!started.ok) throw asThrown(started.failure);
    await confirmOwner(job, owner, started.value);
    return true;
  } finally {
    closeSync(aliveFd);
  }
}

/** How a process moves a queue on. */
interface Mover {
  /** Starts an admitted job; false if another process was first. */
  start(admitted: Admitted): Promise<boolean>;
  most: number;
  /** A job of this process has just ended, and its slot counts as free. */
  handsOn: boolean;
  /** That job is still locked: no other process has its slot, and only the admission reads the slots. */
  hasSlot: boolean;
  /** It stays until each started job has a shim: if a supervisor dies before, no other process may see it. */
  untilShim: boolean;
  /** It waits for other processes that are about to start a job: they may be killed before. */
  waitsForOthers: boolean;
  /** A job of this process whose end is about to be published. A job that waits for it alone keeps its turn. */
  ending?: JobId;
}

export const moverFor = (home: Home, others: Partial<Mover> = {}): Mover => ({
  start: (admitted) => startFresh(home, admitted),
  most: Number.POSITIVE_INFINITY,
  handsOn: false,
  hasSlot: false,
  untilShim: false,
  waitsForOthers: true,
  ...others,
});

/** Starts jobs until no slot is free or no job may start. Returns for what the queue waits. */
export async function advance(
  snapshot: QueueSnapshot,
  { start, most, handsOn, hasSlot, untilShim, waitsForOthers, ending }: Mover,
): Promise<AdvanceResult> {
  const { queue } = snapshot;
  let started = 0;
  let free = hasSlot ? 1 : 0;
  /** Slots of jobs that ended: their supervisors hand them on. */
  let handedOn = 0;
  const rest = (
    reason: AdvanceResult['reason'],
    { ours = false, unready = false, at = null, after = new Set(), older = new Set() }: Partial<Scan> = {},
  ): AdvanceResult => ({
    ...{ reason, ours, unready, at, started, free: free - handedOn, older: [...older] },
    after: [...(after as Set<JobId>)].filter((id) => !isOfQueue(snapshot, id)),
    awaitsOwn: [...(after as Set<JobId>)].some((id) => snapshot.own.has(id)),
  });
  const deadline = systemClock.monotonic() + SETTLE_MS;
  /** Waiting jobs that are locked: another process is about to start them, or has just put them back. */
  const busy = new Set<JobId>();
  /** These and others that are not considered again. */
  const passed = new Set<JobId>();
  let isListedAgain = false;
  let slots = 0;
  let locked = new Set<JobId>();
  // while other processes take one candidate after the other, the slots are read once
  for (let mayReuse = hasSlot; ; ) {
    if (started >= most) return rest('full');
    const isFresh = !mayReuse;
    mayReuse = false;
    if (isFresh || slots === 0) {
      if (isPaused(queue)) return rest('paused');
      slots = readSlots(queue);
    }
    if (isFresh) {
      const before = locked.size;
      ({ ids: locked, over: handedOn } = snapshot.occupied(slots, handsOn));
      // a process died, perhaps before it started a job that is no longer in our list
      if (locked.size < before) {
        snapshot.forget();
        passed.clear();
      }
      free = slots - locked.size;
    }
    // few jobs ask for them, and each slot must be read for them
    let known: OlderJob[] | undefined;
    const older = () => {
      known ??= snapshot.older(snapshot.locked());
      return known;
    };
    const found = free > 0 ? findCandidate(snapshot, free, passed, older, ending) : undefined;
    // the skipped job may decide about others
    if (found?.skipped) continue;
    const candidate = found?.candidate;
    // once: on a network drive names may be listed that cannot be found yet
    if (found && !candidate && snapshot.isOutdated && !isListedAgain) {
      isListedAgain = true;
      snapshot.forget();
      continue;
    }
    if (!candidate && !isFresh) continue;
    if (!candidate) {
      const others = [...busy].some((id) => !snapshot.own.has(id));
      const mayChange = waitsForOthers && (others || isPending(snapshot, locked, untilShim));
      if (mayChange && systemClock.monotonic() < deadline) {
        await systemClock.sleep(POLL_MS);
        for (const id of busy) passed.delete(id);
        busy.clear();
        continue;
      }
      if (!found || found.yields) return rest('full', { older: new Set(older().map(({ id }) => id)) });
      return snapshot.read().length === 0 ? rest('empty') : rest('waiting', found);
    }
    let admitted: Awaited<ReturnType<typeof admit>>;
    try {
      admitted = await admit(snapshot, candidate, slots, handsOn);
    } catch (thrown) {
      // a full disk: the job waits as before
      if (isSystemError(thrown)) return { ...rest('waiting', found), at: systemClock.now() + NO_ROOM_MS };
      giveUp(snapshot.home, candidate.spec, `unexpected error of bgjob: ${describeThrown(thrown)}`);
      passed.add(candidate.spec.id);
      continue;
    }
    if (admitted === 'full') {
      // jitter, so that two processes that both gave way do not retry in lockstep
      await systemClock.sleep(POLL_MS * Math.random());
      continue;
    }
    passed.add(candidate.spec.id);
    mayReuse = admitted === 'taken' || admitted === 'busy';
    if (admitted === 'busy') busy.add(candidate.spec.id);
    if (admitted === 'busy') continue;
    snapshot.drop(candidate.file);
    if (admitted === 'failed')
      giveUp(snapshot.home, candidate.spec, whyFailed(snapshot.home, candidate.spec));
    if (admitted === 'taken' || admitted === 'failed') continue;
    ({ ids: locked, over: handedOn } = admitted.occupied);
    // with it, so that the next reading shows whether a process died
    locked.add(candidate.spec.id);
    free = slots - locked.size;
    if (!(await start(admitted))) continue;
    // a job that this process has put back runs again
    snapshot.own.delete(candidate.spec.id);
    started++;
  }
}

/** Whether the end of a job moves this queue on by itself: it is a job of the queue, and in our sandbox. */
function isOfQueue({ home, name, runner }: QueueSnapshot, id: JobId): boolean {
  const spec = foundValue(readSpec(home.job(id), id));
  return spec?.placement?.queue === name && runner.mayRun(spec);
}

/** Whether a process has to wait for the queue: no end of its jobs in this sandbox will move it on. */
export function needsQueueWaiter(
  snapshot: QueueSnapshot,
  { reason, started, ours, at, after, older }: AdvanceResult,
): boolean {
  if (reason === 'waiting') return ours && (at !== null || after.length > 0 || older.length > 0);
  if (reason !== 'full' || started > 0) return false;
  const locked = snapshot.locked();
  const isServed = listAdmissions(snapshot.queue).some(
    ({ id, sandbox }) =>
      locked.has(id) &&
      !snapshot.own.has(id) &&
      sandbox === snapshot.runner.key &&
      !olderOwner(snapshot.home, id),
  );
  return !isServed && snapshot.read().some(({ name }) => snapshot.isOurs(parseQueueEntry(name)!));
}

export async function attend(
  snapshot: QueueSnapshot,
  mover = moverFor(snapshot.home),
): Promise<AdvanceResult> {
  const rest = await advance(snapshot, mover);
  if (needsQueueWaiter(snapshot, rest)) await startQueueWaiter(snapshot.home, snapshot.name);
  return rest;
}

/** Moves the queue of a job on that was just added; on a target its service does. */
export async function attendAdded(home: Home, id: JobId, queue: string): Promise<void> {
  const target = foundValue(readSpec(home.job(id), id))?.target;
  await (target ? attendTarget(home, target.key) : attendQueue(home, queue));
}

/** Moves a queue on from outside, after all processes of a job were killed. A failure is not the caller's. */
export async function attendQueue(home: Home, name: string): Promise<void> {
  try {
    closeInherited();
    await attend(new QueueSnapshot(home, name));
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}

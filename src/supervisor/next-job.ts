/**
 * The next job of a queue, after the end of one. This process takes it itself. An adopter, which lives below
 * the shim of the dead supervisor, starts a fresh process instead, and so does a process whose program was
 * replaced by an update. The watcher of the ended job is notified afterwards: if this process is killed before,
 * its adopter starts the next job.
 */
import { closeSync } from 'node:fs';
import { isSystemError } from '../base/result.ts';
import { isProgramReplaced, missingPart } from '../engine/os/own-program.ts';
import { identify } from '../engine/os/process-identity.ts';
import { type Admitted, attend, moverFor } from '../engine/queue/admission.ts';
import { QueueSnapshot } from '../engine/queue/queue-snapshot.ts';
import type { AnchoredHome } from '../job/home/anchored-home.ts';
import { claimOwner } from '../job/home/records.ts';
import type { Identity } from '../job/identity.ts';
import { recordCrash } from './crash.ts';
import { type StartJob, Supervision } from './supervision.ts';

let known: Identity | undefined;
const self = (): Identity => {
  known ??= identify(process.pid)!;
  return known;
};

const snapshots = new Map<string, QueueSnapshot>();

/** The ended job is locked by this process, which hands its slot on; or its slot is free for all. */
type Slot = 'unpublished' | 'locked' | 'free';

/**
 * A failure does not matter for the end of the job: the next bgjob command does what is left. Returns whether
 * a job waits for the end of this one: then the queue must be moved on once more when the end is published.
 */
export async function startNextJob(
  { home, spec, job, owner, mayStartNext, start, isOver }: Supervision,
  slot: Slot,
): Promise<boolean> {
  const name = spec.placement?.queue;
  // another home may have been made in the same directory
  if (name === undefined || !home.isOpen()) return false;
  let snapshot = snapshots.get(name);
  // the home was moved
  if (snapshot?.queue.dir !== home.queue(name).dir) snapshot = new QueueSnapshot(home, name);
  snapshots.set(name, snapshot);
  if (slot === 'free') snapshot.own.delete(spec.id);
  else snapshot.own.add(spec.id);
  const ending = slot === 'unpublished' ? { ending: spec.id } : {};
  try {
    // where Node is gone no fresh process can be started, and this one goes on
    if (!mayStartNext || (isProgramReplaced() && missingPart() === undefined)) {
      return (await attend(snapshot, moverFor(home, { handsOn: isOver, untilShim: true, ...ending })))
        .awaitsOwn;
    }
    const mine = { start: async (admitted: Admitted) => take(home, admitted, start), most: 1, ...ending };
    const hasSlot = slot !== 'free';
    const first = await attend(snapshot, moverFor(home, { ...mine, handsOn: true, hasSlot }));
    if (first.started === 0 || first.free <= 0) return first.awaitsOwn;
    // other free slots are for processes that must be started
    return (await attend(snapshot, moverFor(home, { waitsForOthers: false, ...ending }))).awaitsOwn;
  } catch (thrown) {
    // a full disk, mostly; the end of this job is published anyway
    if (!isSystemError(thrown)) recordCrash({ job, owner }, thrown);
    return false;
  }
}

/**
 * Moves the queue on once more if it was changed since the look before the end: a command that added a job
 * meanwhile found the slot taken, or the job that it waits for without an end.
 */
export async function startAddedJob(supervision: Supervision): Promise<void> {
  const snapshot = snapshots.get(supervision.spec.placement?.queue ?? '');
  if (snapshot?.isChanged) await startNextJob(supervision, 'free');
}

/** Becomes the owner of an admitted job, whose FIFO this process has open; false if it has an owner. */
function take(home: AnchoredHome, { spec, aliveFd, generation, slot }: Admitted, start: StartJob): boolean {
  const job = home.job(spec.id);
  const owner = { generation, identity: self(), slot };
  let isClaimed = false;
  try {
    // a power cut may lose the claim: then the job waits again, and no user was told that it ran
    isClaimed = claimOwner(job, owner, 'none');
  } finally {
    if (!isClaimed) closeSync(aliveFd);
  }
  if (!isClaimed) return false;
  process.title = `bgjob[${spec.id}]`;
  start(new Supervision(home, spec, owner, { isClaimed, aliveFd, start }));
  return true;
}

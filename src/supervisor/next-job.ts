/**
 * After the end of a queued job: the next of its queue. This process takes it itself; an adopter, which lives below the shim of a
 * dead supervisor's job, starts a fresh one, and so does a process whose program was replaced by an update. The watcher of the job that ended is told only then: if we are killed on the way, its
 * adopter moves the queue on.
 */
import { closeSync } from 'node:fs';
import { isSystemError } from '../base/result.ts';
import { isProgramReplaced } from '../engine/os/own-program.ts';
import { identify } from '../engine/os/process-identity.ts';
import { type Admitted, attend, moverFor } from '../engine/queue/admission.ts';
import { QueueSnapshot } from '../engine/queue/queue-snapshot.ts';
import type { AnchoredHome } from '../job/home/anchored-home.ts';
import { claimOwner } from '../job/home/records.ts';
import type { Identity } from '../job/identity.ts';
import { noteCrash } from './crash.ts';
import { type StartJob, Supervision } from './supervision.ts';

let known: Identity | undefined;
const self = (): Identity => {
  known ??= identify(process.pid)!;
  return known;
};

/** What this process knows of each queue. */
const lines = new Map<string, QueueSnapshot>();

/**
 * Moves the queue of a job on, mostly of one that ended; `holds`: its watcher is told afterwards. A failure is no reason not to tell
 * the end: the next command does what is left.
 */
export async function moveOn(
  { home, spec, job, owner, mayTake, start, isOver }: Supervision,
  holds: boolean,
): Promise<void> {
  const name = spec.placement?.queue;
  // another home may have been made in its place
  if (name === undefined || !home.isOpen()) return;
  let line = lines.get(name);
  // it was moved
  if (line?.queue.dir !== home.queue(name).dir) line = new QueueSnapshot(home, name);
  lines.set(name, line);
  if (holds) line.own.add(spec.id);
  else line.own.delete(spec.id);
  try {
    if (!mayTake || isProgramReplaced()) {
      await attend(line, moverFor(home, { handsOn: isOver, untilShim: true }));
      return;
    }
    const mine = { start: async (admitted: Admitted) => take(home, admitted, start), most: 1 };
    const { started, free } = await attend(line, moverFor(home, { ...mine, handsOn: true }));
    // what is free beside it is for processes that have to be started
    if (started > 0 && free > 0) await attend(line, moverFor(home, { waitsForOthers: false }));
  } catch (thrown) {
    // a full disk, mostly; the end of this job is told in any case
    if (!isSystemError(thrown)) noteCrash({ job, owner }, thrown);
  }
}

/** Becomes the owner of a job whose FIFO this process holds, and starts it; false if somebody else is. */
function take(home: AnchoredHome, { spec, aliveFd, generation }: Admitted, start: StartJob): boolean {
  const job = home.job(spec.id);
  const owner = { generation, identity: self() };
  let isClaimed = false;
  try {
    // a power cut may take it: then the job waits again, and nobody was told that it ran
    isClaimed = claimOwner(job, owner, false);
  } finally {
    if (!isClaimed) closeSync(aliveFd);
  }
  if (!isClaimed) return false;
  process.title = `bgjob[${spec.id}]`;
  start(new Supervision(home, spec, owner, { isClaimed, aliveFd, start }));
  return true;
}

/**
 * The queue waiter: sleeps until something that its queue waits for may have happened, and starts what may
 * start.
 */
import { setMaxListeners } from 'node:events';
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { sleep, systemClock } from '../base/clock.ts';
import { removeQuietly } from '../base/fs/atomic-write.ts';
import { thisSandboxKey } from '../engine/launch/confinement.ts';
import { isProgramReplaced, missingPart } from '../engine/os/own-program.ts';
import { HAS_PROC } from '../engine/os/process-identity.ts';
import { claimInstance } from '../engine/os/process-lock.ts';
import { type AdvanceResult, advance, moverFor, needsQueueWaiter } from '../engine/queue/admission.ts';
import { QueueSnapshot } from '../engine/queue/queue-snapshot.ts';
import { startQueueWaiter } from '../engine/queue/queue-waiter.ts';
import { waitEnded } from '../engine/wait/job-end.ts';
import type { Home } from '../job/home/home.ts';
import type { JobId } from '../job/spec.ts';
import { ALIVE_FD } from './supervision.ts';

/** The longest sleep, milliseconds: the wall clock may be changed. */
const POLL_MS = 10_000;
const MOST_AWAITED = 64;
const UPDATE_MS = 30_000;
const UPDATE_POLL_MS = 500;

export async function runQueueWaiter(home: Home, name: string): Promise<void> {
  // one listener per awaited job
  setMaxListeners(0);
  const snapshot = new QueueSnapshot(home, name);
  // as in the name of its FIFO: one of an older bgjob may run beside it
  const claim = claimInstance(snapshot.queue.dir, `${thisSandboxKey()}s`);
  if (claim === undefined) return;
  const nudges = new Socket({ fd: ownFifo(), readable: true, writable: false });
  // the process that wakes us still has the ended job locked
  const mover = moverFor(home, { handsOn: true, untilShim: true });
  for (;;) {
    // the next bgjob command starts another waiter from its program
    if (!(await untilComplete())) break;
    const rest = await advance(snapshot, mover);
    // the queue or the home was removed
    if (!needsQueueWaiter(snapshot, rest) || !existsSync(snapshot.queue.waiting)) break;
    await awaitChange(home, rest, nudges);
    // the next queue waiter runs the new program
    if (isProgramReplaced()) break;
    // a cancelled job is not waited for any more
    snapshot.forget();
  }
  // The lock goes first: a waiter that is started once the FIFO is gone must not find it, and leave.
  removeQuietly(claim);
  // a process that comes from now on starts another waiter. What came before is read once more
  removeQuietly(snapshot.queue.queueWaiter(thisSandboxKey()));
  if (missingPart() === undefined && needsQueueWaiter(snapshot, await advance(snapshot, mover)))
    await startQueueWaiter(home, name);
  nudges.destroy();
}

/** Waits for an update of bgjob to be complete; false if a part of the program stays away. */
async function untilComplete(): Promise<boolean> {
  const deadline = systemClock.monotonic() + UPDATE_MS;
  while (missingPart() !== undefined && systemClock.monotonic() < deadline) await sleep(UPDATE_POLL_MS);
  return missingPart() === undefined;
}

/** A new open file of the FIFO: a process that starts another queue's job closes the inherited one. */
function ownFifo(): number {
  if (!HAS_PROC) return ALIVE_FD;
  const fd = openSync(`/proc/self/fd/${ALIVE_FD}`, constants.O_RDWR | constants.O_NONBLOCK);
  closeSync(ALIVE_FD);
  return fd;
}

async function awaitChange(home: Home, { at, after, older }: AdvanceResult, nudges: Socket): Promise<void> {
  const over = new AbortController();
  const end = () => over.abort();
  nudges.once('data', end);
  const pause = Math.min(POLL_MS, at === null ? POLL_MS : Math.max(0, at - systemClock.now()));
  const ends = [...older, ...after]
    .slice(0, MOST_AWAITED)
    .map((id: JobId) => waitEnded(home, id, over.signal));
  await Promise.race([sleep(pause, over.signal), ...ends]);
  end();
  nudges.off('data', end);
  await Promise.all(ends);
}

/** A keeper: sleeps until what its queue waits for may have come, and starts what may start. It leaves when it is not needed. */
import { setMaxListeners } from 'node:events';
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { sleep, systemClock } from '../base/clock.ts';
import { removeQuietly } from '../base/fs/atomic-write.ts';
import { isProgramReplaced } from '../engine/os/own-program.ts';
import { HAS_PROC } from '../engine/os/process-identity.ts';
import { claimInstance } from '../engine/os/process-lock.ts';
import { type AdvanceResult, advance, moverFor, needsQueueWaiter } from '../engine/queue/admission.ts';
import { thisSandboxKey } from '../engine/queue/confinement.ts';
import { QueueSnapshot } from '../engine/queue/queue-snapshot.ts';
import { startQueueWaiter } from '../engine/queue/queue-waiter.ts';
import { waitEnded } from '../engine/wait/job-end.ts';
import type { Home } from '../job/home/home.ts';
import type { JobId } from '../job/spec.ts';
import { ALIVE_FD } from './supervision.ts';

/** Behind the bytes and the ends, and where the wall clock may be set, milliseconds. */
const POLL_MS = 10_000;
/** So many jobs are waited for at once; the next ones when these ended. */
const MOST_AWAITED = 64;

export async function runQueueWaiter(home: Home, name: string): Promise<void> {
  // one listener per job that is waited for
  setMaxListeners(0);
  const line = new QueueSnapshot(home, name);
  const claim = claimInstance(line.queue.dir, `${thisSandboxKey()}n`);
  if (claim === undefined) return;
  const nudges = new Socket({ fd: ownFifo(), readable: true, writable: false });
  // woken by one who leaves: he still holds the job that ended
  const mover = moverFor(home, { handsOn: true, untilShim: true });
  for (;;) {
    const rest = await advance(line, mover);
    // somebody removed the queue, or the home
    if (!needsQueueWaiter(line, rest) || !existsSync(line.queue.waiting)) break;
    await awaitChange(home, rest, nudges);
    // the next keeper is of the new program
    if (isProgramReplaced()) break;
    // what was cancelled is nothing to wait for any more
    line.forget();
  }
  // whoever comes from here on finds no keeper and starts one; what came before is looked at once more
  removeQuietly(line.queue.keeper(thisSandboxKey()));
  removeQuietly(claim);
  if (needsQueueWaiter(line, await advance(line, mover))) await startQueueWaiter(home, name);
  nudges.destroy();
}

/** The FIFO anew: what is inherited is closed by whoever moves another queue on. */
function ownFifo(): number {
  if (!HAS_PROC) return ALIVE_FD;
  const fd = openSync(`/proc/self/fd/${ALIVE_FD}`, constants.O_RDWR | constants.O_NONBLOCK);
  closeSync(ALIVE_FD);
  return fd;
}

/** Resolves when a byte comes, at the time that is waited for, or with the end of one of the jobs. */
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

/**
 * Waits for the end of a job: it sleeps in the kernel on the job's FIFO, which is closed when the end is
 * published. It subscribes first and reads then, so that an end between the two is not missed. A queue in
 * which the job waits is moved on from here if its processes were killed.
 */
import { closeSync, constants, existsSync, fstatSync, openSync } from 'node:fs';
import { sleep, systemClock } from '../../base/clock.ts';
import { attemptQuietly } from '../../base/result.ts';
import { type Failure, ok } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import type { JobId, Spec } from '../../job/spec.ts';
import type { JobView, LiveView } from '../../job/view.ts';
import { makeFifo } from '../launch/alive-fifo.ts';
import { attendTarget } from '../launch/target-service.ts';
import { observe } from '../observe/observe.ts';
import { attendQueue } from '../queue/admission.ts';

/** The poll behind the FIFO, in case the job's directory is replaced. */
const POLL_MS = 10_000;
/** The poll of a job in a queue: if all processes that would move the queue on were killed, we do. */
const QUEUED_POLL_MS = 1000;
/** The poll of a job whose FIFO tells nothing yet. */
const SHORT_MS = 20;
/** The poll of a job on a target whose service is not there. */
const UNSERVED_MS = 200;

/** Resolves when no process has the FIFO open any more; `undefined` if there is no FIFO. */
export function waitUnlocked(job: JobPaths, abort: AbortSignal): Promise<void> | undefined {
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;
  const fd = attemptQuietly(() => openSync(job.alive, O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
  if (fd === undefined) return undefined;
  // something else has that name, which a socket would not accept
  if (!fstatSync(fd).isFIFO()) {
    closeSync(fd);
    return undefined;
  }
  // loaded only here: most commands do not wait
  const { Socket } = require('node:net') as typeof import('node:net');
  // a socket waits in epoll; fs.read would block a thread of the pool
  const socket = new Socket({ fd, readable: true, writable: false });
  return new Promise((resolve) => {
    const close = () => socket.destroy();
    socket.once('close', () => {
      abort.removeEventListener('abort', close);
      resolve();
    });
    socket.on('error', close);
    abort.addEventListener('abort', close, { once: true });
    socket.resume();
  });
}

const attended = new Map<string, number>();

/** Starts the service of a job on a target that has none. */
export async function attendFar(home: Home, { spec, far }: LiveView): Promise<void> {
  if (spec.target && far?.isServed === false) await attendTarget(home, spec.target.key);
}

/** Moves a queue on in which a job is waited for: once a second, for any number of jobs. */
export async function attendNow(home: Home, queue: string): Promise<void> {
  const now = systemClock.monotonic();
  if (now - (attended.get(queue) ?? Number.NEGATIVE_INFINITY) < QUEUED_POLL_MS / 2) return;
  attended.set(queue, now);
  await attendQueue(home, queue);
}

const isSameJob = (a: Spec, b: Spec): boolean =>
  a.createdAt === b.createdAt && a.createdMonotonicMs === b.createdMonotonicMs;

/** The job as it is now; undefined if it was removed. Another home, with a job of this number, may be there. */
export function observeAgain(home: Home, { id, spec }: LiveView): JobView | undefined {
  const view = observe(home, id);
  return view && 'spec' in view && !isSameJob(view.spec, spec) ? undefined : view;
}

/**
 * Returns the job when it is no longer live, or as it is when `abort` fires; undefined if it was removed
 * meanwhile. `onTrouble` gets, once, the reason why a job in a queue gets no FIFO: without one it cannot
 * start, and is polled.
 */
export async function waitEnded(
  home: Home,
  id: JobId,
  abort: AbortSignal,
  onTrouble: (failure: Failure) => void = () => {},
): Promise<JobView | undefined> {
  // many jobs ended long ago: those load no socket
  const first = observe(home, id);
  if (first?.kind !== 'live') return first;
  const over = new AbortController();
  const signal = AbortSignal.any([abort, over.signal]);
  try {
    let isNotified = false;
    for (let released: Promise<'released'> | undefined; ; ) {
      released ??= waitUnlocked(home.job(id), signal)?.then(() => 'released');
      const view = observeAgain(home, first);
      if (view?.kind !== 'live' || signal.aborted) return view;
      const queue = view.status.phase === 'queued' ? view.spec.placement?.queue : undefined;
      if (queue !== undefined) {
        // made here if necessary, and opened before the job is read again
        const made = released ? ok(undefined) : await makeFifo(home, id);
        if (!made.ok && !isNotified) onTrouble(made.failure);
        isNotified ||= !made.ok;
        if (!released && made.ok && existsSync(home.job(id).alive)) {
          released = waitUnlocked(home.job(id), signal)?.then(() => 'released');
          if (released) continue;
        }
        await attendNow(home, queue);
      }
      // if no process holds the FIFO when it is opened, no event comes
      await attendFar(home, view);
      const pause = queue !== undefined ? QUEUED_POLL_MS : released ? POLL_MS : SHORT_MS;
      const slept = sleep(pause, signal);
      // a race without `released` would be won at once, again and again
      const nudge = await (released ? Promise.race([released, slept]) : slept);
      if (nudge !== 'released') continue;
      released = undefined;
      // unlocked but live: it is still being launched, or its service was killed; do not spin
      const now = observeAgain(home, first);
      if (now?.kind !== 'live') continue;
      await attendFar(home, now);
      await sleep(now.spec.target ? UNSERVED_MS : SHORT_MS, signal);
    }
  } finally {
    over.abort();
  }
}

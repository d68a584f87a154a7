/**
 * Waiting for the end of a job: a sleep in the kernel, on the FIFO that is closed when the end is published. Subscribe first, then read: an end between the two would otherwise never be noticed.
 */
import { closeSync, constants, existsSync, fstatSync, openSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { ignoreSystemError } from '../../base/result.ts';
import { type Failure, ok } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import type { JobId, Spec } from '../../job/spec.ts';
import type { JobView } from '../../job/view.ts';
import { makeFifo } from '../launch/alive-fifo.ts';
import { observe } from '../observe/observe.ts';
import { attendQueue } from '../queue/admission.ts';

/** Behind the FIFO, in case a job's directory is replaced under the waiter. */
const POLL_MS = 10_000;
/** Between two looks at a job that waits in a queue: if all processes that would move that on were killed, we do. */
const QUEUED_POLL_MS = 1000;
/** Between two looks at a job whose FIFO says nothing yet. */
const SHORT_MS = 20;

/** Resolves when nobody holds the FIFO any more, at once if nobody does; `undefined` if there is none. */
export function letGo(job: JobPaths, abort: AbortSignal): Promise<void> | undefined {
  let fd: number;
  try {
    fd = openSync(job.alive, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (thrown) {
    ignoreSystemError(thrown);
    return undefined;
  }
  // somebody put something else there, and a socket would not take it
  if (!fstatSync(fd).isFIFO()) {
    closeSync(fd);
    return undefined;
  }
  // loaded where something waits: most commands do not
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

/** A sleep that ends early with the signal. */
export function sleep(ms: number, abort: AbortSignal): Promise<void> {
  if (abort.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      abort.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    abort.addEventListener('abort', finish, { once: true });
  });
}

const attended = new Map<string, number>();

/** Moves a queue on in which somebody waits for a job: once a second, for however many jobs. */
export async function attendNow(home: Home, queue: string): Promise<void> {
  const now = systemClock.monotonic();
  if (now - (attended.get(queue) ?? Number.NEGATIVE_INFINITY) < QUEUED_POLL_MS / 2) return;
  attended.set(queue, now);
  await attendQueue(home, queue);
}

const isSameJob = (a: Spec, b: Spec): boolean =>
  a.createdAt === b.createdAt && a.createdMonotonicMs === b.createdMonotonicMs;

/**
 * The job when it is no longer live, or as it is when `abort` fires; undefined if it was removed meanwhile. `onTrouble` hears, once,
 * why a job that waits in a queue gets no FIFO: without one it cannot start, and is looked at from time to time.
 */
export async function waitEnded(
  home: Home,
  id: JobId,
  abort: AbortSignal,
  onTrouble: (failure: Failure) => void = () => {},
): Promise<JobView | undefined> {
  // many ended long ago: nothing is loaded to listen to those
  const first = observe(home, id);
  if (first?.kind !== 'live') return first;
  // another home with a job of this number may be made at the path meanwhile
  const look = (): JobView | undefined => {
    const view = observe(home, id);
    return view && 'spec' in view && !isSameJob(view.spec, first.spec) ? undefined : view;
  };
  const mine = new AbortController();
  const end = () => mine.abort();
  abort.addEventListener('abort', end, { once: true });
  if (abort.aborted) end();
  try {
    let isNotified = false;
    for (let released: Promise<'released'> | undefined; ; ) {
      released ??= letGo(home.job(id), mine.signal)?.then(() => 'released');
      const view = look();
      if (view?.kind !== 'live' || mine.signal.aborted) return view;
      const queue = view.status.phase === 'queued' ? view.spec.placement?.queue : undefined;
      if (queue !== undefined) {
        // made here if need be, and opened before it is asked again whether the job still waits
        const made = released ? ok(undefined) : await makeFifo(home, id);
        if (!made.ok && !isNotified) onTrouble(made.failure);
        isNotified ||= !made.ok;
        if (!released && made.ok && existsSync(home.job(id).alive)) {
          released = letGo(home.job(id), mine.signal)?.then(() => 'released');
          if (released) continue;
        }
        await attendNow(home, queue);
      }
      const pause = queue !== undefined ? QUEUED_POLL_MS : released ? POLL_MS : SHORT_MS;
      const slept = sleep(pause, mine.signal);
      // a race with nobody would be won at once, again and again
      const nudge = await (released ? Promise.race([released, slept]) : slept);
      if (nudge !== 'released') continue;
      released = undefined;
      // let go, and yet alive: it is still being launched; do not spin
      if (look()?.kind === 'live') await sleep(SHORT_MS, mine.signal);
    }
  } finally {
    end();
    abort.removeEventListener('abort', end);
  }
}

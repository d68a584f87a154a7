/**
 * The queue waiter: a process without a job. It stays while a queue waits for an event that the end of its
 * own jobs does not bring: a time, a job of another queue, or a slot taken by a job of another sandbox. There
 * is one per queue and sandbox. It holds a FIFO open, and a byte wakes it. A shell restarts it if it is
 * killed. This file starts and wakes it; supervisor/queue-waiter.ts runs it.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { hasReader, wakeReader } from '../../base/fs/fifo.ts';
import type { Home } from '../../job/home/home.ts';
import type { QueuePaths } from '../../job/home/paths.ts';
import { stampQueue } from '../../job/queue/queue-files.ts';
import { sandboxKey } from '../../job/queue/queue-order.ts';
import type { JobView } from '../../job/view.ts';
import { makeFifoAt } from '../launch/alive-fifo.ts';
import { thisSandboxKey } from '../launch/confinement.ts';
import { RESTART_LOOP, spawnDetached } from '../launch/spawn-supervisor.ts';
import { nodeProgram, SUPERVISOR } from '../os/own-program.ts';
import { requireTool } from '../os/programs.ts';

const { O_RDWR, O_NONBLOCK, O_NOFOLLOW } = constants;

/** Wakes the waiters of a queue in a sandbox, also those of an older bgjob; false if there is none. */
export function nudgeQueueWaiter(queue: QueuePaths, sandbox: string): boolean {
  const fifos = [queue.queueWaiter(sandbox), ...queue.olderQueueWaiters(sandbox)];
  return fifos.filter(wakeReader).length > 0;
}

/** Makes sure that a waiter of this sandbox waits for the queue. Throws system errors. */
export async function startQueueWaiter(home: Home, name: string): Promise<void> {
  const queue = home.queue(name);
  const fifo = queue.queueWaiter(thisSandboxKey());
  if (wakeReader(fifo)) return;
  const made = await makeFifoAt(home, fifo);
  if (!made.ok) return;
  // open until the new process has it open: others find a waiter meanwhile
  const fd = openSync(fifo, O_RDWR | O_NONBLOCK | O_NOFOLLOW);
  try {
    const child = spawnDetached(
      null,
      requireTool('sh'),
      ['-c', RESTART_LOOP, 'sh', nodeProgram(), SUPERVISOR, home.path, name, '--keep'],
      ['ignore', fd],
    );
    child.on('error', () => {});
  } finally {
    closeSync(fd);
  }
}

export const hasQueueWaiter = (queue: QueuePaths, sandbox: string): boolean =>
  hasReader(queue.queueWaiter(sandbox));

/** Wakes the waiters of jobs that were cancelled: a waiter that is not needed any more ends at once. */
export function wakeQueueWaiters(home: Home, views: JobView[]): void {
  const waiters = new Map<string, [queue: string, sandbox: string]>();
  for (const view of views) {
    const placement = 'spec' in view ? view.spec.placement : null;
    if (!placement) continue;
    const sandbox = sandboxKey(placement);
    waiters.set(`${placement.queue} ${sandbox}`, [placement.queue, sandbox]);
  }
  for (const [name, sandbox] of waiters.values()) {
    const queue = home.queue(name);
    // without a new stamp the waiter would use the list that it has
    stampQueue(queue);
    nudgeQueueWaiter(queue, sandbox);
  }
}

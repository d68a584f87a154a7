/**
 * A keeper: the process without a job that stays where a queue waits for something that no end of its own jobs brings: a time, a
 * job of another queue, or a slot that jobs of another sandbox hold. One per queue and sandbox. It holds a FIFO, and a byte wakes
 * it. A shell starts it again if it is killed.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { hasReader, wakeReader } from '../../base/fs/atomic-write.ts';
import type { Home } from '../../job/home/home.ts';
import type { QueuePaths } from '../../job/home/paths.ts';
import { stampQueue } from '../../job/queue/queue-files.ts';
import { sandboxKey } from '../../job/queue/queue-order.ts';
import type { JobView } from '../../job/view.ts';
import { makeFifoAt } from '../launch/alive-fifo.ts';
import { ownEnvironment } from '../launch/environment.ts';
import { SUPERVISOR } from '../launch/spawn-supervisor.ts';
import { requireTool } from '../os/programs.ts';
import { thisSandboxKey } from './confinement.ts';

const { O_RDWR, O_NONBLOCK, O_NOFOLLOW } = constants;

/** Wakes the keepers of a queue in a sandbox, that of an older bgjob among them; false if there is none. */
export function nudgeQueueWaiter(queue: QueuePaths, sandbox: string): boolean {
  const isOld = wakeReader(queue.olderQueueWaiter(sandbox));
  return wakeReader(queue.keeper(sandbox)) || isOld;
}

/** A shell line that starts a command again while a signal ends it; not for ever. */
export const AGAIN = 'while "$@"; [ $? -gt 128 ] && [ $((n=n+1)) -lt 1000 ]; do :; done';

/** Makes sure that a keeper waits for the queue in this sandbox. Throws system errors. */
export async function keep(home: Home, name: string): Promise<void> {
  const queue = home.queue(name);
  const fifo = queue.keeper(thisSandboxKey());
  if (wakeReader(fifo)) return;
  const made = await makeFifoAt(home, fifo);
  if (!made.ok) return;
  // held until the keeper holds it: who comes meanwhile finds one
  const fd = openSync(fifo, O_RDWR | O_NONBLOCK | O_NOFOLLOW);
  try {
    const { spawn } = require('node:child_process') as typeof import('node:child_process');
    const child = spawn(
      requireTool('sh'),
      ['-c', AGAIN, 'sh', process.execPath, SUPERVISOR, home.path, name, '--keep'],
      {
        argv0: `bgjob[${name}]`,
        cwd: '/',
        detached: true,
        stdio: ['ignore', 'ignore', 'ignore', 'ignore', fd],
        env: { ...ownEnvironment(process.env), NODE_V8_COVERAGE: undefined },
      },
    );
    child.on('error', () => {});
    child.unref();
  } finally {
    closeSync(fd);
  }
}

/** Whether a queue has a keeper in a sandbox; it is not woken. */
export const hasQueueWaiter = (queue: QueuePaths, sandbox: string): boolean =>
  hasReader(queue.keeper(sandbox));

/** Jobs wait no more, without an end by a supervisor: a keeper that nobody needs leaves now, and not at its next look. */
export function wakeKeepers(home: Home, views: JobView[]): void {
  const keepers = new Map<string, [queue: string, sandbox: string]>();
  for (const view of views) {
    const placement = 'spec' in view ? view.spec.placement : null;
    if (!placement) continue;
    const sandbox = sandboxKey(placement);
    keepers.set(`${placement.queue} ${sandbox}`, [placement.queue, sandbox]);
  }
  for (const [name, sandbox] of keepers.values()) {
    const queue = home.queue(name);
    // else it would go by the list that it has
    stampQueue(queue);
    nudgeQueueWaiter(queue, sandbox);
  }
}

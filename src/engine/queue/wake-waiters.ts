/** Keepers as others see them: whether there is one, and that it may leave. */
import { hasReader } from '../../base/fs/atomic-write.ts';
import type { Home } from '../../job/home/home.ts';
import type { QueuePaths } from '../../job/home/paths.ts';
import { stampQueue } from '../../job/queue/queue-files.ts';
import { sandboxKey } from '../../job/queue/queue-order.ts';
import type { JobView } from '../../job/view.ts';
import { nudgeKeeper } from './queue-waiter.ts';

/** Whether a queue has a keeper in a sandbox; it is not woken. */
export const hasKeeper = (queue: QueuePaths, sandbox: string): boolean => hasReader(queue.keeper(sandbox));

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
    nudgeKeeper(queue, sandbox);
  }
}

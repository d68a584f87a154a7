/** Keepers as others see them: whether there is one, and that it may leave. */
import { hasReader } from '../base/files.ts';
import type { Home } from '../job/home.ts';
import type { JobView } from '../job/job.ts';
import type { QueuePaths } from '../job/paths.ts';
import { sandboxKey } from '../job/queue.ts';
import { stampQueue } from '../job/queues.ts';
import { nudgeKeeper } from './keeping.ts';

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

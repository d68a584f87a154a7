/** Keepers as others see them: whether there is one, and that it may leave. */
import * as fs from 'node:fs';
import { errnoOf } from '../base/failure.ts';
import type { Home } from '../job/home.ts';
import type { JobView } from '../job/job.ts';
import type { QueuePaths } from '../job/paths.ts';
import { sandboxKey } from '../job/queue.ts';
import { stampQueue } from '../job/queues.ts';
import { nudgeKeeper } from './keeping.ts';

const { O_WRONLY, O_NONBLOCK, O_NOFOLLOW } = fs.constants;

/** Whether a queue has a keeper in a sandbox; it is not woken. */
export function hasKeeper(queue: QueuePaths, sandbox: string): boolean {
  let fd: number;
  try {
    // refused where nobody has it open to read; to read it ourselves would take the bytes that wake it
    fd = fs.openSync(queue.keeper(sandbox), O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
  } catch (thrown) {
    errnoOf(thrown);
    return false;
  }
  const isFifo = fs.fstatSync(fd).isFIFO();
  fs.closeSync(fd);
  return isFifo;
}

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

/** Waits of a job for itself, for a job that started it, or for its slot: they may never end. */

import { callerJob, callerJobs } from '../../engine/observe/caller-jobs.ts';
import { observe } from '../../engine/observe/observe.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { readSlots } from '../../job/queue/queue-files.ts';
import type { JobView } from '../../job/view.ts';
import { queueOf } from '../messages/job-text.ts';
import { ancestorText, ownSlotText, selfWaitRefusal } from '../messages/wait.ts';
import type { Output } from '../output/output.ts';

/** With --any another of several jobs may end first: that is allowed. */
export function refuseSelfWait(home: Home, views: JobView[], any: boolean, hint: string): Result<void> {
  const own = callerJob(home, process.env);
  if (own === null || !views.some(({ id }) => id === own) || (any && views.length > 1)) return ok(undefined);
  return fail(selfWaitRefusal(own, hint));
}

/** Warns where a job that is waited for may wait for this call. */
export function noteSelfWait(output: Output, home: Home, views: JobView[]): void {
  const own = callerJob(home, process.env);
  if (own === null || output.json) return;
  const callers = callerJobs(home, process.env);
  const above = views.filter(({ id, kind }) => id !== own && kind === 'live' && callers.has(id));
  if (above.length > 0)
    output.note(
      ancestorText(
        above.map(({ id }) => id),
        own,
      ),
    );
  const queues = new Set(views.flatMap((view) => (isQueued(view) ? (queueOf(view) ?? []) : [])));
  for (const queue of queues) {
    const holders = [...callers].filter((id) => isInSlot(observe(home, id), queue));
    if (!holders.includes(own) || holders.length < readSlots(home.queue(queue))) continue;
    output.note(ownSlotText(queue, own));
  }
}

const isQueued = (view: JobView): boolean => view.kind === 'live' && view.status.phase === 'queued';
const isInSlot = (view: JobView | undefined, queue: string): boolean =>
  view?.kind === 'live' && !isQueued(view) && queueOf(view) === queue;

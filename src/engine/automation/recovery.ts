/**
 * What every command does in passing: a queue whose processes were all killed is moved on by the next command, whatever it is, and
 * the jobs that serve schedules and triggers are started again. It
 * costs those nothing that meet neither, and little where somebody sees to it.
 */
import { existsSync, opendirSync } from 'node:fs';
import { ignoreSystemError } from '../../base/result.ts';
import { listSchedules, readSchedule } from '../../job/automation/schedule.ts';
import { isTemplatePaused } from '../../job/automation/template-records.ts';
import { ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { listAdmissions } from '../../job/queue/admissions.ts';
import { foldersOf, isPaused, listQueues, readSlots } from '../../job/queue/queue-files.ts';
import { NO_QUEUE } from '../../job/queue/queue-order.ts';
import type { JobId } from '../../job/spec.ts';
import { isLocked } from '../os/process-identity.ts';
import { attendQueue } from '../queue/admission.ts';
import { isInThisNamespace, thisSandboxKey } from '../queue/confinement.ts';
import { olderOwner } from '../queue/queue-snapshot.ts';
import { hasQueueWaiter } from '../queue/queue-waiter.ts';
import { listenersOf } from './listener-status.ts';
import { begin, callOn, isServed, jobOf, type ServiceJob, schedulerOf } from './service-jobs.ts';

function isEmpty(folder: string): boolean {
  // not readdir: there may be 10,000
  const dir = opendirSync(folder);
  try {
    return dir.readSync() === null;
  } finally {
    dir.closeSync();
  }
}

/** Whether jobs wait in a queue, and nobody in this sandbox will see to it. */
export function isLeft(home: Home, name: string): boolean {
  const queue = home.queue(name);
  if (isPaused(queue) || foldersOf(queue).every(isEmpty)) return false;
  const key = thisSandboxKey();
  if (hasQueueWaiter(queue, key)) return false;
  // where there is no end of slots, jobs that run say nothing of those that wait
  if (name === NO_QUEUE) return true;
  const running = listAdmissions(queue).filter(({ id }) => id > 0 && isLocked(home.job(id).alive));
  const isFull = new Set(running.map(({ id }) => id)).size >= readSlots(queue);
  return !isFull || running.every(({ id, sandbox }) => sandbox !== key || olderOwner(home, id) !== undefined);
}

/** The schedules that are to be served here. */
const schedulesHere = (home: Home): string[] =>
  listSchedules(home).filter((name) => {
    const read = isTemplatePaused(home.schedule(name)) ? undefined : readSchedule(home, name);
    return read?.kind === 'read' && isInThisNamespace(read.value);
  });

/** One of our own jobs that is needed, and for whom. */
export interface Served {
  serves: ServiceJob['serves'];
  id: JobId;
  names: string[];
}

/** Makes sure that everything is served which is to be, and returns when it is. */
export async function serveAll(home: Home): Promise<Result<Served[]>> {
  const served: Served[] = [];
  const names = schedulesHere(home);
  if (names.length > 0) {
    const scheduler = schedulerOf(home);
    const called = await callOn(home, scheduler);
    if (!called.ok) return called;
    served.push({ serves: 'schedules', id: jobOf(home, scheduler)?.id ?? 0, names });
  }
  for (const listener of listenersOf(home)) {
    const called = await callOn(home, listener.service);
    if (!called.ok) return called;
    served.push({ serves: 'triggers', id: jobOf(home, listener.service)?.id ?? 0, names: listener.names });
  }
  return ok(served);
}

/** Moves on the queues that nobody else will. What goes wrong is not the caller's. */
export const attendQueues = (home: Home): Promise<void> =>
  quietly(async () => {
    if (!existsSync(home.queues)) return;
    for (const name of listQueues(home)) if (isLeft(home, name)) await attendQueue(home, name);
  });

/** The same, and starts what serves schedules and triggers if it is gone; but not at once after somebody killed it (`kills`). */
export async function attendLeft(home: Home, kills = false): Promise<void> {
  await attendQueues(home);
  if (!kills) await quietly(() => startMissing(home));
}

async function startMissing(home: Home): Promise<void> {
  for (const { service } of existsSync(home.triggers) ? listenersOf(home) : [])
    if (!isServed(service)) await begin(home, service);
  if (!existsSync(home.schedules)) return;
  const scheduler = schedulerOf(home);
  if (!isServed(scheduler) && schedulesHere(home).length > 0) await begin(home, scheduler);
}

async function quietly(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}

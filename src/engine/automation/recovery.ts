/**
 * Crash recovery, run at the end of every command: advances queues whose processes were all killed, adopts
 * running jobs without a supervisor, restarts the scheduler and the listeners, and replaces those whose
 * program is gone.
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
import { adoptOrphans } from '../launch/adopt-orphan.ts';
import { isInThisNamespace, thisSandboxKey } from '../launch/confinement.ts';
import {
  isServed,
  jobOf,
  type ServiceJob,
  startService,
  type TemplateService,
} from '../launch/service-launch.ts';
import { startMissingTargets, targetServiceOf, targetsHere } from '../launch/target-service.ts';
import { isLocked } from '../os/process-identity.ts';
import { attendQueue } from '../queue/admission.ts';
import { olderOwner } from '../queue/queue-snapshot.ts';
import { hasQueueWaiter } from '../queue/queue-waiter.ts';
import { listenersOf } from './listener-status.ts';
import { type BrokenService, brokenService, ensureServed, schedulerOf, stopBroken } from './service-jobs.ts';

function isEmpty(folder: string): boolean {
  // not readdir: there may be 10,000 entries
  const dir = opendirSync(folder);
  try {
    return dir.readSync() === null;
  } finally {
    dir.closeSync();
  }
}

/** Whether jobs wait in a queue, and no process of this sandbox will start them. */
export function isQueueOrphaned(home: Home, name: string): boolean {
  const queue = home.queue(name);
  if (isPaused(queue) || foldersOf(queue).every(isEmpty)) return false;
  const key = thisSandboxKey();
  if (hasQueueWaiter(queue, key)) return false;
  // the queue without slots: its running jobs say nothing about the waiting ones
  if (name === NO_QUEUE) return true;
  const running = listAdmissions(queue).filter(({ id }) => id > 0 && isLocked(home.job(id).alive));
  const isFull = new Set(running.map(({ id }) => id)).size >= readSlots(queue);
  return !isFull || running.every(({ id, sandbox }) => sandbox !== key || olderOwner(home, id) !== undefined);
}

const schedulesHere = (home: Home): string[] =>
  listSchedules(home).filter((name) => {
    const read = isTemplatePaused(home.schedule(name)) ? undefined : readSchedule(home, name);
    return read?.kind === 'read' && isInThisNamespace(read.value);
  });

/**
 * Makes sure that all schedules and triggers of these namespaces are served. Returns, when they are, the
 * service jobs with the names that each serves.
 */
export async function serveAll(
  home: Home,
): Promise<Result<{ serves: TemplateService['serves']; id: JobId; names: string[] }[]>> {
  const served = [];
  const scheduler = { service: schedulerOf(home), names: schedulesHere(home) };
  for (const { service, names } of [scheduler, ...listenersOf(home)]) {
    if (names.length === 0) continue;
    const called = await ensureServed(home, service);
    if (!called.ok) return called;
    served.push({ serves: service.serves, id: jobOf(home, service)?.id ?? 0, names });
  }
  return ok(served);
}

/** Advances the queues that no other process will. A failure is not the caller's. */
export const recoverQueues = (home: Home): Promise<void> =>
  quietly(async () => {
    for (const name of existsSync(home.queues) ? listQueues(home) : [])
      if (isQueueOrphaned(home, name)) await attendQueue(home, name);
  });

/** The same, and restarts the services that are gone, but not right after a `kill` ended one (`kills`). */
export async function recoverAll(home: Home, kills = false): Promise<void> {
  await recoverQueues(home);
  await quietly(async () => adoptOrphans(home));
  if (!kills) await quietly(() => startMissing(home));
}

/** The services that the schedules and triggers of these namespaces need. */
function neededServices(home: Home): TemplateService[] {
  const listeners = existsSync(home.triggers) ? listenersOf(home).map(({ service }) => service) : [];
  const needsScheduler = existsSync(home.schedules) && schedulesHere(home).length > 0;
  return [...listeners, ...(needsScheduler ? [schedulerOf(home)] : [])];
}

/** Of one command, so that it returns soon; the next one goes on. */
const MOST_STARTED = 8;

async function startMissing(home: Home): Promise<void> {
  for (const { target } of targetsHere(home)) await stopBroken(home, targetServiceOf(home, target));
  await startMissingTargets(home);
  let started = 0;
  for (const service of neededServices(home)) {
    await stopBroken(home, service);
    if (isServed(service)) continue;
    const begun = await startService(home, service);
    const wasThere = begun.ok && begun.value === undefined;
    if (!wasThere && ++started === MOST_STARTED) return;
  }
}

/** The needed services whose program is gone. */
export const brokenServices = (home: Home): (BrokenService & Pick<ServiceJob, 'serves'>)[] =>
  [...neededServices(home), ...targetsHere(home).map(({ target }) => targetServiceOf(home, target))].flatMap(
    (service) => {
      const broken = brokenService(home, service);
      return broken ? { serves: service.serves, ...broken } : [];
    },
  );

async function quietly(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}

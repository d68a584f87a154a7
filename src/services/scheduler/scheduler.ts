/**
 * The scheduler: a service that starts the jobs of schedules. It sleeps until the next time, until another
 * process wakes it, or for ten seconds, and then compares the clock with the times that it has handled. What
 * must survive a kill is on disk: a claim for each time before its job is started, and a journal. A shell
 * restarts a killed scheduler.
 */
import { systemClock } from '../../base/clock.ts';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { schedulerOf } from '../../engine/automation/service-jobs.ts';
import { thisNamespaceKey } from '../../engine/launch/confinement.ts';
import { listSchedules, readSchedule } from '../../job/automation/schedule.ts';
import { EXIT } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { isWanted, mustRestart, RESTART, startSuccessor, WakeFifo, waitForClaim } from '../service.ts';
import { logLine } from '../service-log.ts';
import { ScheduleRunner } from './schedule-runner.ts';

/** Returns whether the program must restart. */
async function runSchedules(home: Home): Promise<boolean> {
  const service = schedulerOf(home);
  const claim = await waitForClaim(home, home.schedules, thisNamespaceKey());
  if (claim === undefined) return false;
  const fifo = new WakeFifo(home, service.fifo);
  await fifo.open();
  const runners = new Map<string, ScheduleRunner>();
  while (isWanted(home)) {
    if (mustRestart(() => listSchedules(home).map((name) => readSchedule(home, name)))) {
      fifo.close();
      removeQuietly(claim);
      return true;
    }
    const next = await poll(home, runners);
    if (next !== null) {
      await fifo.wait(next - systemClock.now());
      continue;
    }
    fifo.close();
    // a process that added a schedule before this has woken us, and not a successor
    if ((await poll(home, runners)) === null) {
      logLine('no schedule is left, or all are paused');
      removeQuietly(claim);
      return false;
    }
    await fifo.open();
  }
  fifo.close();
  removeQuietly(claim);
  await startSuccessor(home, service);
  return false;
}

/** The time of the next poll; null: there is nothing to run. */
async function poll(home: Home, runners: Map<string, ScheduleRunner>): Promise<number | null> {
  const names = listSchedules(home);
  for (const name of runners.keys()) if (!names.includes(name)) runners.delete(name);
  let next: number | null = null;
  for (const name of names) {
    const runner = runners.get(name) ?? new ScheduleRunner(home, name);
    runners.set(name, runner);
    // checked between the schedules, too
    const at = isWanted(home) ? await runner.poll() : null;
    if (at !== null) next = Math.min(next ?? Number.POSITIVE_INFINITY, at);
  }
  return next;
}

/** Until there are none. Returns the exit code. */
export async function serveSchedules(home: Home): Promise<number> {
  process.title = 'bgjob[scheduler]';
  // loaded now: an update or a removal of bgjob may take the file away
  await import('../../job/automation/timetable.ts');
  logLine(`serves ${listSchedules(home).join(', ')}`);
  return (await runSchedules(home)) ? RESTART : EXIT.ok;
}

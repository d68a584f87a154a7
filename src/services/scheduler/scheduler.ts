/**
 * The scheduler: the job that starts what schedules say. It sleeps until the next time, a call, or for ten seconds, and then compares
 * the clock with what it has handled. All that must survive a kill is on disk: a claim for each time before its job is
 * started, and a journal. A shell starts it again when it is killed.
 */
import { systemClock } from '../../base/clock.ts';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { schedulerOf } from '../../engine/automation/service-jobs.ts';
import { thisNamespaceKey } from '../../engine/queue/confinement.ts';
import { listSchedules, readSchedule } from '../../job/automation/schedule.ts';
import { EXIT } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { becomeInstance, Calls, followUp, isWanted, mustRenew, RENEW } from '../service.ts';
import { tell } from '../service-log.ts';
import { ScheduleRunner } from './schedule-runner.ts';

/** True: a process of the new program has to take over. */
async function schedule(home: Home): Promise<boolean> {
  const service = schedulerOf(home);
  const claim = await becomeInstance(home, home.schedules, thisNamespaceKey());
  if (claim === undefined) return false;
  const calls = new Calls(home, service.fifo);
  await calls.open();
  const rotas = new Map<string, ScheduleRunner>();
  while (isWanted(home)) {
    if (mustRenew(() => listSchedules(home).map((name) => readSchedule(home, name)))) {
      calls.close();
      removeQuietly(claim);
      return true;
    }
    const next = await look(home, rotas);
    if (next !== null) {
      await calls.next(next - systemClock.now());
      continue;
    }
    calls.close();
    // whoever added one before that has called on us, and not on the next
    if ((await look(home, rotas)) === null) {
      tell('no schedule is left, or all are paused');
      removeQuietly(claim);
      return false;
    }
    await calls.open();
  }
  calls.close();
  removeQuietly(claim);
  await followUp(home, service);
  return false;
}

/** Starts what is due, and returns when to look again; null: there is nothing to look after. */
async function look(home: Home, rotas: Map<string, ScheduleRunner>): Promise<number | null> {
  const names = listSchedules(home);
  for (const name of rotas.keys()) if (!names.includes(name)) rotas.delete(name);
  let next: number | null = null;
  for (const name of names) {
    const rota = rotas.get(name) ?? new ScheduleRunner(home, name);
    rotas.set(name, rota);
    // between two of many, too
    const at = isWanted(home) ? await rota.look() : null;
    if (at !== null) next = Math.min(next ?? Number.POSITIVE_INFINITY, at);
  }
  return next;
}

/** Looks after the schedules of a home, until there are none. Returns the exit code. */
export async function serveSchedules(home: Home): Promise<number> {
  process.title = 'bgjob[scheduler]';
  tell(`looks after ${listSchedules(home).join(', ')}`);
  return (await schedule(home)) ? RENEW : EXIT.ok;
}

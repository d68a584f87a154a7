/**
 * The service of a target, from outside: its job, and the calls that wake it or start it again. One service has
 * all jobs of its target: it starts them, copies their output, records their ends.
 */
import { existsSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { wakeReader } from '../../base/fs/fifo.ts';
import { ignoreSystemError } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';
import type { Target } from '../../job/target.ts';
import { listTargetJobs, listTargetKeys, readTarget } from '../../job/targets/target-records.ts';
import { missingPart } from '../os/own-program.ts';
import { isTargetHere } from './confinement.ts';
import { isServed, type ServiceJob, startService } from './service-launch.ts';

/** How long the end of a service, or its start by another process, may take, milliseconds. */
const ENDING_MS = 2000;
const POLL_MS = 20;

export const targetServiceOf = (home: Home, { name, key }: Pick<Target, 'name' | 'key'>): ServiceJob => ({
  serves: 'target',
  // the name of a job has neither `:` nor `@`
  name: `target-${name.replace(/[^A-Za-z0-9._-]/g, '_').slice(0, 40)}-${key.slice(0, 4)}`,
  fifo: home.target(key).wake,
  args: [key],
});

/** Wakes the service of a target, and starts it if it does not run. Does not wait; a failure is not the caller's. */
export async function attendTarget(home: Home, key: string): Promise<void> {
  try {
    const record = readTarget(home, key);
    if (!record || wakeReader(home.target(key).wake)) return;
    if (missingPart() !== undefined || !isTargetHere(record.added)) return;
    const service = targetServiceOf(home, record.target);
    // a service that is about to end does not see the newest job
    for (const deadline = systemClock.monotonic() + ENDING_MS; systemClock.monotonic() < deadline; ) {
      const started = await startService(home, service);
      if (!started.ok || started.value !== undefined || wakeReader(service.fifo)) return;
      await systemClock.sleep(POLL_MS);
    }
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}

/** Its services try to reach it now. */
export function hurryTarget(home: Home, name: string): void {
  for (const key of listTargetKeys(home))
    if (readTarget(home, key)?.target.name === name) wakeReader(home.target(key).wake);
}

/** The targets of these namespaces on which jobs wait or run. */
export function targetsHere(home: Home): { key: string; target: Target; jobs: number }[] {
  if (!existsSync(home.targets)) return [];
  return listTargetKeys(home).flatMap((key) => {
    const record = readTarget(home, key);
    const jobs = listTargetJobs(home, key).length;
    return jobs > 0 && record && isTargetHere(record.added) ? [{ key, target: record.target, jobs }] : [];
  });
}

/** Starts the services of these namespaces whose jobs have none. */
export async function startMissingTargets(home: Home): Promise<void> {
  for (const { key, target } of targetsHere(home))
    if (!isServed(targetServiceOf(home, target))) await attendTarget(home, key);
}

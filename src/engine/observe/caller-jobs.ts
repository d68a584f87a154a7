/**
 * The job from which a call is made, and the jobs that started it: a wait for one of these may be a wait for
 * itself.
 */
import type { Home } from '../../job/home/home.ts';
import { foundValue, readSpec } from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';

/** The job from which a call is made; null if it is made from no job of this home. */
export function callerJob(home: Home, env: NodeJS.ProcessEnv): JobId | null {
  const id = env['BGJOB_ID'] ?? '';
  return env['BGJOB_TOKEN'] === home.token && /^[1-9]\d{0,14}$/.test(id) ? Number(id) : null;
}

/** The job from which a call is made, then the jobs that started it; empty outside of jobs of this home. */
export function callerJobs(home: Home, env: NodeJS.ProcessEnv): Set<JobId> {
  const ids = new Set<JobId>();
  let id = callerJob(home, env);
  while (id !== null && !ids.has(id)) {
    ids.add(id);
    id = foundValue(readSpec(home.job(id), id))?.parent ?? null;
  }
  return ids;
}

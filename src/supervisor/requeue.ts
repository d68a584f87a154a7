/** What is different for a queued job: where its environment is, and what happens after a failed attempt. */
import { removeQuietly } from '../base/fs/atomic-write.ts';
import { ignoreSystemError } from '../base/result.ts';
import { storeEnvironment, wasQueued } from '../engine/launch/stored-environment.ts';
import { howEnded } from '../engine/queue/queued-job.ts';
import type { Home } from '../job/home/home.ts';
import { markLive, unmarkLive } from '../job/home/job-index.ts';
import type { JobPaths } from '../job/home/paths.ts';
import { foundValue, readSettings } from '../job/home/records.ts';
import { whyNotRetried } from '../job/lifecycle.ts';
import { headingOf, writeAttemptStart } from '../job/log/attempt-start.ts';
import { addLogNote, writeLogNote } from '../job/log/log-note.ts';
import { addEntry, findEntry, makeQueue, markStarted, renameEntry } from '../job/queue/queue-files.ts';
import { entryName } from '../job/queue/queue-order.ts';
import { changesLimits, type Settings } from '../job/settings.ts';
import type { Spec } from '../job/spec.ts';
import type { Attempt, StatusOf } from '../job/state.ts';

interface Attempted {
  readonly home: Home;
  readonly spec: Spec;
  readonly job: JobPaths;
  readonly attempt: number;
  readonly last: Attempt | undefined;
}

/** Removes the entry of a job that runs, and its environment if it is not needed again. */
export function dequeue({ home, spec, job, attempt }: Attempted): void {
  if (!wasQueued(spec)) return;
  try {
    const isNeeded = spec.keepEnv || spec.onExit !== null || attempt <= spec.retry;
    if (isNeeded) storeEnvironment(home, spec);
    if (!isNeeded) removeQuietly(job.env);
    const entry = findEntry(home, spec);
    if (entry) markStarted(home, spec.id, entry);
    else markLive(home, spec.id);
  } catch (thrown) {
    // a process that finds the entry sees that the job runs
    ignoreSystemError(thrown);
  }
}

const settingsOf = (home: Home, { id }: Spec): Settings =>
  foundValue(readSettings(home.job(id)))?.settings ?? {};

/** `hasRun`: its entry was removed at the start. Throws system errors. */
export function putBack(home: Home, spec: Spec, notBefore: number, hasRun: boolean): void {
  if (!wasQueued(spec)) return;
  const queue = makeQueue(home, spec.placement.queue);
  // `set` may have changed it since this process read the spec
  const { priority = spec.placement.priority, ...limits } = settingsOf(home, spec);
  // the jobs that it waited for are over, and may be removed
  const placement = { ...spec.placement, priority, after: [] };
  const folder = changesLimits(limits) ? queue.changed : queue.waiting;
  // its dead processes must not be taken for those of the next attempt
  removeQuietly(home.job(spec.id).shim);
  const name = entryName(spec.id, spec.project, placement, { notBefore });
  const entry = hasRun ? undefined : findEntry(home, spec);
  if (entry) renameEntry(queue, entry, name, folder);
  else addEntry(queue, name, folder);
  unmarkLive(home, spec.id);
}

/** Says in the log why a failure is not run again, if --retry-on is the reason. */
export function noteNoRetry(job: JobPaths, spec: Spec, attempt: number, ended: StatusOf<'ended'>): void {
  const why = whyNotRetried(spec, attempt, ended);
  if (why !== undefined) addLogNote(job, `not run again: ${why}`);
}

export function writeHeading({ attempt, spec, job, last }: Attempted, log: number): void {
  const how = last ? `, after it ${howEnded(last.outcome)}` : '';
  writeAttemptStart(job, attempt);
  writeLogNote(job, log, headingOf(attempt, spec.retry + 1, how));
}

/**
 * Checks the jobs and queues of a home: unreadable records, lost jobs that left processes running, orphaned
 * queues.
 */
import { systemClock } from '../../base/clock.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import type { Home } from '../../job/home/home.ts';
import { parseId } from '../../job/home/ids.ts';
import { foundValue, readLastCrash, readSpec } from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';
import { readSilence } from '../../job/targets/target-records.ts';
import type { JobView } from '../../job/view.ts';
import { brokenServices, isQueueOrphaned, recoverAll } from '../automation/recovery.ts';
import { isServed } from '../launch/service-launch.ts';
import { readStoredEnvironment } from '../launch/stored-environment.ts';
import { targetServiceOf, targetsHere } from '../launch/target-service.ts';
import { countLeftovers, markedProcesses } from '../observe/leftovers.ts';
import { observe } from '../observe/observe.ts';
import { QueueOverview, type QueueStatus } from '../queue/queue-status.ts';
import type { Finding } from './findings.ts';

/** How long records are read, the newest first, milliseconds: there may be thousands. */
const READ_MS = 400;
/** So many jobs are checked in any case: on a busy machine the time is over after a few. */
const LEAST = 50;

/** Clocks of machines that share a home differ by less, milliseconds. */
const SLACK_MS = 60_000;

export interface Inventory {
  findings: Finding[];
  looked: number;
  jobs: number;
}

async function checkView(
  home: Home,
  view: JobView,
  marked: () => Promise<Map<JobId, number[]>>,
): Promise<Finding[]> {
  const { id } = view;
  if (view.kind === 'unreadable') return [{ code: 'job-unreadable', id, why: view.why }];
  const crash = readLastCrash(home.job(id));
  if (crash) return [{ code: 'supervisor-failed', id, why: crash.why }];
  if (view.kind === 'live' && view.status.phase === 'queued') {
    const stored = readStoredEnvironment(home, view.spec);
    if (stored.kind === 'unreadable') return [{ code: 'job-unreadable', id, why: stored.why }];
  }
  if (view.kind !== 'ended' || view.status.outcome.kind !== 'lost') return [];
  const left = countLeftovers(home, view, await marked());
  return left === 0 ? [] : [{ code: 'job-adrift', id, name: view.spec.name, left }];
}

/** How many jobs are listed of each kind; of the others only the count. */
const MAX_LISTED = 10;

function bounded(findings: Finding[]): Finding[] {
  return (['job-unreadable', 'job-adrift', 'supervisor-failed'] as const).flatMap((like): Finding[] => {
    const all = findings.filter(({ code }) => code === like);
    const more: Finding[] = [{ code: 'more-jobs', like, count: all.length - MAX_LISTED }];
    return all.length > MAX_LISTED ? [...all.slice(0, MAX_LISTED), ...more] : all;
  });
}

function checkQueue(home: Home, queue: QueueStatus): Finding[] {
  const { name, waiting: count } = queue;
  if (count === 0 || queue.isPaused || queue.running.size >= queue.slots) return [];
  // jobs on targets wait for their service: see checkTargets
  const local = queue.first.filter((id) => !foundValue(readSpec(home.job(id), id))?.target);
  if (local.length === 0) return [];
  const ids = local.filter((id) => queue.isStranded(id));
  if (ids.length > 0) return [{ code: 'queue-stranded', queue: name, ids, count }];
  return isQueueOrphaned(home, name) ? [{ code: 'queue-left', queue: name, count }] : [];
}

function checkTargets(home: Home): Finding[] {
  return targetsHere(home).flatMap(({ target, key, jobs }): Finding[] => {
    if (!isServed(targetServiceOf(home, target))) return [{ code: 'target-unserved', target, jobs }];
    const silence = readSilence(home, key);
    return silence ? [{ code: 'target-silent', target, jobs, silence }] : [];
  });
}

/** Checks the jobs and queues of a home, after the recovery that every command does. */
export async function checkJobs(home: Home): Promise<Inventory> {
  const broken = brokenServices(home);
  await recoverAll(home);
  const still = new Set(brokenServices(home).map(({ job }) => job.id));
  const until = systemClock.monotonic() + READ_MS;
  const ids = namesIn(home.jobs).flatMap((name) => parseId(name) ?? []);
  ids.sort((a, b) => b - a);
  let known: Promise<Map<JobId, number[]>> | undefined;
  const marked = () => {
    known ??= markedProcesses(home);
    return known;
  };
  const found: Finding[] = [];
  let looked = 0;
  let latest: { id: JobId; createdAt: number } | undefined;
  for (const id of ids) {
    if (looked >= LEAST && systemClock.monotonic() > until) break;
    looked++;
    const view = observe(home, id);
    if (!view) continue;
    found.push(...(await checkView(home, view, marked)));
    if ('spec' in view && !(view.spec.createdAt <= (latest?.createdAt ?? 0))) latest = view.spec;
  }
  const findings = bounded(found);
  const aheadMs = (latest?.createdAt ?? 0) - systemClock.now();
  if (latest && aheadMs > SLACK_MS) findings.push({ code: 'clock-behind', id: latest.id, aheadMs });
  for (const { serves, job, missing } of broken)
    findings.push({
      code: 'service-broken',
      serves,
      id: job.id,
      path: missing,
      replaced: !still.has(job.id),
    });
  findings.push(...new QueueOverview(home).queues.flatMap((queue) => checkQueue(home, queue)));
  findings.push(...checkTargets(home));
  return { findings, looked, jobs: ids.length };
}

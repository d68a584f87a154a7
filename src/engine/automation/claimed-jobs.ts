/**
 * The claims of a schedule or trigger that have no event. A process was killed while it started the job, or could
 * not write to the journal. Claim and job tell what became of the time. Readers show that at once, and the next
 * scheduler writes it down. A paused schedule has no scheduler, perhaps for months.
 */
import { basename } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { countBetween, LATE_MS } from '../../job/automation/due.ts';
import type { Schedule } from '../../job/automation/schedule.ts';
import {
  readEvents,
  recordedUntil,
  SCHEDULER_ENDED,
  type TemplateEvent,
  type UnnotedClaim,
  unnotedClaims,
} from '../../job/automation/template-records.ts';
import type { Timetable } from '../../job/automation/timetable.ts';
import type { Home } from '../../job/home/home.ts';
import { isRetired } from '../../job/home/ids.ts';
import type { TemplatePaths } from '../../job/home/paths.ts';
import { readSpec } from '../../job/home/records.ts';
import type { JobId, Spec } from '../../job/spec.ts';
import { claimStateOf } from '../observe/name-owner.ts';
import { isAlive } from '../os/process-identity.ts';

/** A schedule as it was read; `timetable` undefined: its expression is none. */
export interface Times {
  schedule: Schedule;
  timetable: Timetable | undefined;
}

/** The job that was started on a claim; `spec` undefined: it cannot be read. */
interface ClaimedJob {
  id: JobId;
  spec: Spec | undefined;
}

/** A process that lives is starting it, unless it is this one, which does one thing at a time. */
const isBeingStarted = ({ claim }: UnnotedClaim): boolean =>
  claim !== undefined && isAlive(claim.by) !== 'dead' && claim.by.pid !== process.pid;

function jobStartedOn(home: Home, paths: TemplatePaths, unnoted: UnnotedClaim): ClaimedJob | undefined {
  const { key, claim } = unnoted;
  if (!claim) return undefined;
  const id = claim.job;
  const read = readSpec(home.job(id), id);
  if (read.kind === 'absent') return undefined;
  const spec = read.kind === 'read' ? read.value : undefined;
  if (spec) {
    const { origin } = spec;
    // otherwise the id belongs to another job
    if (origin?.kind !== 'schedule' && origin?.kind !== 'trigger') return undefined;
    if (origin.name !== basename(paths.dir)) return undefined;
    if (origin.kind === 'schedule' && String(origin.at) !== key) return undefined;
  }
  const { claimState, view } = claimStateOf(home, id);
  // without an owner a job is not started, if no process has it locked and its launcher is dead
  const isStarted =
    view?.kind !== 'live' || (isBeingStarted(unnoted) ? claimState === 'owns' : claimState !== 'none');
  return isStarted ? { id, spec } : undefined;
}

/** The jobs that were started, and have no event yet. */
export const jobsWithoutEvent = (home: Home, paths: TemplatePaths, events: TemplateEvent[]): JobId[] =>
  unnotedClaims(paths, events).flatMap((unnoted) => jobStartedOn(home, paths, unnoted)?.id ?? []);

/** The event that a claimed time should have; `again`: its job may be started; null: that is not decided yet. */
export function eventOfClaim(
  home: Home,
  paths: TemplatePaths,
  { schedule, timetable }: Times,
  unnoted: UnnotedClaim,
): TemplateEvent | 'again' | null {
  const at = Number(unnoted.key);
  const now = systemClock.now();
  const common = { at, until: null, delivery: null };
  const job = jobStartedOn(home, paths, unnoted);
  if (job) {
    const times = timesMadeUpFor(paths, { schedule, timetable }, at);
    const notedAt = job.spec?.createdAt ?? at;
    const by = times > 1 || notedAt - at > LATE_MS ? 'catch-up' : 'time';
    return { ...common, did: 'started', times, why: null, job: job.id, by, notedAt };
  }
  if (isBeingStarted(unnoted)) return null;
  const ended = { ...common, times: 1, why: SCHEDULER_ENDED, job: null, by: 'time', notedAt: now } as const;
  const { claim } = unnoted;
  if (!claim || isRetired(home, claim.job)) return { ...ended, did: 'failed' };
  return now - at > LATE_MS && !schedule.catchUp ? { ...ended, did: 'missed' } : 'again';
}

/** How many times the job of a time made up for, with that one. */
export function timesMadeUpFor(paths: TemplatePaths, { schedule, timetable }: Times, at: number): number {
  if (!schedule.catchUp || !timetable) return 1;
  return countBetween(timetable, recordedUntil(paths, schedule.createdAt, at - 1), at)?.times ?? 1;
}

/** The events of a schedule, with those that are not written yet. */
export function eventsWithClaims(home: Home, name: string, times: Times): TemplateEvent[] {
  const paths = home.schedule(name);
  const events = readEvents(paths);
  const found = unnotedClaims(paths, events).flatMap((unnoted) => {
    const event = eventOfClaim(home, paths, times, unnoted);
    return event === null || event === 'again' ? [] : event;
  });
  if (found.length === 0) return events;
  return [...events, ...found].sort((one, other) => one.notedAt - other.notedAt);
}

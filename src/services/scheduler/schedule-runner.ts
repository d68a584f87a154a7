/** Runs one schedule: which of its times are handled, and what happens at those that are due. */
import { systemClock } from '../../base/clock.ts';
import { describeThrown, errnoOf } from '../../base/result.ts';
import { eventOfClaim, type Times, timesMadeUpFor } from '../../engine/automation/claimed-jobs.ts';
import { liveJobs, startFrom } from '../../engine/automation/start-once.ts';
import { isInThisNamespace } from '../../engine/launch/confinement.ts';
import { missingPart } from '../../engine/os/own-program.ts';
import { dueBetween, LATE_MS } from '../../job/automation/due.ts';
import { readSchedule, type Schedule } from '../../job/automation/schedule.ts';
import {
  appendEvent,
  forgetClaim,
  isTemplatePaused,
  listClaimed,
  NO_SCHEDULER,
  readEvents,
  recordedUntil,
  type TemplateEvent,
  type UnnotedClaim,
  unnotedClaims,
} from '../../job/automation/template-records.ts';
import type { Timetable } from '../../job/automation/timetable.ts';
import type { Home } from '../../job/home/home.ts';
import type { TemplatePaths } from '../../job/home/paths.ts';
import { ownJob, POLL_MS, startFailureText } from '../service.ts';
import { logLine } from '../service-log.ts';

/** With --overlap queue. */
const MOST_WAITING = 100;
/** So many claims stay, as a protection against a clock that is set back. */
const MOST_CLAIMS = 2000;
/** For so long a due time waits for an update of bgjob to be complete, less than LATE_MS, milliseconds. */
const UPDATE_MS = 30_000;
const RETRY_MS = 500;

type Reason = Pick<TemplateEvent, 'did' | 'why' | 'job' | 'by'>;

export class ScheduleRunner {
  private readonly paths: TemplatePaths;
  private current: { schedule: Schedule; timetable: Timetable } | undefined;
  private handled = 0;
  private isFirstPoll = true;
  private isSettled = false;
  private complaint: string | undefined;
  private goneSince: number | undefined;

  constructor(
    private readonly home: Home,
    private readonly name: string,
  ) {
    this.paths = home.schedule(name);
  }

  /** The time of the next poll; null: the schedule is paused, or is not run here. Never throws. */
  async poll(): Promise<number | null> {
    try {
      return await this.pollOnce();
    } catch (thrown) {
      // the other schedules go on; a job that was started may have no event
      this.isSettled = false;
      return this.complain(describeThrown(thrown));
    }
  }

  private async pollOnce(): Promise<number | null> {
    const read = readSchedule(this.home, this.name);
    if (read.kind !== 'read') return this.complain(read.kind === 'absent' ? 'it has no record' : read.why);
    const schedule = read.value;
    if (!isInThisNamespace(schedule)) return null;
    // `resume` adds events for the times of the pause, and the journal is read again then
    if (isTemplatePaused(this.paths)) {
      this.current = undefined;
      return null;
    }
    const timetable = await this.timetableOf(schedule);
    if (!timetable) return systemClock.now() + POLL_MS;
    const now = systemClock.now();
    if (this.current?.schedule.createdAt !== schedule.createdAt)
      await this.begin({ schedule, timetable }, now);
    if (!this.isSettled) await this.settleAll({ schedule, timetable });
    this.current = { schedule, timetable };
    // the clock was set back; times that were started have a claim
    if (now < this.handled) this.handled = now;
    // after a pause and a resume between two polls, the journal tells about the times between
    if (dueBetween(timetable, schedule, this.handled, now))
      this.handled = Math.max(this.handled, recordedUntil(this.paths, schedule.createdAt, now));
    const due = dueBetween(timetable, schedule, this.handled, now);
    const wasGone = this.goneSince !== undefined;
    if (due?.fire != null && this.mayReturn()) return now + RETRY_MS;
    if (due) {
      const gap = now - this.handled > 3 * POLL_MS;
      if (due.missed) {
        const why = this.isFirstPoll ? NO_SCHEDULER : wasGone ? WAS_GONE : gap ? SLEPT : TOO_OFTEN;
        const { at, until, times } = due.missed;
        this.record(at, times, { did: 'missed', why, job: null, by: 'time' }, until);
      }
      if (due.fire !== null) await this.fire(schedule, due.fire, due.covers, 1);
    }
    this.handled = now;
    this.isFirstPoll = false;
    return timetable.next(systemClock.now()) ?? now + POLL_MS;
  }

  /** Whether a part of our program is gone, and not for long: an update may be about to put it back. */
  private mayReturn(): boolean {
    const at = systemClock.monotonic();
    this.goneSince = missingPart() === undefined ? undefined : (this.goneSince ?? at);
    return this.goneSince !== undefined && at - this.goneSince < UPDATE_MS;
  }

  private async timetableOf(schedule: Schedule): Promise<Timetable | undefined> {
    const { expression, timezone, createdAt } = schedule;
    if (this.current?.schedule.createdAt === createdAt) return this.current.timetable;
    const { parseTimetable } = await import('../../job/automation/timetable.ts');
    const parsed = parseTimetable(expression, timezone, createdAt);
    if (!parsed.ok) this.complain(`it starts nothing; see bgjob cron ls ${this.name}`);
    return parsed.ok ? parsed.value : undefined;
  }

  private complain(why: string): number {
    if (this.complaint !== why) logLine(`${this.name}: ${why}`);
    this.complaint = why;
    return systemClock.now() + POLL_MS;
  }

  private async begin(times: Times, now: number): Promise<void> {
    await this.settleAll(times);
    // including the events that were just added
    this.handled = recordedUntil(this.paths, times.schedule.createdAt, now);
    this.isFirstPoll = true;
  }

  private async settleAll(times: Times): Promise<void> {
    for (const unnoted of unnotedClaims(this.paths, readEvents(this.paths)))
      await this.settle(times, unnoted);
    this.isSettled = true;
  }

  /** Writes the event that a claim lacks, or starts its job. */
  private async settle(times: Times, unnoted: UnnotedClaim): Promise<void> {
    const event = eventOfClaim(this.home, this.paths, times, unnoted);
    if (event === null) return;
    if (event !== 'again') return this.record(event.at, event.times, event);
    const at = Number(unnoted.key);
    const covers = timesMadeUpFor(this.paths, times, at);
    await this.fire(times.schedule, at, covers, unnoted.generation + 1);
  }

  private async fire(schedule: Schedule, at: number, covers: number, generation: number): Promise<void> {
    const by = covers > 1 || systemClock.now() - at > LATE_MS ? ('catch-up' as const) : ('time' as const);
    const live = schedule.overlap === 'allow' ? [] : liveJobs(this.home, this.paths);
    const last = live.at(-1);
    const skip = (why: string) => this.record(at, covers, { did: 'skipped', why, job: null, by });
    if (schedule.overlap === 'skip' && last !== undefined) return skip(`job ${last} still runs`);
    if (live.length > MOST_WAITING) return skip(`${live.length} jobs of it wait already`);
    const started = await startFrom(this.home, this.paths, schedule, {
      origin: { kind: 'schedule', name: this.name, at },
      variables: [`BGJOB_SCHEDULE=${this.name}`, `BGJOB_SCHEDULED_AT=${new Date(at).toISOString()}`],
      claim: { key: String(at), generation },
      parent: ownJob(),
      after: last === undefined ? [] : [last],
    });
    if (started.ok) return this.record(at, covers, { did: 'started', why: null, job: started.value, by });
    // the clock was set back: this time is in the journal already
    if (started.failure.code === 'started-before') return;
    this.record(at, covers, { did: 'failed', why: startFailureText(started.failure), job: null, by });
  }

  private record(at: number, times: number, reason: Reason, until: number | null = null): void {
    const { did, job, why } = reason;
    const what = job === null ? did : `${did} job ${job}`;
    const when = new Date(at).toLocaleString('sv');
    const count = times > 1 ? `, ${times} times` : '';
    logLine(`${this.name}: ${what}${why === null ? '' : `, ${why}`} (due ${when}${count})`);
    try {
      const notedAt = systemClock.now();
      appendEvent(this.paths, { at, until, times, ...reason, notedAt });
      this.prune();
    } catch (thrown) {
      logLine(`${this.name}: the history could not be written: ${errnoOf(thrown)}`);
    }
  }

  private prune(): void {
    const claimed = listClaimed(this.paths);
    if (claimed.size <= MOST_CLAIMS * 1.1) return;
    const oldest = [...claimed]
      .sort(([a], [b]) => Number(a) - Number(b))
      .slice(0, claimed.size - MOST_CLAIMS);
    for (const [key, generation] of oldest) forgetClaim(this.paths, key, generation);
  }
}

const WAS_GONE = 'Node or a file of bgjob was gone';
const SLEPT = 'the machine slept, or its clock was set';
const TOO_OFTEN = 'the next time had come';

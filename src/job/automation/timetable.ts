/**
 * The times of a schedule. Expressions are those of croner: five fields, or six with seconds first, names,
 * `L`, `#`, `W`, `@daily` and the like, in a time zone. `@every 90s` counts from the time at which the
 * schedule was added. At the change to summer time, a fixed time (without `*` and steps) that does not exist
 * becomes the next one that does; at the change back, a time that comes twice is due once.
 */
import { Cron } from 'croner';
import { isTooLong, LONGEST_DURATION, parseDuration } from '../../base/clock.ts';
import { safe } from '../../base/text/sanitize.ts';
import { type Failure, fail, ok, type Result } from '../failure.ts';

/** Times in milliseconds since 1970; null: there is none. */
export interface Timetable {
  next(after: number): number | null;
  /** `until` itself counts. */
  last(until: number): number | null;
}

const EVERY = /^@every\s+(\S+)$/;
const NO_UNIT = /^@every\s+[\d.]+$/;

/** Whether `@every 3` lacks a unit: schedules from before 0.10 mean seconds. */
export const lacksUnit = (expression: string): boolean => NO_UNIT.test(expression.trim());
const LEAST_EVERY_MS = 1000;

const usage = (message: string, hint: string): { ok: false; failure: Failure } =>
  fail({ code: 'usage', message, hint });

function everyTimetable(periodMs: number, anchor: number): Timetable {
  return {
    next: (after) => anchor + (Math.max(0, Math.floor((after - anchor) / periodMs)) + 1) * periodMs,
    last: (until) => {
      const periods = Math.floor((until - anchor) / periodMs);
      return periods < 1 ? null : anchor + periods * periodMs;
    },
  };
}

export const ownTimezone = (): string => new Intl.DateTimeFormat().resolvedOptions().timeZone ?? 'UTC';

export function parseTimezone(text: string): Result<string> {
  try {
    return ok(new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone);
  } catch {
    return usage(`--tz: there is no time zone "${safe(text)}"`, '--tz Europe/Berlin, America/New_York, UTC');
  }
}

/** `anchor`: the time from which `@every` counts. */
export function parseTimetable(expression: string, timezone: string, anchor: number): Result<Timetable> {
  const text = expression.trim();
  const every = EVERY.exec(text);
  if (every) {
    const periodMs = parseDuration(every[1]!);
    if (periodMs === undefined || periodMs < LEAST_EVERY_MS)
      return usage(
        `"${safe(text)}": ${periodMs !== undefined ? 'a second is the least' : isTooLong(every[1]!) ? `too long: the most is ${LONGEST_DURATION}` : 'no duration'}`,
        "'@every 90s', '@every 2h'",
      );
    return ok(everyTimetable(periodMs, anchor));
  }
  const wrong = (why: string) =>
    usage(
      `"${safe(text)}" is no schedule: ${safe(why)}`,
      "'0 3 * * *' (at 3:00), '*/5 * * * *', '@daily', '@every 90s'; mind the quotes",
    );
  if (!text.startsWith('@') && ![5, 6].includes(text.split(/\s+/).length))
    return wrong('it takes five fields (minute hour day month weekday), or six with seconds first');
  if (/^@reboot$/i.test(text))
    return usage('@reboot is no time', 'bgjob cron add --boot: what is to run after a restart');
  let cron: Cron;
  try {
    cron = new Cron(text, { timezone, mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard', paused: true });
  } catch (thrown) {
    return wrong((thrown as Error).message.replace(/^CronPattern: /, ''));
  }
  const timetable: Timetable = {
    next: (after) => cron.nextRun(new Date(after))?.getTime() ?? null,
    // croner gives times before its argument
    last: (until) =>
      cron.previousRuns(1, new Date(Math.floor(until / 1000) * 1000 + 1000))[0]?.getTime() ?? null,
  };
  // 30 February is valid for croner, and is never due
  return timetable.next(anchor) === null ? wrong('it is never due') : ok(timetable);
}

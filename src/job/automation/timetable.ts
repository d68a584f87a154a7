/**
 * The times of a schedule. Expressions are those of croner: five fields, or six with seconds first, names,
 * `L`, `#`, `W`, `@daily` and the like, in a time zone. `@every 90s` counts from the time at which the
 * schedule was added. At the change to summer time, a fixed time (without `*` and steps) that does not exist
 * becomes the next one that does; at the change back, a time that comes twice is due once.
 */
import { Cron } from 'croner';
import { isTooLong, parseDuration } from '../../base/clock.ts';
import { fail, ok, type Result, type ScheduleTrouble } from '../failure.ts';
import { type DayFields, fieldsOf, foreignForm, starFields, troubleOf, withCommand } from './crontab.ts';
import { zoneNamed } from './timezone.ts';

/** Times in milliseconds since 1970; null: there is none. */
export interface Timetable {
  next(after: number): number | null;
  /** `until` itself counts. */
  last(until: number): number | null;
}

/** Dates end here, milliseconds since 1970. */
const LAST_TIME = 8.64e15;

const EVERY = /^@every(?:\s+(.*))?$/is;
const NO_UNIT = /^@every\s+[\d.]+$/i;
const LEAST_EVERY_MS = 1000;
const WORDS = ['@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually'];

/** Whether `@every 3` lacks a unit: schedules from before 0.10 mean seconds. */
export const lacksUnit = (expression: string): boolean => NO_UNIT.test(expression.trim());

function everyTimetable(periodMs: number, anchor: number): Timetable {
  const instant = (at: number) => (at > LAST_TIME ? null : at);
  return {
    next: (after) => instant(anchor + (Math.max(0, Math.floor((after - anchor) / periodMs)) + 1) * periodMs),
    last: (until) => {
      const periods = Math.floor((until - anchor) / periodMs);
      return periods < 1 ? null : anchor + periods * periodMs;
    },
  };
}

/** The value of --tz. */
export function parseTimezone(text: string): Result<string> {
  const zone = zoneNamed(text);
  return zone === undefined ? fail({ code: 'bad-zone', zone: text, option: true }) : ok(zone);
}

const cronOf = (text: string, timezone: string): Cron =>
  new Cron(text, { timezone, mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard', paused: true });

const everyTrouble = (duration: string, periodMs: number | undefined): ScheduleTrouble => {
  if (periodMs !== undefined) return { kind: 'too-short', duration };
  return { kind: isTooLong(duration) ? 'too-long' : 'no-duration', duration };
};

/** `anchor`: the time from which `@every` counts. */
export function parseTimetable(expression: string, timezone: string, anchor: number): Result<Timetable> {
  const text = expression.trim();
  // a record may name a zone of another Node, or none
  if (zoneNamed(timezone) === undefined) return fail({ code: 'bad-zone', zone: timezone, option: false });
  const wrong = (trouble: ScheduleTrouble) => fail({ code: 'bad-schedule', expression: text, trouble });
  const every = EVERY.exec(text);
  if (every) {
    const duration = every[1]?.trim() ?? '';
    const periodMs = parseDuration(duration);
    if (periodMs === undefined || periodMs < LEAST_EVERY_MS) return wrong(everyTrouble(duration, periodMs));
    return ok(everyTimetable(periodMs, anchor));
  }
  const foreign = foreignForm(text);
  if (foreign) return wrong(foreign);
  const apart = withCommand(text, (times) => isExpression(times, timezone));
  if (apart) return wrong(apart);
  if (text.startsWith('@') && !WORDS.includes(text.toLowerCase()))
    return wrong({ kind: 'unknown-word', known: WORDS });
  if (!text.startsWith('@') && ![5, 6].includes(fieldsOf(text).length)) return wrong({ kind: 'field-count' });
  let cron: Cron;
  try {
    cron = cronOf(text, timezone);
  } catch (thrown) {
    return wrong(troubleOf((thrown as Error).message, text));
  }
  const timetable: Timetable = {
    next: (after) => instantOf(() => cron.nextRun(new Date(after))),
    // croner gives times before its argument
    last: (until) =>
      instantOf(() => cron.previousRuns(1, new Date(Math.floor(until / 1000) * 1000 + 1000))[0]),
  };
  // 30 February is valid for croner, and is never due
  return timetable.next(anchor) === null ? wrong({ kind: 'never-due' }) : ok(timetable);
}

function isExpression(text: string, timezone: string): boolean {
  if (text.startsWith('@')) return WORDS.includes(text.toLowerCase());
  try {
    cronOf(text, timezone);
    return true;
  } catch {
    return false;
  }
}

/** Croner throws where no date is left, and where its argument is none. */
function instantOf(find: () => Date | null | undefined): number | null {
  try {
    return find()?.getTime() ?? null;
  } catch {
    return null;
  }
}

/** The next times, three at most. */
export function nextTimes(timetable: Timetable, after: number): number[] {
  const times: number[] = [];
  for (let next = timetable.next(after); next !== null && times.length < 3; next = timetable.next(next))
    times.push(next);
  return times;
}

/** The days of a leap year that two fields mean, as a text that can be compared. */
function daysOf(day: string, weekday: string): string {
  const cron = cronOf(`0 0 ${day} * ${weekday}`, 'UTC');
  return cron.nextRuns(366, new Date(Date.UTC(2027, 11, 31))).join();
}

/** The fields of an expression that means other days in crontab; null: none do. */
export function readOtherwise(expression: string): DayFields | null {
  const fields = starFields(expression);
  return fields && daysOf(fields.day, fields.weekday) !== daysOf(fields.day, `+${fields.weekday}`)
    ? fields
    : null;
}

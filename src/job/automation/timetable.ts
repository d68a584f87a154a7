/**
 * The times of a schedule. Expressions are those of croner: five fields, or six with seconds first, names,
 * `L`, `#`, `W`, `@daily` and the like, in a time zone. `@every 90s` counts from the time at which the
 * schedule was added. At the change to summer time, a fixed time (without `*` and steps) that does not exist
 * becomes the next one that does; at the change back, a time that comes twice is due once.
 */
import { Cron } from 'croner';
import { isTooLong, LONGEST_DURATION, parseDuration } from '../../base/clock.ts';
import { clip, safe } from '../../base/text/sanitize.ts';
import { type Failure, fail, ok, type Result } from '../failure.ts';
import { type DayFields, explainError, fieldsOf, foreignForm, starFields, withCommand } from './crontab.ts';
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

const usage = (message: string, hint: string): { ok: false; failure: Failure } =>
  fail({ code: 'usage', message, hint });
const shown = (text: string): string => clip(safe(text), 80);

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

const noSuchZone = (zone: string) => `there is no time zone "${shown(zone)}"`;

export function parseTimezone(text: string): Result<string> {
  const zone = zoneNamed(text);
  if (zone === undefined)
    return usage(`--tz: ${noSuchZone(text)}`, '--tz Europe/Berlin, America/New_York, UTC');
  return ok(zone);
}

const cronOf = (text: string, timezone: string): Cron =>
  new Cron(text, { timezone, mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard', paused: true });

const GENERAL_HINT = "'0 3 * * *' (at 3:00), '*/5 * * * *', '@daily', '@every 90s'; mind the quotes";

const everyTrouble = (text: string, periodMs: number | undefined): string => {
  if (periodMs !== undefined) return 'a second is the least';
  return isTooLong(text) ? `too long: the most is ${LONGEST_DURATION}` : 'no duration';
};

/** `anchor`: the time from which `@every` counts. */
export function parseTimetable(expression: string, timezone: string, anchor: number): Result<Timetable> {
  const text = expression.trim();
  // a record may name a zone of another Node, or none
  if (zoneNamed(timezone) === undefined) return usage(noSuchZone(timezone), '--tz Europe/Berlin');
  const every = EVERY.exec(text);
  if (every) {
    const periodMs = parseDuration(every[1]?.trim() ?? '');
    if (periodMs === undefined || periodMs < LEAST_EVERY_MS)
      return usage(`"${shown(text)}": ${everyTrouble(every[1]!, periodMs)}`, "'@every 90s', '@every 2h'");
    return ok(everyTimetable(periodMs, anchor));
  }
  const foreign = foreignForm(text);
  if (foreign) return usage(foreign.message, foreign.hint);
  const wrong = (why: string, hint = GENERAL_HINT) =>
    usage(`"${shown(text)}" is no schedule: ${clip(safe(why), 200)}`, hint);
  if (text.startsWith('@') && !WORDS.includes(text.toLowerCase()))
    return wrong(`the words are ${WORDS.join(' ')}`);
  const apart = withCommand(text, (times) => isExpression(times, timezone));
  if (apart !== undefined) return wrong('it holds a command, too', apart);
  if (!text.startsWith('@') && ![5, 6].includes(fieldsOf(text).length))
    return wrong('it takes five fields (minute hour day month weekday), or six with seconds first');
  let cron: Cron;
  try {
    cron = cronOf(text, timezone);
  } catch (thrown) {
    const { why, hint } = explainError((thrown as Error).message, text);
    return wrong(why, hint);
  }
  const timetable: Timetable = {
    next: (after) => instantOf(() => cron.nextRun(new Date(after))),
    // croner gives times before its argument
    last: (until) =>
      instantOf(() => cron.previousRuns(1, new Date(Math.floor(until / 1000) * 1000 + 1000))[0]),
  };
  // 30 February is valid for croner, and is never due
  return timetable.next(anchor) === null ? wrong('it is never due') : ok(timetable);
}

function isExpression(text: string, timezone: string): boolean {
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

/**
 * When schedules are due: a year of 50 expressions against a second implementation, which looks at every minute; and the
 * days on which the clock changes. Against systemd's: programs/timetablesystemd.test.ts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countBetween, dueBetween, LATE_MS, MOST_COUNTED } from '../../../../src/job/automation/due.ts';
import { parseTimetable, parseTimezone, type Timetable } from '../../../../src/job/automation/timetable.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const at = (text: string): number => Date.parse(text);

function timetable(expression: string, zone = 'UTC', anchor = at('2026-01-01T00:00:00Z')): Timetable {
  const parsed = parseTimetable(expression, zone, anchor);
  assert.ok(parsed.ok, `${expression}: ${JSON.stringify(parsed)}`);
  return parsed.value;
}

/** All times from one to another; the first one not included. */
function timesOf(table: Timetable, from: number, until: number): number[] {
  const times: number[] = [];
  for (let next = table.next(from); next !== null && next <= until; next = table.next(next)) times.push(next);
  return times;
}

// ---- another implementation: is this minute meant? -------------------------------------------------------

const NAMES = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const MONTHS = ['', 'jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** The numbers that a field allows. */
function numbers(field: string, least: number, most: number, names: string[] = []): Set<number> {
  const number = (text: string): number => {
    const named = names.indexOf(text.toLowerCase());
    return named >= 0 ? named : Number(text);
  };
  const allowed = new Set<number>();
  for (const part of field.split(',')) {
    const [range = '', step = '1'] = part.split('/');
    const [first = '', last] = range.split('-');
    const from = range === '*' ? least : number(first);
    const to = range === '*' ? most : last === undefined ? from : number(last);
    for (let n = from; n <= to; n += Number(step)) allowed.add(n);
  }
  return allowed;
}

interface Wall {
  minute: number;
  hour: number;
  day: number;
  month: number;
  weekday: number;
}

function matcher(expression: string): (wall: Wall) => boolean {
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = expression.split(' ');
  const minutes = numbers(minute, 0, 59);
  const hours = numbers(hour, 0, 23);
  const days = numbers(day, 1, 31);
  const months = numbers(month, 1, 12, MONTHS);
  const weekdays = new Set([...numbers(weekday, 0, 7, NAMES)].map((n) => n % 7));
  return (wall) => {
    if (!minutes.has(wall.minute) || !hours.has(wall.hour) || !months.has(wall.month)) return false;
    const [byDay, byWeekday] = [days.has(wall.day), weekdays.has(wall.weekday)];
    // POSIX: where both are given, either will do
    if (day !== '*' && weekday !== '*') return byDay || byWeekday;
    return byDay && byWeekday;
  };
}

/** What a clock on the wall shows in each minute. */
function wallOf(from: number, until: number, zone: string): { at: number; wall: Wall }[] {
  const format = new Intl.DateTimeFormat('en-GB', { timeZone: zone, timeZoneName: 'longOffset' });
  const offsetOf = (time: number): number => {
    const [, sign = '+', hours = '0', minutes = '0'] =
      /GMT(?:([+-])(\d\d):(\d\d))?/.exec(format.format(time)) ?? [];
    return (sign === '-' ? -1 : 1) * (Number(hours) * HOUR + Number(minutes) * MINUTE);
  };
  const minutes: { at: number; wall: Wall }[] = [];
  for (let time = from; time < until; time += MINUTE) {
    // offsets change at full quarters
    const last = minutes.at(-1);
    const offset = time % (15 * MINUTE) === 0 || !last ? offsetOf(time) : offsets;
    offsets = offset;
    const date = new Date(time + offset);
    minutes.push({
      at: time,
      wall: {
        minute: date.getUTCMinutes(),
        hour: date.getUTCHours(),
        day: date.getUTCDate(),
        month: date.getUTCMonth() + 1,
        weekday: date.getUTCDay(),
      },
    });
  }
  return minutes;
}
let offsets = 0;

const EXPRESSIONS = [
  ...[
    '* * * * *',
    '*/5 * * * *',
    '*/7 * * * *',
    '0 * * * *',
    '30 * * * *',
    '0,30 * * * *',
    '15-45/10 * * * *',
  ],
  ...[
    '0 0 * * *',
    '0 3 * * *',
    '59 23 * * *',
    '0 12 * * *',
    '5 4 * * *',
    '0 6-18 * * *',
    '0 */6 * * *',
    '30 1,13 * * *',
  ],
  ...[
    '0 9 * * 1-5',
    '0 9 * * MON-FRI',
    '0 0 * * 0',
    '0 0 * * 7',
    '0 0 * * SUN',
    '30 17 * * 5',
    '*/15 9-17 * * 1-5',
    '0 8 * * 1,3,5',
  ],
  ...[
    '0 0 1 * *',
    '0 0 15 * *',
    '0 0 31 * *',
    '0 0 29 2 *',
    '0 0 1,15 * *',
    '0 0 1-7 * *',
    '0 0 */2 * *',
    '30 4 1 * 1',
    '0 0 13 * 5',
  ],
  ...[
    '0 0 1 1 *',
    '0 0 1 JAN *',
    '0 0 1 */3 *',
    '0 0 * 6-8 *',
    '0 0 25 12 *',
    '0 12 * 1,7 1',
    '15 10 * FEB,NOV 2',
    '0 22 * * 1-5',
  ],
  ...[
    '5 0 * 8 *',
    '15 14 1 * *',
    '0 0,12 1 */2 *',
    '23 0-20/2 * * *',
    '0 4 8-14 * *',
    '0 0 1,15 * 3',
    '17 2 3 4 *',
    '45 5 * * 6,0',
  ],
  ...['1-5 1 * * *', '*/59 * * * *'],
];

test('a year of 50 expressions is that of another implementation', () => {
  assert.equal(EXPRESSIONS.length, 50);
  // with a leap day, in zones without a change of the clock: that is below
  for (const [zone, months] of [
    ['UTC', 12],
    ['Asia/Kolkata', 1],
  ] as const) {
    const until = Date.UTC(2028, months, 1);
    const minutes = wallOf(Date.UTC(2028, 0, 1), until, zone);
    for (const expression of EXPRESSIONS) {
      const isMeant = matcher(expression);
      const wanted = minutes.filter(({ wall }) => isMeant(wall)).map((one) => one.at);
      // what is due often: two days of each month, the last of it and the next first; of every few minutes, from the second month on, two hours
      const isOften = wanted.length > 2500;
      const isAlways = wanted.length > 50_000;
      for (let month = 0; month < months; month++) {
        const next = Date.UTC(2028, month + 1, 1);
        const around = isAlways && month > 0 ? HOUR : DAY;
        const begin = isOften ? next - around : Date.UTC(2028, month, 1);
        const end = isOften ? next + around : next;
        const got = timesOf(timetable(expression, zone), begin - 1, Math.min(end, until) - 1);
        const expected = wanted.filter((time) => time >= begin && time < end);
        const different = got.findIndex((time, n) => time !== expected[n]);
        if (different >= 0)
          assert.fail(`${expression} in ${zone}: ${new Date(got[different]!).toISOString()}`);
        assert.equal(got.length, expected.length, `${expression} in ${zone}`);
      }
      assert.ok(wanted.length > 0 || months < 12, expression);
    }
  }
});

const iso = (times: number[]): string[] => times.map((time) => new Date(time).toISOString().slice(5, 16));

test('the hour that does not exist, and the one that comes twice', () => {
  const spring = (expression: string, zone = 'Europe/Berlin') =>
    iso(timesOf(timetable(expression, zone), at('2026-03-28T12:00:00Z'), at('2026-03-29T06:00:00Z')));
  const autumn = (expression: string, zone = 'Europe/Berlin') =>
    iso(timesOf(timetable(expression, zone), at('2026-10-24T12:00:00Z'), at('2026-10-25T04:00:00Z')));
  // 2:30 is 3:00 on that day, and not left out
  assert.deepEqual(spring('30 2 * * *'), ['03-29T01:00']);
  assert.deepEqual(spring('0 3 * * *'), ['03-29T01:00']);
  assert.deepEqual(spring('30 1 * * *'), ['03-29T00:30']);
  // what comes each hour comes each hour
  assert.equal(spring('0 * * * *').length, 18);
  assert.equal(autumn('0 * * * *').length, 16);
  // the first 2:30, once
  assert.deepEqual(autumn('30 2 * * *'), ['10-25T00:30']);
  assert.deepEqual(autumn('30 1,2 * * *'), ['10-24T23:30', '10-25T00:30']);
  assert.deepEqual(autumn('0 4 * * *'), ['10-25T03:00']);
  // the other way round, and by half an hour
  const lordHowe = (from: string, until: string) =>
    iso(timesOf(timetable('15 2 * * *', 'Australia/Lord_Howe'), at(from), at(until)));
  assert.deepEqual(lordHowe('2026-10-03T00:00:00Z', '2026-10-04T00:00:00Z'), ['10-03T15:30']);
  assert.equal(lordHowe('2026-04-04T00:00:00Z', '2026-04-05T00:00:00Z').length, 1);
  assert.deepEqual(
    iso(
      timesOf(
        timetable('30 2 * * *', 'America/New_York'),
        at('2026-03-08T00:00:00Z'),
        at('2026-03-08T12:00:00Z'),
      ),
    ),
    ['03-08T07:00'],
  );
});

test('last is the time before: for each expression, zone and instant next and last agree', () => {
  for (const zone of ['UTC', 'Europe/Berlin', 'America/St_Johns'])
    for (const expression of [
      ...EXPRESSIONS,
      '*/10 * * * * *',
      '@hourly',
      '@weekly',
      '@yearly',
      '@every 90s',
      '@every 1h30m',
    ]) {
      const table = timetable(expression, zone);
      let after = at('2026-10-20T11:11:11Z');
      for (let n = 0; n < 12; n++) {
        const next = table.next(after)!;
        assert.ok(next > after, `${expression} in ${zone}: ${next} after ${after}`);
        assert.equal(table.last(next), next, `${expression} in ${zone}`);
        const before = table.last(next - 1);
        if (before !== null)
          assert.ok(before <= after, `${expression} in ${zone}: ${iso([before, after, next])}`);
        after = next;
      }
    }
});

test('@every counts from when it was added', () => {
  const anchor = at('2026-06-01T10:00:07.500Z');
  const table = timetable('@every 90s', 'UTC', anchor);
  assert.equal(table.next(anchor - DAY), anchor + 90_000);
  assert.equal(table.last(anchor + 89_999), null);
  assert.equal(table.last(anchor + 90_000), anchor + 90_000);
  assert.equal(table.next(anchor + 90_000), anchor + 180_000);
});

test('time zones are known by their names, in any case', () => {
  assert.deepEqual(parseTimezone('europe/berlin'), { ok: true, value: 'Europe/Berlin' });
  assert.equal(parseTimezone('Nowhere').ok, false);
});

test('what is due between two looks: on time, late, missed, made up for', () => {
  const table = timetable('0 * * * *');
  const [from, skip, catchUp] = [at('2026-05-01T10:30:00Z'), { catchUp: false }, { catchUp: true }];
  const hour = (n: number) => at('2026-05-01T10:00:00Z') + n * HOUR;
  assert.equal(dueBetween(table, skip, from, hour(1) - 1), null);
  assert.deepEqual(dueBetween(table, skip, from, hour(1)), { fire: hour(1), covers: 1, missed: null });
  assert.deepEqual(dueBetween(table, skip, from, hour(1) + LATE_MS), {
    fire: hour(1),
    covers: 1,
    missed: null,
  });
  // too late
  const one = { at: hour(1), until: hour(1), times: 1 };
  assert.deepEqual(dueBetween(table, skip, from, hour(1) + LATE_MS + 1), {
    fire: null,
    covers: 0,
    missed: one,
  });
  assert.deepEqual(dueBetween(table, catchUp, from, hour(1) + LATE_MS + 1), {
    fire: hour(1),
    covers: 1,
    missed: null,
  });
  // many
  const three = { at: hour(1), until: hour(3), times: 3 };
  assert.deepEqual(dueBetween(table, skip, from, hour(3) + 5 * LATE_MS), {
    fire: null,
    covers: 0,
    missed: three,
  });
  assert.deepEqual(dueBetween(table, catchUp, from, hour(3) + 5 * LATE_MS), {
    fire: hour(3),
    covers: 3,
    missed: null,
  });
  // the last of many is on time
  assert.deepEqual(dueBetween(table, skip, from, hour(4)), { fire: hour(4), covers: 1, missed: three });
  assert.deepEqual(dueBetween(table, catchUp, from, hour(4)), { fire: hour(4), covers: 4, missed: null });
  // nothing is due twice
  assert.equal(dueBetween(table, catchUp, hour(4), hour(4) + 1), null);
  // a clock that jumps by ten years
  const often = timetable('* * * * * *');
  const far = dueBetween(often, skip, from, from + 3650 * DAY)!;
  assert.deepEqual([far.fire, far.missed!.times], [from + 3650 * DAY, MOST_COUNTED]);
  assert.equal(far.missed!.until, far.fire! - 1000);
  assert.deepEqual(countBetween(table, hour(4), hour(4)), null);
});

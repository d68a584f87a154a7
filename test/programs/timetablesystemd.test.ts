/** When schedules are due, against another program that knows such times. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { parseTimetable, type Timetable } from '../../src/job/automation/timetable.ts';
import { missing } from '../rig/needs.ts';

const at = (text: string): number => Date.parse(text);

function timetable(expression: string, zone: string): Timetable {
  const parsed = parseTimetable(expression, zone, at('2026-01-01T00:00:00Z'));
  assert.ok(parsed.ok, `${expression}: ${JSON.stringify(parsed)}`);
  return parsed.value;
}

/** All times from one to another; the first one not included. */
function timesOf(table: Timetable, from: number, until: number): number[] {
  const times: number[] = [];
  for (let next = table.next(from); next !== null && next <= until; next = table.next(next)) times.push(next);
  return times;
}

test('when schedules are due is what systemd says, also on the days on which the clock changes', {
  skip: missing('systemd-analyze'),
}, () => {
  for (const [expression, calendar] of [
    ['30 4 * * *', '*-*-* 04:30:00'],
    ['*/20 9-17 * * 1-5', 'Mon..Fri *-*-* 09..17:00/20:00'],
    ['0 0 1,15 * *', '*-*-01,15 00:00:00'],
    ['15 12 * 3,10 0', 'Sun *-03,10-* 12:15:00'],
  ] as const) {
    const from = at('2026-12-01T00:00:00Z');
    const { stdout } = spawnSync(
      'systemd-analyze',
      ['calendar', '--iterations=300', `--base-time=2026-12-01 00:00:00 UTC`, `${calendar} Europe/Berlin`],
      { encoding: 'utf8', env: { ...process.env, TZ: 'UTC', SYSTEMD_COLORS: '0' } },
    );
    const wanted = [...stdout.matchAll(/(?:Next elapse|Iter\. #\d+): \w{3} (\S+) (\S+) UTC/g)].map(
      ([, day, time]) => at(`${day}T${time}Z`),
    );
    assert.equal(wanted.length, 300, stdout.slice(0, 300));
    assert.deepEqual(
      timesOf(timetable(expression, 'Europe/Berlin'), from, wanted.at(-1)!),
      wanted,
      expression,
    );
  }
});

/** The zone that a POSIX string of TZ means, against the C library: its offset at each day of three years. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { callerZone } from '../../../../src/job/automation/timezone.ts';

const HOUR = 3_600_000;
const INSTANTS = Array.from({ length: 3 * 366 * 2 }, (_, n) => Date.UTC(2026, 0, 1) + n * 12 * HOUR);

/** Minutes to the east, at each instant. */
function offsetsIn(timeZone: string): number[] {
  const format = new Intl.DateTimeFormat('sv', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  return INSTANTS.map((at) => (Date.parse(`${format.format(at).replace(' ', 'T')}Z`) - at) / 60_000);
}

function offsetsOfLibrary(tz: string): number[] {
  const input = INSTANTS.map((at) => `@${at / 1000}\n`).join('');
  const { stdout } = spawnSync('date', ['-f', '-', '+%z'], { input, env: { ...process.env, TZ: tz } });
  return stdout
    .toString()
    .trim()
    .split('\n')
    .map((text) => (text.startsWith('-') ? -1 : 1) * (Number(text.slice(1, 3)) * 60 + Number(text.slice(3))));
}

test('a POSIX string is the zone with the same offsets all the year', () => {
  const zones: [tz: string, timezone: string][] = [
    ['EST5EDT,M3.2.0,M11.1.0', 'America/New_York'],
    ['EST+05EDT4,M3.2.0/2,M11.1.0/02:00:00', 'America/New_York'],
    ['<-06>6<-05>,M3.2.0,M11.1.0', 'America/Chicago'],
    ['MST7MDT,M3.2.0,M11.1.0', 'America/Denver'],
    [':PST8PDT,M3.2.0,M11.1.0', 'America/Los_Angeles'],
    ['AKST9AKDT,M3.2.0,M11.1.0', 'America/Anchorage'],
    ['AST4ADT,M3.2.0,M11.1.0', 'America/Halifax'],
    ['NST3:30NDT,M3.2.0,M11.1.0', 'America/St_Johns'],
    ['GMT0BST,M3.5.0/1,M10.5.0', 'Europe/London'],
    ['WET0WEST,M3.5.0/1,M10.5.0/2', 'Europe/Lisbon'],
    ['MEZ-1MESZ,M3.5.0,M10.5.0/3', 'Europe/Berlin'],
    ['EET-2EEST,M3.5.0/3,M10.5.0/4', 'Europe/Athens'],
    ['AEST-10AEDT,M10.1.0,M4.1.0/3', 'Australia/Sydney'],
    ['ACST-9:30ACDT,M10.1.0,M4.1.0/3', 'Australia/Adelaide'],
    ['NZST-12NZDT,M9.5.0,M4.1.0/3', 'Pacific/Auckland'],
    ['IST-5:30', 'Asia/Kolkata'],
    ['<+0330>-3:30', 'Asia/Tehran'],
    ['<+0430>-04:30', 'Asia/Kabul'],
    ['<+0545>-5:45', 'Asia/Kathmandu'],
    ['<+0630>-6:30', 'Asia/Yangon'],
    ['ACST-9:30', 'Australia/Darwin'],
    ['JST-9', 'Etc/GMT-9'],
    ['<-03>3', 'Etc/GMT+3'],
  ];
  for (const [tz, timezone] of zones) {
    assert.deepEqual(callerZone(tz), { timezone, unread: tz });
    assert.deepEqual(offsetsIn(timezone), offsetsOfLibrary(tz.replace(/^:/, '')), tz);
  }
});

test('without a rule the names decide; what no zone means counts as UTC', () => {
  for (const [tz, timezone] of [
    ['CET-1CEST', 'Europe/Berlin'],
    ['GMT0BST', 'Europe/London'],
    ['AEST-10AEDT', 'Australia/Sydney'],
    ['IST-2IDT', 'UTC'],
    ['XST5XDT,M1.1.0,M2.1.0', 'UTC'],
    ['EST5EDT3,M3.2.0,M11.1.0', 'UTC'],
    ['ABC-7:20', 'UTC'],
    ['EST99', 'UTC'],
  ] as const)
    assert.deepEqual(callerZone(tz), { timezone, unread: tz });
  assert.equal(callerZone('EST5EDT').unread, null);
  assert.notEqual(callerZone('EST5EDT').timezone, 'UTC');
});

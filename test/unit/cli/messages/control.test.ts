/** The line for jobs that wait behind pauses: what is paused, and what to type. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pauseNotes, setResultText } from '../../../../src/cli/messages/control.ts';
import type { Pause } from '../../../../src/engine/queue/pauses.ts';
import type { LiveView } from '../../../../src/job/view.ts';

const queue = (n: number, via: number | null = null): Pause => ({
  of: n,
  via,
  what: { kind: 'queue', queue: `q${n}` },
});
const job = (id: number, of = id): Pause => ({ of, via: of === id ? null : id, what: { kind: 'job', id } });

test('no pause, no word; those that are paused themselves in one line, all else in another', () => {
  assert.deepEqual(pauseNotes([]), []);
  assert.deepEqual(pauseNotes([job(3), queue(4), job(5), job(6, 7)]), [
    '(paused; to go on: bgjob resume 3 5)',
    '(queue q4 is paused: bgjob queue resume q4; 7 waits for 6, which is paused: bgjob resume 6)',
  ]);
});

test('of many pauses the first are named', () => {
  const many = Array.from({ length: 7 }, (_, n) => queue(n + 1));
  assert.match(pauseNotes(many)[0]!, /bgjob queue resume q5; and 2 more pauses\)$/);
});

test('who holds the slots, and for whom somebody waits', () => {
  const slots = (ids: number[], via: number | null): Pause => ({
    of: 9,
    via,
    what: { kind: 'slots', queue: 'api', ids },
  });
  assert.deepEqual(pauseNotes([slots([1], null)]), [
    '(1 is paused and holds the only slot of queue api: bgjob resume 1)',
  ]);
  assert.deepEqual(pauseNotes([slots([1, 2], 8)]), [
    '(9 waits for 8, and 1 2 are paused and hold all 2 slots of queue api: bgjob resume 1 2)',
  ]);
  assert.deepEqual(pauseNotes([queue(4, 3)]), [
    '(4 waits for 3, and queue q4 is paused: bgjob queue resume q4)',
  ]);
});

const HOUR = 3_600_000;
const textOf = (status: object, timeoutMs: number, hours: number): string =>
  setResultText({ id: 7, spec: { name: null }, status } as LiveView, { timeoutMs }, hours * HOUR);

test('set: what is left of a limit counts no pause, and a job that ended by itself was not stopped', () => {
  const running = { phase: 'running', startedMonotonicMs: HOUR, holding: null };
  assert.equal(textOf(running, 3 * HOUR, 2), '7 has --timeout 3h (2h left)');
  assert.equal(textOf(running, HOUR, 3), '7 has --timeout 1h (over: the job is stopped)');
  const since = { at: 0, monotonicMs: 3 * HOUR, by: 'pause' };
  const paused = { ...running, holding: { request: 1, pausedMs: HOUR, since } };
  assert.equal(textOf(paused, 3 * HOUR, 9), '7 has --timeout 3h (2h left)');
  assert.match(textOf(paused, HOUR, 9), /\(over: the job is stopped when it is resumed\)$/);
  const ended = { phase: 'ended', outcome: { kind: 'exited', code: 0, afterKill: false } };
  assert.equal(textOf(ended, HOUR, 9), '7 has --timeout 1h; it exited 0 since');
  const stopped = { phase: 'ended', outcome: { kind: 'timed-out', limit: 'timeout', code: 143 } };
  assert.match(textOf(stopped, HOUR, 9), /\(over: the job is stopped\)$/);
});

/** The table of what may happen next: each transition by hand (lifecycle-walk.test.ts goes there at random). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Event, endWithoutOwner, nextStatus, SHIM_KILLED } from '../../../src/job/lifecycle.ts';
import {
  type Outcome,
  ranMs,
  type Status,
  type StatusOf,
  type Stop,
  shownEnd,
} from '../../../src/job/state.ts';

const kill: Stop = { by: 'kill', cause: 'kill', signal: 'SIGTERM', graceMs: 5000, at: 50 };
const limit: Stop = { ...kill, by: '--timeout 1m', cause: 'timeout' };
const STARTING: Status = { phase: 'starting' };
const RUNNING: StatusOf<'running'> = {
  phase: 'running',
  startedAt: 10,
  startedMonotonicMs: 1,
  holding: null,
};
const stopping = (stop: Stop, sent: string[], ended: StatusOf<'stopping'>['ended']): Status => ({
  phase: 'stopping',
  startedAt: 10,
  startedMonotonicMs: 1,
  stop,
  sent,
  ended,
});
const outcome = (status: Status): Outcome => {
  assert.equal(status.phase, 'ended');
  return (status as StatusOf<'ended'>).outcome;
};
const walk = (status: Status, ...events: Event[]): Status => events.reduce(nextStatus, status);
const ended = (code: number | null): Event => ({ type: 'main-ended', at: 99, code });
const SWEPT: Event = { type: 'swept', at: 100 };
const asked = (stop: Stop): Event => ({ type: 'stop-requested', stop });
const sent = (signal: string): Event => ({ type: 'signalled', signal });

test('before the start: it starts, it cannot, or it is cancelled', () => {
  assert.deepEqual(nextStatus(STARTING, { type: 'started', at: 10, monotonicMs: 1 }), RUNNING);
  const failed = nextStatus(STARTING, { type: 'start-failed', at: 5, why: 'gone', code: 127 });
  const none = { startedAt: null, stop: null };
  assert.deepEqual(failed, {
    phase: 'ended',
    endedAt: 5,
    endKnown: true,
    tookMs: null,
    outcome: { kind: 'failed', why: 'gone', code: 127 },
    ...none,
  });
  const cancelled = nextStatus(STARTING, asked(kill));
  assert.deepEqual(cancelled, {
    phase: 'ended',
    startedAt: null,
    endedAt: 50,
    endKnown: true,
    tookMs: null,
    outcome: { kind: 'cancelled' },
    stop: kill,
  });
});

test('the end of a job that nobody stopped', () => {
  for (const code of [0, 1, 137, 143])
    assert.deepEqual(outcome(walk(RUNNING, ended(code))), { kind: 'exited', code, afterKill: false });
  assert.deepEqual(outcome(walk(RUNNING, ended(null))), { kind: 'lost', why: SHIM_KILLED });
  assert.equal((walk(RUNNING, ended(3)) as StatusOf<'ended'>).endedAt, 99);
});

test('an end that nobody saw has no time that may be shown, and no length', () => {
  const unseen: Event = { type: 'main-ended', at: 99, code: null, known: false };
  const ends = [walk(RUNNING, unseen), walk(RUNNING, asked(kill), unseen, SWEPT)] as StatusOf<'ended'>[];
  for (const end of ends) assert.deepEqual([end.endedAt, shownEnd(end), ranMs(end)], [99, null, null]);
  const seen = walk(RUNNING, ended(null)) as StatusOf<'ended'>;
  assert.deepEqual([shownEnd(seen), ranMs(seen)], [99, 89], 'its owner saw when, but not how');
  const never = nextStatus(STARTING, asked(kill)) as StatusOf<'ended'>;
  assert.deepEqual([shownEnd(never), ranMs(never)], [50, null]);
});

test('the end by --max-log is no time limit: it is told as what came of the signal', () => {
  const full: Stop = { ...kill, by: '--max-log 1M', cause: 'max-log' };
  const end = (signals: string[], code: number | null) =>
    walk(
      RUNNING,
      { type: 'limit-reached', stop: full },
      ...signals.map(sent),
      ended(code),
      SWEPT,
    ) as StatusOf<'ended'>;
  assert.deepEqual(end(['SIGTERM'], 143).outcome, { kind: 'killed', code: 143, signal: 'SIGTERM' });
  assert.deepEqual(end(['SIGTERM'], 3).outcome, { kind: 'exited', code: 3, afterKill: true });
  assert.deepEqual(end(['SIGTERM'], 143).stop, full);
});

test('the end after a kill: killed only by a signal that we sent', () => {
  const end = (signals: string[], code: number | null) =>
    outcome(walk(RUNNING, asked(kill), ...signals.map(sent), ended(code), SWEPT));
  assert.deepEqual(end(['SIGTERM'], 143), { kind: 'killed', code: 143, signal: 'SIGTERM' });
  assert.deepEqual(end(['SIGTERM', 'SIGKILL'], 137), { kind: 'killed', code: 137, signal: 'SIGKILL' });
  assert.deepEqual(end(['SIGTERM'], 137), { kind: 'exited', code: 137, afterKill: true });
  assert.deepEqual(end([], 143), { kind: 'exited', code: 143, afterKill: true });
  assert.deepEqual(end(['SIGTERM'], 0), { kind: 'exited', code: 0, afterKill: true });
  assert.deepEqual(end(['SIGTERM', 'SIGKILL'], null), { kind: 'lost', why: SHIM_KILLED });
  // sent after the main process had ended: it cannot have ended it
  const late = walk(RUNNING, asked(kill), ended(137), sent('SIGKILL'), SWEPT);
  assert.deepEqual(outcome(late), { kind: 'exited', code: 137, afterKill: true });
});

test('a limit of ours makes it a time-out, whatever came back and whoever asked later', () => {
  for (const code of [0, 3, 137, 143, null]) {
    const end = walk(
      RUNNING,
      { type: 'limit-reached', stop: limit },
      asked(kill),
      sent('SIGTERM'),
      ended(code),
      SWEPT,
    );
    assert.deepEqual(outcome(end), { kind: 'timed-out', limit: 'timeout', code });
  }
});

test('a limit of memory is told as 137, also if the main process outlived its children and ended by itself', () => {
  const stop: Stop = { ...kill, by: '--memory 1G', cause: 'memory', signal: 'SIGKILL', graceMs: 0 };
  for (const code of [0, 3, 137]) {
    const end = walk(RUNNING, { type: 'limit-reached', stop }, sent('SIGKILL'), ended(code), SWEPT);
    assert.deepEqual(outcome(end), { kind: 'killed', code: 137, signal: 'SIGKILL' });
  }
  assert.deepEqual(outcome(walk(RUNNING, { type: 'limit-reached', stop }, ended(null), SWEPT)), {
    kind: 'lost',
    why: SHIM_KILLED,
  });
});

test('a stop ends when its main process was heard of and everything is swept, in this order', () => {
  const begun = walk(RUNNING, asked(kill));
  assert.deepEqual(begun, stopping(kill, [], null));
  assert.equal(nextStatus(begun, SWEPT), begun);
  const told = nextStatus(begun, sent('SIGTERM'));
  assert.equal(nextStatus(told, sent('SIGTERM')), told, 'each signal is noted once');
  assert.deepEqual(
    nextStatus(begun, ended(4)),
    stopping(kill, [], { code: 4, at: 99, known: true, tookMs: null }),
  );
  assert.equal(
    (walk(begun, ended(4), SWEPT) as StatusOf<'ended'>).endedAt,
    99,
    'the end of the main process',
  );
});

test('a second request can only shorten the grace', () => {
  const begun = walk(RUNNING, asked(kill));
  const harder = { ...kill, graceMs: 0, signal: 'SIGKILL', by: 'another' };
  assert.deepEqual(nextStatus(begun, asked(harder)), stopping({ ...kill, graceMs: 0 }, [], null));
  assert.equal(nextStatus(begun, asked(kill)), begun, 'the same again');
  assert.equal(
    nextStatus(begun, asked({ ...kill, graceMs: 60_000 })),
    begun,
    'more time than was given first',
  );
  const long = { ...kill, graceMs: 60_000 };
  const hurried = walk(RUNNING, asked(long), asked({ ...kill, graceMs: 2000, at: kill.at + 30_000 }));
  assert.deepEqual(hurried, stopping({ ...long, graceMs: 32_000 }, [], null), 'from its request on');
  const late = walk(RUNNING, { type: 'limit-reached', stop: limit }, asked(harder));
  assert.deepEqual(late, stopping({ ...limit, graceMs: 0 }, [], null), 'the first cause stands');
});

test('an end without owner, from every phase', () => {
  assert.deepEqual(endWithoutOwner(STARTING, 99, 3), {
    phase: 'ended',
    startedAt: null,
    endedAt: 99,
    endKnown: true,
    tookMs: null,
    outcome: { kind: 'exited', code: 3, afterKill: false },
    stop: null,
  });
  assert.deepEqual(outcome(endWithoutOwner(RUNNING, 99, null)), { kind: 'lost', why: SHIM_KILLED });
  assert.equal(endWithoutOwner(RUNNING, 99, 3, [], 20).startedAt, 10, 'as its owner said');
  assert.equal(endWithoutOwner(STARTING, 99, 3, [], 20).startedAt, 20, 'as the shim said');
  assert.equal(endWithoutOwner(STARTING, 99, 3, [{ ...kill, at: 90 }], 20).startedAt, 20);
  assert.deepEqual(outcome(endWithoutOwner(stopping(kill, ['SIGTERM'], null), 99, 143)), {
    kind: 'killed',
    code: 143,
    signal: 'SIGTERM',
  });
  const first = { graceMs: 5000, beforeEndMs: 10 };
  const stop = { ...kill, at: 90 };
  for (const [stops, sent, code, expected] of [
    [[stop], first, 143, 'killed'],
    [[stop], first, 137, 'exited'],
    [[stop], { ...first, beforeEndMs: 5000 }, 137, 'killed'],
    [[stop, { ...stop, graceMs: 0 }], undefined, 137, 'killed'],
    [[stop, { ...stop, graceMs: 0, at: 100 }], undefined, 137, 'exited'],
    [[stop], undefined, 143, 'exited'],
    [[], undefined, 137, 'exited'],
  ] as const)
    assert.equal(endWithoutOwner(RUNNING, 99, code, [...stops], null, sent).outcome.kind, expected);
  const heard = endWithoutOwner(stopping(limit, [], { code: 0, at: 20, known: true, tookMs: null }), 99, 3);
  assert.deepEqual([heard.endedAt, heard.outcome], [20, { kind: 'timed-out', limit: 'timeout', code: 0 }]);
  const over = walk(RUNNING, ended(1)) as StatusOf<'ended'>;
  assert.equal(endWithoutOwner(over, 200, 2), over);
});

test('pauses: only a newer request counts, their time is added up, and a stop ends them', () => {
  const pause = (request: number, monotonicMs: number): Event => ({
    ...{ type: 'pause-requested', request, by: 'pause', at: 20, monotonicMs },
  });
  const resume = (request: number, monotonicMs: number): Event => ({
    ...{ type: 'resume-requested', request, monotonicMs },
  });
  const since = { at: 20, monotonicMs: 100, by: 'pause' };
  const paused = nextStatus(RUNNING, pause(1, 100));
  assert.deepEqual(paused, { ...RUNNING, holding: { request: 1, pausedMs: 0, since } });
  assert.equal(nextStatus(paused, pause(1, 200)), paused, 'read again');
  assert.deepEqual(nextStatus(paused, pause(2, 200)), {
    ...RUNNING,
    holding: { request: 2, pausedMs: 0, since },
  });
  const twice = walk(paused, resume(2, 150), pause(3, 1000), resume(5, 1001));
  assert.deepEqual(twice, { ...RUNNING, holding: { request: 5, pausedMs: 51, since: null } });
  assert.equal(nextStatus(twice, pause(4, 2000)), twice, 'overtaken');
  assert.deepEqual(nextStatus(paused, asked(kill)), stopping(kill, [], null));
  for (const status of [STARTING, stopping(kill, [], null), walk(RUNNING, ended(0))])
    for (const event of [pause(1, 5), resume(1, 5)]) assert.equal(nextStatus(status, event), status);
});

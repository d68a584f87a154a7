/** A seeded random walk over status and event: whatever comes in whatever order, the end that is told is one that was seen. */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import { type Event, type EventType, endWithoutOwner, nextStatus } from '../../../src/job/lifecycle.ts';
import type { Status, StatusOf } from '../../../src/job/state.ts';
import { rounds } from '../../rig/rounds.ts';

const STARTING: Status = { phase: 'starting' };

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SIGNALS = ['SIGTERM', 'SIGKILL', 'SIGINT'] as const;
const TYPES: EventType[] = [
  'admitted',
  'skipped',
  'retried',
  'requeued-there',
  'started',
  'start-failed',
  'stop-requested',
  'limit-reached',
  'pause-requested',
  'resume-requested',
  'signalled',
  'main-ended',
  'swept',
];

function randomEvent(random: () => number, at: number): Event {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const type = pick(TYPES);
  const signal = pick(SIGNALS);
  const graceMs = pick([0, 100, 5000]);
  const code = pick([null, 0, 1, 7, 124, 128, 130, 137, 143, 255]);
  switch (type) {
    case 'admitted':
      return { type };
    case 'skipped':
      return { type, at, why: `why ${at}` };
    case 'retried':
      return { type, notBefore: at + 1000 };
    case 'requeued-there':
      return { type };
    case 'started':
      return { type, at, monotonicMs: at };
    case 'start-failed':
      return { type, at, why: `why ${at}`, code: code ?? 125 };
    case 'stop-requested':
      return { type, stop: { by: 'kill', cause: 'kill', signal, graceMs, at } };
    case 'limit-reached':
      return {
        type,
        stop: {
          by: 'limit',
          cause: pick(['timeout', 'idle-timeout', 'max-log'] as const),
          signal,
          graceMs,
          at,
        },
      };
    case 'pause-requested':
      return { type, request: pick([1, 2, 3, 4]), by: 'pause', at, monotonicMs: at };
    case 'resume-requested':
      return { type, request: pick([1, 2, 3, 4]), monotonicMs: at };
    case 'signalled':
      return { type, signal };
    case 'main-ended':
      return { type, at, code };
    case 'swept':
      return { type, at };
  }
}

function assertTrueEnd(status: StatusOf<'ended'>, past: Event[], about: string): void {
  const { outcome: end, stop, startedAt, endedAt } = status;
  const seenCode = (code: number | null) => past.some((one) => 'code' in one && one.code === code);
  const stops = past.flatMap((one) => ('stop' in one ? one.stop : []));
  if ('code' in end) assert.ok(seenCode(end.code), `a code that nobody reported: ${about}`);
  if (end.kind === 'lost') assert.ok(seenCode(null), about);
  if (end.kind === 'killed') {
    assert.equal(end.code, 128 + constants.signals[end.signal as NodeJS.Signals], about);
    assert.ok(
      past.some((one) => one.type === 'signalled' && one.signal === end.signal),
      about,
    );
    assert.ok(stop?.cause === 'kill' || stop?.cause === 'max-log', about);
  }
  const isTimeLimit = stop?.cause === 'timeout' || stop?.cause === 'idle-timeout';
  assert.equal(end.kind === 'timed-out', isTimeLimit && startedAt !== null, about);
  if (end.kind === 'exited') assert.equal(end.afterKill, stop !== null, about);
  if (stop)
    assert.ok(
      stops.some(({ at, by, cause }) => at === stop.at && by === stop.by && cause === stop.cause),
      about,
    );
  assert.ok(
    past.some((one) => ('at' in one ? one.at : 'stop' in one ? one.stop.at : -1) === endedAt),
    about,
  );
  assert.equal(
    startedAt !== null,
    past.some(({ type }) => type === 'started') && !['cancelled', 'failed', 'skipped'].includes(end.kind),
    about,
  );
}

const KINDS = ['cancelled', 'exited', 'failed', 'killed', 'lost', 'skipped', 'timed-out'];
const QUEUED: Status = { phase: 'queued', notBefore: null };

test('a random walk: no way out of the end but another attempt, no invented code, no needless object', (t) => {
  const seed = Number(process.env['BGJOB_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`BGJOB_TEST_SEED=${seed}`);
  const random = randomFrom(seed);
  const kinds = new Set<string>();
  // as many as were asked for, and on until every kind of end was reached
  for (let round = 0; round < rounds(1500, 5000) || kinds.size < KINDS.length; round++) {
    let status: Status = random() < 0.5 ? STARTING : QUEUED;
    let past: Event[] = [];
    for (let step = 1; step <= 25; step++) {
      const event = randomEvent(random, round * 100 + step);
      const before: Status = structuredClone(status);
      const next: Status = nextStatus(status, event);
      past.push(event);
      const about = `seed ${seed}: ${JSON.stringify(past)} → ${JSON.stringify(next)}`;
      assert.deepEqual(status, before, `the old status was changed: ${about}`);
      if (status.phase === 'ended' && event.type === 'retried') {
        assert.equal(next.phase, 'queued', about);
        // another attempt: what was before is of the last one
        past = [];
      } else if (status.phase === 'ended') assert.equal(next, status, about);
      if (next !== status) assert.notDeepEqual(next, status, `a new object that says the same: ${about}`);
      const alone = endWithoutOwner(next, 1e9, 77, [], 1e9);
      if (next.phase === 'ended') assert.equal(alone, next, about);
      else if (next.phase !== 'stopping' || !next.ended)
        assertTrueEnd(
          alone,
          [
            ...past,
            { type: 'admitted' },
            { type: 'main-ended', at: 1e9, code: 77 },
            { type: 'started', at: 1e9, monotonicMs: 0 },
          ],
          about,
        );
      if (next.phase === 'ended' && status.phase !== 'ended') {
        assertTrueEnd(next, past, about);
        assert.ok(KINDS.includes(next.outcome.kind));
        kinds.add(next.outcome.kind);
      }
      status = next;
    }
  }
});

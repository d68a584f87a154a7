/** What may gc remove: by hand, and as properties of any set of jobs and rules. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  chooseRemovals,
  DEFAULT_RETENTION,
  type RetentionCandidate,
} from '../../../../src/job/home/retention.ts';
import fc from '../../../rig/property.ts';

const DAY = 86_400_000;
const NOW = 100 * DAY;
const keepsake = (
  id: number,
  ageDays: number,
  more: Partial<RetentionCandidate> = {},
): RetentionCandidate => ({
  id,
  endedAt: NOW - ageDays * DAY,
  sizeBytes: 100,
  unseenFailure: false,
  leftovers: false,
  awaited: false,
  ...more,
});
const choose = (jobs: RetentionCandidate[], rules: Partial<typeof DEFAULT_RETENTION> = {}) =>
  chooseRemovals(jobs, { ...DEFAULT_RETENTION, ...rules }, NOW).sort((a, b) => a - b);

test('too old, beyond the newest, beyond the size', () => {
  assert.deepEqual(choose([keepsake(1, 8), keepsake(2, 7), keepsake(3, 0)]), [1]);
  assert.deepEqual(choose([keepsake(1, 3), keepsake(2, 2), keepsake(3, 1)], { keep: 2 }), [1]);
  const big = { sizeBytes: 60 };
  assert.deepEqual(
    choose([keepsake(1, 3, big), keepsake(2, 2, big), keepsake(3, 1, big)], { maxTotalBytes: 120 }),
    [1],
  );
  assert.deepEqual(
    choose([keepsake(1, 1), keepsake(2, 1), keepsake(3, 1)], { keep: 1 }),
    [1, 2],
    'of the same age the higher id stays',
  );
  assert.deepEqual(choose([], {}), []);
  assert.deepEqual(choose([keepsake(1, -5)], { olderThanMs: 0 }), [], 'an end in the future is not old');
});

test('a job with leftovers stays for ever, a failure that nobody was told of for its time', () => {
  assert.deepEqual(choose([keepsake(1, 99, { leftovers: true })]), []);
  const unseen = { unseenFailure: true };
  assert.deepEqual(choose([keepsake(1, 30, unseen), keepsake(2, 31, unseen)]), [2]);
});

const jobs = fc
  .array(
    fc.record({
      endedAt: fc.integer({ min: NOW - 40 * DAY, max: NOW + DAY }),
      sizeBytes: fc.integer({ min: 0, max: 1000 }),
      unseenFailure: fc.boolean(),
      leftovers: fc.boolean(),
      awaited: fc.boolean(),
    }),
    { maxLength: 30 },
  )
  .map((list) => list.map((job, n) => ({ ...job, id: n + 1 })));
const rules = fc.record({
  olderThanMs: fc.integer({ min: 0, max: 20 * DAY }),
  keep: fc.integer({ min: 0, max: 20 }),
  maxTotalBytes: fc.integer({ min: 0, max: 5000 }),
  unseenFailureMs: fc.integer({ min: 0, max: 30 * DAY }),
});
const isGuarded = (job: RetentionCandidate, unseenFailureMs: number) =>
  job.leftovers || job.awaited || (job.unseenFailure && NOW - job.endedAt <= unseenFailureMs);

test('for any jobs and rules: what is guarded stays, what stays keeps the rules, what goes had to', () => {
  fc.assert(
    fc.property(jobs, rules, (all, given) => {
      const removed = new Set(chooseRemovals(all, given, NOW));
      const stays = all.filter(({ id }) => !removed.has(id));
      for (const job of all) if (isGuarded(job, given.unseenFailureMs)) assert.ok(!removed.has(job.id));
      const free = stays.filter((job) => !isGuarded(job, given.unseenFailureMs));
      for (const job of free) assert.ok(NOW - job.endedAt <= given.olderThanMs);
      if (free.length > 0) {
        // guarded ones count too, but only those that are newer can push one out
        const oldest = Math.min(...free.map(({ endedAt }) => endedAt));
        const before = stays.filter(({ endedAt }) => endedAt > oldest);
        assert.ok(before.length <= given.keep);
        assert.ok(before.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) <= given.maxTotalBytes);
      }
      for (const job of all.filter(({ id }) => removed.has(id))) {
        const newer = stays.filter(
          ({ endedAt, id }) => endedAt > job.endedAt || (endedAt === job.endedAt && id > job.id),
        );
        const bytes = newer.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
        assert.ok(
          NOW - job.endedAt > given.olderThanMs ||
            newer.length >= given.keep ||
            bytes + job.sizeBytes > given.maxTotalBytes,
          `no reason to remove ${job.id}`,
        );
      }
    }),
    { numRuns: 500 },
  );
});

test('choosing twice removes nothing more, the order given does not matter, and nothing given is changed', () => {
  fc.assert(
    fc.property(jobs, rules, (all, given) => {
      const copy = structuredClone(all);
      const removed = chooseRemovals(all, given, NOW);
      assert.deepEqual(all, copy);
      assert.deepEqual(chooseRemovals(all.toReversed(), given, NOW), removed);
      const rest = all.filter(({ id }) => !removed.includes(id));
      assert.deepEqual(chooseRemovals(rest, given, NOW), []);
    }),
  );
});

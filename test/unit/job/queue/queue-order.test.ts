/** The names of markers say what they were made of, and sort into the order of their jobs; and who may start now. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { projectKey } from '../../../../src/job/home/job-index.ts';
import {
  entryName,
  type Fate,
  idOfEntry,
  judgeReadiness,
  MOST_PRIORITY,
  parseQueueEntry,
  priorityOf,
  projectOfEntry,
  rankBefore,
  rankBehind,
  rankOf,
  rankOfEntry,
  sandboxKey,
} from '../../../../src/job/queue/queue-order.ts';
import type { Dependency, Placement } from '../../../../src/job/spec.ts';
import fc from '../../../rig/property.ts';

const anId = fc.integer({ min: 1, max: 1e14 });
const aPriority = fc.integer({ min: -MOST_PRIORITY, max: MOST_PRIORITY });
const aTime = fc.option(fc.integer({ min: 0, max: 8.64e15 }));
const dependencies = (maxLength: number) =>
  fc.uniqueArray(fc.record({ id: anId, any: fc.boolean() }, { noNullPrototype: true }), {
    maxLength,
    selector: ({ id }) => id,
  });
const aPlacement = (maxLength: number): fc.Arbitrary<Placement> =>
  fc.record({
    queue: fc.constant('api'),
    priority: aPriority,
    notBefore: aTime,
    after: dependencies(maxLength),
    sandbox: fc.string(),
    cgroup: fc.string(),
    umask: fc.constant(0o22),
    ioPriority: fc.constant(null),
    batch: fc.constant(null),
  });

test('a name says rank, id, sandbox, project, time and dependencies', () => {
  fc.assert(
    fc.property(anId, fc.string(), aPlacement(5), (id, project, placement) => {
      const name = entryName(id, project, placement);
      const { rank, sandbox, project: key, notBefore, after } = parseQueueEntry(name)!;
      assert.deepEqual(
        [rank, sandbox, key, notBefore],
        [rankOf(placement.priority), sandboxKey(placement), projectKey(project), placement.notBefore],
      );
      assert.deepEqual([idOfEntry(name), projectOfEntry(name), rankOfEntry(name)], [id, key, rank]);
      assert.equal(priorityOf(rank), placement.priority);
      // what does not fit into a name is looked up in the spec
      const text = placement.after.map(({ id: one }) => `s${one}`).join('');
      assert.deepEqual(after, text.length > 120 ? 'spec' : placement.after);
    }),
  );
});

test('a name fits into a directory, however many it waits for', () => {
  fc.assert(
    fc.property(anId, fc.string(), aPlacement(100), (id, project, placement) => {
      const name = entryName(id, project, placement);
      assert.ok(name.length < 255 && !/[/\0]/.test(name), name);
      assert.equal(parseQueueEntry(name)!.id, id);
    }),
  );
});

test('names sort as their jobs are started: priority, then id', () => {
  const job = fc.record({ id: anId, placement: aPlacement(3) });
  fc.assert(
    fc.property(fc.uniqueArray(job, { selector: ({ id }) => id, maxLength: 20 }), (jobs) => {
      const names = jobs.map(({ id, placement }) => entryName(id, '/p', placement)).sort();
      const byOrder = [...jobs].sort((a, b) => b.placement.priority - a.placement.priority || a.id - b.id);
      assert.deepEqual(
        names.map(idOfEntry),
        byOrder.map(({ id }) => id),
      );
    }),
  );
});

test('other names are none of ours, and what is made of them is harmless', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-z.]{0,80}$/)), (name) => {
      const entry = parseQueueEntry(name);
      if (entry) assert.equal(idOfEntry(name), entry.id);
      else assert.ok(Number.isInteger(idOfEntry(name)) && typeof projectOfEntry(name) === 'string');
    }),
  );
});

test('to the front is before all priorities and all that were moved there; to the end behind all', () => {
  const ranks = fc.array(fc.integer({ min: 1000, max: 900_000 }));
  fc.assert(
    fc.property(ranks, fc.integer({ min: 1, max: 100 }), (others, count) => {
      const first = rankBefore(others, count);
      const most = Math.min(rankOf(MOST_PRIORITY), ...others);
      assert.ok(first >= 0 && first + count - 1 < most);
      assert.equal(priorityOf(first), 'first');
      const last = rankBehind(others);
      assert.ok(last > Math.max(rankOf(-MOST_PRIORITY), ...others) && last <= 999_999);
      assert.equal(priorityOf(last), 'last');
    }),
  );
});

const aFate = fc.oneof(
  fc.constant<Fate>({ kind: 'waits' }),
  fc.constant<Fate>({ kind: 'succeeded' }),
  fc.constant<Fate>({ kind: 'failed', how: 'exited 1' }),
  fc.constant<Fate>({ kind: 'unknown', how: 'was lost' }),
);

test('a job is ready when its time has come and all that it waits for are over as it wants them', () => {
  const after = fc.array(fc.record({ any: fc.boolean(), fate: aFate }), { maxLength: 6 });
  fc.assert(
    fc.property(aTime, after, fc.integer({ min: 0, max: 8.64e15 }), (notBefore, others, now) => {
      const list: Dependency[] = others.map(({ any }, n) => ({ id: n + 1, any }));
      const readiness = judgeReadiness(notBefore, list, now, (id) => others[id - 1]!.fate);
      const spoils = others.findIndex(
        ({ any, fate }) => fate.kind === 'unknown' || (fate.kind === 'failed' && !any),
      );
      const open = list.filter((_, n) => others[n]!.fate.kind === 'waits').map(({ id }) => id);
      // nothing is waited for that can not help any more
      if (spoils >= 0) {
        const { fate } = others[spoils]!;
        const why = `job ${spoils + 1} ${'how' in fate ? fate.how : ''}`;
        assert.deepEqual(readiness, { kind: 'skip', why });
      } else if (open.length > 0) assert.deepEqual(readiness, { kind: 'after', ids: open });
      else if (notBefore !== null && notBefore > now)
        assert.deepEqual(readiness, { kind: 'time', at: notBefore });
      else assert.deepEqual(readiness, { kind: 'ready' });
    }),
  );
});

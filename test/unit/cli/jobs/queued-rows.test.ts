import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inStartOrder } from '../../../../src/cli/jobs/queued-rows.ts';
import type { Waiting } from '../../../../src/engine/queue/queue-status.ts';
import type { JobView } from '../../../../src/job/view.ts';

const viewOf = (id: number, queue: string): JobView =>
  ({ kind: 'live', id, spec: { placement: { queue } } }) as JobView;

test('jobs that wait stand in the order in which they start; what is passed over stands behind', () => {
  const waiting = new Map<number, Waiting>([
    [1, { kind: 'after', ids: [9], position: 1 }],
    [2, { kind: 'time', at: 2000, isRetry: false, position: 2 }],
    [3, { kind: 'slot', position: 4 }],
    // it has a higher priority
    [4, { kind: 'slot', position: 3 }],
    [5, { kind: 'time', at: 1000, isRetry: false, position: 5 }],
    [6, { kind: 'paused', queue: 'a', position: 1 }],
    [7, { kind: 'slot', position: 1 }],
    [8, { kind: 'newer-bgjob', needs: ['x'], position: 0 }],
  ]);
  const queueOf = (id: number) => (id === 6 ? 'a' : id === 7 ? 'c' : 'b');
  const views = [...waiting.keys()].map((id) => viewOf(id, queueOf(id)));
  const ids = inStartOrder(views, ({ id }) => waiting.get(id)).map(({ id }) => id);
  assert.deepEqual(ids, [4, 3, 5, 2, 1, 8, 7, 6]);
});

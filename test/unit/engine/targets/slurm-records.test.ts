import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FarEnd } from '../../../../src/engine/targets/engine.ts';
import {
  endOf,
  liveState,
  nativeIdOf,
  parseAnswer,
  parseDetails,
  parseRow,
  rowOf,
  type SlurmFiles,
} from '../../../../src/engine/targets/slurm-records.ts';

const files = (rest: Partial<SlurmFiles> = {}): SlurmFiles => ({
  ...{ uid: 'h-1-1', kind: 'started', pid: 9, node: 'n1', id: '5', beat: '', isStopped: false, cut: null },
  ...{ asked: { name: 'h-1-1', index: 0, comment: 'bgjob:h-1-1:1' }, run: { id: '5', restarts: 0 } },
  ...rest,
});
const cut: FarEnd = {
  ...{ uid: 'h-1-1', status: 143, limit: null, tookMs: 70, afterStop: false, verdict: null, restarts: 0 },
  usage: null,
};
const rows = (...lines: string[]) => parseAnswer(lines.map((line) => `q ${line}`)).rows;
const details = (state: string, code: string, rest = '', wrote = '') =>
  parseDetails(
    `JobId=5 JobState=${state} Reason=R Restarts=0 RunTime=00:00:05 ExitCode=${code} ${rest}`,
    wrote,
  );

test('a row of squeue: tasks that wait have one row, also with steps and limits', () => {
  const row = parseRow('t.array|3|3|0-4,7,10-20:5%2|PENDING|1-02:03:04|n/a|c|Nodes are DOWN, a|b')!;
  assert.deepEqual(
    [0, 4, 5, 7, 10, 12, 15, 20].map((index) => row.has(index)),
    [true, true, false, true, true, false, true, true],
  );
  assert.equal(row.ranMs, 93_784_000);
  assert.equal(row.reason, 'Nodes are DOWN, a|b');
  assert.equal(parseRow('slurm_load_jobs error'), undefined);
});

test('a number alone says nothing: name and comment are ours, too', () => {
  const other = 'h-2-1|5|5|N/A|COMPLETED|0:01|n1|bgjob:h-2-1:1|None';
  assert.equal(rowOf(files(), rows(other)), undefined);
  assert.equal(rowOf(files(), rows('h-1-1|5|5|N/A|RUNNING|0:01|n1|bgjob:h-1-1:99|None')), undefined);
  assert.equal(
    rowOf(files(), rows(other, 'h-1-1|5|5|N/A|RUNNING|0:01|n1|bgjob:h-1-1:1|None'))?.state,
    'RUNNING',
  );
  // two submits: the one in which the shim runs
  const twice = rows(
    'h-1-1|4|4|N/A|COMPLETED|0:01|n1|bgjob:h-1-1:1|None',
    'h-1-1|5|5|N/A|RUNNING|0:01|n1|bgjob:h-1-1:1|None',
  );
  assert.equal(rowOf(files({ id: '4' }), twice)?.id, '5');
});

test('a task of an array', () => {
  const task = files({
    ...{ id: '7', run: null, kind: 'claimed' },
    asked: { name: 'h-1-1.array', index: 2, comment: 'c' },
  });
  const queue = rows(
    'h-1-1.array|8|7|0|RUNNING|0:01|n1|c|None',
    'h-1-1.array|7|7|[1-5]|PENDING|0:00|n/a|c|Resources',
  );
  const row = rowOf(task, queue)!;
  assert.deepEqual(liveState(task, row), { kind: 'queued', reason: 'Resources', restarts: 0 });
  assert.equal(nativeIdOf(task, row.id), '7_2');
});

test('an end without a record: what Slurm says, and the code that the shim saw', () => {
  const word = (state: string, code: string, rest: Partial<SlurmFiles> = {}, wrote = '') => {
    const { status, verdict, afterStop } = endOf(files(rest), details(state, code, '', wrote));
    return [status, verdict?.word ?? null, afterStop];
  };
  assert.deepEqual(word('TIMEOUT', '0:9'), [null, 'time-limit', false]);
  assert.deepEqual(word('TIMEOUT', '0:15', { cut }), [143, 'time-limit', false]);
  assert.deepEqual(word('OUT_OF_MEMORY', '0:125'), [137, 'out-of-memory', false]);
  assert.deepEqual(word('FAILED', '0:9', {}, 'x exceeded memory limit (9 > 1)'), [
    137,
    'out-of-memory',
    false,
  ]);
  assert.deepEqual(word('CANCELLED', '0:15'), [null, 'cancelled', false]);
  assert.deepEqual(word('PREEMPTED', '0:15', { cut }), [143, 'preempted', false]);
  assert.deepEqual(word('NODE_FAIL', '0:1'), [null, 'node-failed', false]);
  assert.deepEqual(word('COMPLETED', '0:0'), [0, null, false]);
  assert.deepEqual(word('COMPLETED', '0:0', { cut }), [143, null, false]);
  assert.deepEqual(word('FAILED', '7:0'), [7, null, false]);
  // of our own stop
  assert.deepEqual(word('CANCELLED', '0:9', { isStopped: true }), [137, null, true]);
  assert.deepEqual(word('CANCELLED', '0:0', { isStopped: true, run: null }), [null, 'cancelled', true]);
});

test('a code that is not known is never 0', () => {
  for (const [state, code] of [
    ['FAILED', '0:0'],
    ['FAILED', '0:53'],
    ['FAILED', '0:9'],
    ['REVOKED', '0:0'],
  ]) {
    const end = endOf(files(), details(state!, code!));
    assert.deepEqual([end.status, end.verdict?.word], [null, 'unclear'], code);
    const unborn = endOf(files({ run: null }), details(state!, code!));
    assert.deepEqual([unborn.status, unborn.verdict?.word, unborn.tookMs], [null, 'not-started', 0]);
  }
  assert.equal(endOf(files({ run: null }), details('COMPLETED', '0:0')).status, null);
});

test('what an earlier attempt has left does not count', () => {
  const later = parseDetails('JobState=CANCELLED Reason=None ExitCode=0:0 Restarts=1 RunTime=00:00:00', '');
  const end = endOf(files({ cut }), later);
  assert.deepEqual([end.status, end.restarts, end.tookMs, end.verdict?.word], [null, 1, 0, 'cancelled']);
});

/** From the end record of the far side, and what Slurm did, to the outcome of the job. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FarEnd, Verdict } from '../../../../src/engine/targets/engine.ts';
import { exitCodeOf, type Status, type Stop } from '../../../../src/job/state.ts';
import { slurmTarget } from '../../../../src/job/target.ts';
import { statusAfter } from '../../../../src/services/target/far-outcome.ts';

const NOW = 1_000_000;
const spec = { graceMs: 5000, timeoutMs: 60_000, maxLogBytes: 2 ** 30, target: slurmTarget('hpc') };
const STARTING: Status = { phase: 'starting' };
const RUNNING: Status = { phase: 'running', startedAt: 990_000, startedMonotonicMs: 1, holding: null };
const KILL: Stop = { by: 'kill', cause: 'kill', signal: 'SIGTERM', graceMs: 5000, at: 995_000 };
const END: FarEnd = {
  ...{ uid: 'a-1-1', status: 0, limit: null, tookMs: 4000, afterStop: false, verdict: null, restarts: 0 },
  usage: null,
};
const NO_RUN = { status: null, tookMs: 0 };
const said = (word: Verdict['word']): { verdict: Verdict } => ({ verdict: { word, said: 'AS SLURM SAYS' } });

/** Kind, exit code and reason. */
function after(end: Partial<FarEnd>, status: Status = RUNNING, stopBefore?: Stop) {
  const ended = statusAfter({ ...END, ...end }, { spec, status, stopBefore, asked: undefined, now: NOW });
  assert.ok(ended.phase === 'ended');
  const { outcome, stop } = ended;
  return [outcome.kind, exitCodeOf(outcome), 'why' in outcome ? outcome.why : (stop?.by ?? null)];
}

test('without a word of Slurm the record decides', () => {
  assert.deepEqual(after({ status: 7 }), ['exited', 7, null]);
  assert.deepEqual(after({ status: 7 }, STARTING), ['exited', 7, null]);
  assert.deepEqual(after({ status: 143, limit: 'timeout' }), ['timed-out', 124, '--timeout 1m']);
  assert.deepEqual(after({ status: 143, afterStop: true }, STARTING, KILL), ['killed', 143, 'kill']);
  // the stop came too late
  const stopping: Status = { ...RUNNING, phase: 'stopping', stop: KILL, sent: [], ended: null };
  assert.deepEqual(after({ status: 0 }, stopping), ['exited', 0, null]);
});

test('what Slurm did: a code where there is one, else the reason, never success', () => {
  const late = ['timed-out', 124, 'the time limit of Slurm'];
  assert.deepEqual(after({ status: null, ...said('time-limit') }), late);
  assert.deepEqual(after({ status: 0, ...said('time-limit') }, STARTING), late);
  for (const status of [null, 0, 1, 137])
    assert.deepEqual(after({ status, ...said('out-of-memory') }), ['exited', 137, null]);
  assert.deepEqual(after({ status: 143, ...said('cancelled') }), ['exited', 143, null]);
  for (const word of ['cancelled', 'preempted', 'node-failed', 'unclear', 'not-started'] as const) {
    const [kind, code, why] = after({ status: null, ...said(word) });
    assert.deepEqual([kind, code], ['lost', 125], word);
    assert.match(String(why), /\(AS SLURM SAYS\)$/, word);
  }
  assert.deepEqual(after({ status: null }).slice(0, 2), ['lost', 125]);
});

test('a job that left the queue of Slurm without a start', () => {
  assert.deepEqual(after({ ...NO_RUN, ...said('cancelled') }, STARTING), ['cancelled', 1, 'scancel']);
  assert.deepEqual(after({ ...NO_RUN, ...said('cancelled') }, STARTING, KILL), ['cancelled', 1, 'kill']);
  assert.deepEqual(after(NO_RUN, STARTING, KILL), ['cancelled', 1, 'kill']);
  assert.deepEqual(after({ ...NO_RUN, ...said('not-started') }, STARTING), [
    ...['failed', 125, 'hpc did not start it [engine]: AS SLURM SAYS'],
  ]);
  assert.deepEqual(after({ ...NO_RUN, ...said('node-failed') }, STARTING).slice(0, 2), ['lost', 125]);
  // it is known to have run
  assert.deepEqual(after({ ...NO_RUN, ...said('cancelled') }).slice(0, 2), ['lost', 125]);
});

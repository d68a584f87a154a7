/** The limits of a job count no paused time, to the millisecond: with a clock that the test moves. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { JobPaths } from '../../../../src/job/home/paths.ts';
import { nextStatus } from '../../../../src/job/lifecycle.ts';
import type { Spec } from '../../../../src/job/spec.ts';
import type { Status, Stop } from '../../../../src/job/state.ts';
import { PauseControl } from '../../../../src/supervisor/stop/pause.ts';
import { folderTest } from '../../../rig/folder.ts';

const STEP_MS = 100;
const HOUR_MS = 3_600_000;

/** A supervisor's limits and pauses, without a job. */
class Stage {
  readonly reached: Stop['cause'][] = [];
  private now = 1000;
  private request = 0;
  private status = nextStatus({ phase: 'starting' }, { type: 'started', at: 0, monotonicMs: 1000 });
  private readonly holding: PauseControl;
  private readonly t: TestContext;

  constructor(t: TestContext, dir: string, limits: Partial<Spec>) {
    this.t = t;
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    t.mock.method(process.hrtime, 'bigint', () => BigInt(this.now) * 1_000_000n);
    const job = { log: join(dir, 'log'), shim: join(dir, 'shim') } as JobPaths;
    const spec = { timeoutMs: null, idleTimeoutMs: null, graceMs: 0, split: false, ...limits } as Spec;
    const stage = this;
    this.holding = new PauseControl({
      ...{ spec, job, attempt: 1, processes: async () => [], dispatch: () => {} },
      get status(): Status {
        return stage.status;
      },
    });
    this.enter();
  }

  private enter(): void {
    assert.ok(this.status.phase === 'running');
    this.holding.enter(this.status, ({ cause }) => this.reached.push(cause));
  }
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= STEP_MS) {
      this.now += STEP_MS;
      this.t.mock.timers.tick(STEP_MS);
    }
  }
  pause(): void {
    const asked = { request: ++this.request, by: 'pause', at: 0, monotonicMs: this.now };
    this.status = nextStatus(this.status, { type: 'pause-requested', ...asked });
    this.enter();
  }
  resume(): void {
    const asked = { request: ++this.request, monotonicMs: this.now };
    this.status = nextStatus(this.status, { type: 'resume-requested', ...asked });
    this.enter();
  }
}

folderTest('--timeout: two pauses of an hour are nothing to it', (dir, t) => {
  const stage = new Stage(t, dir, { timeoutMs: 10_000 });
  for (let n = 0; n < 2; n++) {
    stage.pass(4000);
    stage.pause();
    stage.pass(HOUR_MS);
    stage.resume();
  }
  stage.pass(1900);
  assert.deepEqual(stage.reached, []);
  stage.pass(100);
  assert.deepEqual(stage.reached, ['timeout']);
});

folderTest('--idle-timeout: the silence before a pause goes on after it', (dir, t) => {
  const stage = new Stage(t, dir, { idleTimeoutMs: 8000 });
  for (let n = 0; n < 2; n++) {
    stage.pass(3000);
    stage.pause();
    stage.pass(HOUR_MS);
    stage.resume();
  }
  stage.pass(1900);
  assert.deepEqual(stage.reached, []);
  // it looks twenty times in its limit
  stage.pass(500);
  assert.equal(stage.reached[0], 'idle-timeout');
});

/**
 * The shim of a batch as its supervisor has it, where the test decides when the shim is stopped, and when
 * orders come: each order has an answer.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { attemptQuietly } from '../../../../src/base/result.ts';
import { JobPaths } from '../../../../src/job/home/paths.ts';
import { type BatchShim, batchShimFor, type Order } from '../../../../src/supervisor/shim/batch-shim.ts';
import { isRunning, letterOf, processesNaming } from '../../../rig/processes.ts';
import { TEST_MS, until } from '../../../rig/until.ts';

/** Only dash passes the variables of a job on as they are. */
const skip = fs.realpathSync('/bin/sh').endsWith('/dash')
  ? false
  : 'sh is not dash here: each job has a shim';

class Stage {
  readonly dir = fs.mkdtempSync(join(tmpdir(), 'bgjob-batch-shim-'));
  private readonly aliveFds: number[] = [];

  /** That of another test has other variables. */
  shim(home = this.dir): BatchShim {
    const shim = batchShimFor({
      environment: ['BGJOB_ID=1', 'BGJOB_TOKEN=token', `BGJOB_HOME=${this.dir}`, `PWD=${this.dir}`],
      cwd: this.dir,
      placement: { umask: 0o22, ioPriority: null } as never,
      call: { node: '/bin/false', supervisor: '/', home, id: 1, environment: {} },
      token: 'token-batch',
      underUmask: (act) => act(),
    });
    return shim ?? assert.fail('no shim');
  }

  /** An order that notes what it hears. */
  order(id: number, line: string): Order & { heard: string[] } {
    const job = new JobPaths(join(this.dir, String(id)));
    fs.mkdirSync(job.dir);
    assert.equal(spawnSync('mkfifo', [job.alive]).status, 0);
    const [aliveFd, recordFd, logFd, exitFd, usageFd] = [
      job.alive,
      `${job.dir}/shim`,
      `${job.dir}/log`,
      `${job.dir}/exit`,
      `${job.dir}/usage`,
    ].map((path) => fs.openSync(path, path === job.alive ? 'r+' : 'a+')) as [
      number,
      number,
      number,
      number,
      number,
    ];
    this.aliveFds.push(aliveFd, logFd, exitFd, usageFd);
    const heard: string[] = [];
    return {
      ...{
        id,
        slot: id,
        argv: ['/bin/sh', '-c', line],
        alive: job.alive,
        aliveFd,
        recordFd,
        logFd,
        exitFd,
        usageFd,
        heard,
      },
      onRefused: () => heard.push('refused'),
      onStarted: () => heard.push('started'),
      onStatus: (code) => heard.push(String(code)),
      onShimEnd: () => heard.push('end'),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const fd of this.aliveFds) fs.closeSync(fd);
    // a watcher ends a moment after its shim, perhaps just now
    await until(
      () => {
        const left = processesNaming(this.dir);
        for (const { pid } of left) attemptQuietly(() => process.kill(pid, 'SIGKILL'));
        return left.length;
      },
      (count) => count === 0,
      'no process',
    );
    fs.rmSync(this.dir, { recursive: true });
  }
}

const stageTest = (name: string, body: (stage: Stage) => Promise<void>) =>
  test(name, { skip, timeout: TEST_MS }, async () => {
    await using stage = new Stage();
    await body(stage);
  });

const hears = ({ heard }: { heard: string[] }, ...words: string[]) =>
  until(
    () => heard,
    () => heard.length >= words.length,
    words.join(', '),
  ).then(
    () => assert.deepEqual(heard, words),
    ({ message }) => assert.fail(message),
  );

async function stop(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  await until(
    () => letterOf(pid),
    (letter) => letter === 'T',
    'a stopped process',
  );
}

const ends = ({ pid }: BatchShim) =>
  until(
    () => isRunning(pid),
    (runs) => !runs,
    'the end of the shim',
  ).catch(({ message }) => assert.fail(message));

stageTest('a shim that was stopped before an order answers it', async (stage) => {
  const shim = stage.shim();
  const [first, second] = [stage.order(1, 'exit 3'), stage.order(2, 'exit 4')];
  shim.order(first);
  await hears(first, 'started', '3');
  await stop(shim.pid);
  assert.equal(stage.shim(), shim);
  shim.order(second);
  shim.release(first);
  await hears(second, 'started', '4');
  shim.release(second);
  await ends(shim);
});

stageTest('a shim that is stopped when its last job has ended ends, too', async (stage) => {
  const shim = stage.shim();
  const order = stage.order(1, 'exit 3');
  shim.order(order);
  await hears(order, 'started', '3');
  await stop(shim.pid);
  shim.release(order);
  await ends(shim);
});

stageTest('a shim that runs a job takes no order, and ends after that job', async (stage) => {
  const shim = stage.shim();
  assert.equal(spawnSync('mkfifo', [join(stage.dir, 'gate')]).status, 0);
  const [first, second] = [stage.order(1, 'read -r code <gate; exit "$code"'), stage.order(2, 'exit 4')];
  shim.order(first);
  await hears(first, 'started');
  const other = stage.shim();
  assert.notEqual(other, shim);
  other.order(second);
  await hears(second, 'started', '4');
  other.release(second);
  await ends(other);
  fs.writeFileSync(join(stage.dir, 'gate'), '5\n');
  await hears(first, 'started', '5');
  shim.release(first);
  await ends(shim);
});

stageTest('a job of a home that was moved has a shim whose watchers know the new place', async (stage) => {
  const shim = stage.shim();
  const order = stage.order(1, 'exit 3');
  shim.order(order);
  await hears(order, 'started', '3');
  const other = stage.shim('/elsewhere');
  assert.notEqual(other, shim);
  shim.release(order);
  await ends(shim);
  const second = stage.order(2, 'exit 4');
  other.order(second);
  await hears(second, 'started', '4');
  other.release(second);
  await ends(other);
});

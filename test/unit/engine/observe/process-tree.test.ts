/**
 * Trees: which processes are a job's, by proof from the kernel alone. (How a stop goes end to end is tested
 * on the program.)
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../../src/base/clock.ts';
import { joinPass } from '../../../../src/engine/observe/process-pass.ts';
import {
  envMarkerOf,
  findProcesses,
  isUnproven,
  type ProcessRecords,
  signalProcess,
  sweep,
} from '../../../../src/engine/observe/process-tree.ts';
import { identify } from '../../../../src/engine/os/process-identity.ts';
import { readTable } from '../../../../src/engine/os/process-table.ts';
import { Home } from '../../../../src/job/home/home.ts';
import { folderTest } from '../../../rig/folder.ts';
import { isRunning, letterOf } from '../../../rig/processes.ts';
import { until } from '../../../rig/until.ts';

const trail = (home: Home, more: Partial<ProcessRecords> = {}): ProcessRecords => ({
  home,
  id: 42,
  main: undefined,
  spared: [],
  owner: undefined,
  left: [],
  watched: false,
  sinceTicks: 0,
  ...more,
});

/** A sleeper; ended with the test. */
async function sleeper(children: ChildProcess[], env: Record<string, string>, log?: number): Promise<number> {
  const stdio = ['ignore', log ?? 'ignore', 'ignore'] as const;
  const child = spawn('/bin/sleep', ['1000'], { env, stdio: [...stdio], detached: true });
  children.push(child);
  // until exec is done, /proc shows the environment of the test itself, and for an instant none
  await until(
    () => [fs.readFileSync(`/proc/${child.pid}/comm`, 'latin1'), letterOf(child.pid!)].join(''),
    (text) => text === 'sleep\nS',
    'a sleeper',
  );
  return child.pid!;
}
async function endAll(children: ChildProcess[]): Promise<void> {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
}

folderTest(
  'a marker counts only whole and of this home; a recorded pid alone proves nothing',
  async (dir) => {
    const home = new Home(dir, 'a'.repeat(32));
    const children: ChildProcess[] = [];
    try {
      const marker = { ...envMarkerOf(home, 42) };
      const ours = await sleeper(children, marker);
      const strangers = [
        await sleeper(children, {}),
        await sleeper(children, { ...marker, BGJOB_ID: '43' }),
        await sleeper(children, { ...marker, BGJOB_TOKEN: 'b'.repeat(32) }),
        await sleeper(children, { BGJOB_ID: '42' }),
        await sleeper(children, { BGJOB_ID: '42', BGJOB_HOME: dir }),
      ];
      const pids = async (more: Partial<ProcessRecords> = {}) =>
        (await findProcesses(trail(home, more))).map(({ pid }) => pid);
      assert.deepEqual(await pids(), [ours]);
      // forged records
      for (const pid of strangers) {
        const main = identify(pid)!;
        assert.deepEqual(await pids({ main }), [ours]);
        assert.equal(isUnproven(main, [], await joinPass()), true);
      }
      assert.deepEqual(await pids({ spared: [identify(ours)!] }), [], 'the spared are spared');
      const reused = { ...identify(ours)!, startTicks: 1 };
      assert.deepEqual(
        await pids({ spared: [reused] }),
        [ours],
        'a spared pid that is another process by now is not',
      );
      assert.equal(isUnproven(reused, [], await joinPass()), false);
      assert.deepEqual(await pids({ id: 43 }), [strangers[1]]);
    } finally {
      await endAll(children);
    }
  },
);

folderTest('one home under two paths: the token decides, and a copy is another home', async (dir) => {
  const token = 'a'.repeat(32);
  const [path, second, copy] = ['home', 'second', 'copy'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  for (const made of [path, copy]) {
    fs.mkdirSync(made);
    fs.writeFileSync(join(made, 'token'), `${token}\n`);
  }
  const children: ChildProcess[] = [];
  try {
    const marked = await sleeper(children, { ...envMarkerOf(new Home(path, token), 42) });
    const pids = async (at: string) =>
      (await findProcesses(trail(new Home(at, token)))).map(({ pid }) => pid);
    assert.deepEqual(await pids(path), [marked]);
    // in a container the path of the marker is not there, or it is another home
    assert.deepEqual(await pids(copy), [], 'a copy has processes of its own');
    fs.renameSync(path, second);
    assert.deepEqual(await pids(second), [marked], 'nothing is there');
    fs.mkdirSync(path);
    fs.writeFileSync(join(path, 'token'), `${'b'.repeat(32)}\n`);
    assert.deepEqual(await pids(second), [marked], 'another home is there');
  } finally {
    await endAll(children);
  }
});

folderTest(
  'who holds the log for writing is of the job if it was started after it; a reader never is',
  async (dir) => {
    const home = new Home(dir, 'a'.repeat(32));
    const children: ChildProcess[] = [];
    fs.mkdirSync(join(dir, 'jobs/42/out'), { recursive: true });
    const writer = fs.openSync(home.job(42).log, 'a');
    const reader = fs.openSync(home.job(42).log, 'r');
    try {
      const writing = await sleeper(children, {}, writer);
      await sleeper(children, {}, reader);
      const { startTicks } = identify(writing)!;
      const find = async (sinceTicks: number, more: Partial<ProcessRecords> = {}) =>
        (await findProcesses(trail(home, { sinceTicks, ...more }))).map(({ pid }) => pid);
      assert.deepEqual(await find(startTicks), [writing]);
      assert.deepEqual(await find(startTicks + 1), [], 'older than the job');
      const owner = identify(process.pid)!;
      assert.deepEqual(await find(startTicks, { owner }), [], 'its supervisor started it, to cut the log');
      const reused = { ...owner, startTicks: 1 };
      assert.deepEqual(await find(startTicks, { owner: reused }), [writing], 'a pid of its supervisor once');
      assert.deepEqual(
        await findProcesses(trail(home)),
        [],
        'without a record of the start nobody can be younger',
      );
    } finally {
      fs.closeSync(writer);
      fs.closeSync(reader);
      await endAll(children);
    }
  },
);

folderTest('a sweep goes on until nothing comes back, and tells what survives', async () => {
  const looks = [[7], [8, 9], [], [], [10], [], [], [], [], []];
  let look = 0;
  const clock = { ...systemClock, sleep: async () => {} };
  const stat = (pid: number) => ({ ...identifyStat, pid });
  // pids beyond the highest possible: no process can be hit
  const find = async () => (looks[look++] ?? []).map((pid) => stat(2 ** 22 + pid));
  assert.deepEqual(await sweep(clock, find), []);
  assert.equal(look, 10, 'five empty looks in a row');
  let now = 0;
  const ticking = { ...clock, monotonic: () => (now += 500) };
  const immortal = await sweep(ticking, async () => [stat(2 ** 22 + 1)]);
  assert.deepEqual(
    immortal.map(({ pid }) => pid),
    [2 ** 22 + 1],
  );
});
const identifyStat = { pid: 0, ppid: 1, group: 0, session: 0, state: 'S', startTicks: 1 };

folderTest('a pid that is another process by now gets no signal', async () => {
  const children: ChildProcess[] = [];
  try {
    const pid = await sleeper(children, {});
    const [found] = (await readTable()).filter((stat) => stat.pid === pid);
    signalProcess({ ...found!, startTicks: found!.startTicks - 1 }, 'SIGKILL');
    signalProcess(found!, 'SIGTERM');
    const [, signal] = await new Promise<[number | null, string | null]>((resolve) =>
      children[0]!.once('exit', (code, name) => resolve([code, name])),
    );
    assert.equal(signal, 'SIGTERM', 'a KILL before it would have ended it first');
  } finally {
    await endAll(children);
  }
});

folderTest('a stopped process is continued, so that it can obey', async () => {
  const children: ChildProcess[] = [];
  try {
    const pid = await sleeper(children, {});
    process.kill(pid, 'SIGSTOP');
    const [stopped] = await until(
      async () => (await readTable()).filter((stat) => stat.pid === pid),
      ([stat]) => stat?.state === 'T',
    );
    signalProcess(stopped!, 'SIGTERM');
    await until(
      () => isRunning(pid),
      (running) => !running,
      'its end',
    );
  } finally {
    await endAll(children);
  }
});

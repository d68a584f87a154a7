/**
 * Crowds: many jobs at once beside many that ended, many waiters on one, many launchers beside a gc, and supervisors that are
 * stopped for a while. All is right, and the table says how long it took and how much memory.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { multiply } from '../rig/multiply.ts';
import { memoryKb } from '../rig/processes.ts';
import { type Rig, withRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { calledSeldom, inParallel, pass, readJson } from './death.ts';
import { manyWaiters } from './loadwaiters.ts';
import type { Part, Row } from './part.ts';

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;
const megabytes = (kb: number): string => `${(kb / 1024).toFixed(1)} MB`;
const lines = (text: string): number => text.split('\n').length - 1;

/** A FIFO on which jobs wait until all are let go. */
class Gate {
  private readonly path: string;
  constructor(rig: Rig) {
    this.path = `${rig.dir}/gate`;
    assert.equal(spawnSync('mkfifo', [this.path]).status, 0);
  }
  /** A job that waits for the gate and exits with this code. */
  job = (code: number): string[] => ['--', 'sh', '-c', `read -r go <'${this.path}'; exit ${code}`];
  /** Lets all go that have come so far: who opened it reads its end. */
  open(): void {
    try {
      fs.closeSync(fs.openSync(this.path, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK));
    } catch (thrown) {
      assert.equal((thrown as NodeJS.ErrnoException).code, 'ENXIO');
    }
  }
}

/** Starts jobs at the gate; their ids with the codes that they will exit with. */
async function startAt(rig: Rig, gate: Gate, count: number): Promise<Map<number, number>> {
  const codes = new Map<number, number>();
  await inParallel(count, 6, async (n) => {
    const id = await rig.run(gate.job(n % 100));
    assert.ok(!codes.has(id), `${id} was given twice`);
    codes.set(id, n % 100);
  });
  const ask = calledSeldom(
    () => rig.bgjob(['ls', '-q', '--state', 'running']),
    () => '',
  );
  await until(ask, ({ stdout }) => lines(stdout) === count, `${count} jobs running`, 120_000);
  return codes;
}

/** Supervisor, shim and its watcher of each job, kilobytes. A job is shown running before these two are on record. */
async function machineryKb(rig: Rig, ids: Iterable<number>): Promise<number> {
  let sum = 0;
  for (const id of ids) {
    const { shim, watcher } = await rig.shimOf(id);
    for (const pid of [rig.ownerPid(id), shim, watcher]) sum += memoryKb(pid);
  }
  return sum;
}

/** One waiter on all of them, while the gate is opened: every code is right. */
async function letGo(rig: Rig, gate: Gate, codes: Map<number, number>): Promise<void> {
  const ids = [...codes.keys()].sort((a, b) => a - b);
  const wait = rig.startBgjob(['wait', '--json', ...ids.map(String)]);
  const over = wait.answer.then(() => true);
  while (!(await Promise.race([over, pass(20)]))) gate.open();
  const { code, stdout, stderr } = await wait.answer;
  assert.equal(
    code,
    ids.map((id) => codes.get(id)!).find((one) => one > 0),
    stderr,
  );
  const told = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    new Map(told.map(({ id, exitCode }) => [id, exitCode])),
    new Map(told.map(({ id }) => [id, codes.get(id)])),
  );
  assert.equal(told.length, codes.size);
}

async function manyJobs(running: number, ended: number): Promise<Row[]> {
  return withRig(async (rig) => {
    const rows: Row[] = [];
    const timed = async (what: string, act: () => Promise<unknown>) => {
      const begun = performance.now();
      await act();
      rows.push({ what, figure: seconds(begun) });
    };
    multiply(rig.home, await rig.runOut(['true']), ended - 1, 1000);
    const gate = new Gate(rig);
    let codes = new Map<number, number>();
    await timed(`${running} jobs started, beside ${ended} that ended`, async () => {
      codes = await startAt(rig, gate, running);
    });
    const kb = await machineryKb(rig, codes.keys());
    rows.push({
      what: 'memory (PSS) of supervisor, shim and watcher per job',
      figure: megabytes(kb / running),
    });
    await timed(`ls of ${running} that run`, async () => {
      const { stdout } = await rig.bgjob(['ls', '-q', '--state', 'running']);
      assert.equal(lines(stdout), running);
    });
    await timed('one more job, start to end', async () => {
      assert.equal((await rig.bgjob(['run', '-w', '--', 'sh', '-c', 'exit 9'])).code, 9);
    });
    await timed(`${running} jobs end, one waiter on all`, () => letGo(rig, gate, codes));
    await timed(`ls --json of ${ended + running + 1} jobs`, async () => {
      const jobs = await rig.json(['ls', '-a', '-n', String(ended + running + 1)]);
      assert.equal(jobs.length, ended + running + 1);
      for (const { id, state, exitCode } of jobs)
        if (codes.has(id)) assert.deepEqual([state, exitCode], ['exited', codes.get(id)]);
    });
    await until(
      () => fs.readdirSync(`${rig.home}/live`),
      (names) => names.length === 0,
      'no live marker',
    );
    const keep = Math.floor(ended / 10);
    await timed(`gc of ${ended + running + 1 - keep} jobs`, async () => {
      const [done] = await rig.json(['gc', '--keep', String(keep)]);
      assert.deepEqual([done.removed.length, done.kept], [ended + running + 1 - keep, keep]);
    });
    return rows;
  });
}

/** Jobs are started, waited for and removed at once: every launcher gets an id of its own and the code of its job. */
async function launchersBesideGc(count: number): Promise<Row[]> {
  return withRig(async (rig) => {
    const begun = performance.now();
    let going = true;
    const collecting = (async () => {
      let rounds = 0;
      for (; going; rounds++) assert.equal((await rig.bgjob(['gc', '--ended'])).code, 0);
      return rounds;
    })();
    const ids = new Set<string>();
    const launches = inParallel(count, 10, async (n) => {
      const { code, stdout, stderr } = await rig.bgjob(['run', '-w', '--', 'sh', '-c', `exit ${n % 100}`]);
      const id = stdout.split('\n')[0]!;
      assert.equal(code, n % 100, `${stdout}${stderr}`);
      assert.ok(!ids.has(id), `${id} was given twice`);
      ids.add(id);
    }).finally(() => {
      going = false;
    });
    const [rounds] = await Promise.all([collecting, launches]);
    assert.equal(ids.size, count);
    return [
      { what: `${count} launchers, 10 at a time, beside ${rounds} rounds of gc`, figure: seconds(begun) },
    ];
  });
}

/** Stopped supervisors are neither dead nor replaced; what ends meanwhile is told, and published when they go on. */
async function stoppedSupervisors(count: number, stoppedMs: number): Promise<Row[]> {
  return withRig(async (rig) => {
    const gate = new Gate(rig);
    const codes = await startAt(rig, gate, count);
    const owners = new Map([...codes.keys()].map((id) => [id, rig.ownerPid(id)]));
    for (const pid of owners.values()) process.kill(pid, 'SIGSTOP');
    const begun = performance.now();
    const status = await rig.bgjob(['status', [...codes.keys()].at(-1)!.toString()]);
    assert.equal(status.code, 75, 'it runs, whoever is stopped');
    const ids = [...codes.keys()];
    const wait = letGo(rig, gate, codes);
    await until(
      () => ids.filter((id) => !/^\d+\n/.test(fs.readFileSync(rig.file(id, 'exit.1'), 'utf8'))),
      (left) => left.length === 0,
      'every code, from the shims',
    );
    // who waits looks now and then, and returns with these codes although nobody publishes them
    if (stoppedMs > 0) await wait;
    await pass(Math.max(0, stoppedMs - (performance.now() - begun)));
    for (const pid of owners.values()) process.kill(pid, 'SIGCONT');
    await wait;
    const figure = `stopped ${seconds(begun)}, all ${count} codes right`;
    for (const [id, code] of codes) {
      const state = await until(
        () => readJson(rig.file(id, 'state.json')),
        (found) => found.status.phase === 'ended',
        `the end of ${id}`,
      );
      assert.deepEqual([state.generation, state.status.outcome.code], [1, code]);
    }
    return [{ what: `${count} supervisors stopped and continued`, figure }];
  });
}

export const load: Part = {
  name: 'load',
  async run({ whole }) {
    return [
      ...(await manyJobs(whole ? 500 : 12, whole ? 10_000 : 200)),
      ...(await manyWaiters(whole ? 200 : 6, whole ? 1000 : 0)),
      ...(await launchersBesideGc(whole ? 100 : 6)),
      ...(await stoppedSupervisors(whole ? 20 : 3, whole ? 15_000 : 0)),
    ];
  },
};

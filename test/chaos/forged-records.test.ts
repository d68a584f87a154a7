/**
 * Records that name a process which is not the job's: a pid that was given again, a damaged file, a hostile
 * one. Whatever
 * they say, nothing is signalled that the kernel does not show to be the job's; and `kill` does not say that
 * no problems found.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { isRunning } from '../rig/processes.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { readJson, runPuppet, slay, untilGone } from './death.ts';

/** A process that has nothing to do with bgjob; `body` gets its identity with the start that is claimed. */
async function withForeigner(body: (foreigner: Foreigner) => Promise<void>): Promise<void> {
  const child: ChildProcess = spawn('/bin/sleep', ['1000'], { detached: true, stdio: 'ignore' });
  try {
    const pid = child.pid!;
    const line = fs.readFileSync(`/proc/${pid}/stat`, 'latin1').trim();
    const startTicks = Number(line.slice(line.lastIndexOf(')') + 2).split(' ')[19]);
    await body({ pid, line, startTicks });
    assert.ok(isRunning(pid) && child.signalCode === null, 'a foreign process was signalled');
    assert.match(fs.readFileSync(`/proc/${pid}/stat`, 'latin1'), /\) S /, 'a foreign process was stopped');
  } finally {
    child.kill('SIGKILL');
  }
}
interface Foreigner {
  pid: number;
  /** Its line of /proc/PID/stat. */
  line: string;
  startTicks: number;
}

const put = (path: string, value: unknown): void => fs.writeFileSync(path, JSON.stringify(value));

/** The owner's record with another process in it. */
const forgeOwner = (rig: Rig, id: number, generation: number, pid: number, startTicks: number): void => {
  const { v, identity } = readJson(rig.file(id, 'owner.1'));
  put(rig.file(id, `owner.${generation}`), { v, identity: { ...identity, pid, startTicks } });
};

async function endedJob(rig: Rig): Promise<number> {
  const id = await rig.run(['--', 'true']);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
  await until(
    () => isRunning(rig.ownerPid(id)),
    (running) => !running,
    'the end of the supervisor',
  );
  return id;
}

rigTest('records that name pid 1, the caller of kill, or no process at all', async (rig) => {
  rig.damaged = true;
  const stat = (pid: number) => fs.readFileSync(`/proc/${pid}/stat`, 'latin1').trim();
  const ticks = (line: string) => Number(line.slice(line.lastIndexOf(')') + 2).split(' ')[19]);
  const heard: string[] = [];
  const note = (signal: string) => heard.push(signal);
  process.on('SIGTERM', note).on('SIGHUP', note).on('SIGINT', note);
  try {
    const lines = [stat(1), stat(process.pid), stat(process.pid).replace(/^\d+/, '0')];
    for (const line of lines) {
      const [pid, startTicks] = [Number.parseInt(line, 10), ticks(line)];
      // all at once: owner, shim, watcher, main process and what was left
      const live = await runPuppet(rig, await rig.puppet());
      const { main } = rig.shimRecord(live);
      const supervisor = rig.ownerPid(live);
      const shim = fs.readFileSync(rig.file(live, 'shim'));
      const ended = await endedJob(rig);
      for (const id of [live, ended]) {
        forgeOwner(rig, id, id === live ? 2 : 1, pid, startTicks);
        const { identity } = readJson(rig.file(id, 'owner.1'));
        const left = [{ ...identity, pid, startTicks }];
        const { sum: _, ...state } = readJson(rig.file(id, 'state.json'));
        put(rig.file(id, 'state.json'), { ...state, generation: id === live ? 2 : 1, left });
        fs.writeFileSync(rig.file(id, 'shim'), `${line}\n${line}\n${line}\n`);
        const { code, stderr } = await rig.bgjob(['kill', '--grace', '50ms', String(id)]);
        assert.ok([0, 125].includes(code), stderr);
      }
      assert.equal(isRunning(main!), false, 'the job itself is found by what the kernel shows');
      // as long as it says so, its supervisor takes that process for the job's main one
      fs.writeFileSync(rig.file(live, 'shim'), shim);
      await untilGone(supervisor);
    }
  } finally {
    process.off('SIGTERM', note).off('SIGHUP', note).off('SIGINT', note);
  }
  assert.deepEqual(heard, []);
});

for (const right of [false, true]) {
  const ticksOf = ({ startTicks }: Foreigner) => (right ? startTicks : startTicks - 1);
  const lineOf = ({ line, startTicks }: Foreigner) =>
    right ? line : line.replace(` ${startTicks} `, ` ${startTicks - 1} `);
  const what = right ? 'and its start' : 'with another start';

  rigTest(`a new owner that is a foreign pid ${what}`, async (rig) => {
    await withForeigner(async (foreigner) => {
      const puppet = await rig.puppet();
      const id = await runPuppet(rig, puppet);
      const supervisor = rig.ownerPid(id);
      forgeOwner(rig, id, 2, foreigner.pid, ticksOf(foreigner));
      put(rig.file(id, 'state.json'), { ...readJson(rig.file(id, 'state.json')), generation: 2 });
      // a pid that is believed to be the owner is waited for: the grace, and a little more
      const { code } = await rig.bgjob(['kill', '--grace', right ? '3s' : '1m', String(id)]);
      // the killer stops the job by itself, and TERM comes first
      assert.equal(code, 0);
      assert.equal(isRunning(rig.shimRecord(id).main!), false);
      await until(
        () => isRunning(supervisor),
        (running) => !running,
        'the end of the true supervisor',
      );
      assert.equal((await rig.bgjob(['status', String(id)])).code, 143);
    });
  });

  rigTest(`the owner of a dead job is a foreign pid ${what}`, async (rig) => {
    await withForeigner(async (foreigner) => {
      const puppet = await rig.puppet();
      const id = await runPuppet(rig, puppet);
      const { shim, watcher, main } = rig.shimRecord(id);
      await slay(watcher!);
      await slay(rig.ownerPid(id));
      await slay(shim!);
      forgeOwner(rig, id, 1, foreigner.pid, ticksOf(foreigner));
      assert.equal((await rig.show(id)).state, 'lost');
      const { code, stdout } = await rig.bgjob(['kill', String(id)]);
      assert.equal(code, 0);
      assert.match(stdout, /killed 1 process that it left/);
      assert.equal(isRunning(main!), false);
    });
  });

  rigTest(`the main process in the shim's record is a foreign pid ${what}`, async (rig) => {
    await withForeigner(async (foreigner) => {
      const id = await endedJob(rig);
      const [shim, watcher] = fs.readFileSync(rig.file(id, 'shim'), 'utf8').split('\n');
      fs.writeFileSync(rig.file(id, 'shim'), `${shim}\n${watcher}\n${lineOf(foreigner)}\n`);
      const { code, stderr } = await rig.bgjob(['kill', String(id)]);
      assert.equal(code, right ? 125 : 0);
      if (right)
        assert.match(stderr, new RegExp(`it is not certain that process ${foreigner.pid} belongs to job`));
      assert.equal((await rig.show(id)).leftovers, 0);
    });
  });

  rigTest(`what the job left is a foreign pid ${what}`, async (rig) => {
    await withForeigner(async (foreigner) => {
      const id = await endedJob(rig);
      const { identity } = readJson(rig.file(id, 'owner.1'));
      const left = [{ ...identity, pid: foreigner.pid, startTicks: ticksOf(foreigner) }];
      put(rig.file(id, 'state.json'), { ...readJson(rig.file(id, 'state.json')), left });
      const { code, stderr } = await rig.bgjob(['kill', String(id)]);
      assert.equal(code, right ? 125 : 0);
      if (right)
        assert.match(stderr, new RegExp(`it is not certain that process ${foreigner.pid} belongs to job`));
      // a session that is led by a living main process cannot have been left: both records together prove
      // nothing
      const [shim, watcher] = fs.readFileSync(rig.file(id, 'shim'), 'utf8').split('\n');
      fs.writeFileSync(rig.file(id, 'shim'), `${shim}\n${watcher}\n${lineOf(foreigner)}\n`);
      assert.equal((await rig.bgjob(['kill', String(id)])).code, right ? 125 : 0);
    });
  });

  rigTest(`every record of a live job names a foreign pid ${what}`, async (rig) => {
    await withForeigner(async (foreigner) => {
      const puppet = await rig.puppet();
      const id = await runPuppet(rig, puppet);
      const { main } = rig.shimRecord(id);
      const line = lineOf(foreigner);
      fs.writeFileSync(rig.file(id, 'shim'), `${line}\n${line}\n${line}\n`);
      const { code, stderr } = await rig.bgjob(['kill', '--grace', '100ms', String(id)]);
      assert.equal(code, right ? 125 : 0, stderr);
      assert.equal(isRunning(main!), false);
    });
  });
}

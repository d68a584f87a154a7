/** What the shim does for a held stdin and for a terminal, in each of the shells. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { isRunning, openFiles } from '../../../rig/processes.ts';
import { type Shim, type StageOptions, shellTest } from '../../../rig/shells.ts';
import { until } from '../../../rig/until.ts';

const HOLD: StageOptions = { stdin: { kind: 'hold' } };
const PTY: StageOptions = { ...HOLD, pty: { columns: 91, rows: 33 } };
const PATH = ['PATH=/usr/bin:/bin'];

/** Opens a FIFO that somebody reads, writes, and lets it go. */
async function put(path: string, text: string): Promise<void> {
  const { O_WRONLY, O_NONBLOCK } = fs.constants;
  const fd = await until(
    () => {
      try {
        return fs.openSync(path, O_WRONLY | O_NONBLOCK);
      } catch {
        return -1;
      }
    },
    (number) => number > 0,
    'a reader',
  );
  fs.writeSync(fd, text);
  fs.closeSync(fd);
}

const recorded = (shim: Shim) =>
  until(
    () => shim.record,
    ({ main, holder }) => main !== undefined && holder !== undefined,
    'the record',
  );

shellTest(
  'held: the job reads what comes, senders come and go, a byte in stdin.end is the end',
  async (stage) => {
    const shim = stage.start(['/bin/cat'], PATH, HOLD);
    const { holder } = await recorded(shim);
    await put(shim.job.stdin, 'one\n');
    await until(
      () => shim.log,
      (log) => log === 'one\n',
      'the first line',
    );
    await put(shim.job.stdin, 'two\n');
    await until(
      () => shim.log,
      (log) => log === 'one\ntwo\n',
      'the second line',
    );
    await put(shim.job.stdinEnd, '\n');
    assert.equal(await shim.code(), 0);
    assert.ok(!isRunning(holder!.pid));
  },
);

shellTest('held: the job has three descriptors, the holder no log; it ends with the job', async (stage) => {
  const shim = stage.start(['/bin/sh', '-c', 'read x; ls -l /proc/$$/fd; exit 4'], PATH, HOLD);
  const { holder, watcher } = await recorded(shim);
  const expected = [shim.job.stdin, shim.job.stdinEnd].sort().join();
  const open = (pid: number) => openFiles(pid).filter((path) => path.startsWith(stage.dir));
  await until(
    () => open(holder!.pid).sort().join(),
    (paths) => paths === expected,
    'a holder of these two alone',
  );
  await until(
    () => openFiles(watcher!.pid).filter((path) => path === shim.job.stdin || path === shim.job.log),
    (paths) => paths.length === 0,
    'a watcher without',
  );
  await put(shim.job.stdin, 'x\n');
  assert.equal(await shim.code(), 4);
  const targets = [...shim.log.matchAll(/ [012] -> (.*)$/gm)].map(([, target]) => target);
  assert.deepEqual(targets, [shim.job.stdin, shim.job.log, shim.job.log]);
  assert.ok(!shim.log.includes(shim.job.stdinEnd));
  assert.ok(!isRunning(holder!.pid));
});

shellTest('held: shim and watcher are killed, and nobody else is left: the holder ends', async (stage) => {
  const shim = stage.start(['/bin/sleep', '1000'], PATH, HOLD);
  const { shim: own, watcher, holder, main } = await recorded(shim);
  for (const { pid } of [own!, watcher!]) process.kill(pid, 'SIGKILL');
  await until(
    () => isRunning(holder!.pid),
    (runs) => !runs,
    'the end of the holder',
  );
  process.kill(main!.pid, 'SIGKILL');
});

shellTest('terminal: its size, its code, signals, the environment; nothing of script', async (stage) => {
  const line = 'test -t 0 && test -t 1 && test -t 2 && stty size; echo $SHELL $n; exit 7';
  const shim = stage.start(['/bin/sh', '-c', line], [...PATH, 'SHELL=/none', 'n=1', 'a.b=2'], PTY);
  assert.equal(await shim.code(), 7);
  assert.equal(shim.log, '33 91\r\n/none 1\r\n');
  for (const [signal, code] of [
    ['KILL', 137],
    ['TERM', 143],
    ['INT', 130],
    ['SEGV', 139],
  ] as const) {
    const killed = stage.start(['/bin/sh', '-c', `kill -${signal} $$`], PATH, PTY);
    assert.equal(await killed.code(), code);
    assert.equal(killed.log, '');
  }
  const group = stage.start(['/bin/sh', '-c', 'kill -9 0'], PATH, PTY);
  await group.code();
  assert.ok([137, undefined].includes(group.recorded()), 'the owner sees it otherwise');
});

shellTest('terminal: no signal is ignored, caught or blocked in the job', async (stage) => {
  const shim = stage.start(['/bin/cat', '/proc/self/status'], [], PTY);
  assert.equal(await shim.code(), 0);
  const masks = [...shim.log.matchAll(/^Sig(?:Blk|Ign|Cgt):\t(\w+)/gm)].map(([, mask]) => mask);
  assert.deepEqual(masks, Array(3).fill('0000000000000000'));
});

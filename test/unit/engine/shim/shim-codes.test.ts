/** The shim records the status of its job, whatever the job does: in each shell. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { constants } from 'node:os';
import { prepareShim } from '../../../../src/engine/shim/shim-record.ts';
import { JobPaths } from '../../../../src/job/home/paths.ts';
import { prepareExit, readExit } from '../../../../src/job/home/records.ts';
import { isRunning } from '../../../rig/processes.ts';
import { IS_WHOLE } from '../../../rig/rounds.ts';
import { DASH, type Stage, shellTest } from '../../../rig/shells.ts';
import { until } from '../../../rig/until.ts';

const sh = (script: string, ...args: string[]) => ['/bin/sh', '-c', script, 'sh', ...args];

async function assertCodes(stage: Stage, codes: number[]): Promise<void> {
  const rest = [...codes];
  const runner = async () => {
    for (let code = rest.shift(); code !== undefined; code = rest.shift()) {
      const shim = stage.start(sh('exit $1', String(code)));
      assert.equal(await shim.code(), code);
      assert.equal(shim.said, `${code}\n`);
      assert.equal(shim.log, '', 'nothing of the shell in the log');
    }
  };
  await Promise.all([runner(), runner(), runner(), runner()]);
}

shellTest('exit codes', (stage) =>
  assertCodes(stage, [0, 1, 2, 3, 42, 75, 124, 125, 126, 127, 128, 129, 130, 137, 141, 143, 200, 254, 255]),
);
/** Others each time. */
const FIRST = Number(process.env['BGJOB_TEST_SEED'] ?? 0) % 8;
const SOME = [...Array(256).keys()].filter((code) => IS_WHOLE || code % 8 === FIRST);
shellTest('all exit codes, some at a time', (stage) => assertCodes(stage, SOME), [DASH]);

shellTest('death by a signal is 128+N, and no shell writes of it into the log', async (stage) => {
  const names = [
    'SIGTERM',
    'SIGKILL',
    'SIGINT',
    'SIGHUP',
    'SIGQUIT',
    'SIGSEGV',
    'SIGPIPE',
    'SIGABRT',
  ] as const;
  const ends = names.map(async (name) => {
    // the job is the shell itself, without a shell around it
    const shim = stage.start(sh('kill -s $1 $$', name.slice(3)));
    assert.equal(await shim.code(), 128 + constants.signals[name], name);
    assert.equal(shim.log, '');
  });
  await Promise.all(ends);
});

shellTest(
  'a command that vanished is 127, one that cannot be executed 126; setsid says why',
  async (stage) => {
    const gone = stage.start([`${stage.dir}/gone`]);
    assert.equal(await gone.code(), 127);
    assert.match(gone.log, /^setsid: [^\n]*gone[^\n]*\n$/);
    fs.writeFileSync(`${stage.dir}/plain`, 'text', { mode: 0o644 });
    const plain = stage.start([`${stage.dir}/plain`]);
    assert.equal(await plain.code(), 126);
    assert.match(plain.log, /^setsid: [^\n]*plain[^\n]*\n$/);
  },
);

shellTest('a job that kills its whole group takes neither shim nor code with it', async (stage) => {
  const shim = stage.start(sh('echo before; kill -9 0; echo after'));
  assert.equal(await shim.code(), 137);
  assert.equal(shim.log, 'before\n');
});

shellTest('a stopped job has not ended; it goes on and ends as it would', async (stage) => {
  const shim = stage.start(sh('kill -STOP $$; exit 5'));
  const main = await until(
    () => shim.record.main?.pid ?? 0,
    (pid) => pid > 0 && /\) T /.test(fs.readFileSync(`/proc/${pid}/stat`, 'latin1')),
    'the job to stop',
  );
  assert.equal(shim.recorded(), undefined);
  process.kill(main, 'SIGCONT');
  assert.equal(await shim.code(), 5);
  assert.equal(shim.log, '');
});

shellTest('signals do not end the shim while the job runs', async (stage) => {
  spawnSync('mkfifo', [`${stage.dir}/go`]);
  const shim = stage.start(sh('echo up; read -r go <"$1"; exit 7', `${stage.dir}/go`));
  await until(
    () => shim.log,
    (log) => log === 'up\n',
    'the job to run',
  );
  for (const signal of [
    'SIGHUP',
    'SIGINT',
    'SIGQUIT',
    'SIGTERM',
    'SIGUSR1',
    'SIGUSR2',
    'SIGALRM',
    'SIGPIPE',
  ] as const)
    process.kill(shim.child.pid!, signal);
  fs.writeFileSync(`${stage.dir}/go`, '\n');
  assert.equal(await shim.code(), 7);
  assert.equal(shim.child.signalCode, null);
});

shellTest('the record says who shim, watcher and job are; the watcher ends on ok', async (stage) => {
  const shim = stage.start(sh('echo $$'));
  assert.equal(await shim.code(), 0);
  const record = fs.readFileSync(shim.job.shim, 'latin1');
  assert.match(record, /^(\d+ \(.*\) \S [^\n]*\n){3} +$/);
  assert.equal(record.length, 4096, 'overwritten in place');
  assert.equal(fs.readFileSync(shim.job.exit(1), 'latin1'), '0\n0\n    ', 'overwritten in place');
  const { shim: itself, watcher, main } = shim.record;
  assert.equal(itself?.pid, shim.child.pid);
  assert.equal(main?.pid, Number(shim.log));
  assert.ok(watcher && watcher.pid !== itself?.pid && watcher.pid !== main?.pid);
  assert.ok(watcher.startTicks >= itself!.startTicks && main!.startTicks >= watcher.startTicks);
  assert.equal(isRunning(watcher.pid), false);
});

/** Moves the directory of a job away and puts another with the same files, all blank, in its place; returns where it is now. */
function replaceJob({ dir }: JobPaths): JobPaths {
  const moved = new JobPaths(`${dir}.moved`);
  fs.renameSync(dir, moved.dir);
  fs.mkdirSync(dir);
  prepareExit(new JobPaths(dir), 1);
  prepareShim(new JobPaths(dir));
  return moved;
}

for (const pty of [null, { columns: 80, rows: 24 }])
  shellTest(
    `the status goes into the directory where the job began, wherever that is by then${pty ? ', from a terminal, too' : ''}`,
    async (stage) => {
      spawnSync('mkfifo', [`${stage.dir}/go`]);
      const shim = stage.start(sh('read -r go <"$1"; exit 7', `${stage.dir}/go`), [], { pty });
      await until(
        () => shim.record.main,
        (main) => main !== undefined,
        'the job to run',
      );
      const record = fs.readFileSync(shim.job.shim, 'latin1');
      const moved = replaceJob(shim.job);
      fs.writeFileSync(`${stage.dir}/go`, '\n');
      assert.equal(await shim.code(), undefined, 'the other job has no status');
      assert.equal(fs.readFileSync(shim.job.exit(1), 'latin1'), ' '.repeat(8));
      assert.equal(fs.readFileSync(shim.job.shim, 'latin1').trim(), '', 'and no record of processes');
      assert.equal(readExit(moved, 1)?.code, 7);
      assert.equal(fs.readFileSync(moved.shim, 'latin1'), record);
    },
  );

shellTest('a full disk loses neither code nor record', async (stage, t) => {
  const disk = `${stage.dir}/disk`;
  fs.mkdirSync(disk);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk], { encoding: 'utf8' });
  if (mounted.status !== 0) {
    t.skip(`no small disk to fill: ${mounted.stderr || mounted.error}`);
    return;
  }
  try {
    const fill = () => {
      const dd = spawnSync('dd', ['if=/dev/zero', `of=${disk}/filler`, 'bs=1k'], { encoding: 'utf8' });
      assert.match(dd.stderr, /No space left/);
    };
    const shim = stage.start(sh('exit 42'), [], { dir: `${disk}/job`, onPrepared: fill });
    assert.equal(await shim.code(), 42);
    assert.deepEqual(Object.keys(shim.record), ['shim', 'watcher', 'main']);
  } finally {
    assert.equal(spawnSync('umount', [disk]).status, 0);
  }
});

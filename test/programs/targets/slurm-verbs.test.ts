/** `run --on slurm` over a real Slurm of one node: the verbs, and what they say if something fails. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BURNT_MS, SH_BURN } from '../../rig/burn.ts';
import { pathsBelow } from '../../rig/folder.ts';
import { Shown } from '../../rig/json-page.ts';
import { type Rig, withRig } from '../../rig/rig.ts';
import { missingSlurm, SlurmRig } from '../../rig/slurm.ts';
import { skippedName } from '../../rig/sshd.ts';
import { Box } from '../../rig/target.ts';
import { TEST_MS, until } from '../../rig/until.ts';

const skip = missingSlurm();
if (skip) {
  test(skippedName('the verbs over a real Slurm', skip), { skip }, () => {});
} else {
  const slurm = new SlurmRig(['PartitionName=other State=UP', 'JobAcctGatherParams=OverMemoryKill'], 2);
  before(() => slurm.start());
  after(() => slurm.clear());

  const endServices = async (rig: Rig) => {
    for (const { id, origin, state } of await rig.json(['ls', '-a']))
      if (origin?.serves === 'target' && state === 'running') await rig.bgjob(['kill', String(id), '--now']);
  };
  /** A file of our own in the place of the far folder, so that a test sees what is left there. */
  const slurmTest = (name: string, body: (rig: Rig, dir: string) => Promise<void>, more: object = {}) =>
    test(name, { timeout: 2 * TEST_MS }, () =>
      withRig(async (rig) => {
        const dir = join(rig.dir, 'far');
        const hpc = { engine: 'slurm', setup: slurm.setup, dir, cwd: rig.dir, ...more };
        fs.mkdirSync(rig.home, { recursive: true, mode: 0o700 });
        fs.writeFileSync(join(rig.home, 'config.json'), JSON.stringify({ targets: { hpc } }));
        await body(rig, dir);
        await endServices(rig);
      }),
    );
  /** A job that prints a line, waits for a file, prints another, and ends. */
  const gated = (rig: Rig, name: string, code: number): string[] => {
    const wait = `while [ ! -e ${rig.dir}/${name} ]; do sleep 0.1; done`;
    return ['sh', '-c', `echo one; ${wait}; echo two; exit ${code}`];
  };
  const open = (rig: Rig, name: string) => fs.writeFileSync(join(rig.dir, name), '');
  const nativeId = (rig: Rig, id: number): Promise<string> =>
    rig.untilShown(
      id,
      (job) => job.target.nativeId,
      (native) => native !== null,
      'its number in Slurm',
    );
  const jobFiles = (dir: string): string[] => pathsBelow(dir).filter((path) => /-\d+-\d+/.test(path));

  slurmTest('a check, a list, a job with its output and code; nothing is left there', async (rig, dir) => {
    const checked = await rig.bgjob(['targets', 'hpc']);
    assert.equal(checked.code, 0, checked.stderr);
    assert.match(checked.stdout, /^slurm +\d+\.\d+\.\d+\S*, cluster rig$/m);
    assert.match(checked.stdout, /^partition +main \(default\): up, 1 node, time limit infinite$/m);
    const shown = new Shown();
    const [facts] = await rig.json(['targets', 'hpc']);
    shown.add('targets-target', facts);
    assert.deepEqual(
      [facts.engine, facts.host, facts.slurm.accounting, facts.slurm.partitions.length],
      ['slurm', null, false, 2],
    );
    const ran = await rig.bgjob(['run', '--on', 'hpc', '-w', '--', 'sh', '-c', 'echo "hi $A"; pwd; exit 3']);
    assert.equal(ran.code, 3, ran.stderr);
    assert.equal(rig.log(1), `hi \n${rig.dir}\n`);
    const job = await rig.show(1);
    shown.add('a-job', job);
    assert.deepEqual([job.state, job.target.waitsFor, job.target.verdict], ['exited', null, null]);
    assert.match(job.target.nativeId, /^\d+$/);
    const other = await rig.bgjob([
      'run',
      '--on',
      'hpc:other',
      '-e',
      'A=x y',
      '-w',
      '--',
      'sh',
      '-c',
      'echo "$A"',
    ]);
    assert.equal(other.code, 0, other.stderr);
    assert.match((await rig.bgjob(['ls'])).stdout, /exited 0 .* hpc:other /);
    for (const one of await rig.json(['targets'])) shown.add('targets', one);
    const [row] = (await rig.json(['targets'])).filter(({ name }) => name === 'hpc');
    assert.deepEqual([row.engine, row.host, row.setup], ['slurm', null, slurm.setup]);
    await until(
      () => jobFiles(dir),
      (left) => left.length === 0,
      'no file of a job is left there',
    );
  });

  slurmTest('the word slurm, without config.json; a partition that is not there', async (rig) => {
    const env = slurm.env;
    const options = { env: { SLURM_CONF: env['SLURM_CONF']! } };
    const ran = await rig.bgjob(['run', '--on', 'slurm:other', '-C', '/', '-w', '--', 'false'], options);
    assert.equal(ran.code, 1, ran.stderr);
    const wrong = await rig.bgjob(['run', '--on', 'slurm:nope', '-w', '--', 'true'], options);
    assert.equal(wrong.code, 125);
    assert.match(
      wrong.stderr,
      /did not accept the job: .*[Ii]nvalid partition.*\n.*bgjob targets slurm:nope/,
    );
    assert.match(
      (await rig.bgjob(['targets', 'slurm:nope'], options)).stdout,
      /^partition +nope: sinfo does not list it\n/m,
    );
    const typed = await rig.bgjob(['run', '--on', 'slurm:a/b', '--', 'true'], options);
    assert.match(typed.stderr, /does not name a partition/);
    assert.match((await rig.bgjob(['run', '--on', 'slrm', '--', 'true'])).stderr, /bgjob run --on slurm --/);
  });

  slurmTest('tail, wait --until and kill while it runs; what waits there tells why', async (rig) => {
    const id = await rig.run(['--on', 'hpc', '--', 'sh', '-c', 'echo up; sleep 1000']);
    const ready = await rig.bgjob(['wait', String(id), '--until', 'up']);
    assert.equal(ready.code, 0, ready.stderr);
    const hold = await rig.run(['--on', 'hpc', '--', ...gated(rig, 'never', 0)]);
    assert.equal((await rig.untilState(hold, 'running')).target.node, slurm.node);
    // what waits in the queue of Slurm is accepted
    const taken = await rig.bgjob(['run', '--json', '--on', 'hpc', '-n', 'third', '--', 'true']);
    const { id: waiting, accepted } = JSON.parse(taken.stdout);
    assert.equal(accepted, true, taken.stderr);
    const told = await rig.untilShown(
      waiting,
      (job) => job,
      (job) => job.target.waitsFor === 'Resources',
      'the reason of Slurm',
    );
    assert.deepEqual([told.state, told.reason], ['queued', 'slurm: Resources']);
    assert.match((await rig.bgjob(['ls'])).stdout, /third +queued \(slurm: Resources\)/);
    assert.match((await rig.bgjob(['status', 'third'])).stdout, /queued \(slurm: Resources\)/);
    const cancelled = await rig.bgjob(['kill', String(waiting)]);
    assert.match(cancelled.stdout, /cancelled before it started/);
    assert.deepEqual((await rig.show(waiting)).target.verdict, null);
    const killed = await rig.bgjob(['kill', String(id)]);
    assert.equal(killed.code, 0, killed.stderr);
    const job = await rig.show(id);
    assert.deepEqual([job.state, job.signal], ['killed', 'SIGTERM']);
    await rig.bgjob(['kill', String(hold), '--now']);
    assert.equal((await rig.show(hold)).state, 'killed');
    await until(
      () => slurm.queue('%T').filter((state) => /RUNNING|PENDING|COMPLETING/.test(state)),
      (live) => live.length === 0,
      'nothing of it in Slurm',
    );
  });

  slurmTest(
    'the lines of a batch are tasks of an array, each a job with its own log and code',
    async (rig) => {
      const lines = Array.from({ length: 5 }, (_, n) => `echo line ${n}; exit ${n}`);
      const ran = await rig.bgjob(['run', '--batch', '-', '--on', 'hpc', '-w'], { input: lines.join('\n') });
      assert.equal(ran.code, 1, ran.stderr);
      const jobs = (await rig.json(['ls', '-a'])).filter(({ origin }) => origin === null).reverse();
      assert.deepEqual(
        jobs.map(({ id, exitCode, queue }) => [rig.log(id), exitCode, queue]),
        lines.map((_, n) => [`line ${n}\n`, n, null]),
      );
      const arrays = new Set(jobs.map(({ target }) => target.nativeId.replace(/_\d+$/, '')));
      assert.equal(arrays.size, 1, [...arrays].join(' '));
    },
  );

  slurmTest(
    'scancel by another person: before the start cancelled, later with its code; neither is retried',
    async (rig) => {
      const id = await rig.run(['--on', 'hpc', '--retry', '3', '--', ...gated(rig, 'a', 0)]);
      await rig.untilState(id, 'running');
      slurm.call(['scancel', await nativeId(rig, id)]);
      const ended = await rig.bgjob(['wait', String(id)]);
      assert.equal(ended.code, 143, ended.stderr);
      assert.match((await rig.bgjob(['ls'])).stdout, /exited 143 \(cancelled in Slurm\)/);
      const job = await rig.show(id);
      new Shown().add('a-job', job);
      assert.deepEqual([job.attempts, job.target.verdict], [1, 'cancelled']);
      slurm.call(['scontrol', 'update', 'PartitionName=other', 'State=DOWN']);
      const waiting = await rig.run(['--on', 'hpc:other', '--', 'true']);
      slurm.call(['scancel', await nativeId(rig, waiting)]);
      assert.equal((await rig.bgjob(['wait', String(waiting)])).code, 1);
      assert.equal((await rig.show(waiting)).state, 'cancelled');
      slurm.call(['scontrol', 'update', 'PartitionName=other', 'State=UP']);
    },
  );

  slurmTest('what a job cost there, by itself, killed, and cancelled by another person', async (rig) => {
    const id = await rig.run(['--on', 'hpc', '--', 'sh', '-c', `sh -c '${SH_BURN}'; exit 3`]);
    const [burnt] = await rig.json(['wait', String(id)]);
    assert.deepEqual([burnt.exitCode, burnt.usageFrom], [3, 'shim']);
    assert.ok(burnt.cpuMs >= BURNT_MS, `${burnt.cpuMs}`);
    const line = `sh -c '${SH_BURN}; echo up; exec sleep 1000' & wait`;
    const killed = await rig.run(['--on', 'hpc', '--', 'sh', '-c', line]);
    await rig.bgjob(['wait', String(killed), '--until', 'up']);
    await rig.untilState(killed, 'running');
    await rig.bgjob(['kill', String(killed)]);
    const stopped = await rig.show(killed);
    assert.deepEqual([stopped.state, stopped.usageFrom], ['killed', 'samples']);
    assert.ok(stopped.cpuMs >= BURNT_MS, `${stopped.cpuMs}`);
    // Slurm explains this end, and the shim saw what it cost
    const other = await rig.run(['--on', 'hpc', '--', 'sh', '-c', `${SH_BURN}; echo up; exec sleep 1000`]);
    await rig.bgjob(['wait', String(other), '--until', 'up']);
    await rig.untilState(other, 'running');
    slurm.call(['scancel', await nativeId(rig, other)]);
    const [cancelled] = await rig.json(['wait', String(other)]);
    assert.deepEqual([cancelled.exitCode, cancelled.usageFrom], [143, 'shim']);
    assert.ok(cancelled.cpuMs >= BURNT_MS, `${cancelled.cpuMs}`);
  });

  slurmTest('over its memory, and over its time in Slurm: 137 and 124, with the reason', async (rig) => {
    const late = await rig.run(['--on', 'hpc', '--', 'sleep', '1000']);
    await rig.untilState(late, 'running');
    // Slurm looks each half minute for jobs that are over their time
    slurm.call(['scontrol', 'update', `JobId=${await nativeId(rig, late)}`, 'EndTime=now+1']);
    const line = 'x=$(head -c 200000000 /dev/zero | tr "\\0" x); sleep 1000';
    const hungry = await rig.bgjob(['run', '--on', 'hpc', '-w', '--', 'sh', '-c', line]);
    assert.equal(hungry.code, 137, hungry.stderr);
    assert.match(hungry.stderr, /exited 137 \(out of memory\)/);
    assert.match((await rig.json(['ls', '-n', '1']))[0].reason, /^out of memory \(.*exceeded memory limit/);
    await until(
      () => slurm.queue('%T'),
      (states) => states.includes('TIMEOUT'),
      'Slurm to stop it',
      180_000,
    );
    // after a submit all are looked at
    await rig.bgjob(['run', '--on', 'hpc', '-w', '--', 'true']);
    assert.equal((await rig.bgjob(['wait', String(late)])).code, 124);
    const { state, reason, target } = await rig.show(late);
    assert.deepEqual([state, reason, target.verdict], ['timed-out', 'the time limit of Slurm', 'time-limit']);
  });

  slurmTest(
    'a job that Slurm puts back is queued once more, and counted as another attempt',
    async (rig) => {
      const id = await rig.run([
        '--on',
        'hpc',
        '--',
        'sh',
        '-c',
        // a shell would tell how its `sleep` ended
        `echo run; [ $SLURM_RESTART_COUNT ] || exec sleep 1000; ${SH_BURN}; exit 6`,
      ]);
      await rig.untilState(id, 'running');
      const native = await nativeId(rig, id);
      slurm.call(['scontrol', 'requeue', native]);
      const back = await rig.untilState(id, 'queued');
      assert.equal(back.attempts, 2);
      assert.match((await rig.bgjob(['show', String(id)])).stdout, /^restarts +Slurm put it back/m);
      // Slurm itself waits for two minutes
      await slurm.untilCleaned(native);
      slurm.call(['scontrol', 'update', `JobId=${native}`, 'StartTime=now+3']);
      assert.equal((await rig.bgjob(['wait', String(id)])).code, 6);
      const ended = await rig.show(id);
      assert.deepEqual([ended.attempts, rig.log(id), ended.usageFrom], [2, 'run\nrun\n', 'shim']);
      assert.ok(ended.cpuMs >= BURNT_MS, `${ended.cpuMs}`);
    },
    { options: ['--requeue'] },
  );

  slurmTest(
    'slurmctld is down: nothing is sent, nothing is lost, output and ends still come',
    async (rig) => {
      const id = await rig.run(['--on', 'hpc', '--', ...gated(rig, 'b', 4)]);
      await rig.untilState(id, 'running');
      // its state is on disk: a crash is a matter of the engine's tests
      await slurm.kill('slurmctld', 'SIGTERM');
      const fresh = await rig.bgjob(['run', '--on', 'hpc', '-w', '--', 'true']);
      assert.equal(fresh.code, 125);
      assert.match(fresh.stderr, /slurmctld does not answer.*\n.*scontrol ping/);
      assert.equal((await rig.bgjob(['targets', 'hpc'])).code, 125);
      const later = await rig.run(['--on', 'hpc', '-Q', 'far', '--', 'sh', '-c', 'exit 6']);
      await rig.untilShown(
        later,
        (job) => job.target.silentWhy,
        (why) => /^slurm-down/.test(why),
        'why it waits',
      );
      assert.equal((await rig.show(later)).state, 'queued');
      open(rig, 'b');
      assert.equal((await rig.bgjob(['wait', String(id)])).code, 4);
      assert.equal(rig.log(id), 'one\ntwo\n');
      await slurm.restartCtld();
      await slurm.untilNode();
      await rig.bgjob(['targets', 'hpc']);
      assert.equal((await rig.bgjob(['wait', String(later)])).code, 6);
    },
  );

  // users of the sshd of a rig are none of this machine, and Slurm asks the machine: `ssh` is a program of the rig
  slurmTest('through ssh, where no command of Slurm is here', async (rig) => {
    const box = new Box(rig);
    box.config({
      login: { engine: 'slurm', via: 'ssh:me@login', ssh: ['-v'], setup: slurm.setup, cwd: '/' },
    });
    const checked = await rig.bgjob(['targets', 'login']);
    assert.match(checked.stdout, /^slurm +\d+.*cluster rig$/m, checked.stderr);
    const ran = await rig.bgjob(['run', '--on', 'login', '-w', '--', 'sh', '-c', 'echo "$HOME"; exit 5']);
    assert.equal(ran.code, 5, ran.stderr);
    assert.match(rig.log(1), /^\/\S+\n$/);
    assert.equal((await rig.show(1)).target.host, 'me@login');
    assert.match((await rig.bgjob(['show', '1'])).stdout, /^on +login: through me@login, in \/$/m);
    const id = await rig.run(['--on', 'login', '--', 'sh', '-c', 'echo up; sleep 1000']);
    assert.equal((await rig.bgjob(['wait', String(id), '--until', 'up'])).code, 0);
    // its output may come before Slurm is asked
    await rig.untilState(id, 'running');
    box.cut();
    await rig.untilShown(
      id,
      (job) => job.target.silentSince,
      (since) => since !== null,
      'it does not answer',
    );
    assert.equal((await rig.show(id)).state, 'running');
    box.mend();
    await rig.bgjob(['targets', 'login']);
    await rig.bgjob(['kill', String(id)]);
    assert.equal((await rig.show(id)).state, 'killed');
  });
}

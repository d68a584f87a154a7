/** The failure table of Slurm itself: its daemons die, it forgets jobs, gives a number twice, starts a job again. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { FarJob } from '../../../src/engine/targets/engine.ts';
import { Gathered } from '../../rig/far.ts';
import { missingSlurm, type SlurmFar, SlurmRig } from '../../rig/slurm.ts';
import { TEST_MS, until } from '../../rig/until.ts';

const skip = missingSlurm();
if (skip) {
  test('the daemons of a real Slurm', { skip }, () => {});
} else {
  // forgotten soon after its end
  const rig = new SlurmRig(['MinJobAge=6', 'MaxArraySize=4'], 8);
  let far: SlurmFar;

  const slurmTest = (name: string, body: () => Promise<void>) => test(name, { timeout: TEST_MS }, body);
  const submit = async (job: FarJob, engine = far.engine): Promise<FarJob> => {
    const sent = await engine.submit(job);
    assert.equal(sent.kind, 'accepted', JSON.stringify(sent));
    return job;
  };
  /** A job that has said `up`: before its script, or where the script says it, behind its traps. */
  const running = async (script: string, engine = far.engine): Promise<FarJob> => {
    const job = await submit(far.sh(script.includes('echo up') ? script : `echo up; ${script}`), engine);
    await far.reach(job.uid, 'running', engine);
    await far.said(job.uid, 'up');
    return job;
  };
  const slurm = (...argv: string[]): void => {
    const { code, stderr } = rig.call(argv);
    assert.equal(code, 0, stderr);
  };
  const fileOf = (uid: string, name: string): string => join(far.root(), 'job', uid, name);
  const untilForgotten = (name: string) =>
    until(
      () => rig.queue('%j'),
      (names) => !names.includes(name),
      `Slurm to forget ${name}`,
      180_000,
    );

  before(async () => {
    await rig.start();
    far = rig.far({ lostAfterMs: 1000, silentAfterMs: 0 });
  });
  after(async () => {
    far?.close();
    await rig.clear();
  });

  slurmTest(
    'without slurmctld: nothing is sent; a job that runs is followed, stopped, and tells its end',
    async () => {
      const gate = far.gate();
      const ends = await running(`read x <${gate.path}; echo more; exit 7`);
      const stopped = await running('trap "echo bye; exit 9" TERM; sleep 1000 & echo up; wait');
      const told = new Gathered();
      const stream = await far.engine.follow(told);
      stream.watch([ends, stopped].map(({ uid }) => ({ uid, out: 0, err: null })));
      await rig.kill('slurmctld', 'SIGTERM');

      const unsent = far.sh('echo once');
      const sent = await far.engine.submit(unsent);
      assert.ok(sent.kind === 'unsent' && sent.error.trouble === 'slurm-down', JSON.stringify(sent));
      assert.match(sent.error.said, /DOWN/);
      assert.deepEqual(
        (await far.engine.submitAll([unsent, far.sh('x')])).map(({ kind }) => kind),
        ['unsent', 'unsent'],
      );
      const silent = await far.state(ends.uid);
      assert.deepEqual(silent.kind === 'unknown' && silent.why, 'engine-silent');
      assert.equal((await far.engine.slurmFacts())?.answers, false);

      gate.open();
      // its shim finds the stop by itself
      assert.equal((await far.engine.stop(stopped.uid, 'TERM', 600_000)).signalled, 1);
      const both = await until(
        () => told.ends,
        (all) => all.length === 2,
      );
      assert.deepEqual(both.map(({ status }) => status).sort(), [7, 9]);
      assert.equal(told.text(ends.uid), 'up\nmore\n');
      assert.equal((await far.end(ends.uid)).status, 7);
      stream.close();

      await rig.restartCtld();
      assert.equal((await far.engine.submit(unsent)).kind, 'accepted');
      const late = await far.end(unsent.uid);
      assert.deepEqual([late.status, late.verdict], [0, null]);
      assert.equal(await far.log(unsent.uid), 'once\n');
    },
  );

  slurmTest('an answer of sbatch that is lost: the job is found by its name, or starts once', async () => {
    const held = far.another({ options: ['--hold'] });
    const job = await submit(far.sh('echo once'), held);
    const id = rig.idOf(job.uid)!;
    // as if the connection had been cut before the answer
    fs.rmSync(fileOf(job.uid, 'native'));
    assert.equal((await far.state(job.uid, held)).kind, 'queued');
    assert.deepEqual(await held.submit(job), { kind: 'known', nativeId: id });

    // Slurm cannot be asked: then it is not sent again
    fs.rmSync(fileOf(job.uid, 'native'));
    await rig.kill('slurmctld', 'SIGTERM');
    assert.equal((await held.submit(job)).kind, 'unsent');
    await rig.restartCtld();

    // it has another name there: not found, sent again, and both are let go
    slurm('scontrol', 'update', `JobId=${id}`, 'JobName=lost');
    assert.equal((await far.engine.submit(job)).kind, 'accepted');
    slurm('scontrol', 'release', id);
    assert.equal((await far.end(job.uid)).status, 0);
    await until(
      () => rig.queue('%j|%T'),
      (rows) => rows.filter((row) => row.startsWith('lost|')).every((row) => !/PENDING|RUNNING/.test(row)),
    );
    assert.equal(await far.log(job.uid), 'once\n');
  });

  slurmTest(
    'forgotten by Slurm before we looked: its record tells; without one it is lost, never done',
    async () => {
      const quick = await submit(far.sh('exit 3'));
      const cancelled = await running('sleep 1000');
      slurm('scancel', rig.idOf(cancelled.uid)!);
      const gone = await running('sleep 1000');
      const { pid } = (await far.state(gone.uid)) as { pid: number };
      const shim = Number(fs.readFileSync(fileOf(gone.uid, 'shim'), 'utf8').split(' ')[1]);
      for (const one of [shim, pid]) process.kill(one, 'SIGKILL');
      for (const { uid } of [quick, cancelled, gone]) await untilForgotten(uid);
      assert.equal((await far.end(quick.uid)).status, 3);
      // why it got the TERM cannot be known any more
      const end = await far.end(cancelled.uid);
      assert.deepEqual([end.status, end.verdict], [143, null]);
      const state = await far.reach(gone.uid, 'lost');
      assert.deepEqual(state, { kind: 'lost', why: 'forgotten' });
    },
  );

  slurmTest('forgotten before its start: it is over, and never starts', async () => {
    const held = far.another({ options: ['--hold'], lostAfterMs: 0 });
    const job = await submit(far.sh('echo never'), held);
    slurm('scancel', rig.idOf(job.uid)!);
    await untilForgotten(job.uid);
    const end = await far.end(job.uid, held);
    assert.deepEqual([end.status, end.tookMs, end.verdict?.word], [null, 0, 'not-started']);
  });

  slurmTest('a number that Slurm gave to another job says nothing, and that job is not stopped', async () => {
    const mine = await running('sleep 1000');
    const other = await running('sleep 1000');
    const id = rig.idOf(other.uid)!;
    // as after a crash of slurmctld
    fs.writeFileSync(fileOf(mine.uid, 'native'), `${id}\n`);
    fs.rmSync(fileOf(mine.uid, 'run'));
    slurm('scontrol', 'update', `JobId=${rig.idOf(mine.uid)}`, 'JobName=forgotten');
    assert.notEqual((await far.state(mine.uid)).kind, 'ended');
    await far.engine.stop(mine.uid, 'TERM', 600_000);
    assert.equal((await far.end(mine.uid)).status, 143);
    assert.equal((await far.state(other.uid)).kind, 'running');
    await far.engine.stop(other.uid, 'KILL', 0);
    await far.end(other.uid);
  });

  slurmTest('a drained node: the job waits, with the reason', async () => {
    slurm('scontrol', 'update', `NodeName=${rig.node}`, 'State=DRAIN', 'Reason=test');
    const job = await submit(far.sh('exit 4'));
    const state = await until(
      () => far.state(job.uid),
      (one) => one.kind === 'queued' && /DRAINED|Resources/.test(one.reason),
    );
    assert.equal(state.kind === 'queued' && state.restarts, 0);
    slurm('scontrol', 'update', `NodeName=${rig.node}`, 'State=RESUME');
    assert.equal((await far.end(job.uid)).status, 4);
  });

  slurmTest('slurmd is killed: a job goes on; with its shim killed too, its node has failed', async () => {
    const gate = far.gate();
    const job = await running(`read x <${gate.path}; exit 6`);
    await rig.kill('slurmd');
    gate.open();
    assert.equal((await far.end(job.uid)).status, 6);
    await rig.restartSlurmd();

    // slurmstepd dies too, and the job lives: Slurm says that its node has failed
    const last = far.gate();
    const patient = far.another({ silentAfterMs: 3_600_000, lostAfterMs: 0 });
    const lives = await running(`read x <${last.path}; exit 3`);
    const dies = await running('sleep 1000');
    await rig.kill('slurmd');
    for (const { uid } of [lives, dies]) await rig.killStepd(rig.idOf(uid)!);
    for (const at of [1, 5])
      process.kill(Number(fs.readFileSync(fileOf(dies.uid, 'shim'), 'utf8').split(' ')[at]), 'SIGKILL');
    await until(
      async () => {
        // each time it registers, slurmctld misses the jobs
        await rig.restartSlurmd();
        return far.state(dies.uid);
      },
      (one) => one.kind === 'ended',
    );
    const failed = await far.end(dies.uid);
    assert.deepEqual([failed.status, failed.verdict?.word], [null, 'node-failed']);
    await until(
      () => far.state(lives.uid, patient),
      (one) => one.kind === 'unknown' && one.said.startsWith('NODE_FAIL'),
    );
    last.open();
    assert.deepEqual((await far.end(lives.uid, patient)).status, 3);
  });

  slurmTest('more lines than an array of this cluster may have: several arrays', async () => {
    const jobs = Array.from({ length: 7 }, (_, n) => far.sh(`exit ${n + 1}`));
    const sent = await far.engine.submitAll(jobs);
    const ids = sent.map((one) => (one.kind === 'accepted' ? one.nativeId : JSON.stringify(one)));
    assert.deepEqual(
      ids.map((id) => id.split('_')[1]),
      ['0', '1', '2', '0', '1', '2', undefined],
    );
    const ends = await Promise.all(jobs.map(({ uid }) => far.end(uid)));
    assert.deepEqual(
      ends.map(({ status }) => status),
      [1, 2, 3, 4, 5, 6, 7],
    );
  });
}

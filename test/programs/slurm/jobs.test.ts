/** Jobs of a real Slurm: their ends, limits, stops and restarts, as the engine tells them. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { FarEnd, FarJob } from '../../../src/engine/targets/engine.ts';
import type { SlurmEngine } from '../../../src/engine/targets/slurm-engine.ts';
import { Gathered } from '../../rig/far.ts';
import { missingSlurm, type SlurmFar, SlurmRig } from '../../rig/slurm.ts';
import { TEST_MS, until } from '../../rig/until.ts';

const skip = missingSlurm();
if (skip) {
  test('jobs of a real Slurm', { skip }, () => {});
} else {
  const partition = (name: string, tier: number, mode: string): string =>
    `PartitionName=${name} PriorityTier=${tier} PreemptMode=${mode} MaxTime=INFINITE State=UP DefMemPerCPU=50`;
  const rig = new SlurmRig(
    [
      ...['JobAcctGatherParams=OverMemoryKill', 'PreemptType=preempt/partition_prio', 'PreemptMode=REQUEUE'],
      ...[partition('low', 1, 'REQUEUE'), partition('high', 10, 'OFF')],
    ],
    8,
  );
  let far: SlurmFar;
  /** With this, Slurm may start a job again. */
  let again: SlurmEngine;
  let overTime: FarJob;

  const slurmTest = (name: string, body: () => Promise<void>) => test(name, { timeout: TEST_MS }, body);
  const start = async (job: FarJob, engine = far.engine): Promise<FarJob> => {
    const sent = await engine.submit(job);
    assert.equal(sent.kind, 'accepted', JSON.stringify(sent));
    return job;
  };
  /** A job that has said `up`: before its script, or where the script says it, behind its traps. */
  const running = async (
    script: string,
    rest: Partial<FarJob> = {},
    engine = far.engine,
  ): Promise<FarJob> => {
    const job = await start(far.sh(script.includes('echo up') ? script : `echo up; ${script}`, rest), engine);
    await far.reach(job.uid, 'running', engine);
    await far.said(job.uid, 'up');
    return job;
  };
  const verdictOf = ({ status, verdict }: FarEnd) => ({ status, word: verdict?.word ?? null });
  const slurm = (...argv: string[]): void => {
    const { code, stderr } = rig.call(argv);
    assert.equal(code, 0, stderr);
  };
  /**
   * After a requeue Slurm waits for two minutes: until then the node has cleaned up. A start in the second of the
   * requeue is refused by slurmd, whose credentials count seconds.
   */
  const hurry = async (job: FarJob): Promise<void> => {
    const id = rig.idOf(job.uid)!;
    await rig.untilCleaned(id);
    slurm('scontrol', 'update', `JobId=${id}`, 'StartTime=now+3');
  };

  before(async () => {
    await rig.start();
    far = rig.far({ lostAfterMs: 0, silentAfterMs: 0 });
    again = far.another({ options: ['--requeue'], partition: 'low', lostAfterMs: 0 });
    // Slurm looks each 30 seconds for jobs that are over their time
    overTime = await running('sleep 1000');
    slurm('scontrol', 'update', `JobId=${rig.idOf(overTime.uid)}`, 'EndTime=now+1');
  });
  after(async () => {
    far?.close();
    await rig.clear();
  });

  slurmTest(
    'a job has its code, its log by the stream, its words and its stdin; nothing is left',
    async () => {
      const told = new Gathered();
      const stream = await far.engine.follow(told);
      const cwd = join(far.home, "a b'c");
      fs.mkdirSync(cwd);
      const script = 'cat; pwd; echo "$A $(umask) $SLURM_SUBMIT_DIR"; echo no >&2; exit 7';
      const job = far.sh(script, {
        ...{ cwd, env: ['A=x, y'], umask: 0o27, split: true, stdin: Buffer.from('in\n') },
      });
      const sent = await far.engine.submit(job);
      assert.deepEqual(sent, { kind: 'accepted', nativeId: rig.idOf(job.uid) });
      stream.watch([{ uid: job.uid, out: 0, err: 0 }]);
      await until(
        () => told.ends,
        (ends) => ends.length === 1,
      );
      assert.deepEqual(verdictOf(told.ends[0]!), { status: 7, word: null });
      assert.equal(told.text(job.uid), `in\n${cwd}\nx, y 0027 ${cwd}\n`);
      assert.equal(told.text(`${job.uid}.err`), 'no\n');
      assert.deepEqual((await far.state(job.uid)).kind, 'ended');
      // Slurm's own users and dependencies see the code, too
      await until(
        () => rig.queue('%j|%T'),
        (rows) => rows.includes(`${job.uid}|FAILED`),
      );
      assert.deepEqual(await far.engine.submit(job), { kind: 'known', nativeId: '' });
      assert.deepEqual(await far.engine.remove([job.uid]), []);
      assert.deepEqual(await far.state(job.uid), { kind: 'absent' });
      assert.equal(
        fs.readdirSync(join(far.root(), 'batch')).some((name) => name.includes(job.uid)),
        false,
      );
      stream.close();
    },
  );

  slurmTest('an array: each line has its own log and code, one number of Slurm', async () => {
    const jobs = Array.from({ length: 12 }, (_, n) => far.sh(`echo line ${n}; exit ${n}`));
    const sent = await far.engine.submitAll(jobs);
    const ids = sent.map((one) => (one.kind === 'accepted' ? one.nativeId : JSON.stringify(one)));
    assert.deepEqual(
      ids.map((id) => id.split('_')[1]),
      jobs.map((_, n) => String(n)),
    );
    assert.equal(new Set(ids.map((id) => id.split('_')[0])).size, 1);
    const ends = await Promise.all(jobs.map(({ uid }) => far.end(uid)));
    assert.deepEqual(
      ends.map(({ status }) => status),
      jobs.map((_, n) => n),
    );
    for (const [n, { uid }] of jobs.entries()) assert.equal(await far.log(uid), `line ${n}\n`);
    assert.deepEqual(await far.engine.remove(jobs.map(({ uid }) => uid)), []);
  });

  slurmTest('one task of an array that waits is stopped, and the others stay', async () => {
    const held = far.another({ options: ['--hold'], lostAfterMs: 0 });
    const jobs = [far.sh('exit 1'), far.sh('exit 2'), far.sh('exit 3')];
    await held.submitAll(jobs);
    const [first, second, third] = jobs.map(({ uid }) => uid) as [string, string, string];
    await held.stop(second, 'TERM', 1000);
    const end = await far.end(second, held);
    assert.deepEqual(verdictOf(end), { status: null, word: 'cancelled' });
    assert.ok(end.afterStop);
    assert.equal(end.tookMs, 0);
    for (const uid of [first, third]) assert.equal((await far.state(uid, held)).kind, 'queued');
    // a job that is removed before its start never starts
    assert.deepEqual(await held.remove([first, third]), []);
    await until(
      () => rig.queue('%j|%T'),
      (rows) => rows.filter((row) => row.startsWith(`${first}.array|`)).every((row) => /CANCELLED/.test(row)),
    );
  });

  slurmTest('a stop: its signal reaches the job once, and what it starts; KILL after the grace', async () => {
    const polite = await running(
      'trap "echo bye; exit 9" TERM; (setsid sleep 1000) & sleep 1000 & echo up; wait',
    );
    assert.equal((await far.engine.stop(polite.uid, '0', 0)).signalled, 1);
    assert.equal((await far.engine.stop(polite.uid, 'TERM', 600_000)).signalled, 1);
    const end = await far.end(polite.uid);
    assert.deepEqual([end.status, end.afterStop, end.verdict], [9, true, null]);
    assert.equal(await far.log(polite.uid), 'up\nbye\n');

    const stubborn = await running('trap "" TERM; echo up; while :; do sleep 0.1; done');
    await far.engine.stop(stubborn.uid, 'TERM', 100);
    assert.deepEqual(verdictOf(await far.end(stubborn.uid)), { status: 137, word: null });

    const now = await running('exec sleep 1000');
    await far.engine.stop(now.uid, 'KILL', 0);
    assert.deepEqual(verdictOf(await far.end(now.uid)), { status: 137, word: null });

    const other = await running('trap "echo int; exit 3" INT; echo up; sleep 1000');
    await far.engine.stop(other.uid, 'INT', 600_000);
    assert.equal((await far.end(other.uid)).status, 3);
  });

  slurmTest('a limit of ours is held by the shim; Slurm gets it as --time', async () => {
    const job = await start(far.sh('sleep 1000', { timeoutMs: 300 }));
    const end = await far.end(job.uid);
    assert.deepEqual([end.limit, end.status], ['timeout', 143]);
    const later = await running('sleep 1000', { timeoutMs: 150_000 });
    assert.match(rig.call(['squeue', '-h', '-n', later.uid, '-o', '%l']).stdout, /^3:00/);
    await far.engine.stop(later.uid, 'KILL', 0);
    await far.end(later.uid);
  });

  slurmTest('scancel by another person is shown; so is a signal that the job survives', async () => {
    const job = await running('sleep 1000');
    slurm('scancel', rig.idOf(job.uid)!);
    const end = await far.end(job.uid);
    assert.deepEqual(verdictOf(end), { status: 143, word: 'cancelled' });
    assert.match(end.verdict!.said, /^CANCELLED /);
    assert.ok(!end.afterStop && end.tookMs > 0);

    const held = far.another({ options: ['--hold'] });
    const waiting = await start(far.sh('exit 0'), held);
    slurm('scancel', rig.idOf(waiting.uid)!);
    const unborn = await far.end(waiting.uid, held);
    assert.deepEqual([unborn.status, unborn.tookMs, unborn.verdict?.word], [null, 0, 'cancelled']);

    const brave = await running('trap "echo usr; exit 4" USR1; sleep 1000 & echo up; wait');
    const pid = (await far.state(brave.uid)) as { pid: number };
    process.kill(pid.pid, 'SIGUSR1');
    assert.deepEqual(verdictOf(await far.end(brave.uid)), { status: 4, word: null });
  });

  slurmTest('a job that is killed has 137; one that takes too much memory also the reason', async () => {
    const killed = await start(far.sh('kill -9 $$'));
    assert.deepEqual(verdictOf(await far.end(killed.uid)), { status: 137, word: null });
    const hungry = await running('x=$(head -c 200000000 /dev/zero | tr "\\0" x); sleep 1000');
    const end = await far.end(hungry.uid);
    assert.deepEqual(verdictOf(end), { status: 137, word: 'out-of-memory' });
    assert.match(end.verdict!.said, /exceeded memory limit/);
  });

  slurmTest(
    'a request that can never be met waits, with the reason; a partition that is not there is refused',
    async () => {
      const large = far.another({ options: ['-n', '999'] });
      const job = await start(far.sh('exit 0'), large);
      const state = await until(
        () => far.state(job.uid, large),
        (one) => one.kind === 'queued' && one.reason !== 'None',
      );
      assert.deepEqual(state, { kind: 'queued', reason: 'PartitionConfig', restarts: 0 });
      await large.stop(job.uid, 'TERM', 0);
      await far.end(job.uid, large);

      const nowhere = far.another({ partition: 'nope' });
      const refused = await nowhere.submit(far.sh('exit 0'));
      assert.deepEqual(refused.kind === 'refused' && refused.why, 'engine');
      assert.match((refused as { said: string }).said, /Invalid partition name specified/);
      const [one, two] = await nowhere.submitAll([far.sh('exit 0'), far.sh('exit 0')]);
      assert.deepEqual([one!.kind, two!.kind], ['refused', 'refused']);
      assert.deepEqual(await nowhere.submit(far.sh('x', { cwd: '/nope' })), {
        ...{ kind: 'refused', why: 'no-cwd', said: '' },
      });
    },
  );

  slurmTest('requeue: another attempt, and the end of the one before does not count', async () => {
    const job = await running(
      'trap "exit 8" TERM; echo up; [ $SLURM_RESTART_COUNT ] || { sleep 1000 & wait; }; exit 5',
      {},
      again,
    );
    slurm('scontrol', 'requeue', rig.idOf(job.uid)!);
    const state = await until(
      () => far.state(job.uid, again),
      (one) => one.kind === 'queued',
    );
    assert.equal(state.kind === 'queued' && state.restarts, 1);
    // the first attempt had ended with 8
    await until(() => fs.existsSync(join(far.root(), 'job', job.uid, 'cut')), Boolean);
    assert.equal((await far.state(job.uid, again)).kind, 'queued');
    await hurry(job);
    const end = await far.end(job.uid, again);
    assert.deepEqual([end.status, end.restarts, end.verdict], [5, 1, null]);
    assert.equal(await far.log(job.uid), 'up\nup\n');
  });

  slurmTest('a finished job that Slurm runs again ends at once, and its first end holds', async () => {
    const job = await start(far.sh('echo once; exit 5'), again);
    assert.equal((await far.end(job.uid, again)).status, 5);
    const reach = (state: string) =>
      until(
        () => rig.queue('%j|%T'),
        (rows) => rows.includes(`${job.uid}|${state}`),
      );
    await reach('FAILED');
    slurm('scontrol', 'requeue', rig.idOf(job.uid)!);
    await reach('PENDING');
    await hurry(job);
    await until(
      () => fs.readFileSync(join(far.root(), 'batch', `${job.uid}.out`), 'utf8'),
      (text) => text.includes('is not started again'),
    );
    const end = await far.end(job.uid, again);
    assert.deepEqual([end.status, end.restarts], [5, 0]);
    assert.equal(await far.log(job.uid), 'once\n');
  });

  slurmTest('over the time limit of Slurm: the reason stands beside the code', async () => {
    const end = await far.end(overTime.uid);
    assert.deepEqual(verdictOf(end), { status: 143, word: 'time-limit' });
    assert.match(end.verdict!.said, /^TIMEOUT TimeLimit /);
  });

  slurmTest('preempted: over, and told; or put back, and another attempt', async () => {
    const low = far.another({ partition: 'low' });
    const first = await running('sleep 1000', {}, low);
    const second = await running('[ $SLURM_RESTART_COUNT ] || exec sleep 1000; exit 6', {}, again);
    const high = far.another({ partition: 'high', options: ['--exclusive'] });
    const third = await start(far.sh('exit 0'), high);
    assert.deepEqual(verdictOf(await far.end(first.uid, low)), { status: 143, word: 'preempted' });
    await far.reach(second.uid, 'queued', again);
    assert.equal((await far.end(third.uid, high)).status, 0);
    await hurry(second);
    const end = await far.end(second.uid, again);
    assert.deepEqual([end.status, end.restarts], [6, 1]);
  });

  slurmTest('what Slurm says of itself', async () => {
    const facts = await far.engine.slurmFacts();
    assert.ok(facts);
    assert.deepEqual(
      {
        ...facts,
        version: /^\d+\.\d+/.test(facts.version),
        partitions: facts.partitions.map(({ name }) => name),
      },
      {
        ...{
          version: true,
          cluster: 'rig',
          answers: true,
          accounting: false,
          maxArray: 1000,
          minJobAge: 300,
        },
        partitions: ['main', 'low', 'high'],
      },
    );
  });
}

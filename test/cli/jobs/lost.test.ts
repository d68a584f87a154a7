/**
 * A job whose end nobody saw: no time, length or code of it is told that nobody measured. Order and gc have a
 * time all the same.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { amend, betweenOwners, longMs, readJson, runPuppet, slay, untilGone } from '../../chaos/death.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { killTogether } from '../../rig/together.ts';
import { until } from '../../rig/until.ts';

const LOST = '(supervisor and shim were killed)';
const HOUR_MS = 3_600_000;

/** Kills a job with everything that could record its end. */
async function killAllOf(rig: Rig, id: number): Promise<void> {
  await rig.untilState(id, 'running');
  const { shim, watcher, main } = await rig.shimOf(id);
  await killTogether([watcher, shim, rig.ownerPid(id), main]);
  await rig.untilState(id, 'lost');
}

/** Runs a puppet that says something in between and is lost then; it was started an hour ago. */
async function loseJob(rig: Rig): Promise<number> {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet, ['-n', 'web']);
  await puppet.print('hello\n');
  await killAllOf(rig, id);
  amend(rig.file(id, 'state.json'), ({ status }) => {
    status.startedAt -= HOUR_MS;
  });
  return id;
}

rigTest('a lost job: when it ended and how long it ran are not known, in any form', async (rig) => {
  const id = await loseJob(rig);
  const { startedAt } = readJson(rig.file(id, 'state.json')).status;
  const objects = [
    await rig.show(id),
    ...(await rig.json(['ls', '-a'])),
    ...(await rig.json(['status', 'web'])),
    ...(await rig.json(['wait', 'web'])),
    ...(await rig.json(['kill', 'web'])),
  ].filter((object) => 'endedAt' in object);
  assert.equal(objects.length, 5);
  for (const { state, endedAt, durationMs, exitCode, ...rest } of objects) {
    assert.deepEqual([state, endedAt, durationMs, exitCode], ['lost', null, null, null]);
    assert.equal(Date.parse(rest.startedAt), startedAt, 'that was seen');
  }

  const shown = (await rig.bgjob(['show', 'web'])).stdout;
  assert.match(shown, /^started +\d{4}-.* \(1h ago\)$/m);
  assert.match(shown, /^ended +not known\ntook +not known$/m);
  const table = (await rig.bgjob(['ls'])).stdout.split('\n')[1]!;
  assert.match(table, /^1 +web +lost \(.+\) +[\d.hms]+ +- +- +\//);
  const sentence = `web 1 lost ${LOST}\n`;
  const status = await rig.bgjob(['status', 'web']);
  assert.equal(status.stdout, sentence);
  assert.ok((await rig.bgjob(['wait', 'web'])).stdout.startsWith(sentence));
  assert.ok(!(await rig.bgjob(['tail', 'web'])).stderr.includes(' after '));
  assert.equal((await rig.bgjob(['kill', 'web'])).stdout, `web 1 already lost ${LOST}\n`);
});

rigTest('a lost job comes with what starts it again, until that was done', async (rig) => {
  await loseJob(rig);
  const HINT = /to start it again: bgjob restart 1/;
  const calls = [
    ['ls'],
    ['ls', '--unseen'],
    ['status', 'web'],
    ['wait', 'web'],
    ['tail', 'web'],
    ['show', 'web'],
  ];
  for (const call of calls) {
    // each of them is a telling
    fs.rmSync(rig.file(1, 'seen'), { force: true });
    const { stdout, stderr } = await rig.bgjob(call);
    assert.match(call[0] === 'show' ? stdout : stderr, HINT, call.join(' '));
  }
  const [object] = await rig.json(['wait', 'web']);
  assert.equal(object.state, 'lost');
  const restarted = await rig.bgjob(['restart', '1']);
  assert.equal(restarted.code, 0, restarted.stderr);
  for (const call of [['ls'], ['status', '1'], ['wait', '1'], ['tail', '1'], ['show', '1']]) {
    const { stdout, stderr } = await rig.bgjob(call);
    assert.doesNotMatch(stdout + stderr, HINT, call.join(' '));
  }
  await rig.bgjob(['kill', '--now', '2']);
});

rigTest('unseen, it is told without a length; before one that was seen to end earlier', async (rig) => {
  assert.equal((await rig.bgjob(['run', '--wait', '--', 'true'])).code, 0);
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  await killAllOf(rig, id);
  // a later sign of life of the one that ended: order does not go by that
  const later = new Date(Date.now() + HOUR_MS);
  fs.utimesSync(rig.file(1, 'out/log'), later, later);
  // looking for it was a telling
  fs.rmSync(rig.file(id, 'seen'), { force: true });
  assert.equal((await rig.bgjob(['ls', '--unseen'])).stdout, `2 lost ${LOST}\n`);
  // gc puts its marker right; the newest of those that ended is the lost one
  assert.equal((await rig.bgjob(['gc'])).code, 0);
  const [first] = fs.readdirSync(`${rig.home}/ended`).sort().reverse();
  assert.equal(first!.split('.')[1], String(id));
});

rigTest('gc goes by the last sign of life, of stderr too', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet, ['--split']);
  await killAllOf(rig, id);
  // so that it is not the highest, which stays
  assert.equal((await rig.bgjob(['run', '--wait', '--', 'true'])).code, 0);
  const longAgo = Date.now() - longMs();
  amend(rig.file(id, 'spec.json'), (spec) => {
    spec.createdAt = longAgo;
    spec.createdMonotonicMs = 0;
  });
  amend(rig.file(id, 'state.json'), ({ status }) => {
    status.startedAt = longAgo;
  });
  const old = new Date(longAgo);
  const removed = async () => {
    const limits = ['--older-than', `${Math.floor(longMs() / 2)}ms`, '--keep', '100'];
    const [{ removed }] = await rig.json(['gc', '--dry-run', ...limits]);
    return removed;
  };
  fs.utimesSync(rig.file(id, 'out/log'), old, old);
  assert.deepEqual(await removed(), [], 'stderr was written a moment ago');
  fs.utimesSync(rig.file(id, 'out/err'), old, old);
  assert.deepEqual(await removed(), [id]);
});

rigTest('an owner that saw the main process die knows when', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  await slay(rig.shimRecord(id).shim!);
  const before = Date.now();
  await puppet.exit(7);
  const { state, endedAt, durationMs, exitCode } = (await rig.json(['wait', String(id)]))[0];
  assert.deepEqual([state, exitCode], ['lost', null]);
  assert.ok(Date.parse(endedAt) >= before && Date.parse(endedAt) <= Date.now());
  assert.equal(typeof durationMs, 'number');
  assert.match((await rig.bgjob(['show', String(id)])).stdout, /^ended +\d{4}-.* ago\)\ntook +[\d.hms]+$/m);
});

rigTest('its replacement knows it, if it saw the job alive', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  await betweenOwners(rig, id, 2, () => slay(rig.shimRecord(id).shim!));
  // an answer of the replacement: by then it has looked
  for (const verb of ['pause', 'resume']) assert.equal((await rig.bgjob([verb, String(id)])).code, 0);
  await puppet.exit(7);
  const { state, endedAt, durationMs } = (await rig.json(['wait', String(id)]))[0];
  assert.deepEqual([state, typeof endedAt, typeof durationMs], ['lost', 'string', 'number']);
});

rigTest('a replacement that finds the job dead does not', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  const { shim, main } = await rig.shimOf(id);
  await slay(shim);
  await betweenOwners(rig, id, 2, async () => {
    await puppet.exit(7);
    await untilGone(main);
  });
  const { state, endedAt, durationMs, reason } = (await rig.json(['wait', String(id)]))[0];
  assert.deepEqual([state, endedAt, durationMs], ['lost', null, null]);
  assert.match(reason, /^its shim was killed/);
  const [status] = [readJson(rig.file(id, 'state.json')).status];
  assert.equal(typeof status.endedAt, 'number', 'on disk it has a time, as before');
  assert.match((await rig.bgjob(['show', String(id)])).stdout, /^ended +not known$/m);
});

rigTest('nobody said that it runs, but the shim wrote down both ends: these are its times', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  const { watcher } = await rig.shimOf(id);
  await slay(watcher);
  await slay(rig.ownerPid(id));
  fs.unlinkSync(rig.file(id, 'state.json'));
  const started = new Date(Date.now() - HOUR_MS);
  fs.utimesSync(rig.file(id, 'shim'), started, started);
  await puppet.exit(3);
  const job = await rig.untilState(id, 'exited');
  assert.deepEqual([job.exitCode, Date.parse(job.startedAt)], [3, started.getTime()]);
  assert.equal(job.durationMs, Date.parse(job.endedAt) - started.getTime());
});

rigTest('what a schedule started last has no exit code that nobody saw', async (rig) => {
  const puppet = await rig.puppet();
  const added = await rig.bgjob([...['cron', 'add', '@yearly', '--name', 'gone', '--', ...puppet.command]]);
  assert.equal(added.code, 0, added.stderr);
  assert.equal((await rig.bgjob(['cron', 'run', 'gone'])).code, 0);
  const [{ lastJob }] = await rig.json(['cron', 'ls']);
  await killAllOf(rig, lastJob.id);
  const [after] = await rig.json(['cron', 'ls']);
  assert.deepEqual([after.lastJob.state, after.lastJob.exitCode], ['lost', null]);
  assert.equal((await rig.bgjob(['cron', 'rm', 'gone'])).code, 0);
});

rigTest(
  'the size of a log is that of the log: of an attempt before, and none where there is none',
  async (rig) => {
    const id = await rig.run([
      ...['-Q', 'q', '--retry', '1', '--backoff', '1h', '--', 'sh', '-c', 'echo hello; exit 1'],
    ]);
    const job = () => rig.json(['ls', '-a']).then((jobs) => jobs.find((one) => one.id === id));
    await until(job, ({ state, attempts }) => state === 'queued' && attempts === 2, 'its second attempt');
    assert.equal((await rig.bgjob(['kill', String(id)])).code, 0);
    const cancelled = await job();
    assert.deepEqual([cancelled.state, cancelled.log.bytes], ['cancelled', 6]);

    const lost = await loseJob(rig);
    fs.unlinkSync(rig.file(lost, 'out/log'));
    assert.equal((await rig.json(['wait', 'web']))[0].log.bytes, null);
    assert.match(
      (await rig.bgjob(['show', 'web'])).stdout,
      /^log +\/.*\/out\/log \(missing: moved away or removed\)$/m,
    );
  },
);

rigTest(
  '--retry: the environment of a lost job goes with the first command that tells the loss, and with gc',
  async (rig) => {
    const lose = async (options: string[]): Promise<string> => {
      const puppet = await rig.puppet();
      const words = ['-Q', 'q', '--retry', '2', ...options, '--', ...puppet.command];
      const id = await rig.run(words, { env: { TOKEN: 's3cret' } });
      await puppet.ready();
      await rig.untilState(id, 'running');
      const { shim, watcher, main } = await rig.shimOf(id);
      await killTogether([watcher, shim, rig.ownerPid(id), main]);
      for (const pid of [watcher, shim, rig.ownerPid(id), main]) await untilGone(pid);
      assert.ok(fs.readFileSync(rig.file(id, 'env.json'), 'utf8').includes('s3cret'));
      return String(id);
    };
    for (const words of [['wait'], ['show'], ['kill']]) {
      const id = await lose([]);
      await rig.bgjob([...words, id]);
      assert.equal(fs.existsSync(rig.file(Number(id), 'env.json')), false, words[0]);
    }
    const [swept, kept] = [await lose([]), await lose(['--keep-env'])];
    await rig.bgjob(['gc']);
    assert.equal(fs.existsSync(rig.file(Number(swept), 'env.json')), false);
    await rig.bgjob(['show', kept]);
    assert.equal(fs.existsSync(rig.file(Number(kept), 'env.json')), true);
  },
);

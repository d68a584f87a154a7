/** What is believed of how a far job ended: its end record with its checksum; else nothing, and never success. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { farEndRecord, parseFarEnd, posixChecksum } from '../../../../src/engine/targets/far-records.ts';
import { Far, farTest } from '../../../rig/far.ts';
import { missingMount, withMemoryDisk } from '../../../rig/far-disks.ts';
import { isRunning } from '../../../rig/processes.ts';
import { TEST_MS, until } from '../../../rig/until.ts';

test('our checksum is that of cksum', () => {
  for (const text of ['', 'a', '1 u-1-1 0 - 5 0', 'x'.repeat(70_000)])
    assert.equal(
      String(posixChecksum(Buffer.from(text))),
      spawnSync('cksum', { input: text, encoding: 'utf8' }).stdout.split(' ')[0],
    );
});

test('a record with any flipped character is no record', () => {
  const text = '1 h-42-1 0 - 512 0';
  const line = `${text} ${posixChecksum(Buffer.from(text))}`;
  assert.deepEqual(parseFarEnd(`${line}    `), {
    uid: 'h-42-1',
    status: 0,
    limit: null,
    tookMs: 5120,
    afterStop: false,
    verdict: null,
    restarts: 0,
    usage: null,
  });
  for (let at = 0; at < line.length; at++)
    for (const bit of [1, 2, 4, 16]) {
      const other = String.fromCharCode(line.charCodeAt(at) ^ bit);
      assert.equal(parseFarEnd(line.slice(0, at) + other + line.slice(at + 1)), undefined, `${at} ${other}`);
    }
  for (let length = 0; length < line.length; length++)
    assert.equal(parseFarEnd(line.slice(0, length)), undefined);
});

test('the record of an engine: a code that is not known, and the reason', () => {
  const verdict = { word: 'time-limit', said: 'TIMEOUT TimeLimit 0:9 (über)' } as const;
  const end = {
    uid: 'h-42-1',
    status: null,
    limit: null,
    tookMs: 60_000,
    afterStop: true,
    restarts: 2,
    verdict,
    usage: null,
  };
  assert.deepEqual(parseFarEnd(farEndRecord(end)), end);
  assert.deepEqual(parseFarEnd(farEndRecord({ ...end, status: 7, verdict: null }))?.status, 7);
  // it would say nothing
  assert.equal(parseFarEnd(farEndRecord({ ...end, verdict: null })), undefined);
});

test('the cost of a job stands behind the end record, and changes nothing in it', () => {
  const first = '1 h-42-1 3 - 512 0';
  const again = '2 h-42-1 3 - 512 0 2 - -';
  const recordOf = (text: string) => `${text} ${posixChecksum(Buffer.from(text))}`;
  const usage = (rest: string, text = first) => parseFarEnd(recordOf(text) + rest)!.usage;
  const before = '0m0.01s 0m0.02s|0m0.50s 0m0.10s|';
  const after = '0m0.01s 0m0.02s|1m1.50s 0m0.60s|';
  const told = (cpuMs: number, from: string) => ({ cpuMs, peakMemoryBytes: null, from });
  assert.deepEqual(usage(`|0|${before}${after}`), told(61_500, 'shim'));
  assert.deepEqual(usage(`|2|${before}${after}`, again), told(61_500, 'shim'));
  assert.deepEqual(usage(`|0|${before}${after}`.replaceAll('.', ',')), told(61_500, 'shim'), 'a locale');
  const [less, more] = ['sampled 6149|', 'sampled 6151|'];
  assert.deepEqual(usage(`|0|${before}${less}${after}`), told(61_500, 'shim'));
  assert.deepEqual(usage(`|0|${before}${less}${more}${after}`), told(61_510, 'samples'));
  assert.deepEqual(usage(`|0|${before}${less}`), told(61_490, 'samples'), 'a shim that was killed');
  for (const rest of [
    ...['', '|', '||||', '|0|', `|0|${before}`, `|0|${after}${before}`, `|0|${before}${after}${after}`],
    ...[`|1|${before}${after}`, `|${before}${after}`, `|0|${before}${after.slice(0, -1)}`],
    ...[`|0|${before}x|${after}`, '|0|sampled -4|', '|0|sampled 1e9|', '|sampled 44|', '|0|sampled 44'],
  ]) {
    assert.equal(usage(rest), null, rest);
    assert.equal(parseFarEnd(recordOf(first) + rest)!.status, 3);
  }
  assert.equal(usage(`|0|${before}${after}`, again), null, 'of a start before this one');
});

/** A job that ran and whose shim is gone without an end record: its shim is killed, then the job. */
async function orphan(far: Far): Promise<string> {
  const uid = await far.start(far.sh('echo up; exec sleep 1000'));
  await far.said(uid, 'up');
  const [, shim] = fs.readFileSync(join(far.root(), 'job', uid, 'shim'), 'utf8').split(' ');
  process.kill(Number(shim), 'SIGKILL');
  await until(
    () => isRunning(Number(shim)),
    (runs) => !runs,
  );
  return uid;
}

/** The clock of the engine is the test's. */
function lostTest(name: string, run: (far: Far, clock: { ms: number }) => Promise<void>): void {
  const clock = { ms: 1000 };
  farTest(name, (far) => run(far, clock), {}, { now: () => clock.ms, lostAfterMs: 30_000 });
}

lostTest(
  'the shim was killed: the job runs as long as it does, then is unknown, then lost',
  async (far, clock) => {
    const uid = await orphan(far);
    const state = await far.state(uid);
    assert.equal(state.kind, 'running');
    clock.ms += 1_000_000;
    assert.equal((await far.state(uid)).kind, 'running');
    assert.equal(
      (await far.engine.stop(uid, 'TERM', 60_000)).signalled,
      1,
      'a job without a shim can be stopped',
    );
    const gone = await until(
      () => far.state(uid),
      ({ kind }) => kind !== 'running',
      'the end of the job',
    );
    assert.deepEqual(gone, { kind: 'unknown', why: 'no-process', said: '' });
    clock.ms += 29_999;
    assert.equal((await far.state(uid)).kind, 'unknown');
    clock.ms += 1;
    assert.deepEqual(await far.state(uid), { kind: 'lost', why: 'gone' });
    assert.deepEqual(await far.engine.remove([uid]), []);
    assert.deepEqual(fs.readdirSync(far.home), []);
  },
);

/** Changes one word of the start record of a job. */
function changeRecord(far: Far, uid: string, word: number, to: string): void {
  const path = join(far.root(), 'job', uid, 'shim');
  const words = fs.readFileSync(path, 'utf8').trim().split(' ');
  words[word] = to;
  fs.writeFileSync(path, `${words.join(' ')}\n`);
}

lostTest('the far machine was restarted: lost at once, unless the end was recorded before', async (far) => {
  const uid = await far.start(far.sh('exit 3'));
  await far.end(uid);
  const other = await orphan(far);
  await far.engine.stop(other, 'KILL', 0);
  for (const one of [uid, other]) changeRecord(far, one, 3, 'another-boot');
  assert.equal((await far.state(uid)).kind, 'ended');
  assert.deepEqual(await far.state(other), { kind: 'lost', why: 'restarted' });
});

lostTest(
  'the login reached another host of the same home: nothing is known, however long',
  async (far, clock) => {
    const uid = await far.start(far.sh('echo up; exec sleep 1000'));
    await far.said(uid, 'up');
    const record = fs.readFileSync(join(far.root(), 'job', uid, 'shim'), 'utf8');
    changeRecord(far, uid, 4, 'login2');
    changeRecord(far, uid, 3, 'another-boot');
    for (let look = 0; look < 3; look++) {
      assert.deepEqual(await far.state(uid), { kind: 'unknown', why: 'other-host', said: 'login2' });
      clock.ms += 1_000_000;
    }
    assert.deepEqual(await far.engine.remove([uid]), [uid], 'it may run there: its records stay');
    assert.deepEqual(await far.engine.stop(uid, 'TERM', 0), { signalled: 0, unseen: null });
    fs.writeFileSync(join(far.root(), 'job', uid, 'shim'), record);
    await far.engine.stop(uid, 'TERM', 0);
    await far.end(uid);
  },
);

lostTest('a damaged end record is no end', async (far, clock) => {
  const uid = await far.start(far.sh('exit 1'));
  await far.end(uid);
  const path = join(far.root(), 'end', uid);
  const record = fs.readFileSync(path, 'utf8');
  for (const text of [record.replace(` ${uid} 1 `, ` ${uid} 0 `), '', '\n', record.replace(uid, 't-2-1')]) {
    fs.writeFileSync(path, text);
    // the shim may live for a moment after its record
    const seen = await until(
      () => far.state(uid),
      ({ kind }) => kind !== 'running',
      'the shim to be gone',
    );
    assert.equal(seen.kind, 'unknown');
    clock.ms += 30_000;
    assert.deepEqual(await far.state(uid), { kind: 'lost', why: 'gone' });
    fs.writeFileSync(path, record);
    assert.equal((await far.state(uid)).kind, 'ended');
  }
});

lostTest('a claim without a start is claimed, then lost', async (far, clock) => {
  await far.engine.connect();
  fs.mkdirSync(join(far.root(), 'job', 't-1-1', 'started'), { recursive: true });
  assert.deepEqual(await far.state('t-1-1'), { kind: 'claimed' });
  clock.ms += 30_000;
  assert.deepEqual(await far.state('t-1-1'), { kind: 'lost', why: 'gone' });
  assert.deepEqual(await far.engine.submit(far.sh('exit 0', { uid: 't-1-1' })), {
    kind: 'known',
    nativeId: 't-1-1',
  });
});

farTest('a claim of a submit that broke off before the start is started by the next one', async (far) => {
  fs.mkdirSync(join(far.root(), 'job', 't-1-1', 'verdict'), { recursive: true });
  fs.writeFileSync(join(far.root(), 'job', 't-1-1', 'job.1.1'), 'half of a scri');
  const uid = await far.start(far.sh('exit 6', { uid: 't-1-1' }));
  assert.equal((await far.end(uid)).status, 6);
});

farTest('our folder there cannot be made', async (far) => {
  fs.writeFileSync(join(far.home, '.bgjob-far'), 'a file');
  const result = await far.engine.submit(far.sh('exit 0'));
  assert.equal(result.kind, 'refused');
  assert.ok(result.kind === 'refused' && result.why === 'cannot-write');
  assert.match(result.said, /\.bgjob-far.*Not a directory|File exists/);
  await assert.rejects(far.engine.probe(), { trouble: 'far-folder', kind: 'refused' });
  fs.rmSync(join(far.home, '.bgjob-far'));
  await far.engine.probe();
  assert.deepEqual(fs.readdirSync(far.home), []);
});

farTest('another folder there: absolute, or below the home', async (far) => {
  for (const folder of ['some/where', join(far.home, 'abs')]) {
    const engine = far.another({ folder });
    const job = far.sh('exit 2');
    await engine.submit(job);
    assert.equal((await far.end(job.uid, engine)).status, 2);
    await engine.remove([job.uid]);
  }
  assert.deepEqual(fs.readdirSync(far.home), ['some']);
});

farTest('the clock there is wrong, and is set while a job runs: nothing depends on it', async (far) => {
  const bin = join(far.home, 'bin');
  fs.mkdirSync(bin);
  fs.writeFileSync(join(bin, 'date'), '#!/bin/sh\necho $(($(/bin/date +%s) - 86400))\n', { mode: 0o755 });
  const facts = await far.engine.connect();
  assert.ok(Math.abs(facts.clockDifference) < 3600);
  far.engine.close();
  far.env['PATH'] = `${bin}:${far.env['PATH']}`;
  const engine = far.another();
  const { clockDifference } = await engine.connect();
  assert.ok(clockDifference < -80_000 && clockDifference > -90_000, String(clockDifference));
  const job = far.sh("trap 'exit 0' TERM; while :; do sleep 0.1; done", { timeoutMs: 100 });
  await engine.submit(job);
  const end = await far.end(job.uid, engine);
  assert.equal(end.limit, 'timeout');
  assert.ok(end.tookMs >= 90 && end.tookMs < 3_600_000, String(end.tookMs));
});

test('a full disk there refuses a job, or keeps its end', {
  timeout: TEST_MS,
  skip: missingMount(),
}, async () => {
  await withMemoryDisk('size=256k', async (dir) => {
    const far = new Far({}, {}, undefined, dir);
    try {
      const gate = far.gate();
      const uid = await far.start(
        far.sh(`read x <'${gate.path}'; echo text; exit 5`, { timeoutMs: 3_600_000 }),
      );
      await far.reach(uid, 'running');
      const filler = join(dir, 'filler');
      assert.throws(() => fs.writeFileSync(filler, Buffer.alloc(1 << 20)), { code: 'ENOSPC' });
      const result = await far.engine.submit(far.sh('exit 0'));
      assert.ok(result.kind === 'refused' && result.why === 'no-room', JSON.stringify(result));
      assert.deepEqual(await far.engine.find(), [uid]);
      gate.open();
      const end = await far.end(uid);
      assert.equal(end.limit, null);
      // the job's own write failed; its code says so, or does not
      assert.equal(end.status, 5);
      fs.rmSync(filler);
      assert.equal((await far.engine.submit(far.sh('exit 0'))).kind, 'accepted');
    } finally {
      far.close();
    }
  });
});

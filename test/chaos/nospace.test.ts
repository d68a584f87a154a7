/**
 * While the disk is full: what runs keeps its code, its limits and its owner, and can be stopped, read and
 * removed.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import {
  cannotMountImage,
  drain,
  drainInodes,
  fill,
  fillInodes,
  makeImage,
  onImage,
  onMount,
} from '../rig/mounts.ts';
import { isRunning, processesNaming } from '../rig/processes.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { longMs, readJson, runPuppet, slay, startEarlier, stopWatcher } from './death.ts';

const skip = cannotMountImage();

const ended = (rig: Rig, id: number) =>
  until(
    () => readJson(rig.file(id, 'state.json')),
    (state) => state?.status.phase === 'ended',
    `the end in the state of job ${id}`,
  );

for (const kind of ['memory', 'ext4'] as const) {
  /** A test with its home on a small file system of its own. */
  const fullTest = (name: string, body: (rig: Rig, mounted: string) => Promise<void>) =>
    rigTest(
      `${name}, in ${kind}`,
      async (rig) => {
        if (kind === 'memory') return onMount(rig, 'mode=700,size=4m', (mounted) => body(rig, mounted));
        makeImage(`${rig.dir}/image`, 12);
        return onImage(rig, `${rig.dir}/image`, '', (mounted) => body(rig, mounted));
      },
      { skip },
    );

  fullTest('a job ends on a full disk: its code and its state at once', async (rig, mounted) => {
    const puppet = await rig.puppet();
    const id = await runPuppet(rig, puppet);
    const supervisor = rig.ownerPid(id);
    fill(mounted, 0);
    await puppet.exit(7);
    assert.equal((await rig.bgjob(['wait', String(id)])).code, 7);
    assert.equal((await rig.bgjob(['status', String(id)])).code, 7);
    assert.equal((await rig.show(id)).exitCode, 7);
    assert.match((await rig.bgjob(['ls'])).stdout, /exited 7/);
    await ended(rig, id);
    await until(
      () => isRunning(supervisor),
      (running) => !running,
      'the end of the supervisor',
    );
    assert.deepEqual(fs.readdirSync(`${rig.home}/live`), []);
    drain(mounted);
    assert.equal((await rig.bgjob(['wait', String(id)])).code, 7);
  });

  fullTest('the supervisor is killed on a full disk: limits and code are kept', async (rig, mounted) => {
    const [first, second] = [await rig.puppet(), await rig.puppet()];
    const code = await runPuppet(rig, first);
    const limitMs = longMs();
    const limit = await runPuppet(rig, second, ['--timeout', `${limitMs}ms`, '--grace', '1s']);
    const watchers = await Promise.all([code, limit].map((id) => stopWatcher(rig, id)));
    for (const id of [code, limit]) await slay(rig.ownerPid(id));
    startEarlier(rig, limit, limitMs);
    fill(mounted, 0);
    for (const { letGo } of watchers) letGo();
    assert.equal((await rig.bgjob(['wait', String(limit)])).code, 124, 'the limit');
    assert.equal((await rig.bgjob(['status', String(code)])).code, 75);
    await first.exit(5);
    assert.equal((await rig.bgjob(['wait', String(code)])).code, 5, 'the code');
    drain(mounted);
    for (const id of [code, limit]) {
      assert.equal((await ended(rig, id)).generation, 2);
      await until(
        () => fs.existsSync(rig.file(id, 'owner.2')),
        (there) => there,
        'the claim of the adopter',
      );
    }
    assert.equal((await rig.bgjob(['wait', String(limit)])).code, 124, 'the limit, written down');
  });

  fullTest('kill on a full disk stops the job and all that it started', async (rig, mounted) => {
    for (const options of [[], ['--now'], ['-s', 'INT', '--grace', '1s']]) {
      const puppet = await rig.puppet();
      const id = await runPuppet(rig, puppet);
      const [child, daemon] = [await puppet.fork({}), await puppet.fork({ daemon: true })];
      const main = await puppet.pid();
      fill(mounted, 0);
      const { code, stdout, stderr } = await rig.bgjob(['kill', ...options, String(id)]);
      assert.equal(code, 0, stdout + stderr);
      assert.deepEqual([main, child, daemon].filter(isRunning), []);
      assert.match(stdout, /3 processes/);
      assert.notEqual((await rig.bgjob(['wait', String(id)])).code, 0);
      drain(mounted);
      await ended(rig, id);
      await until(
        () => processesNaming(mounted),
        (found) => found.length === 0,
        'nobody',
      );
    }
  });

  fullTest('reading and removing on a full disk', async (rig, mounted) => {
    const ids: number[] = [];
    for (let n = 0; n < 4; n++)
      ids.push(await rig.run(['-w', '--', 'sh', '-c', 'seq 2000'], {}).catch(() => 0));
    await until(
      () => processesNaming(mounted),
      (found) => found.length === 0,
      'nobody',
    );
    fill(mounted, 0);
    const first = await rig.bgjob(['tail', '1', '--new']);
    assert.deepEqual([first.code, /\b2000\n$/.test(first.stdout)], [0, true], first.stderr);
    assert.match(
      first.stderr,
      /the cursor could not be stored: no space is left .*; next time: --since 8893/,
    );
    assert.equal((await rig.bgjob(['tail', '1', '-n', '1'])).stdout, '2000\n');
    assert.equal((await rig.bgjob(['ls', '--unseen'])).code, 0);
    assert.equal((await rig.bgjob(['show', '2'])).code, 0);
    assert.equal((await rig.bgjob(['path', '2'])).code, 0);
    const gc = await rig.bgjob(['gc', '--ended']);
    assert.match(gc.stdout, /^removed 3 jobs/, gc.stderr);
    assert.deepEqual(fs.readdirSync(`${rig.home}/jobs`), ['4']);
    assert.equal((await rig.bgjob(['run', '-w', '--', 'true'])).code, 0, 'that made room enough');
  });
}

rigTest(
  'no inode is left: a job is stopped, and gc is the way out',
  (rig) =>
    onMount(rig, 'mode=700,size=16m,nr_inodes=300', async (mounted) => {
      for (let n = 0; n < 3; n++) assert.equal((await rig.bgjob(['run', '-w', '--', 'true'])).code, 0);
      const puppet = await rig.puppet();
      const id = await runPuppet(rig, puppet);
      fillInodes(mounted, 0);
      assert.equal((await rig.bgjob(['run', '--', 'true'])).code, 125);
      const kill = await rig.bgjob(['kill', String(id)]);
      assert.equal(kill.code, 0, kill.stderr);
      assert.match(kill.stdout, /^4 .*: 1 process\n$/);
      const gc = await rig.bgjob(['gc', '--ended']);
      assert.match(gc.stdout, /^removed 3 jobs/, gc.stderr);
      assert.equal(await rig.run(['--', 'true']), 5, 'no id is given again');
      drainInodes(mounted);
    }),
  { skip },
);

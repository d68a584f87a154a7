/**
 * Where stdout takes no answer: what was started or changed is told on stderr, and done to its end; a secret
 * that nobody saw is none.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { bearer, send } from '../../rig/http.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { addTrigger, listenersOf, recordOf, removeTriggers } from '../../rig/triggers.ts';
import { until } from '../../rig/until.ts';

const LOST =
  'bgjob: cannot write the answer to stdout: no space is left on the device; the command was done, ' +
  'and its answer is above, on stderr\n[bgjob] exit code 125\n';

/** Calls it with a full disk as stdout: the answer, which came on stderr. */
async function told(rig: Rig, line: string): Promise<string> {
  const { code, stdout, stderr } = await rig.bash(`bgjob ${line} >/dev/full`);
  assert.deepEqual([code, stdout], [125, ''], `${line}: ${stderr}`);
  assert.ok(stderr.endsWith(LOST), `${line}: ${stderr}`);
  return stderr.slice(0, -LOST.length);
}

rigTest('the ids of jobs: run, run --reuse, a batch, restart of one and of several', async (rig) => {
  assert.equal(await told(rig, 'run -- true'), '1\n');
  const puppet = await rig.puppet();
  assert.equal(await told(rig, `run -n web -- ${puppet.command.join(' ')}`), '2\n');
  assert.equal(await told(rig, `run -n web --reuse -- ${puppet.command.join(' ')}`), '2\n');
  assert.match(await told(rig, 'run -n dev -w "exit 3"'), /^3\ndev 3 exited 3 /, 'it waits all the same');
  assert.equal(await told(rig, 'run -Q api -- true'), '4\n');
  fs.writeFileSync(join(rig.project, 'lines.txt'), 'true\nfalse\n');
  assert.equal(await told(rig, 'run -Q api --batch lines.txt'), '5\n6\n');
  assert.equal((await rig.bgjob(['wait', '5'])).code, 0);
  assert.equal((await rig.bgjob(['wait', '6'])).code, 1, 'the queue went on');
  assert.match(await told(rig, 'restart 1'), /^7\n\(7 is 1, which /);
  assert.match(await told(rig, 'restart 4 5 6'), /^8\n\(.*\n9\n\(.*\n10\n\(.*\n$/);
  for (const [id, code] of [
    ['8', 0],
    ['9', 0],
    ['10', 1],
  ] as const)
    assert.equal((await rig.bgjob(['wait', id])).code, code, id);
  const [object, error] = (await rig.bash('bgjob run --json -- true >/dev/full')).stderr.trim().split('\n');
  assert.equal(JSON.parse(object!).id, 11);
  assert.equal(JSON.parse(error!).error.code, 'answer-lost');
  await puppet.exit(0);
});

rigTest('several that are killed: all of them are, and each is told', async (rig) => {
  const puppets = [await rig.puppet(), await rig.puppet(), await rig.puppet()];
  for (const { command } of puppets) await rig.run(['--', ...command]);
  // a job that is stopped before it runs is cancelled
  for (const puppet of puppets) await puppet.ready();
  const lines = (await told(rig, 'kill 1 2 3')).trimEnd().split('\n').sort();
  assert.equal(lines.length, 3);
  for (const [n, line] of lines.entries()) assert.match(line, new RegExp(`^${n + 1} killed `));
});

rigTest('queues, schedules and the page for agents', async (rig) => {
  assert.match(await told(rig, 'queue set api --slots 3'), /^api: 3 slots; /);
  assert.match(await told(rig, 'queue pause api'), /^api: 3 slots, paused; /);
  assert.match(await told(rig, "cron add '0 0 29 2 *' -n far -- true"), /^far\n/);
  const id = Number(await told(rig, 'cron run far'));
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
  assert.match(await told(rig, 'skill --user --project'), /^wrote \S+\nwrote \S+\n$/);
  assert.match(await told(rig, 'cron rm far'), /^far: removed\n$/);
  assert.deepEqual(await rig.json(['cron', 'ls']), []);
  await until(
    async () => (await rig.json(['ls', '-a'])).filter(({ origin }) => origin?.kind === 'own'),
    (own) => own.every(({ state }) => state === 'exited'),
    'the end of the scheduler',
  );
});

rigTest('what only shows something does not pour it onto stderr', async (rig) => {
  await rig.bgjob(['run', '-w', '--', 'seq', '1000']);
  for (const line of ['tail 1 --full', 'ls', 'show 1', 'skill', 'run -f -- seq 1000']) {
    const { code, stderr } = await rig.bash(`bgjob ${line} >/dev/full`);
    assert.equal(code, 125, line);
    assert.match(
      stderr,
      /^(\d+\n)?bgjob: cannot write the answer to stdout: no space is left on the device\n {2}hint: bgjob ls\n/,
      line,
    );
  }
});

rigTest('a secret that nobody saw: no trigger is added, and the one before stays good', async (rig) => {
  /** With stdout on a full disk, and with one that nobody reads. */
  const each = async (args: string[], check: (stderr: string) => void | Promise<void>): Promise<void> => {
    const full = await rig.bash(`bgjob ${args.join(' ')} >/dev/full`);
    const call = rig.startBgjob(args);
    call.child.stdout!.destroy();
    for (const { code, stderr } of [full, await call.answer]) {
      assert.equal(code, 125, stderr);
      assert.doesNotMatch(stderr, /[0-9a-f]{64}/, 'nor is it in a log of stderr');
      assert.match(stderr, /^bgjob: cannot write the answer to stdout: (no space is left|it has no reader)/);
      await check(stderr);
    }
  };
  const notAdded = /; trigger hook was not added: its secret would be lost\n {2}hint: the same again/;
  await each(['trigger', 'add', 'hook', '--', 'true'], async (stderr) => {
    assert.match(stderr, notAdded);
    assert.deepEqual(await rig.json(['trigger', 'ls']), []);
  });
  const [error] = (await rig.bash('bgjob trigger add hook --json -- true >/dev/full')).stderr.split('\n');
  assert.equal(JSON.parse(error!).error.code, 'answer-lost');
  assert.deepEqual(await rig.json(['trigger', 'ls']), []);
  // nothing listens for nobody
  await until(
    async () => (await listenersOf(rig)).filter(({ state }) => state === 'running').length,
    (count) => count === 0,
    'the end of the listener',
  );
  const { url, secret } = await addTrigger(rig, ['hook', 'true']);
  await each(['trigger', 'rotate', 'hook'], async (stderr) => {
    assert.match(stderr, /; trigger hook still has its old secret\n/);
    assert.equal(recordOf(rig, 'hook').secret, secret);
    assert.equal((await send(url, { headers: bearer(secret) })).status, 202);
  });
  await removeTriggers(rig);
});

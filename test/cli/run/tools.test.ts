/**
 * The tools that bgjob calls, on a machine where they lie in no fixed folder (NixOS, Guix): the PATH of the
 * caller leads to them, and processes that have another PATH know where they were found.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { cannotUnshare } from '../../rig/namespaces.ts';
import { missing } from '../../rig/needs.ts';
import { isRunning } from '../../rig/processes.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { startedBy, untilEvents } from '../../rig/schedules.ts';
import { inStore, type Store } from '../../rig/store.ts';
import { until } from '../../rig/until.ts';

const elsewhere = !fs.existsSync('/usr/bin/setsid') && 'the tools are elsewhere';
const skip = cannotUnshare() || missing('script', 'nsenter') || elsewhere;

const storeTest = (name: string, body: (store: Store, rig: Rig) => Promise<void>): void =>
  rigTest(name, (rig) => inStore(rig, (store) => body(store, rig)), { skip });

/** A PATH that leads to no tool. */
const BARE = { env: { PATH: '/none' } };

storeTest(
  'the PATH of the caller leads to them: words, a line, a terminal, a held stdin',
  async (store, rig) => {
    const done = async (args: string[]) => {
      const { code, stderr, stdout } = await store.bgjob(['run', '--wait', ...args]);
      return [code, stdout, stderr].join('\n');
    };
    assert.match(await done(['--', 'bash', '-c', 'echo words; exit 3']), /^3\n[\s\S]*\| words\n/);
    assert.match(await done(['false | true']), /^1\n/, 'bash has pipefail');
    assert.match(await done(['--pty', '--', 'tty']), /^0\n[\s\S]*\| \/dev\/pts\/\d+\n/);
    assert.match(await done(['--retry', '1', '--backoff', '0s', '--', 'false']), /^1\n[\s\S]*attempt 2 of 2/);
    assert.equal((await store.bgjob(['run', '--name', 'held', '--stdin', 'hold', '--', 'cat'])).code, 0);
    for (const words of [
      ['send', 'held', 'text', '--eof'],
      ['wait', 'held'],
    ])
      assert.equal((await store.bgjob(words)).code, 0, words.join(' '));
    assert.equal(rig.log(5), 'text\n');
    const { stdout } = await store.bgjob(['doctor']);
    assert.doesNotMatch(stdout, /is not there/);
  },
);

storeTest('jobs of a queue are started by a process with another PATH', async (store, rig) => {
  const puppet = await rig.puppet();
  assert.equal((await store.bgjob(['run', '-Q', 'q', '--', ...store.puppet(puppet)])).code, 0);
  await store.bgjob(['queue', 'pause', 'q']);
  await store.bgjob(['run', '-Q', 'q', '--pty', '--', 'tty']);
  await store.bgjob(['run', '-Q', 'q', '--stdin', 'hold', '--', 'cat']);
  await store.bgjob(['run', '-Q', 'q', '--on-exit', 'false | true', '--', 'bash', '-c', 'echo third']);
  await puppet.exit(0);
  await rig.untilLeft(1);
  for (const name of fs.readdirSync(`${rig.home}/cache`))
    if (name.startsWith('fifo.')) fs.rmSync(`${rig.home}/cache/${name}`);
  assert.equal((await store.bgjob(['queue', 'resume', 'q'], BARE)).code, 0);
  await rig.untilState(3, 'running');
  assert.equal((await store.bgjob(['send', '3', 'text', '--eof'], BARE)).code, 0);
  assert.equal((await store.bgjob(['wait', '--queue', 'q'], BARE)).code, 0);
  assert.match(rig.log(2), /^\/dev\/pts\/\d+\r?\n$/);
  assert.deepEqual([rig.log(3), rig.log(4)], ['text\n', 'third\n']);
  await rig.untilLeft(4);
  const hook = JSON.parse(fs.readFileSync(rig.file(4, 'on-exit.json'), 'utf8'));
  assert.deepEqual([hook.code, hook.why], [1, null], 'bash with pipefail');
});

storeTest('a supervisor is replaced, also when env has moved meanwhile', async (store, rig) => {
  const puppet = await rig.puppet();
  await store.bgjob(['run', '--timeout', '1h', '--', ...store.puppet(puppet)]);
  await rig.shimOf(1);
  const first = rig.ownerPid(1);
  // still in PATH
  fs.symlinkSync(`${store.dir}/real/env`, `${store.folder('coreutils')}/env`);
  fs.rmSync(`${store.dir}/fixed/env`);
  process.kill(first, 'SIGKILL');
  const adopted = until(
    () => rig.ownerPid(1),
    (pid) => pid !== first && isRunning(pid),
    'an adopter',
  );
  assert.ok(await adopted.catch(() => undefined), 'an adopter');
  assert.equal((await store.bgjob(['pause', '1'])).code, 0);
  assert.equal((await store.bgjob(['kill', '1'])).code, 0);
  assert.equal((await rig.show(1)).state, 'killed');
});

const schedulerOf = async (rig: Rig): Promise<number> =>
  (await rig.json(['ls', '-a', '-n', '50'])).find(({ origin }) => origin?.kind === 'own').id;

storeTest('a schedule: its scheduler gets another PATH, and its shell moves', async (store, rig) => {
  assert.equal((await store.bgjob(['cron', 'add', '--name', 'n', '@every 1s', 'echo a | cat'])).code, 0);
  await untilEvents(rig, 'n', (events) => startedBy(events).length > 0);
  await store.bgjob(['cron', 'pause', 'n']);
  const first = await schedulerOf(rig);
  assert.equal((await store.bgjob(['kill', String(first)], BARE)).code, 0);
  for (const words of [
    ['set', 'q', '--slots', '1'],
    ['pause', 'q'],
  ])
    await store.bgjob(['queue', ...words]);
  const added = await store.bgjob(['run', '-Q', 'q', '-'], { input: 'echo script | cat\n' });
  const waiting = Number(added.stdout);
  // an upgrade: the caller has another PATH then, and the scheduler has none
  fs.renameSync(`${store.folder('shells')}/bash`, `${store.folder('procps')}/bash`);
  await store.bgjob(['run', '--wait', '--', 'true']);
  // the shell of a script without `#!`, too
  await store.bgjob(['queue', 'resume', 'q'], BARE);
  await store.bgjob(['wait', '--queue', 'q']);
  assert.equal(rig.log(waiting), 'script\n');
  assert.equal((await store.bgjob(['cron', 'resume', 'n'], BARE)).code, 0);
  const second = await schedulerOf(rig);
  assert.ok(second > first);
  const events = await untilEvents(rig, 'n', (all) => startedBy(all).some(({ job }) => job! > second));
  const taken = `${store.dir}/mkfifo`;
  fs.renameSync(`${store.folder('coreutils')}/mkfifo`, taken);
  const later = await untilEvents(rig, 'n', (all) => all.some(({ did }) => did === 'failed'));
  assert.equal(later.find(({ did }) => did === 'failed')!.why, 'there is no mkfifo');
  fs.renameSync(taken, `${store.folder('coreutils')}/mkfifo`);
  const job = startedBy(events).find(({ job }) => job! > second)!.job!;
  assert.equal((await store.bgjob(['cron', 'rm', 'n'], BARE)).code, 0);
  await rig.untilState(job, 'exited');
  assert.deepEqual([rig.log(job), (await rig.show(job)).exitCode], ['a\n', 0]);
});

storeTest('a tool that is nowhere: its name and package, and no id', async (store, rig) => {
  await store.bgjob(['run', '--wait', '--', 'true']);
  const hide = (tool: string, folder: string) => {
    fs.renameSync(`${folder}/${tool}`, `${store.dir}/${tool}`);
    return () => fs.renameSync(`${store.dir}/${tool}`, `${folder}/${tool}`);
  };
  const fixed = `${store.dir}/fixed`;
  for (const [tool, folder, name] of [
    ['mkfifo', store.folder('coreutils'), 'coreutils'],
    ['env', fixed, 'coreutils'],
    ['sh', fixed, 'a POSIX shell'],
  ] as const) {
    const restore = hide(tool, folder);
    const message = `${tool} is not there (in /usr/bin, /bin, … or PATH): no job can be started`;
    for (const [words, input] of [
      [['run', '--', 'true']],
      [['run', '-Q', 'q', '--', 'true']],
      [['run', '-Q', 'q', '--name', 'n', 'true | cat']],
      [['run', '-Q', 'q', '--batch', '-'], 'true\nfalse\n'],
      [['cron', 'add', '@yearly', '--', 'true']],
      [['trigger', 'add', 't', '--', 'true']],
    ] as [string[], string?][]) {
      const { code, stdout, stderr } = await store.bgjob(words, input === undefined ? {} : { input });
      assert.deepEqual([code, stdout], [125, ''], words.join(' '));
      assert.ok(stderr.includes(`bgjob: ${message}\n  hint: install ${name}\n`), stderr);
    }
    assert.ok((await store.bgjob(['doctor'])).stdout.includes(`problem: ${message} → install ${name}\n`));
    restore();
  }
  hide('script', store.folder('util-linux'));
  const { code, stdout, stderr } = await store.bgjob(['run', '-Q', 'q', '--pty', '--', 'true']);
  assert.deepEqual([code, stdout], [125, '']);
  assert.match(
    stderr,
    /script is not there .*: run --pty does not work\n {2}hint: install bsdutils or util-linux/,
  );
  assert.deepEqual(fs.readdirSync(`${rig.home}/jobs`), ['1']);
  for (const kind of ['cron', 'trigger'])
    assert.equal((await store.bgjob([kind, 'ls', '--json'])).stdout, '', kind);
});

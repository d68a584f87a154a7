/**
 * Node or the package that started a process is gone: the next command of another installation goes on with
 * what that process could not do, and each reason is true.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { connect } from 'node:net';
import { slay } from '../../chaos/death.ts';
import { Installed } from '../../rig/installed.ts';
import { isRunning } from '../../rig/processes.ts';
import { type Answer, type Rig, rigTest } from '../../rig/rig.ts';
import { startedBy, untilEvents } from '../../rig/schedules.ts';
import { eventsOf, removeTriggers } from '../../rig/triggers.ts';
import { until } from '../../rig/until.ts';

/** One line, and the exit code of bgjob: not Node's stack and 1, which would look like the failure of a job. */
function assertOneLine({ code, stdout, stderr }: Answer, pattern: RegExp): void {
  assert.deepEqual([code, stdout], [125, '']);
  assert.match(stderr, pattern);
  assert.doesNotMatch(stderr, /\n {4}at |\n.*\n.*\n.*\n/);
}

rigTest('a call without its files says so in one line, with 125', async (rig) => {
  const one = new Installed(rig, 'one');
  const dist = one.file('dist');
  const call = (...args: string[]) => one.start(args, { env: { FORCE_COLOR: '1' } }).answer;
  await rig.runOut(['--', 'true']);
  // in the middle of an update: a part of a file, another version of a file, a file that is not there yet
  // the program of `ls`
  const program = `${dist}/cli-list.js`;
  const cli = fs.readFileSync(program);
  fs.writeFileSync(program, cli.subarray(0, cli.length / 2));
  assertOneLine(await call('ls'), /^bgjob: its program at \S+\/one cannot be loaded: SyntaxError: .*\n$/);
  fs.rmSync(program);
  assertOneLine(
    await call('ls'),
    /^bgjob: its program at .* ENOENT: .*\/one\/dist\/cli-list\.js'; it is being .*\n$/,
  );
  fs.writeFileSync(program, cli);
  fs.writeFileSync(`${dist}/cli-output-table.js`, 'exports.renderOther = () => {};');
  const record = fs.readFileSync(one.file('package.json'), 'utf8');
  fs.writeFileSync(one.file('package.json'), record.replace(/"version": ".*"/, '"version": "99.0.0"'));
  assertOneLine(await call('ls'), /bgjob [\d.]+ was replaced by 99\.0\.0 during this call/);
  fs.rmSync(`${dist}/cli-output-table.js`);
  assertOneLine(
    await call('ls'),
    /\/one\/dist\/cli-output-table\.js is gone: Node or bgjob is being updated/,
  );
  // nothing is left of a job that cannot have a supervisor
  fs.rmSync(`${dist}/supervisor.js`);
  assertOneLine(
    await call('run', '--', 'true'),
    /\/one\/dist\/supervisor\.js is gone: .*\n.*hint: try again/s,
  );
  assert.deepEqual((await rig.json(['ls', '-a'])).length, 1);
  const found = (await one.start(['doctor', '--json']).answer).stdout;
  assert.match(
    found,
    /"code":"program-gone","level":"problem","message":"[^"]*\/dist\/supervisor\.js is gone/,
  );
  one.remove('dist');
  assertOneLine(
    await call('ls'),
    /^bgjob: its program at .* cannot be loaded: Error: Cannot find module .*\n$/,
  );
});

/** The oldest first. */
const services = async (rig: Rig): Promise<any[]> => {
  const all = await rig.json(['ls', '-a', '-n', '1000']);
  return all.filter(({ name }) => /^(scheduler|listener)-/.test(name ?? '')).sort((a, b) => a.id - b.id);
};

for (const part of ['node', 'dist'])
  rigTest(`${part} of the scheduler is gone: the next command replaces it`, async (rig) => {
    const one = new Installed(rig, 'one');
    assert.equal((await one.start(['cron', 'add', '@every 1s', '-n', 'tick', '--', 'true']).answer).code, 0);
    await untilEvents(rig, 'tick', (events) => startedBy(events).length > 0);
    one.remove(part);
    const { stdout } = await rig.bgjob(['doctor']);
    const gone = part === 'node' ? one.node : `${one.dir}/dist/boot.js`;
    assert.match(
      stdout,
      new RegExp(`^note: the scheduler \\(job 1\\) ran with ${gone}, which is gone: it is repl`, 'm'),
    );
    const [old, next] = await until(
      () => services(rig),
      (all) => all.length === 2 && all[1].state === 'running',
      'another scheduler',
    );
    assert.deepEqual([old.state, old.reason], ['killed', `bgjob: ${gone} is gone (SIGTERM)`]);
    const since = Date.parse(next.startedAt);
    await untilEvents(rig, 'tick', (all) => startedBy(all).some(({ at }) => Date.parse(at) > since));
    assert.doesNotMatch((await rig.bgjob(['doctor'])).stdout, /is gone/);
    await rig.bgjob(['cron', 'rm', 'tick']);
    await rig.untilState(next.id, 'exited');
  });

rigTest('a new schedule is run at once, though the program of the scheduler is gone', async (rig) => {
  const one = new Installed(rig, 'one');
  const add = (name: string) => ['cron', 'add', '@every 1s', '-n', name, '--', 'true'];
  assert.equal((await one.start(add('old')).answer).code, 0);
  one.remove('node');
  const { code, stderr } = await rig.bgjob(add('new'));
  assert.equal(code, 0, stderr);
  await untilEvents(rig, 'new', (events) => startedBy(events).length > 0);
  await rig.bgjob(['cron', 'rm', 'old', 'new']);
  await rig.untilState((await services(rig)).at(-1).id, 'exited');
});

rigTest('the history of a trigger says what is gone; the next command replaces its listener', async (rig) => {
  const one = new Installed(rig, 'one');
  const { stdout, stderr } = await one.start(['trigger', 'add', 'hook', '--', 'true']).answer;
  const [url, secret] = stdout.split('\n');
  assert.ok(secret, stderr);
  /** The status of the answer; 0: no process listens. */
  const deliver = async (): Promise<number> => {
    const headers = { authorization: `Bearer ${secret}` };
    const answer = await fetch(url!, { method: 'POST', body: '{}', headers }).catch(() => undefined);
    return answer?.status ?? 0;
  };
  // a connection without a request is no delivery
  const listens = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(Number(new URL(url!).port), '127.0.0.1');
      socket.on('error', () => resolve(false));
      socket.on('connect', () => {
        socket.destroy();
        resolve(true);
      });
    });
  await until(listens, (does) => does, 'the listener');
  one.remove('node');
  assert.ok((await deliver()) >= 500);
  const [event] = await eventsOf(rig, 'hook');
  assert.deepEqual(
    [event.did, event.why],
    ['failed', `${one.node} is gone, which starts its jobs; the next bgjob command repairs this`],
  );
  await until(deliver, (status) => status >= 200 && status < 300, 'a delivery to the next listener');
  await removeTriggers(rig);
});

/** A job of an installation that is gone, whose supervisor was killed: its watcher could start no other. */
async function orphan(rig: Rig, part: string, options: string[]) {
  const one = new Installed(rig, 'one');
  const puppet = await rig.puppet();
  const id = await one.run([...options, '--', ...puppet.command]);
  await puppet.ready();
  await rig.untilState(id, 'running');
  const { watcher } = await rig.shimOf(id);
  one.remove(part);
  await slay(rig.ownerPid(id));
  await until(
    () => isRunning(watcher),
    (runs) => !runs,
    'the end of the watcher',
  );
  return { id, puppet };
}

for (const part of ['node', 'dist'])
  rigTest(`supervisor and its ${part} are gone: the next command adopts the job`, async (rig) => {
    const { id, puppet } = await orphan(rig, part, ['--on-exit', 'echo "$BGJOB_OUTCOME"']);
    const dead = rig.ownerPid(id);
    await rig.bgjob(['ls']);
    await until(
      () => rig.ownerPid(id),
      (pid) => pid !== dead && isRunning(pid),
      'an adopter',
    );
    await puppet.exit(3);
    await rig.untilLeft(id);
    await rig.untilShown(
      id,
      ({ onExit }) => onExit.state,
      (state) => state === 'exited',
      'its --on-exit',
    );
    assert.equal((await rig.show(id)).exitCode, 3);
    assert.equal(fs.readFileSync(rig.file(id, 'on-exit.log'), 'utf8'), 'exited\n');
  });

rigTest('many commands at once: one adopter', async (rig) => {
  const { id, puppet } = await orphan(rig, 'node', []);
  await Promise.all(Array.from({ length: 6 }, () => rig.bgjob(['ls'])));
  await until(
    () => isRunning(rig.ownerPid(id)),
    (runs) => runs,
    'an adopter',
  );
  const owners = () => fs.readdirSync(rig.file(id, '.')).filter((name) => name.startsWith('owner.'));
  await rig.bgjob(['ls']);
  await puppet.exit(0);
  await rig.untilState(id, 'exited');
  assert.deepEqual(owners().sort(), ['owner.1', 'owner.2']);
});

rigTest('a limit of a job that was adopted holds: what has passed counts', async (rig) => {
  const { id } = await orphan(rig, 'node', ['--timeout', '1m']);
  // a minute earlier; a record without a checksum is believed, too
  const { sum: _, ...state } = JSON.parse(fs.readFileSync(rig.file(id, 'state.json'), 'utf8'));
  state.status.startedMonotonicMs -= 60_000;
  fs.writeFileSync(rig.file(id, 'state.json'), JSON.stringify(state));
  await rig.bgjob(['ls']);
  await rig.untilState(id, 'timed-out');
});

rigTest('pause of a job whose supervisor could not be replaced', async (rig) => {
  const { id, puppet } = await orphan(rig, 'node', []);
  assert.equal((await rig.bgjob(['pause', String(id)])).code, 0);
  assert.equal((await rig.bgjob(['resume', String(id)])).code, 0);
  await puppet.exit(0);
  await rig.untilState(id, 'exited');
});

for (const part of ['node', 'dist'])
  rigTest(`${part} of a running job is gone: --on-exit runs, and the next job of its queue`, async (rig) => {
    const one = new Installed(rig, 'one');
    const puppet = await rig.puppet();
    const hook = ['--on-exit', 'echo "$BGJOB_EXIT_CODE"'];
    const id = await one.run(['-Q', 'q', ...hook, '--', ...puppet.command]);
    const next = await one.run(['-Q', 'q', ...hook, '--', 'sh', '-c', 'exit 5']);
    await puppet.ready();
    one.remove(part);
    await puppet.exit(4);
    for (const job of [id, next])
      await until(
        () => fs.existsSync(rig.file(job, 'on-exit.json')),
        (done) => done,
        `--on-exit of ${job}`,
      );
    assert.deepEqual(
      [id, next].map((job) => fs.readFileSync(rig.file(job, 'on-exit.log'), 'utf8')),
      ['4\n', '5\n'],
    );
    await rig.untilLeft(next);
    assert.doesNotMatch((await rig.bgjob(['doctor'])).stdout, /bug/);
  });

rigTest(
  'Node is upgraded, and a link of its package manager leads to the new one: all goes on',
  async (rig) => {
    const one = new Installed(rig, 'one');
    const link = `${rig.dir}/.nix-profile/bin/node`;
    fs.mkdirSync(`${rig.dir}/.nix-profile/bin`, { recursive: true });
    fs.symlinkSync(one.node, link);
    const puppet = await rig.puppet();
    const id = await one.run(['--on-exit', 'echo done', '--', ...puppet.command]);
    assert.equal((await one.start(['cron', 'add', '@every 1s', '-n', 'tick', '--', 'true']).answer).code, 0);
    await untilEvents(rig, 'tick', (events) => startedBy(events).length > 0);
    const [{ id: scheduler }] = await services(rig);
    assert.ok((await rig.show(scheduler)).command.includes(link), 'started through the link');
    const next = `${one.dir}/next/node`;
    fs.mkdirSync(`${one.dir}/next`);
    fs.linkSync(one.node, next);
    fs.symlinkSync(next, `${link}.new`);
    fs.renameSync(`${link}.new`, link);
    one.remove('node');
    const since = Date.now();
    // no command of bgjob is needed: the watcher starts an adopter
    const dead = rig.ownerPid(id);
    await slay(dead);
    await until(
      () => rig.ownerPid(id),
      (pid) => pid !== dead && isRunning(pid),
      'an adopter',
    );
    await untilEvents(rig, 'tick', (all) => startedBy(all).some(({ at }) => Date.parse(at) > since));
    assert.equal((await services(rig)).length, 1, 'the same scheduler');
    await puppet.exit(0);
    await rig.untilShown(
      id,
      ({ onExit }) => onExit.state,
      (state) => state === 'exited',
      'its --on-exit',
    );
    await rig.bgjob(['cron', 'rm', 'tick']);
    await rig.untilState((await services(rig))[0].id, 'exited');
  },
);

rigTest('a Node of Homebrew is named by the link that an upgrade keeps', async (rig) => {
  const one = new Installed(rig, 'one');
  const [cellar, opt] = [`${rig.dir}/brew/Cellar/node@20/20.1.0`, `${rig.dir}/brew/opt`];
  fs.mkdirSync(`${cellar}/bin`, { recursive: true });
  fs.renameSync(one.node, `${cellar}/bin/node`);
  fs.mkdirSync(opt);
  fs.symlinkSync(cellar, `${opt}/node@20`);
  const add = ['--', one.file('bin/bgjob'), 'cron', 'add', '0 0 29 2 *', '-n', 'far', '--', 'true'];
  assert.equal((await rig.start(`${cellar}/bin/node`, add).answer).code, 0);
  const [{ id }] = await services(rig);
  assert.ok((await rig.show(id)).command.includes(`${opt}/node@20/bin/node`));
  await rig.bgjob(['cron', 'rm', 'far']);
  await rig.untilState(id, 'exited');
});

rigTest(
  'the program of a schedule is gone: it is searched along its PATH, else ls NAME says so',
  async (rig) => {
    const [old, now] = [`${rig.dir}/v18/bin`, `${rig.dir}/v20/bin`];
    for (const folder of [old, now]) fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(`${old}/tool`, '#!/bin/sh\necho "$0"\n', { mode: 0o755 });
    const env = { PATH: `${old}:${now}:${process.env['PATH']}` };
    const words = ['cron', 'add', '0 0 29 2 *', '-n', 'nightly', '--', 'tool'];
    assert.equal((await rig.bgjob(words, { env })).code, 0);
    fs.renameSync(`${old}/tool`, `${now}/tool`);
    const run = async () => Number((await rig.bgjob(['cron', 'run', 'nightly'])).stdout);
    const moved = await run();
    assert.equal((await rig.bgjob(['wait', String(moved)])).code, 0);
    assert.equal(rig.log(moved), `${now}/tool\n`);
    const list = async () => (await rig.bgjob(['cron', 'ls', 'nightly'])).stderr;
    assert.doesNotMatch(await list(), /no job can start/);
    fs.rmSync(`${now}/tool`);
    const lost = await run();
    assert.equal((await rig.bgjob(['wait', String(lost)])).code, 127);
    assert.ok(
      (await list()).endsWith(
        `nightly: no job can start: there is no ${old}/tool\n  hint: bgjob cron rm nightly, then add it again\n`,
      ),
    );
    await rig.bgjob(['cron', 'rm', 'nightly']);
  },
);

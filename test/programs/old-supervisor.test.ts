/** A supervisor of the version before, under commands of this one: what an upgrade finds running goes on, and is told truly. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { buildOld, cannotBuild, type OldVersion } from '../rig/old-version.ts';
import { rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const VERSION: OldVersion = '0.6.0';

rigTest(
  `${VERSION}: its jobs are shown, paused, followed, stopped and adopted by this one`,
  async (rig) => {
    const program = buildOld(VERSION);
    const old = (...args: string[]) => rig.start(process.execPath, ['--', program, ...args]).answer;
    assert.equal((await old('--version')).stdout, `${VERSION}\n`);

    const puppet = await rig.puppet();
    assert.equal((await old('run', '-n', 'led', '--', ...puppet.command)).stdout, '1\n');
    await puppet.ready();
    await puppet.print('from the old one\n');
    assert.equal((await rig.bgjob(['tail', 'led'])).stdout, 'from the old one\n');
    assert.equal((await rig.bgjob(['pause', 'led'])).code, 0);
    assert.equal((await rig.show(1)).state, 'paused');
    assert.equal((await rig.bgjob(['resume', 'led'])).code, 0);

    // who waits in a queue of the old one is started by it; who comes later waits behind
    assert.equal((await old('run', '-Q', 'q', '--', 'sleep', '1000')).stdout, '2\n');
    assert.equal((await old('run', '-Q', 'q', '--', 'sh', '-c', 'exit 5')).stdout, '3\n');
    assert.equal(await rig.run(['-Q', 'q', '--', 'sh', '-c', 'exit 6']), 4);
    assert.deepEqual(
      (await rig.json(['ls', '--queue', 'q'])).map(({ id, state }) => [id, state]),
      [
        [2, 'running'],
        [3, 'queued'],
        [4, 'queued'],
      ],
    );
    assert.equal((await rig.bgjob(['kill', '2'])).code, 0);
    assert.equal((await rig.bgjob(['wait', '3'])).code, 5);
    assert.equal((await rig.bgjob(['wait', '4'])).code, 6);

    // its supervisor dies: the adopter is of the old one, too, and the code is the job's
    process.kill(rig.ownerPid(1), 'SIGKILL');
    await until(() => fs.existsSync(rig.file(1, 'owner.2')), Boolean, 'an adopter');
    await puppet.exit(7);
    assert.equal((await rig.bgjob(['wait', 'led'])).code, 7);
    assert.equal((await old('status', 'led')).code, 7);
  },
  { skip: cannotBuild(VERSION) },
);

rigTest(
  `${VERSION} in one home with this one: a job that it could not start as it is meant waits until its supervisor is gone`,
  async (rig) => {
    const program = buildOld(VERSION);
    const old = (...args: string[]) => rig.start(process.execPath, ['--', program, ...args]).answer;
    const puppet = await rig.puppet();
    assert.equal((await old('run', '-Q', 'q', '--', ...puppet.command)).stdout, '1\n');
    await puppet.ready();
    assert.equal((await old('run', '-Q', 'q', '--', 'sh', '-c', 'echo old')).stdout, '2\n');
    const format = () => fs.readFileSync(join(rig.home, 'format'), 'utf8');

    // plain ones are for everybody
    assert.equal(await rig.run(['-Q', 'q', '--', 'sh', '-c', 'echo plain']), 3);
    assert.equal(format(), '2\n');
    assert.equal(await rig.run(['-Q', 'q', '--stdin', 'hold', '--on-exit', 'echo over', '--', 'cat']), 4);
    assert.equal(format(), '3\n');
    assert.equal(await rig.run(['-Q', 'q', '--', 'sh', '-c', 'echo behind']), 5);
    const spec = JSON.parse(fs.readFileSync(rig.file(4, 'spec.json'), 'utf8'));
    assert.deepEqual([spec.v, spec.needs], [2, ['stdin', 'onExit']]);

    const why = 'waits for job 1: its supervisor is of an older bgjob, which may not know --stdin, --on-exit';
    assert.equal((await rig.show(4)).reason, why);
    assert.match((await rig.bgjob(['show', '4'])).stdout, new RegExp(`^because +${why}$`, 'm'));
    assert.equal((await rig.json(['ls', '--queue', 'q'])).find(({ id }) => id === 4).reason, why);
    const waited = await rig.bgjob(['wait', '4', '--timeout', '0.1s']);
    assert.equal(waited.code, 75);
    assert.match(waited.stdout + waited.stderr, new RegExp(why));

    // the old command says no, with its own words, and does nothing
    const refused = await old('ls');
    assert.equal(refused.code, 125);
    assert.match(refused.stderr, /was written by a newer bgjob \(format 3, this one knows 2\)/);

    // a second slot: there is room, and an older supervisor beside it
    assert.equal((await rig.bgjob(['queue', 'set', 'q', '--slots', '2'])).code, 0);
    for (const id of [2, 3, 5]) assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
    assert.equal((await rig.show(4)).state, 'queued');

    await puppet.exit(0);
    await rig.untilState(4, 'running');
    assert.equal((await rig.bgjob(['send', '4', '--eof', 'typed'])).code, 0);
    assert.equal((await rig.bgjob(['wait', '4'])).code, 0);
    assert.equal(rig.log(4), 'typed\n');
    await until(() => fs.existsSync(rig.file(4, 'on-exit.json')), Boolean, 'what --on-exit did');
  },
  { skip: cannotBuild(VERSION) },
);

rigTest(
  `${VERSION}: its supervisors know no sweeper: each stops its job itself, also if many are stopped at once`,
  async (rig) => {
    const program = buildOld(VERSION);
    const old = (...args: string[]) => rig.start(process.execPath, ['--', program, ...args]).answer;
    const ids = ['1', '2', '3', '4', '5', '6'];
    for (const id of ids)
      if (id === '6') assert.equal(await rig.run(['--', 'sleep', '1000']), 6);
      else assert.equal((await old('run', '--', 'sleep', '1000')).stdout, `${id}\n`);
    for (const id of ids) await rig.untilState(Number(id), 'running');
    const killed = await rig.json(['kill', ...ids]);
    assert.deepEqual(
      killed.map(({ state, exitCode }) => `${state} ${exitCode}`),
      ids.map(() => 'killed 143'),
    );
    const sweepers = ids.map(
      (id) => JSON.parse(fs.readFileSync(rig.file(Number(id), 'stop.term'), 'utf8')).sweeper,
    );
    assert.deepEqual(sweepers.slice(0, 5), [undefined, undefined, undefined, undefined, undefined]);
    assert.ok(sweepers[5]);
    assert.match((await old('status', '6')).stdout, /^6 killed SIGTERM/);
  },
  { skip: cannotBuild(VERSION) },
);

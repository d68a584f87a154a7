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
    await rig.untilState(2, 'running');
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

const BEFORE_SET: OldVersion = '0.16.0';

rigTest(
  `${BEFORE_SET} in one home with bgjob set: no job starts with a limit that was changed, and none waits for ever`,
  async (rig) => {
    const program = buildOld(BEFORE_SET);
    const old = (...args: string[]) => rig.start(process.execPath, ['--', program, ...args]).answer;
    const puppet = await rig.puppet();
    assert.equal((await old('run', '-Q', 'q', '--timeout', '9h', '--', ...puppet.command)).stdout, '1\n');
    await puppet.ready();
    const line = 'echo $BGJOB_ID >>order';
    assert.equal((await old('run', '-Q', 'q', '--timeout', '9h', line)).stdout, '2\n');
    assert.equal((await old('run', '-Q', 'q', line)).stdout, '3\n');
    const refused = await rig.bgjob(['set', '1', '--timeout', '8h']);
    assert.equal(refused.code, 125);
    assert.match(refused.stderr, /job 1 was not changed: its supervisor is of an older bgjob/);
    assert.equal((await rig.show(1)).timeoutMs, 9 * 3_600_000);
    // a priority is for all
    assert.equal((await rig.bgjob(['set', '3', '--priority', '2'])).code, 0);
    assert.equal((await old('show', '3', '--json')).code, 0);
    // these two start by themselves: they are changed before that
    assert.equal((await old('run', '-Q', 'later', '--delay', '30s', line)).stdout, '4\n');
    assert.equal(
      (await old('run', '-Q', 'failed', '--retry', '1', '--backoff', '30s', 'exit 3')).stdout,
      '5\n',
    );
    await rig.untilShown(
      5,
      ({ attempts }) => attempts,
      (count) => count === 2,
      'the first attempt',
    );
    for (const id of ['4', '5', '2']) assert.equal((await rig.bgjob(['set', id, '--timeout', '8h'])).code, 0);
    for (const words of [['ls'], ['move', '2', '--first'], ['kill', '2'], ['wait', '--queue', 'q'], ['gc']]) {
      const { code, stderr } = await old(...words);
      assert.equal(code, 125);
      assert.match(stderr, /was written by a newer bgjob \(format 6, this one knows 5\)/);
    }

    // no command is called from here on: the queue waiters of the old one do not see these jobs
    const ended = (id: number) => () => {
      const { status, spec } = JSON.parse(fs.readFileSync(rig.file(id, 'state.json'), 'utf8'));
      return [status.phase, spec?.timeoutMs];
    };
    const hasEnded = ([phase]: unknown[]): boolean => phase === 'ended';
    await until(() => fs.existsSync(rig.file(4, 'state.json')), Boolean, 'the start of job 4');
    for (const id of [4, 5])
      assert.deepEqual(await until(ended(id), hasEnded, `the end of job ${id}`), ['ended', 8 * 3_600_000]);
    await puppet.exit(0);
    await until(() => fs.existsSync(rig.file(2, 'state.json')), Boolean, 'the start of job 2');
    assert.deepEqual(await until(ended(2), hasEnded, 'the end of job 2'), ['ended', 8 * 3_600_000]);
    assert.equal(fs.readFileSync(join(rig.project, 'order'), 'utf8'), '4\n3\n2\n');
    assert.equal((await rig.bgjob(['wait', '1', '2', '3', '4'])).code, 0);
  },
  { skip: cannotBuild(BEFORE_SET) },
);

/** A supervisor of the version before, under commands of this one: what an upgrade finds running goes on, and is told truly. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
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

/** What `npm install -g` of the packed tarball gives: a bgjob that works, from any path, and its man page. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { ROOT, rigTest } from '../rig/rig.ts';

rigTest('packed, installed elsewhere without a network, run', async (rig) => {
  const env = {
    npm_config_offline: 'true',
    npm_config_cache: `${rig.dir}/cache`,
    npm_config_update_notifier: 'false',
  };
  // what is built is packed: building again would take the program away from the tests beside this one
  const packed = await rig.start(
    'npm',
    ['pack', '--silent', '--ignore-scripts', '--pack-destination', rig.dir],
    {
      cwd: ROOT,
      env,
    },
  ).answer;
  assert.equal(packed.code, 0, packed.stderr);
  const prefix = `${rig.dir}/a place with spaces`;
  const tarball = `${rig.dir}/${packed.stdout.trim().split('\n').at(-1)}`;
  const args = ['install', '-g', '--prefix', prefix, '--no-audit', '--no-fund', tarball];
  const installed = await rig.start('npm', args, { cwd: rig.dir, env }).answer;
  assert.equal(installed.code, 0, installed.stderr);

  const page = fs.readFileSync(`${prefix}/share/man/man1/bgjob.1`, 'utf8');
  assert.equal(page, fs.readFileSync(`${ROOT}/man/bgjob.1`, 'utf8'));
  const inside = `${prefix}/lib/node_modules/bgjob`;
  assert.deepEqual(
    fs.readdirSync(inside).filter((name) => /^(src|test|dist-test|node_modules)$/.test(name)),
    [],
  );
  assert.deepEqual(
    Object.keys(JSON.parse(fs.readFileSync(`${inside}/package.json`, 'utf8')).dependencies ?? {}),
    [],
  );

  const bgjob = (...words: string[]) => rig.start(`${prefix}/bin/bgjob`, words).answer;
  const run = await bgjob('run', '-w', '--', 'sh', '-c', 'echo installed; exit 4');
  assert.equal(run.code, 4);
  assert.match(run.stdout, /^1\n1 exited 4 after [\d.]+s\n\| installed\n$/);
  // what is loaded only when it is needed is there, too
  assert.equal(
    (await rig.start(`${prefix}/bin/bgjob`, ['ls'], { env: { FORCE_COLOR: '1' } }).answer).code,
    0,
  );
  assert.equal((await bgjob('gc', '--ended')).code, 0);
  assert.equal((await bgjob('kill', '1')).code, 0);
});

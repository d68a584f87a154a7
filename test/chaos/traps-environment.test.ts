/** Variables of the caller that a dynamic linker or Node obeys: the job gets them unchanged, nobody of ours obeys them, adopters neither. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { childrenOf, killOwner, slay, untilPublished } from './death.ts';

/** None of these breaks the call itself, which is a Node like any other. */
const TRAPS: Record<string, string> = {
  LD_PRELOAD: '/nonexistent.so',
  LD_LIBRARY_PATH: '/nonexistent',
  NODE_EXTRA_CA_CERTS: '/nonexistent',
  NODE_PATH: '/nonexistent',
  NODE_PENDING_DEPRECATION: '1',
  NODE_REDIRECT_WARNINGS: '/nonexistent/warnings',
  ELECTRON_RUN_AS_NODE: '1',
  GCONV_PATH: '/nonexistent',
  BASH_ENV: '/nonexistent',
  ENV: '/nonexistent',
  PYTHONSTARTUP: '/nonexistent',
  SHELLOPTS: 'braceexpand:errexit:nounset',
  POSIXLY_CORRECT: '1',
  IFS: '0123456789/',
  CDPATH: '/',
  TMOUT: '1',
};

const variablesOf = (pid: number): Map<string, string> =>
  new Map(
    fs
      .readFileSync(`/proc/${pid}/environ`, 'utf8')
      .split('\0')
      .filter(Boolean)
      .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  );

rigTest('the job gets them all, its supervisor and every adopter none', async (rig) => {
  const coverage = `${rig.dir}/coverage`;
  const env = { ...TRAPS, NODE_V8_COVERAGE: coverage };
  // a Node as the job would obey them itself
  const id = await rig.run(['--', 'sleep', '1000'], { env });
  await untilPublished(rig, id, 1);
  const { main } = await rig.shimOf(id);
  // written down before the last exec: the variables are its own only then
  const got = await until(
    () => variablesOf(main),
    (variables) => variables.has('LD_PRELOAD'),
    'the variables of the job',
  );
  for (const [name, value] of Object.entries(env)) assert.equal(got.get(name), value, name);
  const isOurs = (pid: number) =>
    assert.deepEqual([...variablesOf(pid).keys()].sort(), ['HOME', 'LANG', 'PATH'], `${pid}`);
  isOurs(rig.ownerPid(id));
  await killOwner(rig, id, 2);
  isOurs(rig.ownerPid(id));
  await killOwner(rig, id, 3);
  isOurs(rig.ownerPid(id));
  const killed = await rig.bgjob(['kill', String(id)], { env });
  assert.match(killed.stdout, /^1 killed \(TERM, /, killed.stderr);
  // what the call itself wrote there is the call's
  const written = fs.existsSync(coverage) ? fs.readdirSync(coverage).length : 0;
  assert.ok(written <= 2, `${written} files of coverage: run and kill`);
});

rigTest('NODE_OPTIONS that would end every Node is the job’s alone, also after adoption', async (rig) => {
  const preload = `${rig.dir}/preload.cjs`;
  fs.writeFileSync(preload, `process.env.NODE_OPTIONS = '--require /nonexistent.cjs';\n`);
  const bgjob = `${process.cwd()}/bin/bgjob`;
  const line = 'sleep 1000 & wait; echo "$NODE_OPTIONS"; exit 9';
  const run = await rig.start(process.execPath, ['--require', preload, bgjob, 'run', line]).answer;
  assert.equal(run.code, 0, run.stderr);
  await untilPublished(rig, 1, 1);
  await killOwner(rig, 1, 2);
  await killOwner(rig, 1, 3);
  // its shell may not have come to its `sleep` yet
  const { main } = await rig.shimOf(1);
  const children = await until(
    () => childrenOf(main),
    ({ length }) => length > 0,
    'its sleep',
  );
  await slay(children[0]!);
  const { code } = await rig.bgjob(['wait', '1']);
  assert.equal(code, 9);
  assert.equal(rig.log(1).split('\n').at(-2), '--require /nonexistent.cjs');
});

rigTest('a call by a Node with an IPC channel, and a channel that leads nowhere', async (rig) => {
  const bgjob = `${process.cwd()}/bin/bgjob`;
  const parent = `const child = require('node:child_process').fork(${JSON.stringify(bgjob)}, ['run', '-w', '--', 'sh', '-c', 'ls /proc/$$/fd; exit 4']);
    child.on('exit', (code) => { console.log('code', code); });`;
  const { stdout, stderr } = await rig.start(process.execPath, ['-e', parent]).answer;
  assert.equal(stdout, '1\ncode 4\n');
  assert.match(stderr, /^1 exited 4 .*\n\| 0\n\| 1\n\| 2\n\[job\]/);
  // Node takes away what names the channel of its own caller
  for (const [n, name] of ['NODE_CHANNEL_FD', 'NODE_UNIQUE_ID'].entries()) {
    await rig.bgjob(['run', '-w', `env | grep -c ${name}`], { env: { [name]: '99' } });
    assert.equal(rig.log(n + 2), '0\n');
  }
  for (const fd of ['99', '1'])
    assert.equal((await rig.bgjob(['status', '1'], { env: { NODE_CHANNEL_FD: fd } })).code, 4, fd);
});

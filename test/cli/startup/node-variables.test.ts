/** Variables that Node would obey at its start, and dies of: the jobs get them, our own processes do not. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { BGJOB, type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const LINE = fs.readFileSync(BGJOB, 'latin1').split('\n')[0]!;

/** Values of NODE_OPTIONS: some that end a Node at once, and texts that a shell or `env -S` would change. */
const OPTIONS = [
  '--require /nonexistent.js',
  '--frob',
  '--max-old-space-size=1',
  '"',
  "'",
  `' "two words" 'it'\\''s' $HOME \${HOME} $(id) \`id\` \\ \\_ \\n \\c # %s * ~ ''`,
  'one\n\ntwo\n',
  '|',
  "'|'",
  `'${'x'.repeat(60_000)}|`,
  ' ',
  'ü€',
];

/** The variables that a job printed with `env -0`. */
const printed = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .split('\0')
      .filter((entry) => entry.includes('='))
      .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  );
const variablesOf = (pid: number) => printed(fs.readFileSync(`/proc/${pid}/environ`, 'utf8'));

/** What of these variables a job has; bgjob's own are none of its business. */
function nodeVariables(rig: Rig, id: number): Record<string, string> {
  const all = Object.entries(printed(rig.log(id)));
  assert.deepEqual(
    all.filter(([name]) => name.startsWith('BGJOB_NODE')),
    [],
  );
  return Object.fromEntries(all.filter(([name]) => name.startsWith('NODE_')));
}

rigTest('a NODE_OPTIONS that no Node can obey: the calls work, the job has it unchanged', async (rig) => {
  for (const [n, value] of OPTIONS.entries()) {
    const env = { NODE_OPTIONS: value, NODE_EXTRA_CA_CERTS: `/nonexistent/${value.replaceAll('|', '')}` };
    const run = await rig.bash('bgjob run -w -- env -0', { env });
    assert.deepEqual([run.code, run.stdout, value], [0, `${n + 1}\n`, value], run.stderr);
    assert.deepEqual(nodeVariables(rig, n + 1), env);
    assert.doesNotMatch(run.stderr, /Warning|certs/);
  }
  const wait = await rig.bash('bgjob wait 1', { env: { NODE_OPTIONS: '--frob' } });
  assert.deepEqual([wait.code, wait.stderr], [0, '']);
});

rigTest('set to nothing is not set; our own variable reaches no job', async (rig) => {
  const mine = { BGJOB_NODE_VARS: "'a'|'b'", BGJOB_NODE_OPTIONS: 'c' };
  await rig.bash('bgjob run -w -- env -0', { env: { ...mine, NODE_OPTIONS: '', NODE_EXTRA_CA_CERTS: '' } });
  await rig.bash('bgjob run -w -- env -0', { env: { ...mine, NODE_OPTIONS: '-x', NODE_EXTRA_CA_CERTS: '' } });
  await rig.bash('bgjob run -w -e BGJOB_NODE_VARS=x -- env -0', { env: { NODE_EXTRA_CA_CERTS: '/x' } });
  assert.deepEqual(nodeVariables(rig, 1), {});
  assert.deepEqual(nodeVariables(rig, 2), { NODE_OPTIONS: '-x' });
  assert.deepEqual(nodeVariables(rig, 3), { NODE_EXTRA_CA_CERTS: '/x' });
  // of a Node that was given the file itself
  await rig.bgjob(['run', '-w', '--', 'env', '-0'], { env: { BGJOB_NODE_VARS: 'odd', BGJOB_NODE_X: 'y' } });
  assert.deepEqual(nodeVariables(rig, 4), {});
});

rigTest('a job that waits, a restart, a job of a job, --on-exit, a schedule: all have it', async (rig) => {
  const env = { NODE_OPTIONS: '--frob "a b"', NODE_EXTRA_CA_CERTS: '/nonexistent' };
  const bash = async (line: string) => {
    const { code, stderr } = await rig.bash(line, { env });
    assert.equal(code, 0, stderr);
  };
  await bash(
    'bgjob queue set api --slots 1 && bgjob queue pause api && bgjob run -Q api -e BGJOB_NODE_VARS=x -- env -0',
  );
  const stored = fs.readFileSync(rig.file(1, 'env.json'), 'utf8');
  assert.match(stored, /"NODE_OPTIONS=--frob \\"a b\\""/);
  assert.doesNotMatch(stored, /BGJOB_NODE/);
  await bash('bgjob queue resume api && bgjob wait 1');
  assert.deepEqual(nodeVariables(rig, 1), env);
  await bash(`bgjob run -w --keep-env --on-exit 'env -0' -- env -0`);
  // in the stored environment, not in that of the call
  assert.equal((await rig.bash('bgjob restart --wait 2')).code, 0);
  assert.deepEqual(nodeVariables(rig, 3), env);
  const hooked = await until(
    () => (fs.existsSync(rig.file(2, 'on-exit.json')) ? fs.readFileSync(rig.file(2, 'on-exit.log')) : ''),
    (text) => text.length > 0,
    'the end of --on-exit',
  );
  const { NODE_OPTIONS, BGJOB_OUTCOME, BGJOB_NODE_VARS } = printed(hooked.toString());
  assert.deepEqual([NODE_OPTIONS, BGJOB_OUTCOME, BGJOB_NODE_VARS], [env.NODE_OPTIONS, 'exited', undefined]);
  await bash(`bgjob run -w 'bgjob run -w -- env -0'`);
  assert.deepEqual(nodeVariables(rig, 5), env);
  assert.equal((await rig.bash('bgjob run -w -e NODE_OPTIONS=--nope -- env -0', { env })).code, 0);
  assert.equal(nodeVariables(rig, 6)['NODE_OPTIONS'], '--nope');
  await bash(`bgjob cron add --pass-env NODE_OPTIONS -n mine @yearly -- env -0 && bgjob cron run mine`);
  // the scheduler is job 7
  await rig.untilState(8, 'exited');
  assert.deepEqual(nodeVariables(rig, 8), { NODE_OPTIONS: env.NODE_OPTIONS });
  assert.deepEqual(
    Object.keys(variablesOf((await rig.shimOf(7)).main)).filter((name) => /NODE/.test(name)),
    [],
  );
  await bash('bgjob cron rm mine');
});

rigTest('our own processes are not given them', async (rig) => {
  const env = { NODE_OPTIONS: '--frob', NODE_EXTRA_CA_CERTS: '/nonexistent' };
  assert.equal((await rig.bash('bgjob run sleep 1000', { env })).code, 0);
  await rig.untilState(1, 'running');
  const names = Object.keys(variablesOf(rig.ownerPid(1)));
  assert.deepEqual(
    names.filter((name) => /NODE/.test(name)),
    [],
  );
  assert.equal((await rig.bash('bgjob kill 1', { env })).code, 0);
});

rigTest('NODE_PRESERVE_SYMLINKS_MAIN: the installed link still finds the program', async (rig) => {
  const { code, stderr } = await rig.bash('bgjob run -w -- true', {
    env: { NODE_PRESERVE_SYMLINKS_MAIN: '1' },
  });
  assert.equal(code, 0, stderr);
});

rigTest('the first line holds wherever it is read', async (rig) => {
  // Linux before 5.1 cuts a longer one
  assert.ok(LINE.length <= 127, `${LINE.length} bytes`);
  const env = { NODE_OPTIONS: `--require "./it's mine.js"`, NODE_EXTRA_CA_CERTS: '/no where' };
  // the kernel of macOS splits it at blanks, and `env -S` sees only the next word
  const [program, ...words] = LINE.slice(2).split(' ');
  const call = ['run', '-w', '--', 'env', '-0'];
  const mac = await rig.start(program!, [...words, BGJOB, ...call], { env }).answer;
  assert.equal(mac.code, 0, mac.stderr);
  assert.deepEqual(nodeVariables(rig, 1), env);
  // pnpm writes it into a script of sh; its pattern must not take the words behind -S for a program
  const [, prog, args] = /^#!\s*(?:\/usr\/bin\/env(?:\s+-S\s*)?)?\s*([^ \t]+)(.*)$/.exec(LINE)!;
  const plain = { NODE_OPTIONS: '--frob --require "./a b.js" $HOME', NODE_EXTRA_CA_CERTS: '/no where' };
  const script = `exec ${prog} ${args} '${BGJOB}' "$@"`;
  const pnpm = await rig.start('sh', ['-c', script, 'sh', ...call], { env: plain }).answer;
  assert.equal(pnpm.code, 0, pnpm.stderr);
  assert.deepEqual(nodeVariables(rig, 2), plain);
});

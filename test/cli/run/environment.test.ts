/** What a job inherits, and what it must not: environment, cwd, umask, stdin, session, descriptors. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { BGJOB, type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

/** The environment that a job really has, and its pid and cwd. */
async function jobWith(rig: Rig, env: Record<string, string>, options: string[] = []) {
  const puppet = await rig.puppet();
  const id = await rig.run([...options, '--', ...puppet.command], { env });
  return { id, puppet, ...(await puppet.order({ do: 'environment' })) };
}

const modeOf = (path: string): string => (fs.statSync(path).mode & 0o777).toString(8);

rigTest('a job knows who it is, and gets what keeps it from hanging', async (rig) => {
  const { env, cwd } = await jobWith(rig, { KEPT: 'yes' });
  assert.equal(env.BGJOB_ID, '1');
  assert.equal(env.BGJOB_HOME, rig.home);
  assert.equal(env.KEPT, 'yes');
  assert.equal(env.PYTHONUNBUFFERED, '1');
  assert.equal(env.PAGER, 'cat');
  assert.equal(env.GIT_PAGER, 'cat');
  assert.equal(env.GIT_TERMINAL_PROMPT, '0');
  assert.equal(cwd, rig.project);
});

rigTest('what the caller has set stays as it is; blanks are nothing', async (rig) => {
  const own = { PAGER: 'more', GIT_PAGER: 'less -R', GIT_TERMINAL_PROMPT: '1' };
  const { env } = await jobWith(rig, { ...own, PYTHONUNBUFFERED: '' });
  for (const [name, value] of Object.entries(own)) assert.equal(env[name], value, name);
  assert.equal(env.PYTHONUNBUFFERED, '1');
});

rigTest("make's jobserver is closed in the job; what else make says goes on", async (rig) => {
  const make = { MAKEFLAGS: 'k -j4 --jobserver-auth=3,4 -- CFLAGS=-O9', MFLAGS: '-j4', MAKELEVEL: '2' };
  const { id, env } = await jobWith(rig, make);
  assert.deepEqual([env.MAKEFLAGS, env.MFLAGS, env.MAKELEVEL], ['k -- CFLAGS=-O9', '-j4', '2']);
  const { changedVariables } = await rig.show(id);
  assert.deepEqual(changedVariables, [{ name: 'MAKEFLAGS', did: 'changed', why: 'jobserver' }]);
});

rigTest('a NODE_OPTIONS that would kill Node reaches the job and hurts nobody else', async (rig) => {
  const broken = '--require /nonexistent.js';
  const preload = `${rig.dir}/preload.js`;
  fs.writeFileSync(preload, `process.env.NODE_OPTIONS = ${JSON.stringify(broken)};\n`);
  const call = ['--require', preload, BGJOB, 'run', '-w', '--', 'sh', '-c', 'echo "$NODE_OPTIONS"'];
  assert.equal((await rig.start(process.execPath, call).answer).code, 0);
  assert.equal(rig.log(1), `${broken}\n`);
});

rigTest('variables that a shell would drop, change or obey arrive unchanged', async (rig) => {
  const odd = {
    'a-b': '1',
    'a.b': '2',
    'with space': '3',
    IFS: 'x',
    PS4: '$(touch hijacked)',
    ENV: '/nonexistent',
    BASH_ENV: '/nonexistent',
    OLDPWD: '/somewhere',
    SHLVL: '7',
    _: 'underscore',
    e: 'short',
    LINES_2: 'one\ntwo\n',
    EMPTY: '',
    'BASH_FUNC_echo%%': '() { builtin echo hijacked; }',
    BGJOB_ENV_0: 'mine',
  };
  const { env } = await jobWith(rig, odd);
  for (const [name, value] of Object.entries(odd)) assert.equal(env[name], value, name);
  assert.ok(!fs.existsSync(`${rig.project}/hijacked`));
});

rigTest('-e has the last word over --env-file, and both over the caller', async (rig) => {
  const file = `${rig.dir}/vars`;
  fs.writeFileSync(file, '# a comment\n\nexport A=file\nB=\'two words\'\r\nC="x=y"\nD=\n');
  const options = ['--env-file', file, '-e', 'A=option', '-e', 'E=a=b c', '-e', 'BGJOB_ID=999'];
  const { env } = await jobWith(rig, { A: 'caller', B: 'caller', D: 'caller' }, options);
  assert.equal(env.A, 'option');
  assert.equal(env.B, 'two words');
  assert.equal(env.C, 'x=y');
  assert.equal(env.D, '');
  assert.equal(env.E, 'a=b c');
  assert.equal(env.BGJOB_ID, '1');
  // a file that is a pipe of the caller's shell
  const { code } = await rig.bash(`bgjob run -w --env-file <(echo Q=42) 'exit $Q'`);
  assert.equal(code, 42);
});

const KEY = '-----BEGIN PRIVATE KEY-----\nMIIEabc+/==\nMIIE=\n-----END PRIVATE KEY-----\n';

rigTest('a FIFO: its writer may come late; without one the call returns', async (rig) => {
  const fifo = `${rig.dir}/vars`;
  execFileSync('mkfifo', [fifo]);
  const late = `sleep 0.2; printf A=; sleep 0.2; echo late`;
  const writer = spawn('sh', ['-c', `{ ${late}; } >"$1"`, 'sh', fifo], { stdio: 'ignore' });
  const call = ['run', '-w', '--env-file', fifo, '--', 'sh', '-c', '[ "$A" = late ]'];
  assert.equal((await rig.bgjob(call)).code, 0);
  assert.equal(writer.exitCode ?? (await once(writer, 'exit'))[0], 0);
  for (const words of [
    ['--env-file', fifo, '--', 'true'],
    ['--batch', fifo],
  ]) {
    const { code, stdout, stderr } = await rig.bgjob(['run', ...words]);
    assert.deepEqual([code, stdout], [125, '']);
    assert.match(stderr, /^bgjob: cannot read \S+\/vars: no process writes into this FIFO\n/);
  }
  // its writer is gone, and wrote nothing
  const empty = spawnSync('bash', ['-c', '"$0" run -w --env-file <(:) -- true', BGJOB], {
    env: { ...process.env, BGJOB_HOME: rig.home },
    cwd: rig.project,
  });
  assert.equal(empty.status, 0);
});

rigTest("--env-file reads the dialect of Node's: several lines, comments, three quotes", async (rig) => {
  const file = `${rig.dir}/vars`;
  const lines = ['A=3 # note', `KEY="${KEY}"`, "  export B = ' x ' # y", 'C=`"\'\\n`', 'D="a\\nb"', 'E=$A'];
  fs.writeFileSync(file, `\ufeff${lines.join('\r\n')}\r\n`);
  const { env } = await jobWith(rig, {}, ['--env-file', file]);
  const expected = { A: '3', KEY, B: ' x ', C: '"\'\\n', D: 'a\nb', E: '$A' };
  for (const [name, value] of Object.entries(expected)) assert.equal(env[name], value, name);
  assert.equal(env.MIIE, undefined, 'a line of a value is no variable');
  // a value that another program reads as longer
  fs.writeFileSync(file, 'PASSWORD=s3c#ret\n');
  const call = ['run', '-w', '--env-file', file, '--', 'sh', '-c', '[ $PASSWORD = s3c ]'];
  const { code, stderr } = await rig.bgjob(call);
  assert.equal(code, 0);
  assert.match(
    stderr,
    /^warning: .*vars:1: the value of PASSWORD ends before the #; quote the value to keep/,
  );
  assert.doesNotMatch(stderr, /s3c/);
  const json = await rig.bgjob(['run', '--json', '--env-file', file, '--', 'true']);
  assert.equal(JSON.parse(json.stderr).warning.code, 'cut-at-hash');
});

rigTest('a line of --env-file that cannot be read is refused, and no part of a key is shown', async (rig) => {
  const file = `${rig.dir}/vars`;
  const bad: [text: string, message: RegExp][] = [
    [`A=1\nKEY=${KEY}`, /vars:5: the line has no =/],
    [`A=1\nKEY="${KEY}`, /vars:2: the value of KEY begins with ", and no " ends it\n/],
    [`KEY="${KEY}" MIIE`, /vars:5: there is text after the " that ends the value of KEY\n/],
    [`KEY="${KEY}"\n\nMIIE MIIE=1\n`, /vars:7: the text before the = is not a name/],
    [`MIIEabc\n`, /vars:1: the line has no =/],
    [`KEY="MIIE\0"`, /vars:1: the value of KEY holds a NUL byte\n/],
    [`MIIE+/="MIIE`, /vars:1: the value begins with "/],
  ];
  for (const [text, message] of bad) {
    fs.writeFileSync(file, text);
    const { code, stderr, stdout } = await rig.bgjob(['run', '--env-file', file, '--', 'true']);
    assert.deepEqual([code, stdout], [125, ''], text);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /MIIE|BEGIN/);
  }
  const option = await rig.bgjob(['run', '-e', KEY.split('=')[0]!, '--', 'true']);
  assert.match(option.stderr, /--env: a value has no =/);
  assert.doesNotMatch(option.stderr, /MIIE/);
  assert.ok(!fs.existsSync(rig.home), 'nothing was created');
});

rigTest('a variable that is none is refused by its place, never by its value', async (rig) => {
  const file = `${rig.dir}/vars`;
  fs.writeFileSync(file, 'A=1\n\n=secret\n');
  const { code, stderr } = await rig.bgjob(['run', '--env-file', file, '--', 'true']);
  assert.equal(code, 125);
  assert.match(stderr, /vars:3: /);
  assert.ok(!stderr.includes('secret'));
  const option = await rig.bgjob(['run', '-e', 'NOVALUE', '--', 'true']);
  assert.match(option.stderr, /"NOVALUE" has no =; it must be NAME=value/);
  const absent = await rig.bgjob(['run', '--env-file', 'none', '--', 'true']);
  assert.match(absent.stderr, /cannot read none: no such file or directory/);
  assert.ok(!fs.existsSync(rig.home), 'nothing was created');
});

rigTest('the environment is on disk only where it was asked for, for us alone', async (rig) => {
  await rig.run(['-e', 'TOKEN=s3cret', '--', 'true'], { env: { OTHER: 'c4ller' } });
  await rig.run(['--keep-env', '-e', 'TOKEN=s3cret', '--', 'true'], { env: { OTHER: 'c4ller' } });
  await rig.bgjob(['wait', '1', '2']);
  assert.ok(!fs.existsSync(rig.file(1, 'env.json')));
  assert.ok(!fs.readFileSync(rig.file(1, 'spec.json'), 'utf8').includes('c4ller'));
  assert.equal(modeOf(rig.file(1, 'spec.json')), '600');
  assert.ok(fs.readFileSync(rig.file(2, 'env.json'), 'utf8').includes('OTHER=c4ller'));
  assert.equal(modeOf(rig.file(2, 'env.json')), '600');
  for (const args of [
    ['show', '1'],
    ['show', '1', '--json'],
    ['ls', '--json'],
    ['ls'],
    ['status', '1', '--json'],
  ])
    assert.ok(!(await rig.bgjob(args)).stdout.includes('s3cret'), args.join(' '));
});

rigTest('the environment of a job that waited is gone from the disk while it runs', async (rig) => {
  const puppet = await rig.puppet();
  await rig.bgjob(['queue', 'set', 'api', '--slots', '1']);
  await rig.bgjob(['queue', 'pause', 'api']);
  await rig.run(['-Q', 'api', '--', ...puppet.command], { env: { TOKEN: 's3cret' } });
  assert.ok(fs.readFileSync(rig.file(1, 'env.json'), 'utf8').includes('s3cret'), 'it waits with it');
  await rig.bgjob(['queue', 'resume', 'api']);
  await puppet.ready();
  // its marker goes last
  await until(
    () => fs.readdirSync(`${rig.home}/queues/api/waiting`),
    (waiting) => waiting.length === 0,
    'a job that does not wait',
  );
  assert.ok(!fs.existsSync(rig.file(1, 'env.json')));
  await puppet.exit(0);
  await rig.bgjob(['wait', '1']);
});

rigTest("the umask is the job's; the records are closed whatever it is", async (rig) => {
  const { code } = await rig.bash(`umask 007; bgjob run -w 'umask; touch made'; umask 0; bgjob run -w true`);
  assert.equal(code, 0);
  assert.equal(rig.log(1), '0007\n');
  assert.equal(modeOf(`${rig.project}/made`), '660');
  assert.equal(modeOf(rig.home), '700');
  for (const id of [1, 2]) {
    assert.equal(modeOf(rig.file(id, '.')), '700');
    for (const name of ['spec.json', 'state.json', 'out/log', 'exit.1', 'shim', 'alive'])
      assert.equal(modeOf(rig.file(id, name)), '600', name);
  }
});

rigTest('stdin is at its end: a prompt fails at once', async (rig) => {
  const { puppet } = await jobWith(rig, {});
  assert.deepEqual(await puppet.order({ do: 'stdin' }), { bytes: 0 });
  // also when the caller's stdin has something to say
  const read = await rig.bgjob(['run', '-w', 'read -r -p "Sure? " answer'], { input: 'yes\n' });
  assert.equal(read.code, 1);
});

rigTest('a session of its own, no signal ignored or blocked, no descriptor but three', async (rig) => {
  const { pid } = await jobWith(rig, {});
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  assert.equal(Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]), pid, 'leader of its session');
  const line = `grep -E "^Sig(Ign|Blk)" /proc/self/status; ls /proc/$$/fd`;
  await rig.bash(`trap '' INT HUP PIPE; exec 9</etc/passwd 77>other; bgjob run -w -- sh -c '${line}'`);
  assert.equal(rig.log(2), 'SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n0\n1\n2\n');
});

rigTest('a job that starts a job: one of its own, that knows its parent', async (rig) => {
  const inner = 'sh -c \'echo "$BGJOB_ID"\'';
  assert.equal((await rig.bgjob(['run', '-w', `bgjob run -w -- ${inner}`])).code, 0);
  assert.equal(rig.log(2), '2\n');
  assert.equal((await rig.show(2)).parent, 1);
  assert.equal((await rig.show(1)).parent, null);
});

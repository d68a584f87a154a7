/** What the job gets from the shim: clean signals and descriptors, exactly its environment, exactly its words. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openFiles } from '../../../rig/processes.ts';
import { ROOT } from '../../../rig/rig.ts';
import { type Stage, shellTest } from '../../../rig/shells.ts';
import { until } from '../../../rig/until.ts';

const SHIM_TEXT = ['shim.sh', 'pty-leader.sh']
  .map((name) => fs.readFileSync(join(ROOT, 'src', 'engine', 'shim', name), 'utf8').replace(/^\s*#.*/gm, ''))
  .join('\n');
const SHIM_NAMES = [...new Set(SHIM_TEXT.match(/\bshim_\w+/g))];

/** What the job sees of its environment when it is given these variables. */
async function seen(stage: Stage, environment: string[]): Promise<string[]> {
  const shim = stage.start(['/usr/bin/env', '-0'], environment);
  assert.equal(await shim.code(), 0, shim.log);
  return shim.log.split('\0').slice(0, -1).sort();
}

shellTest('no signal is ignored, caught or blocked in the job', async (stage) => {
  const shim = stage.start(['/bin/cat', '/proc/self/status']);
  assert.equal(await shim.code(), 0);
  const masks = (status: string) => status.match(/^Sig(Ign|Cgt|Blk):\s*\w+$/gm);
  const plain = spawnSync('/bin/cat', ['/proc/self/status'], { encoding: 'utf8' }).stdout;
  assert.deepEqual(masks(shim.log), masks(plain));
  assert.deepEqual(masks(plain), [
    'SigBlk:\t0000000000000000',
    'SigIgn:\t0000000000000000',
    'SigCgt:\t0000000000000000',
  ]);
});

shellTest('the job has three descriptors: nothing to read, and the log', async (stage) => {
  const shim = stage.start(
    ['/bin/sh', '-c', 'ls -l /proc/$$/fd; cat; echo error >&2; exit 0'],
    ['PATH=/usr/bin:/bin'],
  );
  assert.equal(await shim.code(), 0);
  const links = [...shim.log.matchAll(/(\d+) -> (.*)$/gm)].map(([, fd, target]) => `${fd} ${target}`);
  // what leaks into any child of this test is not the shim's
  const leaks = spawnSync('/bin/sh', ['-c', 'ls /proc/$$/fd; exit 0'], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter((fd) => Number(fd) > 2);
  const own = links.filter((link) => !leaks.includes(link.split(' ')[0]!));
  assert.deepEqual(own, ['0 /dev/null', `1 ${shim.job.log}`, `2 ${shim.job.log}`]);
  assert.match(shim.log, /\nerror\n$/);
});

shellTest('--split: stderr goes to a log of its own', async (stage) => {
  const argv = ['/bin/sh', '-c', 'echo text; echo error >&2; exit 7'];
  const shim = stage.start(argv, ['PATH=/usr/bin:/bin'], { split: true });
  assert.equal(await shim.code(), 7);
  assert.equal(shim.log, 'text\n');
  assert.equal(fs.readFileSync(shim.job.err, 'utf8'), 'error\n');
});

shellTest('--split: the watcher holds neither log', async (stage) => {
  const shim = stage.start(['/bin/sleep', '1000'], ['PATH=/usr/bin:/bin'], { split: true });
  const { watcher, main } = await until(
    () => shim.record,
    (record) => record.main !== undefined,
    'the main process',
  );
  // after exec: before, it is the shell that still closes them
  const logs = (pid: number) => openFiles(pid).filter((path) => path.startsWith(`${shim.job.dir}/out/`));
  await until(
    () => logs(watcher!.pid),
    (paths) => paths.length === 0,
    'a watcher without logs',
  );
  await until(
    () => logs(main!.pid).join(),
    (paths) => paths === [shim.job.log, shim.job.err].join(),
    'the job with its two logs',
  );
  process.kill(main!.pid, 'SIGTERM');
  assert.equal(await shim.code(), 143);
});

shellTest(
  'the job leads a session of its own, in its directory, with the umask of the caller',
  async (stage) => {
    const cwd = `${stage.dir}/a 'strange' $dir`;
    fs.mkdirSync(cwd);
    const shim = stage.start(
      ['/bin/sh', '-c', 'pwd; umask; cut -d" " -f1,5,6 /proc/$$/stat'],
      ['PATH=/usr/bin:/bin'],
      { cwd },
    );
    assert.equal(await shim.code(), 0);
    const [directory, mask, ids] = shim.log.split('\n');
    assert.equal(directory, cwd);
    assert.equal(Number.parseInt(mask!, 8), process.umask());
    assert.deepEqual(ids!.split(' '), Array(3).fill(String(shim.record.main!.pid)));
  },
);

shellTest('the environment of the job is exactly what it was given', async (stage) => {
  const plain = [
    'PATH=/usr/bin:/bin',
    'HOME=/root',
    'EMPTY=',
    'LINES_OF=a\nb\n',
    `QUOTES='"\`$(exit 9)\\n`,
    'UMLAUT=\xc3\xa4',
  ];
  const strange = [
    '-i=1',
    'a.b=2',
    'with-dash=3',
    'ümlaut=4',
    '1st=5',
    'sp ace=6',
    'x=y=z=7',
    '--=8',
    '-Sfoo=9',
    `od.d= a  "b" 'c' \\n \\\\ \${HOME} $HOME #d\n\te `,
    'em.pty=',
    `lo.ng=${'x'.repeat(100_000)}`,
  ];
  const shims = [...SHIM_NAMES, 'e', 'ok'].map((name) => `${name}=mine`);
  const carried = ['BGJOB_ENV_0=zero', 'BGJOB_ENV_7=seven', 'BGJOB_ID=42'];
  const all = [...strange, ...plain, ...shims, ...carried];
  assert.deepEqual(await seen(stage, all), all.map((entry) => Buffer.from(entry).toString('latin1')).sort());
});

test('the shim sets no variable that could be one of the job', () => {
  const set = [...SHIM_TEXT.matchAll(/\bread -r (\w+)|(?:^|[\s(])(\w+) ?=(?!=)/gm)].map(
    ([, a, b]) => a ?? b!,
  );
  assert.ok(set.length > 20, set.join());
  const known = new Set([...SHIM_NAMES, 'BGJOB_ENV_R', 'BGJOB_ENV_T', 'SHELL']);
  assert.deepEqual(
    set.filter((name) => !known.has(name)),
    [],
  );
});

shellTest('an empty environment stays empty', async (stage) => {
  assert.deepEqual(await seen(stage, []), []);
});

shellTest('what a shell sets, counts or drops by itself reaches the job unchanged', async (stage) => {
  const names = (
    'PWD OLDPWD SHLVL _ IFS ENV PS1 PS2 PS4 PPID UID EUID LINENO OPTIND OPTARG OPTERR SHELLOPTS POSIXLY_CORRECT RANDOM ' +
    'SRANDOM SECONDS EPOCHSECONDS EPOCHREALTIME TMOUT HISTCMD COMP_WORDBREAKS GROUPS DIRSTACK FUNCNAME FUNCNEST PIPESTATUS ' +
    'REPLY MAIL CDPATH HOSTNAME BASH BASHPID BASHOPTS BASH_ENV BASH_VERSION BASH_VERSINFO BASH_ARGV0 BASH_COMMAND ' +
    'BASH_SUBSHELL BASH_EXECUTION_STRING BASH_XTRACEFD BASH_COMPAT BASH_LINENO LC_ALL LANG TERM COLUMNS LINES HISTFILE ERRNO'
  ).split(' ');
  const all = names.map((name) => `${name}=7x`).sort();
  assert.deepEqual(await seen(stage, all), all);
});

shellTest('functions that another shell exported take nothing over', async (stage) => {
  const hijack = `() {  exit 66\n}`;
  const names = [
    'echo',
    'read',
    'kill',
    'exec',
    'trap',
    'set',
    'shift',
    'wait',
    'cd',
    'read_stat',
    'adopt',
    'run_job',
    '/usr/bin/env',
  ];
  const all = [...names.map((name) => `BASH_FUNC_${name}%%=${hijack}`), 'BASH_FUNC_x%%=() {  :\n}'].sort();
  assert.deepEqual(await seen(stage, all), all);
});

shellTest('options and start files that a shell would obey do not touch the shim', async (stage) => {
  const file = `${stage.dir}/start`;
  fs.writeFileSync(file, `echo hijacked >&5; exit 66\n`);
  const all = [
    `BASH_ENV=${file}`,
    `ENV=${file}`,
    'IFS=0123456789()',
    'PATH=/none',
    'PS4=$(exit 66)',
    'SHELLOPTS=xtrace:errexit:noexec',
  ];
  assert.deepEqual(await seen(stage, all), all.sort());
});

shellTest('a library that cannot be preloaded is told by the job alone', async (stage) => {
  const shim = stage.start(['/bin/echo', 'hello'], ['LD_PRELOAD=/nonexistent.so']);
  assert.equal(await shim.code(), 0);
  // by setsid, which stands between env and the job, and by the job itself: by no shell
  assert.match(shim.log, /^(ERROR: ld\.so: [^\n]*\n){1,2}hello\n$/);
});

shellTest('every word reaches the job as it was typed', async (stage) => {
  const words = [
    '',
    '-n',
    '--',
    '$x',
    '$(exit 9)',
    '`exit 9`',
    '*',
    '?',
    '~',
    'a b',
    "it's",
    '"',
    '\\',
    '\\n',
    'two\nlines\n',
    '\t',
    '%s',
    'ü',
    ';',
    '&',
    '|',
    '>x',
    '#',
    '!',
    '{a,b}',
    'x'.repeat(100 * 1024),
    '',
  ];
  const shim = stage.start(['/usr/bin/printf', '%s\\0', ...words]);
  assert.equal(await shim.code(), 0);
  assert.deepEqual(Buffer.from(shim.log, 'latin1').toString().split('\0').slice(0, -1), words);
});

shellTest('a program with any name is executed, never evaluated', async (stage) => {
  for (const name of ['a=b', '-x', 'exit', "it's $(exit 9)\nhere", 'a b']) {
    const program = `${stage.dir}/${name}`;
    fs.symlinkSync('/bin/echo', program);
    const shim = stage.start([program, 'ran']);
    assert.equal(await shim.code(), 0, name);
    assert.equal(shim.log, 'ran\n');
  }
});

shellTest('a reader that closes a pipe early ends its writer, as in a shell', async (stage) => {
  const shim = stage.start(
    ['/bin/bash', '-c', 'set -o pipefail; yes | head -n 1; echo "$?"'],
    ['PATH=/usr/bin:/bin'],
  );
  assert.equal(await shim.code(), 0);
  assert.equal(shim.log, 'y\n141\n');
});

/** `bgjob run -`: the script on stdin is kept with the job and run under its interpreter. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { rigTest } from '../../rig/rig.ts';

rigTest('a script from stdin runs like a shell line, with its arguments, and is kept', async (rig) => {
  const input = '# why\nset -eu\necho "<$1|$2>"\nfalse | true\necho never\n';
  const { code, stdout, stderr } = await rig.bgjob(['run', '-w', '-', 'a b', '--json'], { input });
  assert.equal(code, 1);
  assert.equal(stdout, '1\n');
  assert.match(stderr, /^1 exited 1 after [\d.hms]+\n\| <a b\|--json>\n\[job\]/);
  assert.equal(fs.readFileSync(rig.file(1, 'script'), 'utf8'), input);
  assert.equal(fs.statSync(rig.file(1, 'script')).mode & 0o777, 0o600);
  const { stdout: list } = await rig.bgjob(['ls']);
  assert.ok(list.includes("- 'a b' --json (5 lines: set -eu …)"), list);
  assert.ok((await rig.show(1)).command.includes(rig.file(1, 'script')));
  const plain = await rig.bgjob(['run', '-w', '--no-pipefail', '-'], { input: 'false | true\n' });
  assert.equal(plain.code, 0);
});

rigTest('a shebang line names the interpreter, with its one argument', async (rig) => {
  const node = await rig.bgjob(['run', '-w', '-', 'x'], {
    input: '#!/usr/bin/env node\nconsole.log(process.argv[2]);process.exit(3)\n',
  });
  assert.equal(node.code, 3);
  assert.match(node.stderr, /\n\| x\n\[job\]/);
  const sed = await rig.bgjob(['run', '-w', '-'], { input: '#! /bin/sh -e \nfalse\necho never\n' });
  assert.equal(sed.code, 1);
  const split = await rig.bgjob(['run', '-w', '-'], { input: '#!/usr/bin/env -S sh -e\nexit 4\n' });
  assert.equal(split.code, 4);
});

rigTest('a script that cannot be run is refused before anything is created', async (rig) => {
  const refused = async (input: string, code: number, message: RegExp) => {
    const answer = await rig.bgjob(['run', '-'], { input });
    assert.deepEqual([answer.code, answer.stdout], [code, ''], input.slice(0, 30));
    assert.match(answer.stderr, message);
  };
  await refused('', 125, /the script on stdin is empty/);
  await refused(' \n\t\n', 125, /the script on stdin is empty/);
  await refused('echo a\0b', 125, /holds a NUL byte/);
  await refused('#'.repeat(16 * 1024 * 1024 + 1), 125, /larger than 16 MiB/);
  await refused('#!/nowhere/python\n', 127, /\/nowhere\/python: command not found/);
  await refused('#!/usr/bin/env no-such-program\n', 127, /no-such-program: command not found/);
  assert.equal(fs.existsSync(rig.home), false);
  // behind -- it is a program of that name
  assert.equal((await rig.bgjob(['run', '--', '-'], { input: 'exit 0\n' })).code, 127);
});

rigTest('run --wait brings the output of a success, and says what it left out', async (rig) => {
  const short = await rig.bgjob(['run', '--wait', '--', 'seq', '3']);
  assert.match(short.stderr, /^1 exited 0 after [\d.hms]+\n\| 1\n\| 2\n\| 3\n$/);
  assert.deepEqual([short.code, short.stdout], [0, '1\n']);
  const long = await rig.bgjob(['run', '--wait', '--', 'seq', '50']);
  assert.match(long.stderr, /after [\d.hms]+\n\| 11\n(\| \d+\n){38}\| 50\n\(the last 40 lines; all: /);
  assert.match(long.stderr, / all: bgjob tail 2 --full\)\n$/);
  const { stdout } = await rig.bgjob(['run', '--wait', '--json', '--', 'echo', 'hi']);
  assert.deepEqual(JSON.parse(stdout.trim().split('\n')[1]!).tail, ['hi']);
  // wait alone stays as it was
  assert.match((await rig.bgjob(['wait', '1'])).stdout, /^1 exited 0 after [\d.hms]+\n$/);
});

rigTest('a wait that gives up tells the last output, cleaned', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command]);
  await puppet.ready();
  await rig.untilState(1, 'running');
  const none = await rig.bgjob(['wait', '1', '--timeout', '0.1s']);
  assert.equal(none.code, 75);
  assert.match(none.stdout, /^1 running [\d.hms]+, no output yet\n$/);
  await puppet.print(`\x1b[31mstep 1\rstep 2\x1b[0m\n\n`);
  const some = await rig.bgjob(['wait', '1', '--timeout', '0.1s']);
  assert.match(some.stdout, /^1 running [\d.hms]+, last output [\d.hms]+ ago: "step 2"\n$/);
  const { stdout } = await rig.bgjob(['wait', '1', '--timeout', '0.1s', '--json']);
  const { text, agoMs } = JSON.parse(stdout).lastOutput;
  assert.equal(text, 'step 2');
  assert.ok(agoMs >= 0);
  await puppet.exit(0);
  await rig.bgjob(['wait', '1']);
});

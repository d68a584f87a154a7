/** What a person at a terminal gets, and nobody else: a hint, colours, a table that fits, a spinner. */
import assert from 'node:assert/strict';
import { missing } from '../../rig/needs.ts';
import { processesNaming } from '../../rig/processes.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { Box } from '../../rig/target.ts';
import { until } from '../../rig/until.ts';

const skip = missing('script');

/** Starts a shell line on a terminal of its own; stdout and stderr come as one. */
function onTerminal(rig: Rig, line: string, env: Record<string, string> = {}) {
  const sized = `stty rows 24 cols 80; ${line}`;
  return rig.start('script', ['-qec', sized, '/dev/null'], {
    env: { TERM: 'xterm', SHELL: '/bin/sh', ...env },
  });
}

const withoutEscapes = (text: string): string => text.replaceAll(/\x1b\[[\d;?]*[a-zA-Z]/g, '');

rigTest(
  'run says what to do next, once and not for ever',
  async (rig) => {
    // the id alone is the answer, where only stderr is a terminal
    const { stdout } = await onTerminal(rig, 'id=$(bgjob run -- true); echo "<$id>"').answer;
    assert.equal(stdout, 'started; next: bgjob tail -f 1 · bgjob wait 1 · bgjob ls\r\n<1>\r\n');
    const { stdout: again } = await onTerminal(rig, 'bgjob run -- true').answer;
    assert.equal(again, '2\r\n');
  },
  { skip },
);

rigTest(
  'run --on says one thing to do next: the hint of the first run waits until the target has a job',
  async (rig) => {
    const box = new Box(rig);
    box.config({ box: { engine: 'ssh', host: 'gpu1' } });
    box.hang();
    const line = 'BGJOB_MAX_WAIT=100ms bgjob run --on box -- true >id';
    const { stdout: silent } = await onTerminal(rig, line).answer;
    assert.match(withoutEscapes(silent), /^[^\r]* yet: it is not known .*\r\n$/);
    box.answer();
    assert.equal((await rig.bgjob(['wait', '1'])).code, 0);
    const { stdout: taken } = await onTerminal(rig, 'bgjob run --on box -- true >id').answer;
    assert.match(withoutEscapes(taken), /^started; next: bgjob tail -f \d+ · bgjob wait \d+ · bgjob ls\r\n$/);
    await box.end();
  },
  { skip },
);

rigTest(
  'ls is a table with colours that fits the terminal',
  async (rig) => {
    await rig.bgjob(['run', '-w', '--', 'sh', '-c', `exit 3 # ${'long '.repeat(40)}`]);
    await rig.bgjob(['run', '-w', '--', 'true']);
    const { stdout } = await onTerminal(rig, 'bgjob ls').answer;
    assert.ok(stdout.includes('\x1b[31mexited 3\x1b[39m'), 'a failure is red');
    assert.ok(stdout.includes('\x1b[32mexited 0\x1b[39m'), 'a success is green');
    const lines = stdout
      .replaceAll(/\x1b\[[\d;]*m/g, '')
      .trimEnd()
      .split('\r\n');
    assert.equal(lines.length, 3);
    for (const line of lines) assert.ok(line.length <= 80, line);
    assert.ok(lines[2]!.endsWith('…'), lines[2]);
    const plain = await onTerminal(rig, 'bgjob ls', { NO_COLOR: '1' }).answer;
    assert.ok(!plain.stdout.includes('\x1b['));
    const dumb = await onTerminal(rig, 'bgjob ls', { TERM: 'dumb' }).answer;
    assert.ok(!dumb.stdout.includes('\x1b['));
  },
  { skip },
);

rigTest(
  'errors and failed results are red, hints cyan, a success green; the code stands in $? alone',
  async (rig) => {
    const red = (text: string) => `\x1b[31m${text}\x1b[39m`;
    const cyan = (text: string) => `\x1b[36m${text}\x1b[39m`;
    const { stdout: error } = await onTerminal(rig, 'bgjob wait nosuch').answer;
    assert.equal(error, `${red('bgjob: no job "nosuch"')}\r\n${cyan('  hint: bgjob ls -a')}\r\n`);
    await rig.bgjob(['run', '-w', '--', 'sh', '-c', 'exit 3']);
    await rig.bgjob(['run', '-w', '--', 'true']);
    for (const call of ['wait', 'status', 'show']) {
      const failed = await onTerminal(rig, `bgjob ${call} 1`).answer;
      assert.ok(failed.stdout.includes(red('exited 3')), failed.stdout);
      assert.ok(!failed.stdout.includes('exit code'), failed.stdout);
      const done = await onTerminal(rig, `bgjob ${call} 2`).answer;
      assert.ok(done.stdout.includes('\x1b[32mexited 0\x1b[39m'), done.stdout);
    }
    const started = await onTerminal(rig, 'bgjob run -w -- sh -c "exit 4" >/dev/null').answer;
    assert.ok(started.stdout.includes(`3 ${red('exited 4')} after `), started.stdout);
    const plain = await onTerminal(rig, 'bgjob wait 1; bgjob wait nosuch', { NO_COLOR: '1' }).answer;
    // the spinner moves the cursor, and that is all
    assert.doesNotMatch(plain.stdout, /\x1b\[\d+m/);
  },
  { skip },
);

rigTest('in a pipe there is no colour, unless FORCE_COLOR asks for it', async (rig) => {
  await rig.bgjob(['run', '-w', '--', 'false']);
  for (const [env, colored] of [
    [{}, false],
    [{ FORCE_COLOR: '1' }, true],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, false],
  ] as const) {
    for (const reference of ['1', 'nosuch']) {
      const { stdout, stderr } = await rig.bgjob(['wait', reference], { env });
      assert.equal((stdout + stderr).includes('\x1b[31m'), colored, stdout + stderr);
      assert.match(stderr, /\[(job|bgjob)\] exit code \d+\n$/);
    }
  }
});

rigTest(
  'below the table are counts; the hint at the live view comes once; what was stopped on purpose is not red',
  async (rig) => {
    const puppet = await rig.puppet();
    await rig.bgjob(['run', '-w', '--', 'sh', '-c', 'exit 3']);
    await rig.run(['--', 'sleep', '1000']);
    await rig.untilState(2, 'running');
    await rig.bgjob(['kill', '2']);
    await rig.bgjob(['run', '-w', '--', 'true']);
    await rig.run(['-n', 'web', '--', ...puppet.command]);
    await rig.untilState(4, 'running');
    const first = (await onTerminal(rig, 'bgjob ls').answer).stdout;
    assert.match(
      first,
      /\r\n1 running · \x1b\[31m1 failed\x1b\[39m · 1 stopped · 1 done\r\n\(bgjob watch shows /,
    );
    assert.ok(!first.includes('\x1b[31mkilled'));
    const again = (await onTerminal(rig, 'bgjob ls', { NO_COLOR: '1' }).answer).stdout;
    assert.match(again, /\r\n1 running · 1 failed · 1 stopped · 1 done\r\n$/);
    // a note: not in the answer, and only for people
    const { stdout } = await onTerminal(rig, 'bgjob ls 2>/dev/null | tail -n 1').answer;
    assert.match(stdout, /^1 +- +exited 3 /);
    await puppet.exit(0);
  },
  { skip },
);

rigTest(
  'wide characters keep the columns, and a narrow window drops some',
  async (rig) => {
    await rig.bgjob(['run', '-w', '-n', 'x', '--', 'echo', `日本語 😀 ${'長い'.repeat(40)}`]);
    await rig.bgjob(['run', '-w', '-n', 'second', '--', 'sh', '-c', `exit 3 # ${'long '.repeat(40)}`]);
    for (const columns of [80, 40]) {
      const { stdout } = await onTerminal(rig, `stty cols ${columns}; bgjob ls`, { NO_COLOR: '1' }).answer;
      const lines = stdout.trimEnd().split('\r\n');
      assert.equal(lines.length, 3);
      // a wide character is one of JavaScript's and two columns
      const widths = lines.map((line) =>
        [...line].reduce((sum, c) => sum + (c > '\u1100' && c !== '…' ? 2 : 1), 0),
      );
      for (const width of widths) assert.ok(width < columns, `${width}`);
      assert.ok(
        widths.slice(1).every((width) => width > columns - 5),
        `${widths}`,
      );
      assert.equal(/ IDLE /.test(lines[0]!), columns === 80);
      assert.match(lines[0]!, /^ID {2}NAME +STATE .*COMMAND$/);
      assert.equal(lines[1]!.indexOf('sh -c'), lines[2]!.indexOf('echo'));
    }
  },
  { skip },
);

rigTest(
  'wait shows that it waits, Ctrl-C ends it, and the job goes on',
  async (rig) => {
    const puppet = await rig.puppet();
    await rig.run(['--', ...puppet.command]);
    await puppet.ready();
    await rig.untilState(1, 'running');
    const call = onTerminal(rig, 'bgjob wait 1; echo "code $?"');
    await until(call.stdout, (text) => text.includes('waiting for 1'));
    // the terminal's foreground group, as Ctrl-C would
    const waiter = processesNaming(rig.dir).find(({ command }) => command.endsWith('/bgjob wait 1'));
    process.kill(waiter!.pid, 'SIGINT');
    const { stdout } = await call.answer;
    const text = withoutEscapes(stdout);
    assert.match(
      text,
      /1 running [\d.hms]+, no output yet\r\nstill running; it goes on. Next: bgjob wait 1\r\ncode 130\r\n$/,
    );
    assert.ok(stdout.lastIndexOf('\x1b[?25h') > stdout.lastIndexOf('\x1b[?25l'), 'the cursor is back');
    await puppet.exit(2);
    const ended = await onTerminal(rig, 'bgjob wait 1').answer;
    assert.equal(ended.code, 2);
  },
  { skip },
);

rigTest(
  'a terminal without a size gets no spinner, and the wait returns',
  async (rig) => {
    const puppet = await rig.puppet();
    const line = `stty rows 0 cols 0; bgjob run -w -- ${puppet.command.map((word) => `'${word}'`).join(' ')}`;
    const call = rig.start('script', ['-qec', line, '/dev/null'], {
      env: { TERM: 'xterm', SHELL: '/bin/sh', NO_COLOR: '1' },
    });
    await puppet.ready();
    await until(call.stdout, (text) => text.includes('1\r\n'));
    await puppet.exit(3);
    const { code, stdout } = await call.answer;
    assert.equal(code, 3);
    assert.ok(stdout.length < 1000 && !stdout.includes('\x1b['), stdout.slice(0, 300));
  },
  { skip },
);

rigTest(
  'run - says that it reads from the terminal, until Ctrl-D',
  async (rig) => {
    const call = rig.start('script', ['-qec', 'stty -echo; bgjob run -w -', '/dev/null'], {
      env: { TERM: 'dumb', SHELL: '/bin/sh' },
      input: 'exit 4\n\x04',
    });
    const { code, stdout } = await call.answer;
    assert.equal(code, 4, stdout);
    assert.match(stdout, /reading the script from here, until Ctrl-D\r\n/);
  },
  { skip },
);

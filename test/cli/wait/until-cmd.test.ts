/** `--until-cmd`: ready by one's own rule. What an attempt gets, how it ends, and what is said of it. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { isRunning } from '../../rig/processes.ts';
import { rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const textOf = (path: string): string => (fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : '');

rigTest('--until-cmd: runs in the directory of the job, with its id, until it exits with 0', async (rig) => {
  const sub = join(rig.project, 'sub');
  fs.mkdirSync(sub);
  const puppet = await rig.puppet();
  const line = `echo "$PWD $BGJOB_ID $BGJOB_HOME \${BGJOB_TOKEN-none} $OWN $(cat | wc -c)" >> tried; test -e up`;
  const words = ['-C', 'sub', '--until-cmd', line, '--', ...puppet.command];
  const call = rig.startBgjob(['run', ...words], { env: { OWN: 'mine', BGJOB_TOKEN: 'other' }, input: 'x' });
  await until(
    () => textOf(join(sub, 'tried')).split('\n').length,
    (lines) => lines > 2,
    'two attempts',
  );
  await until(call.stdout, (text) => text === '1\n', 'its id, while it waits');
  fs.writeFileSync(join(sub, 'up'), '');
  const { code, stderr } = await call.answer;
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^1 ready: --until-cmd 'echo .*' exits with 0$/m);
  assert.equal(new Set(textOf(join(sub, 'tried')).trim().split('\n')).size, 1);
  assert.equal(textOf(join(sub, 'tried')).split('\n')[0], `${sub} 1 ${rig.home} none mine 0`);
  // from anywhere, the directory is that of the job
  const again = await rig.json(['wait', '1', '--until-cmd', 'test -e up'], { cwd: rig.dir });
  assert.equal(again[0].condition, 'cmd');
  assert.equal(again[0].cmd, 'test -e up');
  await puppet.exit(0);
});

rigTest('--until-cmd at the deadline: its code, its last line on stderr, and how to wait on', async (rig) => {
  await rig.run(['-n', 'web', '--', 'sleep', '1000']);
  const line = "echo first >&2; echo lost; echo 'not yet' >&2; : > tried; exit 7";
  const call = rig.startBgjob(['wait', 'web', '--until-cmd', line]);
  const tried = () => fs.existsSync(join(rig.project, 'tried'));
  await until(tried, (there) => there, 'an attempt');
  fs.rmSync(join(rig.project, 'tried'));
  await until(tried, (there) => there, 'the second attempt: the first one has answered');
  call.child.kill('SIGINT');
  const { code, stdout, stderr } = await call.answer;
  assert.equal(code, 130);
  assert.doesNotMatch(stdout + stderr, /^lost|^first|warning/m);
  assert.match(stderr, /^\(--until-cmd 'echo first .* exits with 7: not yet\)$/m);
  const next = /Next: (bgjob wait web .*)$/m.exec(stderr)![1]!;
  // the words of the call, quoted: they are the same call
  const typed = await rig.bash(`${next.replace(/^bgjob/, "printf '%s\\n'")}`);
  assert.deepEqual(typed.stdout.split('\n'), ['wait', 'web', '--until-cmd', line, '']);
  await rig.bgjob(['kill', '--now', 'web']);
});

rigTest('--until-cmd: an attempt ends with the call, with all its processes', async (rig) => {
  await rig.run(['--', 'sleep', '1000']);
  // it ignores TERM, and so does its child
  const line = `trap '' TERM; sleep 1000 & echo "$$ $!" > pids; wait`;
  const pids = (): number[] => textOf(join(rig.project, 'pids')).trim().split(' ').map(Number);
  for (const end of ['SIGINT', 'deadline', 'job ended'] as const) {
    fs.rmSync(join(rig.project, 'pids'), { force: true });
    const limit = end === 'deadline' ? ['--timeout', '1s'] : [];
    const call = rig.startBgjob(['wait', '1', '--until-cmd', line, ...limit]);
    if (end !== 'deadline') await until(pids, (found) => found.length === 2, 'the attempt');
    if (end === 'SIGINT') call.child.kill('SIGINT');
    if (end === 'job ended') await rig.bgjob(['kill', '--now', '1']);
    const { code, stderr } = await call.answer;
    if (end === 'deadline') assert.match(stderr, /^\(--until-cmd '.*': its first attempt had not ended\)$/m);
    assert.equal(code, { SIGINT: 130, deadline: 75, 'job ended': 137 }[end], end);
    // on a slow machine the deadline may come before the attempt
    for (const pid of fs.existsSync(join(rig.project, 'pids')) ? pids() : [])
      await until(
        () => isRunning(pid),
        (running) => !running,
        `${end}: the end of ${pid}`,
      );
  }
});

rigTest('--until-cmd: a command that is not there is said at once, and may come later', async (rig) => {
  await rig.run(['--', 'sleep', '1000']);
  for (const json of [false, true]) {
    fs.rmSync(join(rig.project, 'ready'), { force: true });
    const call = rig.startBgjob(['wait', '1', '--until-cmd', './ready', ...(json ? ['--json'] : [])]);
    await until(call.stderr, (text) => /exits with 127: .*ready.*; still waiting/.test(text), 'the warning');
    assert.match(
      call.stderr(),
      json ? /"code":"until-cmd-not-started"/ : /^warning: --until-cmd '\.\/ready'/,
    );
    fs.writeFileSync(join(rig.project, 'ready.new'), '#!/bin/sh\n', { mode: 0o755 });
    fs.renameSync(join(rig.project, 'ready.new'), join(rig.project, 'ready'));
    const { code, stderr } = await call.answer;
    assert.equal(code, 0);
    assert.equal(stderr.split('still waiting').length, 2, stderr);
  }
  const refused = await rig.bgjob(['wait', '1', '--until-cmd', 'if true; then']);
  assert.match(refused.stderr, /^bgjob: --until-cmd: the shell refuses it: .*\n/);
  assert.match(
    (await rig.bgjob(['wait', '1', '--until-cmd', ' '])).stderr,
    /--until-cmd: there is nothing to run/,
  );
  await rig.bgjob(['kill', '--now', '1']);
});

rigTest('--until-cmd: attempts have a pause between, also if they fail at once', async (rig) => {
  await rig.run(['--', 'sleep', '1000']);
  const call = rig.startBgjob(['wait', '1', '--until-cmd', 'date +%s%3N >> times; exit 1']);
  const times = () => textOf(join(rig.project, 'times')).trim().split('\n').map(Number);
  await until(times, (found) => found.length >= 4, 'four attempts');
  call.child.kill('SIGTERM');
  await call.answer;
  const found = times();
  // 250 ms, less what the start of date may take in one attempt and not in the next
  assert.ok(found[3]! - found[0]! >= 600, `${found}`);
  await rig.bgjob(['kill', '--now', '1']);
});

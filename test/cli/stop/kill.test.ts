/** `bgjob kill`: everything of the job, nothing else, and a true report. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { killAtOnce } from '../../chaos/many.ts';
import { isRunning } from '../../rig/processes.ts';
import { rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

rigTest('TERM to all; the report counts them and names the port that is free again', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command]);
  const { port } = await puppet.order({ do: 'listen' });
  const pids = [await puppet.pid(), await puppet.fork(), await puppet.fork({ daemon: true })];
  const { code, stdout, stderr } = await rig.bgjob(['kill', '1']);
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, new RegExp(`^1 killed \\(TERM, [\\d.hms]+\\): 3 processes, port ${port} free\\n$`));
  assert.deepEqual(pids.filter(isRunning), []);
  const job = await rig.show(1);
  assert.deepEqual([job.state, job.signal, job.exitCode], ['killed', 'SIGTERM', 143]);
  assert.equal(job.reason, 'kill (SIGTERM)');
  const wait = await rig.bgjob(['wait', '1']);
  assert.equal(wait.code, 143);
  assert.match(wait.stdout, /^1 killed SIGTERM after/);
});

rigTest('who ignores TERM gets KILL after the grace, however it daemonised', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command]);
  await puppet.ignore('SIGTERM');
  const pids = [await puppet.pid()];
  for (const daemon of [false, true, true]) pids.push(await puppet.fork({ daemon, ignoring: ['SIGTERM'] }));
  const { code, stdout } = await rig.bgjob(['kill', '1', '--grace', '100ms']);
  assert.equal(code, 0);
  assert.match(stdout, /^1 killed \(KILL, [\d.hms]+\): 4 processes\n$/);
  assert.deepEqual(pids.filter(isRunning), []);
  assert.equal((await rig.bgjob(['wait', '1'])).code, 137);
});

rigTest('--now, -s and what is no signal', async (rig) => {
  const stubborn = await rig.puppet();
  await rig.run(['--grace', '1h', '--', ...stubborn.command]);
  await stubborn.ignore('SIGTERM');
  const now = await rig.bgjob(['kill', '--now', '1']);
  assert.match(now.stdout, /^1 killed \(KILL, [\d.hms]+\): 1 process\n$/);

  for (const [n, name] of ['int', 'SIGINT', '2'].entries()) {
    // the caller's tool may send INT to end it as Ctrl-C would; it chose its own code
    const line = `trap 'exit 5' INT; echo ready; while :; do read -t 1000 <> <(:); done`;
    const call = rig.startBgjob(['run', '-f', line]);
    await until(call.stdout, (text) => text.endsWith('ready\n'));
    const id = String(n + 2);
    const killed = await rig.bgjob(['kill', '-s', name, id]);
    assert.match(killed.stdout, new RegExp(`^${id} exited 5 \\(after kill\\) \\([\\d.hms]+\\): `));
    assert.equal((await call.answer).code, 5);
  }
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command]);
  const bad = await rig.bgjob(['kill', '-s', 'NOPE', '5']);
  assert.equal(bad.code, 125);
  assert.match(bad.stderr, /-s: "NOPE" is not a signal\n {2}hint: kill -l/);
  await puppet.exit(0);
});

rigTest('several at once; an unknown one among them and nothing is touched', async (rig) => {
  const puppets = [await rig.puppet(), await rig.puppet(), await rig.puppet()];
  for (const { command } of puppets) await rig.run(['--', ...command]);
  for (const puppet of puppets) await puppet.ready();
  const refused = await rig.bgjob(['kill', '1', '99', '2']);
  assert.equal(refused.code, 125);
  assert.equal(refused.stdout, '');
  assert.match(refused.stderr, /no job "99"/);
  for (const puppet of puppets) await puppet.print('alive\n');
  const killed = await rig.bgjob(['kill', '1', '2', '1']);
  assert.equal(killed.code, 0);
  assert.match(killed.stdout, /^(?:[12] killed \(TERM, [\d.hms]+\): 1 process\n){2}$/);
  await puppets[2]!.print('alive\n');
  // two at once: both say so, and one job ends once
  const both = await Promise.all([rig.bgjob(['kill', '3']), rig.bgjob(['kill', '3'])]);
  for (const { code, stdout } of both) {
    assert.equal(code, 0);
    assert.match(stdout, /^3 (already )?killed/);
  }
});

rigTest('a job that ended already: says so, 0; what it left is shown, and swept', async (rig) => {
  await rig.bgjob(['run', '-w', '--', 'sh', '-c', 'exit 3']);
  const already = await rig.bgjob(['kill', '1']);
  assert.deepEqual([already.code, already.stderr], [0, '']);
  assert.match(already.stdout, /^1 already exited 3 [\d.hms]+ ago\n$/);

  const left = await rig.bgjob(['run', '-w', 'sleep 1000 & setsid sleep 1000 & echo started']);
  assert.equal(left.code, 0);
  assert.equal(left.stdout, '2\n');
  assert.match(
    left.stderr,
    /^2 exited 0, 2 left after [\d.hms]+\n\| started\n\(2 left running: bgjob kill 2\)\n$/,
  );
  assert.match((await rig.bgjob(['status', '2'])).stdout, /^2 exited 0, 2 left after/);
  assert.match((await rig.bgjob(['ls'])).stdout, /^2 .* exited 0, 2 left /m);
  assert.equal((await rig.show(2)).leftovers, 2);
  const swept = await rig.bgjob(['kill', '2']);
  assert.equal(swept.code, 0);
  assert.match(swept.stdout, /^2 already exited 0 [\d.hms]+ ago; killed 2 processes that it left\n$/);
  assert.equal((await rig.show(2)).leftovers, 0);
});

rigTest('kill right after run is safe', async (rig) => {
  await killAtOnce(rig, 3);
});

rigTest('whoever reads the log survives', async (rig) => {
  const puppet = await rig.puppet();
  const id = await rig.run(['--', ...puppet.command]);
  await puppet.print('hello\n');
  const reader = rig.start('tail', ['-f', rig.file(id, 'out/log')]);
  const follow = rig.startBgjob(['tail', '-f', String(id)]);
  await until(reader.stdout, (text) => text === 'hello\n');
  await until(follow.stdout, (text) => text === 'hello\n');
  assert.match((await rig.bgjob(['kill', '1'])).stdout, /: 1 process\n$/);
  assert.ok(isRunning(reader.child.pid!));
  assert.equal((await follow.answer).code, 0);
  reader.child.kill();
  assert.equal((await reader.answer).code, 143);
});

rigTest('a record that names somebody else: nobody is signalled', async (rig) => {
  rig.damaged = true;
  const stranger = rig.start('sleep', ['1000']);
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command]);
  const main = await puppet.pid();
  // a pid that was given again since: all three lines of the shim name the stranger
  const stat = fs.readFileSync(`/proc/${stranger.child.pid}/stat`, 'latin1');
  await rig.untilState(1, 'running');
  await puppet.exit(0);
  await rig.bgjob(['wait', '1']);
  await rig.untilLeft(1);
  assert.ok(!isRunning(main));
  fs.writeFileSync(rig.file(1, 'shim'), stat.repeat(3));
  fs.rmSync(rig.file(1, 'state.json'));
  fs.writeFileSync(rig.file(1, 'exit.1'), '        ');
  const { code, stderr } = await rig.bgjob(['kill', '--now', '1']);
  assert.ok(isRunning(stranger.child.pid!), 'not even with --now');
  assert.equal(code, 125);
  assert.match(stderr, /it is not certain that process \d+ belongs to job 1, so it got no signal/);
  stranger.child.kill();
  await stranger.answer;
});

rigTest('a job that kills another is named', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command]);
  await puppet.ready();
  assert.equal((await rig.bgjob(['run', '-w', '--', 'bgjob', 'kill', '1'])).code, 0);
  assert.equal((await rig.show(1)).reason, 'kill, by job 2 (SIGTERM)');
});

rigTest('an outer job that waits for its inner one: kill spares the inner one', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--', 'bgjob', 'run', '-w', '--', ...puppet.command]);
  await puppet.print('inner\n');
  await rig.untilState(2, 'running');
  const { stdout } = await rig.bgjob(['kill', '1']);
  assert.match(stdout, /^1 .*: 1 process\n$/);
  await puppet.exit(6);
  assert.equal((await rig.bgjob(['wait', '2'])).code, 6);
});

rigTest('more jobs than are stopped at once: each has its line, one that is gone hides none', async (rig) => {
  const lines = Array.from({ length: 20 }, () => "trap '' TERM; touch deaf$BGJOB_ID; sleep 1000").join('\n');
  await rig.bgjob(['run', '-Q', 'q', '--slots', '20', '--batch', '-'], { input: lines });
  await until(
    () => fs.readdirSync(rig.project).filter((name) => name.startsWith('deaf')),
    (deaf) => deaf.length === 20,
    'all of them',
  );
  const ids = Array.from({ length: 20 }, (_, n) => String(n + 1));
  await rig.bgjob(['kill', '--now', '7']);
  const { code, stdout } = await rig.bgjob(['kill', '--grace', '100ms', ...ids]);
  assert.equal(code, 0);
  const said = stdout.trim().split('\n');
  assert.equal(said.length, 20, stdout);
  assert.equal(said.filter((line) => /^\d+ killed \(/.test(line)).length, 19, stdout);
  assert.match(stdout, /^7 already killed /m);
  assert.deepEqual(await rig.json(['ls', '--state', 'running']), []);
});

/**
 * The agent is told, without asking: each story runs on the files that `bgjob skill --hooks` writes, in a fake host that calls them
 * as Claude Code and Codex document it. Calls of the agent and bytes that it reads are counted.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { begin, ended, endedAndLeft, endedJob, FakeHost, plain, untilEnded } from '../../rig/host.ts';
import { cannotMount, drain, fill, onMount, succeeds } from '../../rig/mounts.ts';
import { parentOf, processesNaming } from '../../rig/processes.ts';
import type { Puppet } from '../../rig/puppet.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { killTogether } from '../../rig/together.ts';
import { until } from '../../rig/until.ts';

const HOSTS = ['claude', 'codex'] as const;

/** A shell line that starts a puppet as a job of this name. */
const runLine = (name: string, { command }: Puppet): string => `bgjob run -n ${name} -- ${command.join(' ')}`;

/** Lets a job have ended an hour earlier than it did. */
function age(rig: Rig, id: number): void {
  const name = fs.readdirSync(join(rig.home, 'ended')).find((one) => one.includes(`.${id}.`))!;
  const older = String(Number(name.slice(0, 14)) - 3_600_000).padStart(14, '0') + name.slice(14);
  fs.renameSync(join(rig.home, 'ended', name), join(rig.home, 'ended', older));
  const file = rig.file(id, 'state.json');
  const { sum: _, checksum: __, ...state } = JSON.parse(fs.readFileSync(file, 'utf8'));
  state.status.endedAt -= 3_600_000;
  fs.writeFileSync(file, JSON.stringify(state));
}

for (const host of HOSTS)
  rigTest(
    `(a, ${host}) three checks; the first failure is heard in the same turn, without asking`,
    async (rig) => {
      const agent = await begin(rig, { host });
      const checks = await Promise.all([rig.puppet(), rig.puppet(), rig.puppet()]);
      await agent.prompt('check it');
      for (const [n, name] of ['types', 'lint', 'test'].entries()) {
        const { code, output, told } = await agent.tool(runLine(name, checks[n]!));
        assert.deepEqual([code, output.split('\n')[0], told], [0, String(n + 1), []]);
      }
      for (const check of checks) await check.ready();
      const runs = agent.hookRuns;
      assert.deepEqual(await agent.otherTool(), []);
      assert.ok(agent.hookRuns > runs, 'the hooks were asked');
      await checks[1]!.exit(1);
      await untilEnded(rig, 2);
      assert.deepEqual(plain(await agent.otherTool()), [ended(2, 'lint', 'exited 1')]);
      assert.deepEqual(await agent.otherTool(), []);
      // it goes on in the same turn
      await checks[0]!.exit(0);
      await checks[2]!.exit(0);
      for (const id of [1, 3]) await untilEnded(rig, id);
      const both = plain(await agent.otherTool()).sort();
      assert.deepEqual(both, [ended(1, 'types', 'exited 0'), ended(3, 'test', 'exited 0')]);
      assert.deepEqual(await agent.stop(), { lines: [], goesOn: false, blocked: [], notices: [] });
      agent.tell(`a, ${host}: three checks`, { calls: 7, bytes: 700 });
    },
  );

for (const host of HOSTS)
  rigTest(`(b, ${host}) a build outlives the turn, and the next prompt begins with its end`, async (rig) => {
    const agent = await begin(rig, { host });
    const build = await rig.puppet();
    await agent.prompt('build it');
    await agent.tool(runLine('build', build));
    await rig.untilState(1, 'running');
    const stop = await agent.stop();
    assert.deepEqual(plain(stop.lines), [
      'bgjob: job 1 "build", started since the last prompt, is still running (bgjob wait 1)',
    ]);
    // once per prompt
    assert.deepEqual((await agent.stop()).lines, []);
    await build.exit(3);
    await untilEnded(rig, 1);
    assert.deepEqual(plain(await agent.prompt('well?')), [ended(1, 'build', 'exited 3')]);
    assert.deepEqual(await agent.prompt(), []);
    assert.deepEqual((await agent.stop()).lines, []);
    agent.tell(`b, ${host}: a build outlives the turn`, { calls: 1, bytes: 400 });
  });

rigTest(
  '(b) the monitor says it at once, and marks nothing; what wait told is not said again',
  async (rig) => {
    const agent = await begin(rig);
    const [build, server] = [await rig.puppet(), await rig.puppet()];
    const monitor = agent.monitor();
    await agent.prompt('build it');
    await agent.tool(runLine('build', build));
    await agent.tool(runLine('other', server));
    await build.exit(3);
    const lines = await monitor.untilLines(1);
    assert.deepEqual(plain(lines), [ended(1, 'build', 'exited 3')]);
    // the host may have dropped the line
    assert.deepEqual(plain(await agent.prompt()), [ended(1, 'build', 'exited 3')]);
    assert.deepEqual(await agent.prompt(), []);
    await server.exit(0);
    const { output, told } = await agent.tool('bgjob wait other');
    assert.match(output, /other 2 exited 0/);
    assert.deepEqual(told, [], 'wait has told it');
    const last = await endedJob(rig, agent);
    assert.deepEqual(plain(await monitor.untilLines(2)).slice(1), [ended(last, 'short', 'exited 1')]);
    await monitor.readerDies();
    agent.tell('b: with a monitor', { calls: 3, bytes: 400 });
  },
);

rigTest('(c) two sessions in one checkout: each hears of its own', async (rig) => {
  const one = await begin(rig, { session: 'one' });
  const two = await begin(rig, { session: 'two' });
  const monitors = [one.monitor(), two.monitor()];
  await one.prompt();
  await two.prompt();
  const [a, b] = [await rig.puppet(), await rig.puppet()];
  await one.tool(runLine('a', a));
  await two.tool(runLine('b', b));
  await a.exit(1);
  await b.exit(2);
  await endedAndLeft(rig, 1);
  await endedAndLeft(rig, 2);
  for (const [n, monitor] of monitors.entries()) await monitor.untilLines(n === 0 ? 1 : 1);
  assert.deepEqual(plain(await two.otherTool()), [ended(2, 'b', 'exited 2')]);
  assert.deepEqual(plain(await one.otherTool()), [ended(1, 'a', 'exited 1')]);
  for (const agent of [one, two]) {
    assert.deepEqual(await agent.otherTool(), []);
    assert.deepEqual(await agent.prompt(), []);
  }
  assert.deepEqual(plain(monitors[0]!.lines), [ended(1, 'a', 'exited 1')]);
  assert.deepEqual(plain(monitors[1]!.lines), [ended(2, 'b', 'exited 2')]);
  for (const monitor of monitors) await monitor.readerDies();
  one.tell('c: two sessions, the first', { calls: 3, bytes: 300 });
  two.tell('c: two sessions, the second', { calls: 3, bytes: 300 });
});

for (const host of HOSTS)
  rigTest(
    `(d, ${host}) resumed after compaction: what runs is said, and calls return in time`,
    async (rig) => {
      const agent = await begin(rig, { host });
      const [server, done] = [await rig.puppet(), await rig.puppet()];
      await agent.prompt('serve');
      await agent.tool(runLine('dev', server));
      await agent.tool(runLine('build', done));
      await rig.untilState(1, 'running');
      await done.exit(0);
      await endedAndLeft(rig, 2);
      for (const source of ['compact', 'resume']) {
        const lines = plain(await agent.start(source));
        assert.deepEqual(lines, ['bgjob: job 1 "dev" is running (bgjob tail 1)'], source);
      }
      // the end was not lost with the conversation
      assert.deepEqual(plain(await agent.prompt()), [ended(2, 'build', 'exited 0')]);
      if (host === 'claude') assert.match((await agent.tool('echo $BGJOB_MAX_WAIT')).output, /^100s\n$/);
      await server.exit(0);
      agent.tell(`d, ${host}: resumed after compaction`, { calls: 3, bytes: 400 });
    },
  );

/** All processes below one. */
function below(rig: Rig, pid: number): number[] {
  const all = processesNaming(rig.dir).map((one) => one.pid);
  const isBelow = (one: number): boolean => one === pid || (one > 1 && isBelow(parentOf(one)));
  return all.filter(isBelow);
}

rigTest('(e) kill -9 of every process between the end and the notice: told once or more', async (rig) => {
  const agent = await begin(rig);
  await agent.prompt();
  // the processes of the job, before its end is written
  const job = await rig.puppet();
  await agent.tool(runLine('job', job));
  await rig.untilState(1, 'running');
  const { shim, watcher } = await rig.shimOf(1);
  await killTogether([rig.ownerPid(1), watcher, shim]);
  const lost = await agent.prompt();
  assert.match(lost.join(), /^bgjob: job 1 "job" ended: lost \(.*\) \(bgjob tail 1\)$/);
  await rig.bgjob(['kill', '1']);
  // the supervisor alone: another takes its place
  const second = await rig.puppet();
  await agent.tool(runLine('second', second));
  await rig.untilState(2, 'running');
  process.kill(rig.ownerPid(2), 'SIGKILL');
  await second.exit(4);
  await untilEnded(rig, 2);
  assert.deepEqual(plain(await agent.otherTool()), [ended(2, 'second', 'exited 4')]);

  // the monitor, its shell, and the helper beside it
  const monitor = agent.monitor();
  await until(
    () => below(rig, monitor.pid),
    (pids) => pids.length >= 1,
    'the monitor',
  );
  await killTogether(below(rig, monitor.pid));
  const third = await endedJob(rig, agent);
  assert.deepEqual(plain(await agent.prompt()), [ended(third, 'short', 'exited 1')]);
  agent.tell('e: kill -9 of every process', { calls: 3, bytes: 500 });
});

rigTest('(a) an answer of a tool of 5 MB is read, and changes nothing', async (rig) => {
  const agent = await begin(rig);
  await agent.prompt();
  await endedJob(rig, agent);
  const response = { tool_response: { stdout: 'x'.repeat(5_000_000), stderr: '' } };
  const { lines, notices } = await agent.fire('PostToolBatch', { tool_calls: [response] });
  assert.deepEqual([plain(lines), notices], [[ended(1, 'short', 'exited 1')], []]);
});

/** A whole turn of the host, in which the hooks disturb nothing; what they said. */
async function wholeTurn(agent: FakeHost): Promise<string[]> {
  const lines = [...(await agent.start('resume')), ...(await agent.prompt()), ...(await agent.otherTool())];
  return plain([...lines, ...(await agent.stop()).lines]);
}

rigTest('(f) a home that is absent, foreign, newer or broken: the turn goes on untouched', async (rig) => {
  const agent = await begin(rig);
  assert.deepEqual(await wholeTurn(agent), []);
  assert.ok(!fs.existsSync(rig.home), 'the hooks make no home');
  const id = await endedJob(rig, agent);
  const format = join(rig.home, 'format');
  const known = fs.readFileSync(format);
  const away = `${rig.home}.away`;
  const troubles: Record<string, [spoil: () => void, mend: () => void]> = {
    newer: [() => fs.writeFileSync(format, '99\n'), () => fs.writeFileSync(format, known)],
    damaged: [() => fs.writeFileSync(format, ''), () => fs.writeFileSync(format, known)],
    open: [() => fs.chmodSync(rig.home, 0o777), () => fs.chmodSync(rig.home, 0o700)],
    'a file': [
      () => {
        fs.renameSync(rig.home, away);
        fs.writeFileSync(rig.home, '');
      },
      () => {
        fs.rmSync(rig.home);
        fs.renameSync(away, rig.home);
      },
    ],
  };
  if (process.getuid!() === 0)
    troubles['foreign'] = [() => fs.chownSync(rig.home, 12345, 12345), () => fs.chownSync(rig.home, 0, 0)];
  for (const [trouble, [spoil, mend]] of Object.entries(troubles)) {
    spoil();
    assert.deepEqual(await wholeTurn(agent), [], trouble);
    mend();
  }
  // nothing was lost by it
  assert.deepEqual(await wholeTurn(agent), [ended(id, 'short', 'exited 1')]);
  assert.deepEqual(await wholeTurn(agent), []);
  agent.tell('f: homes that cannot be used', { calls: 8, bytes: 100 });
});

const skip = cannotMount();

for (const trouble of ['full', 'read-only'] as const)
  rigTest(
    `(f) a home that is ${trouble}: the turn goes on, and the end is told`,
    async (rig) => {
      const agent = await begin(rig);
      await onMount(rig, 'mode=700,size=4m', async (mounted) => {
        const id = await endedJob(rig, agent);
        if (trouble === 'full') fill(mounted, 0);
        else assert.ok(succeeds('mount', '-o', 'remount,ro', mounted));
        const line = ended(id, 'short', 'exited 1');
        const lines = await wholeTurn(agent);
        // it cannot be noted that it was told: perhaps twice
        assert.deepEqual([...new Set(lines)], [line]);
        if (trouble === 'full') drain(mounted);
        else assert.ok(succeeds('mount', '-o', 'remount,rw', mounted));
        await wholeTurn(agent);
        assert.deepEqual(await wholeTurn(agent), []);
      });
    },
    { skip },
  );

rigTest(
  '(g) a nightly schedule fails, (h) a session is cleared: the next session hears of both',
  async (rig) => {
    const first = await begin(rig, { session: 'first' });
    await first.prompt();
    const build = await rig.puppet();
    await first.tool(runLine('build', build));
    await rig.untilState(1, 'running');
    // the service is a job, too
    const added = await rig.bash("bgjob cron add '0 3 * * *' -n nightly -- sh -c 'exit 9'", {
      env: { CLAUDE_CODE_SESSION_ID: 'first' },
    });
    assert.equal(added.code, 0, added.stderr);
    const next = new FakeHost(rig, { session: 'next' });
    assert.deepEqual(plain(await next.start('clear')), [
      'bgjob: job 1 "build" is running (bgjob tail 1) (of another session)',
    ]);
    await build.exit(1);
    await endedAndLeft(rig, 1);
    // its own session may still be there: for an hour it alone is told
    assert.deepEqual(await next.prompt(), []);
    const { stdout } = await rig.bash('bgjob cron run nightly', { env: { CLAUDE_CODE_SESSION_ID: 'first' } });
    const nightly = Number(/\d+/.exec(stdout)![0]);
    await endedAndLeft(rig, nightly);
    assert.deepEqual(plain(await next.prompt('good morning')), [ended(nightly, 'nightly', 'exited 9')]);
    age(rig, 1);
    assert.deepEqual(plain(await next.prompt()), [`${ended(1, 'build', 'exited 1')} (of another session)`]);
    assert.deepEqual(await next.prompt(), []);
    next.tell('g and h: a nightly failure, and a session that was cleared', { calls: 0, bytes: 400 });
    await rig.bgjob(['cron', 'rm', 'nightly']);
  },
);

/** `--json` on every command: one compact object a line, keys that never disappear, errors as objects on stderr. */
import assert from 'node:assert/strict';
import { type Answer, rigTest } from '../../rig/rig.ts';

/** The contract's keys, in its order. */
const KEYS =
  'v id name state exitCode signal signalGuess reason command shell cwd cwdLink project queue priority slot target ' +
  'tags changedVariables attempts ' +
  'timeoutMs idleTimeoutMs graceMs retryOn notRetried forced parent session restartOf origin createdAt startedAt ' +
  'endedAt durationMs usual cpuMs memoryBytes peakMemoryBytes usageFrom machineMemoryPercent supervisor pid leftovers ports onExit notify tell log stderr';
const WORDS =
  'queued starting running stopping paused exited killed memory timed-out cancelled skipped start-failed lost unreadable elsewhere';

function objects({ stdout }: Answer): any[] {
  const lines = stdout.split('\n');
  assert.equal(lines.pop(), '', 'every object ends its line');
  return lines.map((line) => {
    const object = JSON.parse(line);
    assert.equal(line, JSON.stringify(object), 'compact');
    assert.equal(object.v, 1);
    return object;
  });
}

rigTest('a job has exactly the keys of the contract, whatever its state', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['-t', 'a', '--', ...puppet.command]);
  await puppet.print('12345');
  await rig.untilState(1, 'running');
  const live = await rig.bgjob(['ls', '--json']);
  const shownLive = objects(await rig.bgjob(['show', '1', '--json']))[0];
  await rig.bgjob(['kill', '1']);
  await rig.bgjob(['run', '-w', 'exit 141']);
  await rig.bgjob(['run', '-w', '--timeout', '20ms', 'sleep 1000']);
  const all = objects(await rig.bgjob(['ls', '--json']));
  const shown = objects(await rig.bgjob(['show', '3', '--json']));
  const status = objects(await rig.bgjob(['status', '3', '--json']));
  for (const job of [...objects(live), shownLive, ...all, ...shown]) {
    assert.equal(Object.keys(job).join(' '), KEYS);
    assert.ok(WORDS.split(' ').includes(job.state), job.state);
  }
  assert.deepEqual(status, [{ ...shown[0], ports: null, code: 124, by: 'bgjob', log: status[0].log }]);

  assert.equal(shownLive.pid, await rig.shimRecord(1).main);
  assert.equal(shownLive.supervisor.pid, rig.ownerPid(1));
  assert.deepEqual(shownLive.ports, []);
  assert.deepEqual(shownLive.log, {
    path: rig.file(1, 'out/log'),
    bytes: 5,
    trimmedBytes: 0,
    emptiedBytes: 0,
    cursor: 5,
  });
  assert.deepEqual([shownLive.exitCode, shownLive.endedAt, shownLive.signal], [null, null, null]);

  const [timedOut, exited, killed] = all;
  assert.deepEqual(
    [timedOut.state, timedOut.exitCode, timedOut.reason],
    ['timed-out', 143, '--timeout 0.02s'],
  );
  assert.deepEqual([exited.state, exited.exitCode, exited.signalGuess], ['exited', 141, 'SIGPIPE']);
  assert.deepEqual([killed.state, killed.exitCode, killed.signal], ['killed', 143, 'SIGTERM']);
  assert.deepEqual([killed.tags, killed.name, killed.queue, killed.parent], [['a'], null, null, null]);
});

rigTest('times are in order, also of the shortest job', async (rig) => {
  const runs = Array.from({ length: 10 }, () => rig.bgjob(['run', '-w', '--', 'true']));
  await Promise.all(runs);
  for (const { createdAt, startedAt, endedAt, durationMs } of await rig.json(['ls'])) {
    const [created, started, ended] = [createdAt, startedAt, endedAt].map((time) => {
      assert.equal(new Date(time).toISOString(), time);
      return Date.parse(time);
    });
    assert.ok(created! <= started! && started! <= ended!, `${createdAt} ${startedAt} ${endedAt}`);
    assert.equal(durationMs, ended! - started!);
  }
});

rigTest('run: the id and the log at once, the result when it waits', async (rig) => {
  const [first] = objects(await rig.bgjob(['run', '--json', '--', 'true']));
  const log = { path: rig.file(1, 'out/log') };
  const common = { v: 1, id: 1, name: null, reused: false, replaced: [], shell: null, log };
  assert.deepEqual(first, { ...common, accepted: null });
  const answer = await rig.bgjob(['run', '--json', '-w', '--', 'sh', '-c', 'echo why; exit 3']);
  const [started, ended, ...rest] = objects(answer);
  assert.deepEqual([answer.code, answer.stderr, rest], [3, '', []]);
  assert.equal(started.id, 2);
  assert.deepEqual(
    [ended.id, ended.result, ended.code, ended.by, ended.tail],
    [2, 'ended', 3, 'job', ['why']],
  );
  // behind the command's first word it is the command's
  await rig.bgjob(['run', '-w', 'echo', '--json']);
  assert.equal(rig.log(3), '--json\n');
});

rigTest('wait: an object per job as it ends, and one for each that goes on', async (rig) => {
  const puppet = await rig.puppet();
  await rig.bgjob(['run', '-w', '--', 'true']);
  await rig.run(['--', ...puppet.command]);
  await puppet.print('so far\n');
  await rig.untilState(2, 'running');
  const answer = await rig.bgjob(['wait', '1', '2', '--timeout', '0', '--json']);
  const [ended, running, ...rest] = objects(answer);
  assert.deepEqual([answer.code, answer.stderr, rest], [75, '', []]);
  assert.deepEqual([ended.id, ended.result, ended.code, ended.by], [1, 'ended', 0, 'job']);
  assert.deepEqual([running.id, running.result, running.code, running.by], [2, 'running', 75, 'bgjob']);
  await puppet.exit(0);
});

rigTest('tail, path, kill and gc', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command]);
  const follow = rig.startBgjob(['tail', '-f', '1', '--json']);
  await puppet.print('ein €\n\x1b[1mbold\n');
  const [read] = objects(await rig.bgjob(['tail', '1', '--json']));
  assert.deepEqual([read.from, read.to, read.size, read.cursor], [0, 17, 17, 17]);
  assert.deepEqual(read.lines, ['ein €', 'bold']);
  assert.match(read.state, /^(starting|running)$/);
  const [raw] = objects(await rig.bgjob(['tail', '1', '--json', '--raw']));
  assert.equal(Buffer.from(raw.base64, 'base64').toString(), 'ein €\n\x1b[1mbold\n');
  assert.deepEqual(objects(await rig.bgjob(['path', '1', '--json'])), [
    { v: 1, id: 1, path: rig.file(1, 'out/log') },
  ]);
  const [killed] = objects(await rig.bgjob(['kill', '1', '--json']));
  assert.deepEqual(
    [killed.result, killed.state, killed.processes, killed.freed, killed.code, killed.by],
    ['killed', 'killed', 1, [], 0, 'bgjob'],
  );
  const [again] = objects(await rig.bgjob(['kill', '1', '--json']));
  assert.deepEqual([again.result, again.processes], ['already', 0]);
  const [collected] = objects(await rig.bgjob(['gc', '--ended', '--dry-run', '--json']));
  assert.deepEqual(collected, { v: 1, dryRun: true, removed: [], freedBytes: 0, live: 0, kept: 1 });
  const { code, stderr } = await follow.answer;
  assert.deepEqual([code, stderr], [0, '']);
  objects(await follow.answer);
});

rigTest('an error is one object on stderr, and stdout is empty', async (rig) => {
  const cases: [args: string[], exit: number, code: string][] = [
    [['wait', '9', '--json'], 125, 'no-such-job'],
    [['wait', '--all', '--json'], 125, 'nothing-selected'],
    [['ls', '--json', '--frob'], 125, 'usage'],
    [['ls', '--json', '--state', 'done'], 125, 'usage'],
    [['tail', '--json', '-n', 'x', '1'], 125, 'usage'],
    [['kill', '--json'], 125, 'usage'],
    [['run', '--json', '--', 'no-such-program'], 127, 'command-not-found'],
    [['run', '--json', '--', '/tmp'], 126, 'command-not-executable'],
    [['run', '--json', '-C', '/none', 'true'], 125, 'bad-cwd'],
    [['run', '--json', '--wait=x', 'true'], 125, 'usage'],
    [['frob', '--json'], 125, 'usage'],
  ];
  for (const [args, exit, code] of cases) {
    const answer = await rig.bgjob(args);
    assert.deepEqual([answer.code, answer.stdout], [exit, ''], args.join(' '));
    const { v, error, ...rest } = JSON.parse(answer.stderr);
    assert.deepEqual([v, error.code, rest], [1, code, {}], args.join(' '));
    assert.deepEqual(Object.keys(error), ['code', 'message', 'hint']);
    assert.ok(error.message.length > 0);
    assert.equal(answer.stderr.trim().split('\n').length, 1);
  }
  // without --json of its own, the command's is not ours
  assert.match(
    (await rig.bgjob(['run', 'no-such-program', '--json'])).stderr,
    /^bgjob: no-such-program: command not/,
  );
});

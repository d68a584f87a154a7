/** `watch --json`: the jobs as they are, then each change, a line each; it ends quietly, and costs nothing while nothing happens. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { type Call, type Rig, rigTest } from '../../rig/rig.ts';
import { killTogether } from '../../rig/together.ts';
import { until } from '../../rig/until.ts';

const eventsOf = (call: Call): any[] =>
  call
    .stdout()
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));

/** A stream that has told what is there. */
async function startStream(rig: Rig, ...args: string[]): Promise<Call> {
  const call = rig.startBgjob(['watch', '--json', ...args]);
  await untilEvents(call, (events) => events.some(({ event }) => event === 'ready'));
  return call;
}
const untilEvents = (call: Call, holds: (events: any[]) => boolean): Promise<any[]> =>
  until(() => eventsOf(call), holds, 'the events');

/** `event state` of a job, in order. */
const storyOf = (events: any[], id: number): string =>
  events
    .filter((one) => one.id === id)
    .map(({ event, state }) => (state === undefined ? event : `${event} ${state}`))
    .join(', ');

rigTest(
  'what is there, then each change, at once and as an object of ls --json; and no change twice',
  async (rig) => {
    const puppet = await rig.puppet();
    await rig.bgjob(['run', '-w', '--', 'sh', '-c', 'exit 3']);
    await rig.run(['-n', 'web', '--', ...puppet.command]);
    await rig.untilState(2, 'running');
    const listed = await rig.json(['ls']);
    const call = await startStream(rig);
    const first = eventsOf(call);
    assert.deepEqual(
      first.map(({ event, id, jobs }) => [event, id ?? jobs]),
      [
        ['present', 1],
        ['present', 2],
        ['ready', 2],
      ],
    );
    const { event, durationMs, ...told } = first[0];
    const { durationMs: _, ...asListed } = listed[1];
    assert.deepEqual(told, asListed);
    await rig.bgjob(['pause', 'web']);
    await untilEvents(call, (events) => events.at(-1).state === 'paused');
    await rig.bgjob(['resume', 'web']);
    await untilEvents(call, (events) => events.at(-1).state === 'running');
    // output is no change
    await puppet.print('much\n');
    await rig.bgjob(['run', '-w', '-n', 'quick', '--', 'sh', '-c', 'exit 5']);
    await puppet.exit(7);
    const events = await untilEvents(call, (all) =>
      all.some(({ id, exitCode }) => id === 2 && exitCode === 7),
    );
    assert.equal(storyOf(events, 2), 'present running, changed paused, changed running, changed exited');
    const quick = await untilEvents(call, (all) =>
      all.some(({ id, exitCode }) => id === 3 && exitCode === 5),
    );
    assert.match(
      storyOf(quick, 3),
      /^added (starting|running|exited)(, changed running)?(, changed exited)?$/,
    );
    // a failure that nobody was told of is kept, and so is the highest id
    await rig.bgjob(['wait', 'web']);
    await rig.untilLeft(2);
    await rig.bgjob(['gc', '--ended']);
    const gone = await untilEvents(call, (all) => all.filter((one) => one.event === 'removed').length === 2);
    assert.deepEqual(
      gone.filter((one) => one.event === 'removed' && one.id === 2),
      [{ v: 1, event: 'removed', id: 2, name: 'web', project: rig.project }],
    );
    call.child.kill('SIGTERM');
    const { code, stderr } = await call.answer;
    assert.deepEqual([code, stderr], [0, '']);
  },
);

rigTest('jobs that wait come, start and are cancelled; each once, however many wait', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['-Q', 'q', '--', ...puppet.command]);
  await rig.untilState(1, 'running');
  const call = await startStream(rig);
  await rig.bgjob(['run', '-Q', 'q', '--batch', '-'], { input: 'true\n'.repeat(30) });
  await untilEvents(call, (events) => events.filter((one) => one.event === 'added').length === 30);
  await rig.bgjob(['kill', '31']);
  await untilEvents(call, (events) => events.at(-1).state === 'cancelled');
  const before = eventsOf(call).length;
  assert.equal(before, 1 + 1 + 30 + 1);
  await rig.bgjob(['queue', 'pause', 'q']);
  await puppet.exit(0);
  await untilEvents(call, (events) => events.some(({ id, state }) => id === 1 && state === 'exited'));
  await rig.bgjob(['queue', 'resume', 'q']);
  const events = await untilEvents(call, (all) => all.filter((one) => one.state === 'exited').length === 30);
  // that the others moved up is told to nobody
  for (const id of [2, 15, 30])
    assert.match(
      storyOf(events, id),
      /^added queued(, changed starting)?(, changed running)?, changed exited$/,
    );
  call.child.kill('SIGINT');
  assert.equal((await call.answer).code, 0);
});

rigTest('only this project, or all; tags and names choose; a home that comes later is seen', async (rig) => {
  fs.mkdirSync(`${rig.dir}/else/.git`, { recursive: true });
  const [here, all, tagged] = [
    await startStream(rig),
    await startStream(rig, '-a'),
    await startStream(rig, '--tag', 'ci'),
  ];
  assert.deepEqual(eventsOf(here), [{ v: 1, event: 'ready', jobs: 0 }]);
  assert.ok(!fs.existsSync(rig.home), 'to look makes no home');
  await rig.bgjob(['run', '-w', '--', 'true'], { cwd: `${rig.dir}/else` });
  await rig.bgjob(['run', '-w', '--', 'true']);
  await rig.bgjob(['run', '-w', '-t', 'ci', '--', 'true']);
  const ended = (id: number) => (events: any[]) =>
    events.some((one) => one.id === id && one.state === 'exited');
  for (const call of [here, all, tagged]) await untilEvents(call, ended(3));
  const idsOf = (call: Call) => [...new Set(eventsOf(call).flatMap(({ id }) => id ?? []))].sort().join(' ');
  assert.deepEqual([idsOf(here), idsOf(all), idsOf(tagged)], ['2 3', '1 2 3', '3']);
});

rigTest('a job all of whose processes are killed at once is told to be lost', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command]);
  await rig.untilState(1, 'running');
  const call = await startStream(rig);
  const { shim, watcher } = await rig.shimOf(1);
  await killTogether([rig.ownerPid(1), watcher, shim]);
  const events = await untilEvents(call, (all) => all.some(({ state }) => state === 'lost'));
  assert.equal(storyOf(events, 1), 'present running, changed lost');
  await rig.bgjob(['kill', '1']);
});

rigTest('it ends with a reader that is gone, and does nothing while a job writes', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command]);
  await rig.untilState(1, 'running');
  const piped = rig.bash('set -o pipefail; bgjob watch --json | head -n 2; echo "code $?"');
  const call = await startStream(rig);
  const reads = () =>
    Number(/^syscr: (\d+)$/m.exec(fs.readFileSync(`/proc/${call.child.pid}/io`, 'utf8'))![1]);
  const [before, begun] = [reads(), performance.now()];
  // who looked at each line would read at least once for each
  const lines = Array.from({ length: 3000 }, (_, n) => puppet.print(`${n}\n`));
  await Promise.all(lines);
  // it may look once in a while, and a busy machine gives it a long while
  const most = 300 + (performance.now() - begun) / 10;
  assert.ok(reads() - before < most, `${reads() - before} reads`);
  await rig.bgjob(['run', '-w', '--', 'true']);
  const { code, stdout } = await piped;
  assert.equal(code, 0);
  assert.match(stdout, /"event":"ready".*\ncode 0\n$/);
  await puppet.exit(0);
});

rigTest('BGJOB_MAX_WAIT is its deadline, as of every command that blocks', async (rig) => {
  await rig.bgjob(['run', '-w', '--', 'true']);
  const { code, stdout, stderr } = await rig.bgjob(['watch', '--json'], { env: { BGJOB_MAX_WAIT: '500ms' } });
  assert.deepEqual([code, stderr], [75, '']);
  assert.match(stdout, /"event":"ready","jobs":1}\n$/);
});

rigTest('a user without a watch left is told the same, a little later', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['--', ...puppet.command]);
  await rig.untilState(1, 'running');
  const preload = `${rig.dir}/nowatch.js`;
  fs.writeFileSync(
    preload,
    "require('fs').watch = () => { throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' }); };",
  );
  const call = rig.startBgjob(['watch', '--json'], { env: { NODE_OPTIONS: `--require ${preload}` } });
  await untilEvents(call, (events) => events.some(({ event }) => event === 'ready'));
  await puppet.exit(3);
  await rig.bgjob(['run', '-w', '--', 'true']);
  const events = await untilEvents(call, (all) => all.filter(({ state }) => state === 'exited').length === 2);
  assert.match(storyOf(events, 1), /^present running, changed exited$/);
  call.child.kill('SIGTERM');
  assert.equal((await call.answer).code, 0);
});

rigTest('without a terminal watch and ls --watch say what to call instead', async (rig) => {
  for (const args of [['watch'], ['ls', '--watch']]) {
    const { code, stdout, stderr } = await rig.bgjob(args);
    assert.deepEqual([code, stdout], [125, '']);
    assert.match(
      stderr,
      /draws on a terminal: stdout is none\n {2}hint: bgjob watch --json .*, or: bgjob ls\n/,
    );
  }
  const json = await rig.bgjob(['ls', '--watch', '--json']);
  assert.equal(json.code, 125);
  assert.match(json.stderr, /"hint":"bgjob watch --json"/);
});

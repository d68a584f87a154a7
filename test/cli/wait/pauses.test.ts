/**
 * Waiting behind a pause: one note at once, whatever waits, the same with the 75, and with the line that
 * resumes it.
 */
import assert from 'node:assert/strict';
import type { Puppet } from '../../rig/puppet.ts';
import { type Call, type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const QUEUE = '(queue api is paused: bgjob queue resume api)\n';

const quietly = async (rig: Rig, ...args: string[]): Promise<void> => {
  const { code, stderr } = await rig.bgjob(args);
  assert.equal(code, 0, stderr);
};
async function pauseQueue(rig: Rig): Promise<void> {
  await quietly(rig, 'queue', 'set', 'api', '--slots', '1');
  await quietly(rig, 'queue', 'pause', 'api');
}

/** A puppet that runs and is paused. */
async function pausedPuppet(rig: Rig, ...options: string[]): Promise<Puppet> {
  const puppet = await rig.puppet();
  const id = await rig.run([...options, '--', ...puppet.command]);
  await puppet.ready();
  await rig.untilState(id, 'running');
  await quietly(rig, 'pause', String(id));
  return puppet;
}

const untilSaid = (call: Call, text: string): Promise<string> =>
  until(
    () => call.stderr(),
    (said) => said.includes(text),
    `"${text}"`,
  );

/** How often a text stands in another. */
const count = (all: string, text: string): number => all.split(text).length - 1;

/** The note comes at once, and again with the 75. */
async function assertTold(rig: Rig, args: string[], note: string): Promise<void> {
  const { code, stderr } = await rig.bgjob(args, { env: { BGJOB_MAX_WAIT: '0.1s' } });
  assert.equal(code, 75, `${args}: ${stderr}`);
  assert.equal(count(stderr, note), 2, `${args}: ${stderr}`);
}

rigTest(
  'a paused queue: every way of waiting says so before it waits, and is right after it',
  async (rig) => {
    await pauseQueue(rig);
    const added = await rig.bgjob(['run', '-Q', 'api', '--', 'true']);
    assert.deepEqual([added.stdout, added.stderr], ['1\n', QUEUE]);
    const run = ['run', '-Q', 'api'];
    const ways = [
      ['wait', '1'],
      ['wait', '--queue', 'api'],
      ['wait', '1', '--until', 'x'],
      ['tail', '-f', '1'],
      [...run, '--wait', '--', 'true'],
      [...run, '-f', '--', 'true'],
      [...run, '--until', 'x', '--', 'true'],
    ];
    for (const args of ways) await assertTold(rig, args, QUEUE);
    const batch = await rig.bgjob([...run, '--batch', '-', '--wait=0.1s'], { input: 'true\n'.repeat(120) });
    assert.deepEqual([batch.code, count(batch.stderr, QUEUE)], [75, 2]);

    // it says so while it waits, and goes on
    const wait = rig.startBgjob(['wait', '1']);
    await untilSaid(wait, QUEUE);
    await quietly(rig, 'queue', 'resume', 'api');
    assert.equal((await wait.answer).code, 0);
    // the others need not run: on a slow machine that would take longer than a call may
    await rig.bgjob(['kill', '--queue', 'api', '--now']);
  },
);

rigTest('paused jobs that hold all slots; not as long as one of them runs', async (rig) => {
  const first = await pausedPuppet(rig, '-Q', 'api', '--slots', '1');
  const note = '(1 is paused and holds the only slot of queue api: bgjob resume 1)\n';
  const added = await rig.bgjob(['run', '-Q', 'api', '--', 'true']);
  assert.equal(added.stderr, note);
  await assertTold(rig, ['wait', '2'], note);

  await quietly(rig, 'queue', 'set', 'api', '--slots', '2');
  await quietly(rig, 'wait', '2');
  const second = await rig.puppet();
  const id = await rig.run(['-Q', 'api', '--', ...second.command]);
  await second.ready();
  await rig.untilState(id, 'running');
  const third = await rig.run(['-Q', 'api', '--', 'true']);
  const running = await rig.bgjob(['wait', String(third), '--timeout', '0.1s']);
  assert.deepEqual([running.code, running.stderr.includes('paused')], [75, false]);
  await quietly(rig, 'pause', String(id));
  const both = `(1 ${id} are paused and hold all 2 slots of queue api: bgjob resume 1 ${id})\n`;
  await assertTold(rig, ['wait', String(third)], both);
  await quietly(rig, 'resume', '1', String(id));
  await first.exit(0);
  await second.exit(0);
  await quietly(rig, 'wait', '1', String(id), String(third));
});

rigTest('--after what is paused, what waits in a paused queue, and so on', async (rig) => {
  const puppet = await pausedPuppet(rig);
  const own = '(paused; to go on: bgjob resume 1)\n';
  await assertTold(rig, ['wait', '1'], own);
  assert.equal(
    (await rig.bgjob(['run', '--after', '1', '--', 'true'])).stderr,
    '(2 waits for 1, which is paused: bgjob resume 1)\n',
  );
  assert.equal(
    (await rig.bgjob(['run', '--after-any', '2', '--', 'true'])).stderr,
    '(3 waits for 1, which is paused: bgjob resume 1)\n',
  );
  await pauseQueue(rig);
  await rig.run(['-Q', 'api', '--', 'true']);
  await rig.run(['--after', '4', '--', 'true']);
  await assertTold(rig, ['wait', '5'], '(5 waits for 4, and queue api is paused: bgjob queue resume api)\n');
  // of all of them in one line, each pause once
  const all =
    '(queue api is paused: bgjob queue resume api; 2 waits for 1, which is paused: bgjob resume 1)\n';
  await assertTold(rig, ['wait', '4', '3', '5', '2'], all);
  await assertTold(rig, ['wait', '1', '4', '5'], `${own}${QUEUE}`);

  await quietly(rig, 'queue', 'resume', 'api');
  await quietly(rig, 'resume', '1');
  await puppet.exit(0);
  await quietly(rig, 'wait', '1', '2', '3', '4', '5');
});

rigTest('a pause that begins while one waits is told then, and each once', async (rig) => {
  const puppet = await rig.puppet();
  const id = await rig.run(['-Q', 'api', '--slots', '1', '--', ...puppet.command]);
  await puppet.ready();
  await rig.untilState(id, 'running');
  await rig.run(['-Q', 'api', '--', 'true']);
  const wait = rig.startBgjob(['wait', '1', '2']);
  await pauseQueue(rig);
  await untilSaid(wait, QUEUE);
  await quietly(rig, 'pause', '1');
  await untilSaid(wait, 'bgjob resume 1)\n');
  assert.equal(count(wait.stderr(), '(paused; to go on: bgjob resume 1)\n'), 1);
  await quietly(rig, 'resume', '1');
  await puppet.exit(0);
  await quietly(rig, 'queue', 'resume', 'api');
  assert.equal((await wait.answer).code, 0);
});

rigTest(
  'nothing is said to programs, of what is not paused, and of what will not be started',
  async (rig) => {
    await pauseQueue(rig);
    await rig.bgjob(['run', '--wait', '--', 'false']);
    const json = await rig.bgjob(['run', '--json', '-Q', 'api', '--', 'true']);
    assert.equal(json.stderr, '');
    const waited = await rig.bgjob(['wait', '--json', '2', '--timeout', '0.1s']);
    assert.deepEqual([waited.code, waited.stderr], [75, '']);
    assert.equal(JSON.parse(waited.stdout).reason, 'the queue api is paused');
    // it is about to be skipped
    const skipped = await rig.bgjob(['run', '--wait', '--after', '1', '--', 'true']);
    assert.ok(!skipped.stderr.includes('paused'), skipped.stderr);
    const other = await rig.bgjob(['run', '--wait', '-Q', 'other', '--', 'true']);
    assert.deepEqual([other.code, other.stderr.includes('paused')], [0, false]);
    assert.equal((await rig.bgjob(['kill', '2'])).code, 0);
  },
);

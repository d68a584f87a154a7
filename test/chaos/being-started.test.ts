/**
 * A job of a queue that is being started, ends, or is put back for its next attempt, with the process that does it standing at a call: in
 * every list it is there, and in the numbers of its queue it counts once.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { point } from './settings.ts';
import { cannotTrace, type Point, runTraced } from './stopper.ts';

const skip = cannotTrace();

/** Between the entry in the queue and the end of the last attempt, in their order. */
const POINTS = [
  point('launcher', 'symlink queues/q/start.N', 1, 'after'),
  point('launcher', 'link jobs/N/owner.N', 1, 'after'),
  point('supervisor', 'open jobs/N/out/log', 1, 'before'),
  point('supervisor', 'rename jobs/N/state.json', 1, 'before'),
  point('supervisor', 'rename live/N', 1, 'before'),
  point('supervisor', 'rename live/N', 1, 'after'),
  point('supervisor', 'unlink live/N', 1, 'before'),
  point('supervisor', 'unlink live/N', 1, 'after'),
  point('supervisor', 'rename jobs/N/state.json', 2, 'after'),
  point('supervisor', 'symlink queues/q/start.N', 1, 'after'),
  point('supervisor', 'link jobs/N/owner.N', 1, 'after'),
  point('supervisor', 'rename live/N', 2, 'before'),
];

async function assertListed(rig: Rig): Promise<void> {
  const lists = [
    ['ls', '-q'],
    ['ls', '-a', '-q'],
    ['ls', '--queue', 'q', '-q'],
    ['ls', '-q', '--state', 'queued,starting,running'],
  ];
  for (const words of lists) assert.equal((await rig.bgjob(words)).stdout, '1\n', words.join(' '));
  const [job, ...others] = await rig.json(['ls']);
  assert.deepEqual([job?.id, others], [1, []]);
}

async function assertCounted(rig: Rig): Promise<void> {
  const [queue] = await rig.json(['queue']);
  assert.equal(queue.running + queue.waiting, 1, JSON.stringify(queue));
}

/** Its exit status is written down, and its supervisor has not told what follows: it does not run, and does not wait. */
const isBetween = ({ call, n, when }: Point): boolean =>
  call === 'rename live/N' && n === 1 && when === 'after';

for (const at of POINTS)
  rigTest(
    `listed: ${at.when} ${at.role}: ${at.call} ${at.n}`,
    async (rig) => {
      const words = ['run', '-Q', 'q', '--retry', '1', '--backoff', '0', '--', 'false'];
      const look = async () => {
        await assertListed(rig);
        if (!isBetween(at)) await assertCounted(rig);
      };
      const { hits } = await runTraced(rig, 'launcher', [{ ...at, look }], words);
      assert.equal(hits.length, 1, 'the point was reached');
      await rig.bgjob(['wait', '1']);
    },
    { skip },
  );

rigTest(
  'kill --all finds a job that is being started',
  async (rig) => {
    const at = point('supervisor', 'rename jobs/N/state.json', 1, 'before');
    let call: ReturnType<Rig['startBgjob']> | undefined;
    const look = async () => {
      // before the kill, which stops the job itself if its supervisor does not answer
      assert.equal((await rig.bgjob(['wait', '--all', '--timeout', '0s'])).code, 75);
      call = rig.startBgjob(['kill', '--all', '--now']);
      await until(
        () => existsSync(rig.file(1, 'stop.kill')),
        (isThere) => isThere,
        'the request',
      );
    };
    await runTraced(rig, 'launcher', [{ ...at, look }], ['run', '-Q', 'q', '--', 'sleep', '1000']);
    const { code, stdout, stderr } = await call!.answer;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^1 /);
    await rig.bgjob(['wait', '1']);
  },
  { skip },
);

rigTest(
  'the numbers of a queue: what failed to start does not wait',
  async (rig) => {
    // its end is published, and its entry is still there
    const at = point('supervisor', 'rename ended/*', 1, 'before');
    const look = async () => {
      const [queue] = await rig.json(['queue']);
      assert.deepEqual([queue.waiting, queue.running, queue.next], [0, 0, null]);
    };
    const words = ['run', '-Q', 'q', '--cwd', rig.project, '--', `${rig.project}/program`];
    const { writeFileSync, unlinkSync } = await import('node:fs');
    writeFileSync(`${rig.project}/program`, '#!/bin/sh\n', { mode: 0o755 });
    await rig.bgjob(['queue', 'set', 'q', '--slots', '1']);
    await rig.bgjob(['queue', 'pause', 'q']);
    await rig.bgjob(words);
    unlinkSync(`${rig.project}/program`);
    await runTraced(rig, 'waiter', [{ ...at, look }], ['queue', 'resume', 'q']);
    await rig.bgjob(['wait', '1']);
  },
  { skip },
);

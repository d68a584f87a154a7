/**
 * A job of a queue that cannot be started: its next attempt waits for --backoff, and nothing of it is left in
 * the line at its end.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

/** Adds jobs whose directory is gone when their turn comes. */
async function lostPlaces(rig: Rig, options: string[]): Promise<number[]> {
  const place = join(rig.dir, 'place');
  fs.mkdirSync(place);
  await rig.bgjob(['queue', 'set', 'q', '--slots', '1']);
  await rig.bgjob(['queue', 'pause', 'q']);
  const ids: number[] = [];
  for (let n = 0; n < 3; n++) ids.push(await rig.run(['-Q', 'q', '--cwd', place, ...options, '--', 'true']));
  fs.rmdirSync(place);
  await rig.bgjob(['queue', 'resume', 'q']);
  return ids;
}
const entries = (rig: Rig): string[] => fs.readdirSync(join(rig.home, 'queues', 'q', 'waiting'));

rigTest('no attempts left: the line is empty, and the queue waits for nobody', async (rig) => {
  for (const id of await lostPlaces(rig, [])) await rig.untilState(id, 'start-failed');
  await until(
    () => entries(rig),
    (names) => names.length === 0,
    'an empty line',
  );
  const [queue] = await rig.json(['queue']);
  assert.deepEqual([queue.waiting, queue.running, queue.state], [0, 0, 'idle']);
});

rigTest('--retry: the next attempt waits for --backoff, once in the line', async (rig) => {
  const ids = await lostPlaces(rig, ['--retry', '3', '--backoff', '1h']);
  for (const id of ids)
    await rig.untilShown(
      id,
      (job) => [job.state, job.attempts],
      ([state, attempts]) => state === 'queued' && attempts === 2,
      'a second attempt that waits',
    );
  assert.equal(entries(rig).length, ids.length);
  const killed = await rig.bgjob(['kill', ...ids.map(String)]);
  assert.equal(killed.code, 0, killed.stderr);
  assert.deepEqual(entries(rig), []);
});

/** `with --on`: the server runs on a target, and the tests here. */
import assert from 'node:assert/strict';
import { boxTest, untilClean } from '../../rig/target.ts';

const SERVER = ['sh', '-c', 'echo ready; exec sleep 1000'];
const web = (...tests: string[]) => [
  ...['with', '--on', 'box', '-n', 'web', '--until', 'ready', '--', ...SERVER, '--', ...tests],
];

boxTest('with --on: tests run here when the server there is ready; then it is stopped', async (rig, box) => {
  const answer = await rig.bgjob(web('sh', '-c', 'bgjob ls; exit 4'));
  assert.equal(answer.code, 4, answer.stderr);
  assert.match(answer.stdout, /web +(starting|running) .*box/);
  assert.match(answer.stderr, /web 1 ready: it printed "ready"\n(.*\n)*web 1 killed \(TERM/);
  assert.equal((await rig.show(1)).state, 'killed');
  await untilClean(box);
});

boxTest('with --on: a server that ends there first', async (rig, box) => {
  const answer = await rig.bgjob([
    ...[
      'with',
      '--on',
      'box',
      '--until',
      'ready',
      '--',
      'sh',
      '-c',
      'echo trouble; exit 3',
      '--',
      'echo',
      'no',
    ],
  ]);
  assert.deepEqual([answer.code, answer.stdout], [3, ''], answer.stderr);
  assert.match(answer.stderr, /\| trouble/);
  await untilClean(box);
});

/**
 * `bgjob restart` of many, `ls --failed`, `restart --failed`: what failed in the last round, once more and in
 * the same order.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Rig, rigTest } from '../../rig/rig.ts';

/** Adds these lines as a batch and waits for their ends, not for a round. */
async function batch(rig: Rig, lines: string[], ...words: string[]): Promise<string[]> {
  const input = lines.map((line) => `${line}\n`).join('');
  const added = await rig.bgjob(['run', '--wait', ...words, '--batch', '-'], { input });
  return added.stdout.trim().split('\n');
}
const failedOf = async (rig: Rig, ...words: string[]): Promise<string> =>
  (await rig.bgjob(['ls', '--failed', '-q', ...words])).stdout.trim().replaceAll('\n', ' ');
const restarted = async (rig: Rig, ...words: string[]): Promise<[number, number][]> =>
  (await rig.json(['restart', ...words]))
    .filter(({ restarted }) => restarted)
    .map((one) => [one.restarted, one.id]);

rigTest(
  '--failed of a queue: what failed in its last round, in order, with queue, priority, tags and batch',
  async (rig) => {
    assert.equal(await failedOf(rig), '');
    const none = await rig.bgjob(['restart', '--failed']);
    assert.deepEqual(
      [none.code, none.stdout, none.stderr],
      [0, '', '(nothing of this project failed in the last round)\n'],
    );
    const lines = ['exit 3', 'true', 'exit 4', 'exit 5'];
    await batch(rig, lines, '-Q', 'q', '--priority', '7', '-t', 'a,b');
    await rig.run(['-Q', 'q', '--delay', '1h', '--', 'true']);
    await rig.bgjob(['kill', '5']);
    await rig.bgjob(['run', '-Q', 'other', '--wait', '--', 'false']);
    assert.equal(await failedOf(rig, '--queue', 'q'), '1 3 4');
    assert.equal(await failedOf(rig, '--queue', 'q', '--tag', 'b'), '1 3 4');
    assert.equal(await failedOf(rig, '--queue', 'q', '--tag', 'c'), '');
    assert.equal(await failedOf(rig), '1 3 4 6');
    assert.equal(await failedOf(rig, '--queue', 'q,other'), '1 3 4 6');
    await rig.bgjob(['wait', '--queue', 'q']);
    assert.equal(await failedOf(rig, '--queue', 'q'), '1 3 4', 'also when the round was answered');
    assert.deepEqual(await restarted(rig, '--failed', '-Q', 'q'), [
      [1, 7],
      [3, 8],
      [4, 9],
    ]);
    await rig.bgjob(['wait', '7', '8', '9']);
    for (const [id, old] of [
      [7, 1],
      [8, 3],
      [9, 4],
    ] as const) {
      const job = await rig.show(id);
      assert.deepEqual([job.restartOf, job.queue, job.tags], [old, 'q', ['a', 'b']]);
      const { placement } = JSON.parse(fs.readFileSync(rig.file(id, 'spec.json'), 'utf8'));
      assert.deepEqual([placement.priority, placement.batch], [7, 1]);
    }
    assert.equal(await failedOf(rig, '--queue', 'q'), '7 8 9', 'what a later job stands for does not count');
  },
);

rigTest('one of the failures that is restarted alone leaves the others', async (rig) => {
  await batch(rig, ['false', 'exit 3', 'false'], '-Q', 'q');
  await rig.bgjob(['wait', '--queue', 'q']);
  await rig.bgjob(['restart', '--wait', '2']);
  assert.equal(await failedOf(rig, '--queue', 'q'), '1 3 4');
  await rig.bgjob(['wait', '--queue', 'q']);
  assert.equal(await failedOf(rig, '--queue', 'q'), '4', 'that round was answered');
});

rigTest('what waits for another waits for its successor; a name is started once', async (rig) => {
  const ok = join(rig.dir, 'ok');
  await rig.bgjob(['run', '-n', 'lint', '--wait', `test -e ${ok}`]);
  await rig.bgjob(['run', '-n', 'lint', '--wait', `test -e ${ok}`]);
  await rig.bgjob(['run', '--after', '2', '-n', 'deploy', '--wait', '--', 'true']);
  assert.equal(await failedOf(rig), '1 2 3');
  fs.writeFileSync(ok, '');
  const answer = await rig.bgjob(['restart', '--failed', '--wait']);
  assert.equal(answer.code, 0, answer.stderr);
  assert.equal(answer.stdout, '4\n5\n');
  assert.match(answer.stderr, /^\(4 also replaces 1: only one job of the name lint can run\)$/m);
  assert.match(answer.stderr, /^2 done$/m);
  const { placement } = JSON.parse(fs.readFileSync(rig.file(5, 'spec.json'), 'utf8'));
  assert.deepEqual(placement.after, [{ id: 4, any: false }]);
  assert.equal(await failedOf(rig), '');
});

rigTest(
  'several: in the order given, what runs is stopped first; what cannot be is refused before',
  async (rig) => {
    const [one, two] = [await rig.puppet(), await rig.puppet()];
    await rig.run(['-n', 'web', '--', ...one.command]);
    await rig.run(['--', ...two.command]);
    await rig.bgjob(['run', '--wait', '--', 'false']);
    await rig.run(['--delay', '1h', '--', 'true']);
    for (const id of [1, 2]) await rig.untilState(id, 'running');
    for (const [words, says] of [
      [['1', '99'], /no job "99"/],
      [['1', '4'], /job 4 waits in its queue/],
      [['1', '2', '-f'], /--follow works only with one REF/],
      [['1', '2', '--until', 'x'], /conditions such as --until work only with one REF/],
      [['1', '--failed'], /--failed and REF cannot be used together/],
      [['1', '--queue', 'q'], /--queue needs --failed/],
      [['1', '--yes'], /--yes needs --failed/],
      [[], /restart needs REF\.\.\., or --failed/],
      [['--failed', '-Q', 'none'], /no queue "none"/],
    ] as const) {
      const { code, stdout, stderr } = await rig.bgjob(['restart', ...words]);
      assert.deepEqual([code, stdout], [125, ''], words.join(' '));
      assert.match(stderr, says);
    }
    for (const id of [1, 2]) assert.equal((await rig.show(id)).state, 'running');
    const answer = await rig.bgjob(['restart', '3', 'web', '2', '3']);
    assert.deepEqual([answer.code, answer.stdout], [0, '5\n6\n7\n']);
    const states = await Promise.all([1, 2].map(async (id) => (await rig.show(id)).state));
    assert.deepEqual(states, ['killed', 'killed']);
    assert.deepEqual(
      await Promise.all([5, 6, 7].map(async (id) => (await rig.show(id)).restartOf)),
      [3, 1, 2],
    );
    await rig.bgjob(['kill', '--all']);
  },
);

rigTest('more than 20 are listed, and restarted with --yes', async (rig) => {
  await batch(
    rig,
    Array.from({ length: 21 }, (_, n) => `exit ${n + 1}`),
    '-Q',
    'q',
  );
  const asked = await rig.bgjob(['restart', '--failed', '-Q', 'q']);
  assert.deepEqual([asked.code, asked.stdout], [125, '']);
  assert.match(
    asked.stderr,
    /^1 exited 1 after \S+: exit 1\n(?:.*\n){20}bgjob: 21 jobs failed; nothing was restarted yet\n {2}hint: the same with --yes\n/,
  );
  const done = await rig.bgjob(['restart', '--failed', '-Q', 'q', '--yes', '--wait']);
  assert.equal(done.code, 1);
  assert.equal(done.stdout.split('\n').length, 22);
  assert.match(done.stderr, /^0 done, 21 failed:\n {2}22 exit 1\n/m);
  assert.match(done.stderr, /^ {2}and 1 more\nrun them again: bgjob restart \$\(seq 22 42\)\n/m);
});

rigTest('a batch that was waited for ends with what failed, and the line to run it again', async (rig) => {
  const input = 'true\nexit 3\ntrue\n';
  const one = await rig.bgjob(['run', '-Q', 'q', '--wait', '--batch', '-'], { input });
  assert.deepEqual([one.code, one.stdout], [3, '1\n2\n3\n']);
  assert.match(
    one.stderr,
    /\n2 done, 1 failed: 2 exit 3\nrun it again: bgjob restart 2\n\[job\] exit code 3\n$/,
  );
  const none = await rig.bgjob(['run', '-Q', 'q', '--wait', '--batch', '-'], { input: 'true\ntrue\n' });
  assert.match(none.stderr, /\n2 done\n$/);
});

rigTest('a batch keeps its jobs: wait --batch counts those that stand for the failures', async (rig) => {
  const ok = join(rig.dir, 'ok');
  await batch(rig, [`test -e ${ok}`, 'true'], '-Q', 'q');
  assert.equal((await rig.bgjob(['wait', '--batch', '2'])).code, 1);
  fs.writeFileSync(ok, '');
  await rig.bgjob(['restart', '--failed', '-Q', 'q']);
  const answer = await rig.bgjob(['wait', '--batch', '2']);
  assert.equal(answer.code, 0, answer.stdout + answer.stderr);
  assert.match(answer.stdout, /^1 exited 1 .*3/m);
  assert.match(answer.stdout, /^3 exited 0 /m);
});

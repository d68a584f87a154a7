/**
 * `bgjob kill --queue`, `--tag`, `--all`: what they mean, what they leave alone, and that nothing to stop is
 * no failure.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { rigTest } from '../../rig/rig.ts';
import { addTrigger, removeTriggers } from '../../rig/triggers.ts';

rigTest(
  '--queue: what waits first, then what runs, of this project; an empty one is no failure',
  async (rig) => {
    const other = join(rig.dir, 'other');
    fs.mkdirSync(join(other, '.git'), { recursive: true });
    const [runs, outside] = [await rig.puppet(), await rig.puppet()];
    await rig.run(['-Q', 'q', '--slots', '1', '--', ...runs.command]);
    await rig.untilState(1, 'running');
    for (let n = 0; n < 2; n++) await rig.run(['-Q', 'q', '--', 'true']);
    await rig.run(['-Q', 'q', '--delay', '1h', '--', 'true'], { cwd: other });
    await rig.run(['--', ...outside.command]);
    await rig.untilState(5, 'running');
    const killed = await rig.bgjob(['kill', '--queue', 'q']);
    assert.equal(killed.code, 0, killed.stderr);
    assert.match(
      killed.stdout,
      /^2 cancelled before it started\n3 cancelled before it started\n1 killed \(TERM, [\d.hms]+\): 1 process\n$/,
    );
    assert.equal(killed.stderr, '(1 job of other projects: -a)\n');
    assert.equal((await rig.show(4)).state, 'queued');
    const again = await rig.bgjob(['kill', '--queue', 'q']);
    assert.deepEqual([again.code, again.stdout], [0, '']);
    assert.equal(
      again.stderr,
      '(nothing to stop: no live job in queue q of this project)\n(1 job of other projects: -a)\n',
    );
    assert.deepEqual(await rig.json(['kill', '--queue', 'q']), []);
    assert.match((await rig.bgjob(['kill', '-a', '-Q', 'q'])).stdout, /^4 cancelled /);
    const unknown = await rig.bgjob(['kill', '--queue', 'qu']);
    assert.equal(unknown.code, 125);
    assert.match(unknown.stderr, /no queue "qu"/);
    assert.equal((await rig.show(5)).state, 'running');
    await outside.exit(0);
  },
);

rigTest('--tag: all labels must be there; with --queue both', async (rig) => {
  const ids = [['-t', 'a'], ['-t', 'a,b'], ['-Q', 'q', '-t', 'a'], ['-Q', 'r', '-t', 'b'], []];
  for (const words of ids) await rig.run([...words, '--delay', '1h', '--', 'true']);
  const killed = async (...words: string[]) =>
    (await rig.json(['kill', ...words])).map(({ id }) => id).sort();
  assert.deepEqual(await killed('--tag', 'a', '--tag', 'b'), [2]);
  assert.deepEqual(await killed('--tag', 'a', '--queue', 'q,r'), [3]);
  assert.deepEqual(await killed('--queue', 'q', '--queue', 'r'), [4]);
  assert.deepEqual(await killed('--tag', 'none'), []);
  assert.deepEqual(await killed('--tag', 'a'), [1]);
  assert.deepEqual(await killed('--all'), [5]);
});

rigTest('--all: not the own job, nor those that started it, nor a listener of bgjob', async (rig) => {
  await addTrigger(rig, ['hook', 'true']);
  const puppet = await rig.puppet();
  const victim = await rig.run(['--', ...puppet.command]);
  await rig.untilState(victim, 'running');
  const outer = await rig.bgjob([
    ...['run', '--wait', '--', 'bgjob', 'run', '--wait', '--', 'bgjob', 'kill', '--all', '-a'],
  ]);
  assert.equal(outer.code, 0, outer.stdout + outer.stderr);
  const [inner, own] = [victim + 2, victim + 1];
  assert.match(rig.log(inner), new RegExp(`^${victim} killed \\(TERM, `, 'm'));
  assert.match(rig.log(inner), new RegExp(`^\\(left out: ${own} ${inner}, in which this is called;`, 'm'));
  const listener = (await rig.json(['ls', '-a'])).find(({ origin }) => origin?.kind === 'own');
  // it answers before its supervisor has recorded that it runs
  await rig.untilState(listener.id, 'running');
  await removeTriggers(rig);
});

rigTest('what does not go together is refused, and nothing is stopped', async (rig) => {
  await rig.run(['-Q', 'q', '--delay', '1h', '--', 'true']);
  for (const [words, says] of [
    [[], /kill needs REF\.\.\., --queue NAME, --tag TAG, --session or --all\n {2}hint: bgjob ls\n/],
    [['1', '--all'], /--all and REF cannot be used together: "1"/],
    [['1', '--queue', 'q'], /--queue and REF cannot be used together: "1"/],
    [['1', '-a'], /-a and REF cannot be used together/],
    [['-a'], /-a needs --all, --queue, --tag or --session/],
    [['--all', '--tag', 'x'], /--all and --tag cannot be used together.*\n {2}hint: bgjob kill --tag x\n/],
    [['--all', '-Q', 'q'], /hint: bgjob kill --queue q\n/],
    [['--tag', '*'], /--tag: "\*" is not a label/],
  ] as const) {
    const { code, stdout, stderr } = await rig.bgjob(['kill', ...words]);
    assert.deepEqual([code, stdout], [125, ''], words.join(' '));
    assert.match(stderr, says);
  }
  assert.equal((await rig.show(1)).state, 'queued');
  assert.equal((await rig.bgjob(['kill', '--all'])).code, 0);
});

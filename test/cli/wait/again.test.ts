/**
 * "Next: bgjob wait …": obeyed, it comes to the verdict of a call that had waited longer; and `wait --batch`.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { rigTest } from '../../rig/rig.ts';

const AGAIN = /Next: (bgjob wait [^\n]*)\n/;

rigTest(
  'the line names what was asked for, also what has ended: obeyed, it comes to the same code',
  async (rig) => {
    const puppet = await rig.puppet();
    await rig.run(['--', 'sh', '-c', 'exit 4']);
    await rig.run(['-n', 'web', '-Q', 'q', '--', ...puppet.command]);
    await puppet.ready();
    await rig.untilState(1, 'exited');
    const selections: [asked: string, named: string][] = [
      ['1 web', '1 web'],
      ['web 1', 'web 1'],
      ['--queue q', '--queue q'],
      ['--queue=q -a', '--queue q -a'],
      ['--all', '--all'],
      ['--all -a --ended', '--all -a --ended'],
      ['1 --queue q', '1 --queue q'],
    ];
    const lines: string[] = [];
    for (const [asked, named] of selections) {
      const { code, stderr } = await rig.bash(`bgjob wait ${asked} --timeout 0`);
      assert.equal(code, 75, asked);
      const line = AGAIN.exec(stderr)?.[1] ?? '';
      assert.equal(line, `bgjob wait ${named}`);
      lines.push(line);
    }
    await puppet.exit(0);
    for (const line of lines)
      assert.equal((await rig.bash(line)).code, /--ended|^\S+ \S+ --queue/.test(line) ? 0 : 4, line);
  },
);

rigTest('a job is named as it was typed; @last by its id; a list of forty jobs not at all', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['-n', 'build', '-Q', 'big', '--', ...puppet.command]);
  await puppet.ready();
  await rig.untilState(1, 'running');
  const nextOf = async (args: string[], cwd?: string) => {
    const { code, stderr } = await rig.bgjob(args, cwd === undefined ? {} : { cwd });
    assert.deepEqual([code, /^still running; it goes on\./m.test(stderr)], [75, true], stderr);
    return /Next: (.*)\n/.exec(stderr)?.[1];
  };
  for (const [typed, named] of [
    ['build', 'build'],
    ['1', '1'],
    ['@last', '1'],
  ] as const) {
    assert.equal(await nextOf(['wait', typed, '--timeout', '0']), `bgjob wait ${named}`);
    const until = ['wait', typed, '--until', 'never', '--timeout', '0'];
    assert.equal(await nextOf(until), `bgjob wait ${named} --until never`);
  }
  assert.equal(
    await nextOf(['run', '-n', 'build', '--reuse', '--wait=0s', '--', 'true']),
    'bgjob wait build',
  );
  // where the name means another job, or none
  assert.equal(
    await nextOf(['run', '-n', 'build', '-C', rig.project, '--reuse', '--wait=0s', '--', 'true'], rig.dir),
    'bgjob wait 1',
  );
  fs.writeFileSync(join(rig.project, 'lines'), 'true\n'.repeat(40));
  await rig.bgjob(['run', '-Q', 'big', '--batch', 'lines']);
  const odd = Array.from({ length: 40 }, (_, n) => String(2 * n + 1)).filter((id) => Number(id) <= 41);
  for (const [args, named] of [
    [['--queue', 'big'], 'bgjob wait --queue big'],
    [Array.from({ length: 41 }, (_, n) => String(n + 1)), 'bgjob wait $(seq 1 41)'],
    [odd, 'the same command again'],
  ] as const) {
    const { stderr } = await rig.bgjob(['wait', ...args, '--timeout', '0']);
    assert.match(stderr, /^still running; they go on\. /m);
    assert.equal(/Next: (.*)\n/.exec(stderr)?.[1], named);
  }
  const queued = await rig.bgjob(['wait', '2', '--timeout', '0']);
  assert.match(queued.stderr, /^still queued; it will start in turn\. Next: bgjob wait 2\n/);
  await rig.bgjob(['queue', 'pause', 'big']);
  await puppet.exit(0);
  await rig.bgjob(['kill', '--queue', 'big']);
});

rigTest('--batch: the jobs that were added with one, whichever of them is named', async (rig) => {
  const puppet = await rig.puppet();
  await rig.run(['-Q', 'q', '--', ...puppet.command]);
  await puppet.ready();
  fs.writeFileSync(join(rig.project, 'lines'), 'true\nexit 5\nexit 6\n');
  const added = await rig.bgjob(['run', '-Q', 'q', '--batch', 'lines', '--wait=0s']);
  assert.equal(added.code, 75);
  assert.equal(AGAIN.exec(added.stderr)?.[1], 'bgjob wait --batch 2');
  await rig.run(['-Q', 'q', '--', 'sh', '-c', 'exit 9']);
  await puppet.exit(0);
  for (const id of ['2', '3', '4']) {
    const { code, stdout } = await rig.bgjob(['wait', '--batch', id]);
    assert.equal(code, 5, id);
    assert.deepEqual(stdout.match(/^\d exited \d/gm), ['2 exited 0', '3 exited 5', '4 exited 6']);
  }
  await rig.bgjob(['wait', '5']);
  // what gc removed is not forgotten
  await rig.untilLeft(5);
  await rig.bgjob(['gc', '--ended']);
  assert.equal((await rig.bgjob(['wait', '--batch', '2'])).code, 5);
  assert.equal((await rig.bgjob(['wait', '--batch', '4'])).code, 5);
});

rigTest('--batch: 125 for a job that was added alone, for none, and for what is no id', async (rig) => {
  await rig.runOut(['--', 'true']);
  for (const [id, message] of [
    ['1', /no batch with job 1\n {2}hint: bgjob wait 1\n/],
    ['9', /no batch with job 9/],
    ['web', /--batch: "web" is not the id of a job/],
  ] as const) {
    const { code, stderr } = await rig.bgjob(['wait', '--batch', id]);
    assert.equal(code, 125);
    assert.match(stderr, message);
  }
  const both = await rig.bgjob(['wait', '--batch', '1', '--all']);
  assert.match(both.stderr, /--all and --batch cannot be used together/);
});

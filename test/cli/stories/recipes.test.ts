/** The recipes of the README with all that may go wrong. test/programs has those that need make. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { projectIn, recipe, recipeTests } from '../../rig/recipes.ts';
import { rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

recipeTests('script', { words: ['bash', 'e2e.sh'], codeOf: (code) => code }, false);

rigTest(
  'the script as a job that is killed, or runs into its limit: its own clean-up stops the server',
  async (rig) => {
    const port = await projectIn(rig, 'good');
    const start = (...options: string[]) =>
      rig.run(['--grace', '1h', ...options, '--', 'bash', 'e2e.sh'], { env: { CODE: '0', HANG: '1' } });
    const id = await start();
    await until(
      () => rig.log(id),
      (log) => log.includes('got hello'),
      'the tests',
    );
    const killed = await rig.bgjob(['kill', String(id)]);
    assert.equal(killed.code, 0, killed.stderr);
    assert.doesNotMatch(killed.stderr, /KILL was needed/);
    assert.match(rig.log(id), new RegExp(`e2e \\d+ killed \\(TERM, .*port ${port} free`));
    await assert.rejects(fetch(`http://localhost:${port}`), /fetch failed/);

    // wherever it is by then
    const limited = await rig.untilState(await start('--timeout', '3s'), 'timed-out');
    assert.equal(limited.forced, 0);
    for (const { state } of await rig.json(['ls', '-a'])) assert.doesNotMatch(state, /running|starting/);
    await assert.rejects(fetch(`http://localhost:${port}`), /fetch failed/);
  },
);

rigTest('a coding agent: its page is there, and the result comes in the same call', async (rig) => {
  await projectIn(rig, 'good');
  fs.writeFileSync(join(rig.project, 'tests.js'), 'process.exit(Number(process.env.CODE))');
  const answer = await rig.bash(recipe('With a coding agent', 'sh')[0]!, { env: { CODE: '3' } });
  assert.equal(answer.code, 3, answer.stderr);
  assert.match(answer.stdout + answer.stderr, /^(test )?1 exited 3 /m);
  assert.ok(fs.existsSync(join(rig.project, '.claude/skills/bgjob/SKILL.md')));
  assert.match(fs.readFileSync(join(rig.project, 'AGENTS.md'), 'utf8'), /bgjob/);
});

/** The recipes of the README, run: with a real server, and with everything that may go wrong. Those that need make are in test/programs. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { projectIn, recipe, recipeTests } from '../../rig/recipes.ts';
import { rigTest } from '../../rig/rig.ts';

recipeTests('script', { words: ['bash', 'e2e.sh'], codeOf: (code) => code }, false);

rigTest('a coding agent: its page is there, and the result comes in the same call', async (rig) => {
  await projectIn(rig, 'good');
  fs.writeFileSync(join(rig.project, 'tests.js'), 'process.exit(Number(process.env.CODE))');
  const answer = await rig.bash(recipe('With a coding agent', 'sh')[0]!, { env: { CODE: '3' } });
  assert.equal(answer.code, 3, answer.stderr);
  assert.match(answer.stdout + answer.stderr, /^(test )?1 exited 3 /m);
  assert.ok(fs.existsSync(join(rig.project, '.claude/skills/bgjob/SKILL.md')));
  assert.match(fs.readFileSync(join(rig.project, 'AGENTS.md'), 'utf8'), /bgjob/);
});

rigTest('a server in three calls: they say what the README says', async (rig) => {
  const port = await projectIn(rig, 'good');
  const text = recipe('A server, in three calls', 'sh')[0]!.replaceAll('3000', String(port));
  const { code, stdout, stderr } = await rig.bash(text);
  assert.equal(code, 0, stderr);
  const said = text.split('\n').flatMap((line) => /# (web 42 .*)/.exec(line)?.[1] ?? []);
  assert.equal(said.length, 2);
  for (const line of said) {
    const pattern = line.replace(/[().]/g, '\\$&').replace(/\b(42|812|4)\b|0\\\.8s/g, '[\\d.hms]+');
    assert.match(stdout + stderr, new RegExp(`^${pattern}$`, 'm'));
  }
});

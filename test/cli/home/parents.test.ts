/** Directories that bgjob makes on the way to what it was asked for: whatever the umask is, nobody else can put something in their place. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Rig, rigTest } from '../../rig/rig.ts';

/** The modes of a directory, and of all above it up to that of the rig, by name. */
function modes(rig: Rig, path: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (let at = path; at !== rig.dir; at = join(at, '..'))
    found[at.slice(rig.dir.length + 1)] = (fs.statSync(at).mode & 0o7777).toString(8);
  return found;
}

for (const [umask, parent] of [
  ['000', '755'],
  ['002', '755'],
  ['027', '750'],
  ['077', '700'],
  ['777', '700'],
] as const)
  rigTest(`the directories above a home under umask ${umask}`, async (rig) => {
    rig.home = join(rig.dir, 'a', 'b', 'home');
    rig.env['BGJOB_HOME'] = rig.home;
    const { code, stderr } = await rig.bash(`umask ${umask}; bgjob run -w true`);
    assert.equal(code, 0, stderr);
    assert.deepEqual(modes(rig, rig.home), { a: parent, 'a/b': parent, 'a/b/home': '700' });
  });

rigTest('the page for coding agents, and the directories above it, under umask 000', async (rig) => {
  const { code, stderr } = await rig.bash('umask 000; bgjob skill --user --project --agents-md');
  assert.equal(code, 0, stderr);
  for (const place of [rig.dir, rig.project]) {
    const page = join(place, '.claude/skills/bgjob/SKILL.md');
    const found = Object.values(modes(rig, page)).slice(0, 4);
    assert.deepEqual(found, ['644', '755', '755', '755'], place);
  }
  assert.equal(fs.statSync(join(rig.project, 'AGENTS.md')).mode & 0o777, 0o644);
});

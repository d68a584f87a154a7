/** The tests of many rounds (rig/rounds.ts), once more and in full: a part of `npm run chaos` like the others. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../rig/rig.ts';
import type { Part } from './part.ts';

/** The test files that ask for rounds. */
function filesWithRounds(): string[] {
  const dir = join(ROOT, 'test');
  return (fs.readdirSync(dir, { recursive: true }) as string[])
    .filter((name) => name.endsWith('.test.ts'))
    .filter((name) => /from '.*\/(rounds|anytext)\.ts'/.test(fs.readFileSync(join(dir, name), 'utf8')));
}

export const manyRounds: Part = {
  name: 'many rounds',
  async run({ whole }) {
    const names = filesWithRounds();
    const { status } = spawnSync(process.execPath, [join(__dirname, 'rig.runner.fixture.js'), ...names], {
      stdio: 'inherit',
      env: { ...process.env, BGJOB_TEST_WHOLE: whole ? '1' : '' },
    });
    assert.equal(status, 0, 'a test of many rounds failed');
    return [{ what: 'files of tests with many rounds', figure: String(names.length) }];
  },
};

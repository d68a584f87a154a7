/**
 * Tests of many rounds: few of them in `npm run test:all`, others each time, all of them in `npm run chaos`. There the tests that ask for
 * rounds are run once more, as a part like the others.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { basename, join } from 'node:path';
import { ROOT } from '../rig/rig.ts';
import type { Part } from './part.ts';

/** Whether this is the whole proof. */
export const IS_WHOLE = process.env['BGJOB_TEST_WHOLE'] === '1';

/** How many rounds of something random. */
export const rounds = (few: number, all: number): number => (IS_WHOLE ? all : few);

/** Some of these, by chance; all of them in the whole proof. */
export function someOf<T>(all: readonly T[], few: number, chance: () => number): T[] {
  if (IS_WHOLE) return [...all];
  const keyed = all.map((one) => ({ one, key: chance() })).sort((a, b) => a.key - b.key);
  return keyed.slice(0, few).map(({ one }) => one);
}

/** The test files that ask for rounds. */
function filesWithRounds(): string[] {
  const dir = join(ROOT, 'test', 'chaos');
  return fs
    .readdirSync(dir)
    .filter((name) => name.endsWith('.test.ts'))
    .filter((name) => fs.readFileSync(join(dir, name), 'utf8').includes(`from './rounds.ts'`))
    .map((name) => `chaos/${basename(name, '.test.ts')}`);
}

export const manyRounds: Part = {
  name: 'many rounds',
  async run({ whole }) {
    const names = filesWithRounds();
    const { status } = spawnSync(
      process.execPath,
      [join(__dirname, 'rig.runner.fixture.js'), '--concurrency', '2', ...names],
      { stdio: 'inherit', env: { ...process.env, BGJOB_TEST_WHOLE: whole ? '1' : '' } },
    );
    assert.equal(status, 0, 'a test of many rounds failed');
    return [{ what: 'files of tests with many rounds', figure: String(names.length) }];
  },
};

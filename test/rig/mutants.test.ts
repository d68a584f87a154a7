/**
 * The list of mutants goes along with the sources: a change of either that leaves the other behind is seen at
 * once.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isRound, MUTANTS } from '../chaos/mutants.ts';
import { PLANTS } from '../chaos/plants.ts';
import { ROOT } from './rig.ts';

test('the text that a mutant or a planted error changes stands once in its file', () => {
  const counts = [...MUTANTS, { changes: PLANTS }].flatMap(({ changes }) =>
    changes.map(({ file, from }) => {
      const count = readFileSync(join(ROOT, 'src', file), 'utf8').split(from).length - 1;
      return { file, from, count };
    }),
  );
  assert.deepEqual(
    counts.filter(({ count }) => count !== 1),
    [],
  );
});

test('the file of the test that catches a mutant exists', () => {
  const missing = MUTANTS.flatMap(({ by }) =>
    isRound(by) || existsSync(join(ROOT, 'test', by.test)) ? [] : [by.test],
  );
  assert.deepEqual(missing, []);
});

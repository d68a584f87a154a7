/** Each promise can fail: a program that breaks it is caught by a round of the crash matrix, where the true one passes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TEST_MS } from '../rig/until.ts';
import { tryMutant } from './catching.ts';
import { isRound, MUTANTS } from './mutants.ts';
import { cannotTrace } from './stopper.ts';

const skip = cannotTrace();
const rounds = MUTANTS.flatMap((mutant) => (isRound(mutant.by) ? [{ mutant, by: mutant.by }] : []));

for (const { mutant } of rounds)
  test(`caught: ${mutant.what}`, { skip, timeout: TEST_MS }, async () => {
    assert.equal(await tryMutant(mutant), undefined);
  });

test('every promise is shown to fail', () => {
  const shown = new Set(rounds.map(({ by }) => by.promised));
  assert.equal(shown.size, rounds.length);
});

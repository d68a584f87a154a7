/** Which failures of a round count. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EndFacts, whyNotCounted } from '../../../../src/engine/wait/counted.ts';

const facts = (...given: (keyof EndFacts)[]): EndFacts => ({
  superseded: given.includes('superseded'),
  stopped: given.includes('stopped'),
  automatic: given.includes('automatic'),
});

test('in a round of a queue everything counts but what another job stands for', () => {
  assert.equal(whyNotCounted(facts('stopped', 'automatic'), 'q', 'q'), null);
  assert.equal(whyNotCounted(facts('superseded', 'stopped'), 'q', 'q'), 'superseded');
});

test('in a round of the project neither what started by itself, nor what was stopped outside of a queue', () => {
  assert.equal(whyNotCounted(facts(), null, null), null);
  assert.equal(whyNotCounted(facts('automatic'), 'q', null), 'automatic');
  assert.equal(whyNotCounted(facts('stopped'), null, null), 'stopped');
  assert.equal(whyNotCounted(facts('stopped'), 'q', null), null);
  assert.equal(whyNotCounted(facts('superseded'), 'q', null), 'superseded');
});

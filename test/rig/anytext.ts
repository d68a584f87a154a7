/** Text that nobody foresaw, for the property tests of the parsers, and the words of a refusal. */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { messageOf } from '../../src/cli/messages/failures.ts';
import type { Result } from '../../src/job/failure.ts';
import fc from './property.ts';
import { rounds } from './rounds.ts';

export const RUNS = rounds(600, 2000);
let runs = 0;
after(() => console.log(`${runs} texts were parsed`));

/** Fails with the smallest value for which `holds` throws. */
export function always<T>(values: fc.Arbitrary<T>, holds: (value: T) => void, numRuns = RUNS): void {
  fc.assert(
    fc.property(values, (value) => {
      runs++;
      holds(value);
    }),
    { numRuns },
  );
}

/** Text of all kinds: any characters, half ones, and what objects know. */
export const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)) }),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty', '\n', '', ' ', '\u0661'),
);
/** Text that is nearly right: of these pieces, in any order. */
export const nearly = (...pieces: string[]) =>
  fc.array(fc.constantFrom(...pieces), { maxLength: 8 }).map((parts) => parts.join(''));

/** A refusal is words that a person can read. */
export function told(result: Result<unknown>): void {
  if (result.ok) return;
  const { message, hint } = messageOf(result.failure);
  assert.ok(message.length > 5 && message.length < 100_000 && hint !== '');
}

/**
 * Tests of many rounds: few of them in `npm test` and `npm run test:all`, others each time, all of them in `npm run chaos`: that runs every
 * test file once more that imports this one.
 */

/** Whether this is the whole proof. */
export const IS_WHOLE = process.env['BGJOB_TEST_WHOLE'] === '1';

/** How many rounds of something random. */
export const rounds = (few: number, all: number): number => (IS_WHOLE ? all : few);

/** Some of these, by chance (numbers from 0 to 1); all of them in the whole proof. */
export function someOf<T>(all: readonly T[], few: number, chance: () => number): T[] {
  if (IS_WHOLE) return [...all];
  const keyed = all.map((one) => ({ one, key: chance() })).sort((a, b) => a.key - b.key);
  return keyed.slice(0, few).map(({ one }) => one);
}

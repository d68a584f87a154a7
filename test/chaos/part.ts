/**
 * A part of `npm run chaos`: what it proves it proves by assertions, and the rows say how much of it. `npm run test:all` runs
 * a short round of each.
 */
import { test } from 'node:test';
import { TEST_MS } from '../rig/until.ts';
import { seededChance } from './death.ts';

/** A line of the table. */
export interface Row {
  what: string;
  figure: string;
}

export interface Round {
  /** All of it, or the short round of `npm run test:all`. */
  whole: boolean;
  /** Numbers from 0 to 1, from the seed that is printed. */
  chance: () => number;
  /** Of a crash matrix, only the cells whose text has this in it. */
  cell?: string | undefined;
}

export interface Part {
  /** What the command line may choose by. */
  name: string;
  /** Why it cannot be run on this machine; false if it can. */
  skip?: () => string | false;
  run(round: Round): Promise<Row[]>;
}

/** The short round as a test. */
export function partTest({ name, skip, run }: Part): void {
  test(`${name}, a short round`, { timeout: TEST_MS, skip: skip?.() ?? false }, async () => {
    for (const { what, figure } of await run({ whole: false, chance: seededChance(name) }))
      console.log(`${what}: ${figure}`);
  });
}

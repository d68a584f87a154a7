/**
 * The clock of a deadline in the test's hand: in a call with this environment a timer of a minute or more is due when the test says so,
 * and not before.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';

const PRELOAD = `
const { rmSync } = require('node:fs');
const real = globalThis.setTimeout;
globalThis.setTimeout = (act, ms, ...words) => {
  if (!(ms >= 60_000)) return real(act, ms, ...words);
  const look = setInterval(() => {
    try {
      rmSync(process.env.BGJOB_TEST_DUE);
    } catch {
      return;
    }
    clearInterval(look);
    act(...words);
  }, 10);
  return look;
};
`;

export class LongTimers {
  private readonly due: string;
  /** For the calls whose deadline this is. */
  readonly env: Record<string, string>;

  constructor(dir: string) {
    this.due = join(dir, 'due');
    const preload = join(dir, 'longtimers.cjs');
    fs.writeFileSync(preload, PRELOAD);
    this.env = { NODE_OPTIONS: `--require ${preload}`, BGJOB_TEST_DUE: this.due };
  }

  /** The one that runs is due, and none after it. */
  pass(): void {
    fs.writeFileSync(this.due, '');
  }
}

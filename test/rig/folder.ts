/** A test with an empty folder of its own, gone afterwards. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { TEST_MS } from './until.ts';

export function folderTest(name: string, body: (dir: string, t: TestContext) => void | Promise<void>): void {
  test(name, { timeout: TEST_MS }, async (t) => {
    const dir = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'bgjob-unit-')));
    try {
      await body(dir, t);
    } finally {
      fs.rmSync(dir, { recursive: true, force: true });
    }
  });
}

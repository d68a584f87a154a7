/** Folders of tests: one of its own for a test, gone afterwards; and what is in a folder that others change. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { TEST_MS } from './until.ts';

/** The paths below a folder, also if something of it is removed meanwhile. */
export function pathsBelow(dir: string): string[] {
  try {
    return fs.readdirSync(dir, { recursive: true, encoding: 'utf8' });
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    return fs.existsSync(dir) ? pathsBelow(dir) : [];
  }
}

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

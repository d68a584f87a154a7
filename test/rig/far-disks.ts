/** A small disk in memory, as the home of a far side. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { succeeds } from './mounts.ts';
import { processesNaming } from './processes.ts';
import { until } from './until.ts';

let why: string | false | undefined;

/** Why no disk can be mounted here; false: one can. */
export function missingMount(): string | false {
  if (why === undefined) {
    const dir = fs.mkdtempSync(join(tmpdir(), 'bgjob-disk-'));
    why = succeeds('mount', '-t', 'tmpfs', '-o', 'size=64k', 'none', dir)
      ? false
      : 'needs the right to mount';
    if (why === false) succeeds('umount', dir);
    fs.rmdirSync(dir);
  }
  return why;
}

export async function withMemoryDisk(options: string, run: (dir: string) => Promise<void>): Promise<void> {
  const dir = fs.mkdtempSync(join(tmpdir(), 'bgjob-disk-'));
  if (!succeeds('mount', '-t', 'tmpfs', '-o', options, 'none', dir)) throw new Error('no mount');
  try {
    await run(dir);
    // a shim that records an end when the disk is gone would make its folder anew
    await until(
      () => processesNaming(dir),
      (left) => left.length === 0,
      'the end of all programs on the disk',
    );
  } finally {
    succeeds('umount', '-l', dir);
    fs.rmdirSync(dir);
  }
}

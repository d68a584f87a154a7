/** A home on a file system of its own, which can be full or read-only without harm to anybody. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Rig } from './rig.ts';

function mount(path: string, options: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'none', path]).status === 0;
}

/** Why no file system can be mounted here; false if one can. */
export function cannotMount(): string | false {
  if (process.getuid!() !== 0) return 'only root can mount a file system';
  const path = fs.mkdtempSync(join(tmpdir(), 'bgjob-mount-'));
  const mounted = mount(path, 'size=64k');
  if (mounted) spawnSync('umount', [path]);
  fs.rmdirSync(path);
  return !mounted && 'this sandbox forbids to mount a file system';
}

/** Runs `body` with the home on a file system of its own, mounted with these options. */
export async function onMount(
  rig: Rig,
  options: string,
  body: (mounted: string) => Promise<void>,
): Promise<void> {
  const mounted = `${rig.dir}/mounted`;
  fs.mkdirSync(mounted);
  assert.ok(mount(mounted, options));
  try {
    rig.env['BGJOB_HOME'] = `${mounted}/home`;
    await body(mounted);
  } finally {
    spawnSync('umount', [mounted]);
  }
}

/**
 * A released version, built from git with the packages that are installed now: for tests of an old supervisor under a new
 * command. A shallow clone lacks its commit, and those tests are skipped.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './rig.ts';

/** The last commit of each version. */
const COMMITS = {
  '0.6.0': 'faa8c7f7500d1cb1c471176f994ea19c9681db6a',
  '0.16.0': '1ac611f39096ea27e9858f18cfaac7527f3d4acd',
};
export type OldVersion = keyof typeof COMMITS;

/** Why a version cannot be built here; false if it can. */
export function cannotBuild(version: OldVersion): string | false {
  const { status } = spawnSync('git', ['cat-file', '-e', `${COMMITS[version]}^{commit}`], { cwd: ROOT });
  return status !== 0 && `${version} is not in this clone (git fetch --unshallow)`;
}

/** Builds a version; the path of its `bgjob`. It goes when the test's process ends. */
export function buildOld(version: OldVersion): string {
  const dir = fs.mkdtempSync(join(tmpdir(), `bgjob-${version}-`));
  process.once('exit', () => fs.rmSync(dir, { recursive: true, force: true }));
  const paths = ['src', 'bin', 'build.mjs', 'package.json', 'LICENSE'];
  const archive = execFileSync('git', ['archive', COMMITS[version], ...paths], {
    ...{ cwd: ROOT, maxBuffer: 2 ** 28 },
  });
  execFileSync('tar', ['-x', '-C', dir], { input: archive });
  fs.symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
  fs.mkdirSync(join(dir, 'test'));
  execFileSync(process.execPath, ['build.mjs'], { cwd: dir, stdio: 'pipe' });
  return join(dir, 'bin', 'bgjob');
}

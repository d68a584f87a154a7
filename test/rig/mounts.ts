/**
 * A home on a file system of its own, which can be full, read-only or cut off from its power without harm to anybody: in memory, or
 * ext4 in a file.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { missing } from './needs.ts';
import { processesNaming } from './processes.ts';
import type { Rig } from './rig.ts';
import { until } from './until.ts';

/** Runs a program to its end; whether it succeeded. */
export const succeeds = (program: string, ...args: string[]): boolean =>
  spawnSync(program, args, { stdio: 'ignore', timeout: 60_000 }).status === 0;

const mountMemory = (path: string, options: string): boolean =>
  succeeds('mount', '-t', 'tmpfs', '-o', options, 'none', path);

/** Mounts the image; the loop device goes with the mount. */
const mountImage = (image: string, path: string, options: string): boolean =>
  succeeds('mount', '-o', ['loop', options].filter(Boolean).join(','), image, path);

/** Makes an image of ext4, all of it for files but the journal. */
export function makeImage(image: string, sizeMib: number, journalMib = 4): void {
  fs.closeSync(fs.openSync(image, 'w'));
  fs.truncateSync(image, sizeMib * 2 ** 20);
  const options = [
    '-q',
    '-F',
    '-m',
    '0',
    '-b',
    '4096',
    '-E',
    'lazy_itable_init=0',
    '-J',
    `size=${journalMib}`,
  ];
  assert.ok(succeeds('mkfs.ext4', ...options, image), 'mkfs.ext4');
}

function whyNot(mount: (path: string) => boolean): string | false {
  if (process.getuid!() !== 0) return 'only root can mount a file system';
  const dir = fs.mkdtempSync(join(tmpdir(), 'bgjob-mount-'));
  try {
    const mounted = mount(dir);
    if (mounted) succeeds('umount', dir);
    return !mounted && 'this sandbox forbids to mount a file system';
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
}

/** Why no file system can be mounted here; false if one can. */
export const cannotMount = (): string | false => whyNot((dir) => mountMemory(dir, 'size=64k'));

/** Why no image of ext4 can be mounted here; false if one can. */
export const cannotMountImage = (): string | false =>
  missing('mkfs.ext4') ||
  whyNot((dir) => {
    const image = `${dir}.image`;
    try {
      makeImage(image, 6);
      return mountImage(image, dir, '');
    } catch {
      return false;
    } finally {
      fs.rmSync(image, { force: true });
    }
  });

/** Unmounts once nobody is there any more: a supervisor tidies up for a moment after its job. */
async function unmount(path: string): Promise<void> {
  await until(
    () => processesNaming(path),
    (found) => found.length === 0,
    `nobody in ${path}`,
  ).catch(() => {});
  // whoever is left is told by the rig; the mount must not stay
  if (!succeeds('umount', path)) assert.ok(succeeds('umount', '--lazy', path), `umount ${path}`);
}

async function during<T>(mount: () => boolean, path: string, body: () => Promise<T>): Promise<T> {
  assert.ok(mount(), `mount ${path}`);
  try {
    return await body();
  } finally {
    await unmount(path);
  }
}

/** Runs `body` while the image is mounted at a path. */
export const mounted = <T>(
  image: string,
  path: string,
  options: string,
  body: () => Promise<T>,
): Promise<T> => during(() => mountImage(image, path, options), path, body);

async function inside<T>(
  rig: Rig,
  mount: (path: string) => boolean,
  body: (mounted: string) => Promise<T>,
): Promise<T> {
  const path = fs.mkdtempSync(`${rig.dir}/mounted-`);
  const before = rig.home;
  rig.home = `${path}/home`;
  rig.env['BGJOB_HOME'] = rig.home;
  try {
    return await during(
      () => mount(path),
      path,
      () => body(path),
    );
  } finally {
    rig.home = before;
    rig.env['BGJOB_HOME'] = before;
  }
}

/** Runs `body` with the home on a file system in memory, mounted with these options. */
export const onMount = <T>(rig: Rig, options: string, body: (mounted: string) => Promise<T>): Promise<T> =>
  inside(rig, (path) => mountMemory(path, options), body);

/** Runs `body` with the home in an image of ext4. */
export const onImage = <T>(
  rig: Rig,
  image: string,
  options: string,
  body: (mounted: string) => Promise<T>,
): Promise<T> => inside(rig, (path) => mountImage(image, path, options), body);

/** Fills the file system but for `freeKib`; `drain` makes room again. */
export function fill(mounted: string, freeKib: number): void {
  const filler = `${mounted}/filler`;
  succeeds('sh', '-c', `cat /dev/zero >>'${filler}'`);
  // ext4 takes large writes only while there is much room beside them
  succeeds('dd', 'if=/dev/zero', `of=${filler}`, 'bs=4k', 'oflag=append,sync', 'conv=notrunc');
  fs.truncateSync(filler, Math.max(0, fs.statSync(filler).size - freeKib * 1024));
  succeeds('sync', '-f', mounted);
}

/** Takes away what filled the file system. */
export function drain(mounted: string): void {
  fs.rmSync(`${mounted}/filler`, { force: true });
  succeeds('sync', '-f', mounted);
}

/** Takes all inodes of the file system but so many. */
export function fillInodes(mounted: string, free: number): void {
  const dir = `${mounted}/fillers`;
  fs.mkdirSync(dir, { recursive: true });
  let made = fs.readdirSync(dir).length;
  try {
    for (; ; made++) fs.closeSync(fs.openSync(`${dir}/${made}`, 'wx'));
  } catch (thrown) {
    assert.equal((thrown as NodeJS.ErrnoException).code, 'ENOSPC');
  }
  for (let n = 1; n <= Math.min(free, made); n++) fs.unlinkSync(`${dir}/${made - n}`);
}

/** Gives them back. */
export const drainInodes = (mounted: string): void =>
  fs.rmSync(`${mounted}/fillers`, { recursive: true, force: true });

/** Every path below a directory; undefined if there is none. */
export const pathsIn = (dir: string): string[] | undefined =>
  fs.existsSync(dir) ? (fs.readdirSync(dir, { recursive: true }) as string[]).sort() : undefined;

/**
 * The identity of a file or directory: device and inode. A path is no identity: one file may have two (a bind
 * mount), and a path may lead to another file later.
 */
import { fstatSync, lstatSync, readlinkSync } from 'node:fs';
import { attemptQuietly, ignoreSystemError } from '../result.ts';

export interface FileId {
  dev: bigint;
  ino: bigint;
}

/** The file at a path, or the link itself; undefined if it cannot be read. */
export function fileAt(path: string): FileId | undefined {
  return attemptQuietly(() => lstatSync(path, { bigint: true, throwIfNoEntry: false }));
}

export const fileOf = (fd: number): FileId => fstatSync(fd, { bigint: true });

export const isSameFile = (a: FileId | undefined, b: FileId | undefined): boolean =>
  a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev;

/** The current path of an open file; undefined if it was removed, or the kernel does not tell. */
export function pathOf(fd: number): string | undefined {
  try {
    const path = readlinkSync(`/proc/self/fd/${fd}`);
    return isSameFile(fileAt(path), fileOf(fd)) ? path : undefined;
  } catch (thrown) {
    ignoreSystemError(thrown);
    return undefined;
  }
}

export const isRemoved = (fd: number): boolean => fstatSync(fd).nlink === 0;

/** Which file or directory something is, whatever its path: one may have two (a bind mount), and a path may lead to another by now. */
import { fstatSync, lstatSync, readlinkSync } from 'node:fs';
import { ignoreSystemError } from '../result.ts';

export interface FileId {
  dev: bigint;
  ino: bigint;
}

/** What stands at a path, links as links; undefined: nothing, or it cannot be looked at. */
export function fileAt(path: string): FileId | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (thrown) {
    ignoreSystemError(thrown);
    return undefined;
  }
}

/** What a descriptor leads to. Throws system errors. */
export const fileOf = (fd: number): FileId => fstatSync(fd, { bigint: true });

export const isSameFile = (a: FileId | undefined, b: FileId | undefined): boolean =>
  a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev;

/** The path of what a descriptor leads to, as it is now; undefined where the kernel does not tell, or if it was removed. */
export function pathOf(fd: number): string | undefined {
  try {
    const path = readlinkSync(`/proc/self/fd/${fd}`);
    return isSameFile(fileAt(path), fileOf(fd)) ? path : undefined;
  } catch (thrown) {
    ignoreSystemError(thrown);
    return undefined;
  }
}

/** Whether what a descriptor leads to has no name any more. */
export const isRemoved = (fd: number): boolean => fstatSync(fd).nlink === 0;

/**
 * Numbered claims: the files `PREFIX.N` of a directory. The highest number counts. A claim is never replaced:
 * the next claimer takes the next number. A claim is a record, or a dangling symlink whose target says all,
 * which is complete at once and costs no flush. Functions that write throw system errors.
 */
import { symlinkSync } from 'node:fs';
import { errnoOf } from '../result.ts';
import { namesIn } from './read-record.ts';

/** A longer number is not ours, and must not be the highest one. */
const MOST_DIGITS = 9;

export const listNumbers = (dir: string, prefix: string, mostDigits = MOST_DIGITS): number[] =>
  namesIn(dir).flatMap((name) => {
    const number = name.startsWith(`${prefix}.`) ? name.slice(prefix.length + 1) : '';
    return number.length <= mostDigits && /^[1-9]\d*$/.test(number) ? Number(number) : [];
  });

export const highestNumber = (dir: string, prefix: string, mostDigits?: number): number =>
  Math.max(0, ...listNumbers(dir, prefix, mostDigits));

/** Makes the next claim with `create` (false: another process was first); returns its number. */
export function claimNext(dir: string, prefix: string, create: (path: string) => boolean): number {
  for (;;) {
    const number = highestNumber(dir, prefix) + 1;
    if (create(`${dir}/${prefix}.${number}`)) return number;
  }
}

/** Creates a dangling symlink; false if something exists at the path. */
export function claimLink(path: string, target: string): boolean {
  try {
    symlinkSync(target, path);
    return true;
  } catch (thrown) {
    if (errnoOf(thrown) === 'EEXIST') return false;
    throw thrown;
  }
}

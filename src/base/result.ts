/**
 * Expected failures are values: a result holds a value, or a failure with a literal `code`. Only a bug is
 * thrown. This file has the failures that base/ raises itself; job/failure.ts has all of them.
 */
import { sourceStack } from './source-stack.ts';

/** `errno` is a system error name such as `ENOSPC`. */
export type BaseFailure =
  | { code: 'usage'; message: string; hint?: string }
  | { code: 'io'; doing: string; path: string; errno: string };
export type BaseResult<T> = { ok: true; value: T } | { ok: false; failure: BaseFailure };

export const ok = <T>(value: T): { ok: true; value: T } => ({ ok: true, value });

/** Lets the compiler prove that a switch is complete. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}

/** Whether it is a system error. Anything else is a bug, or a damaged record. */
export const isSystemError = (thrown: unknown): boolean =>
  typeof (thrown as NodeJS.ErrnoException | null)?.code === 'string';

/** A thrown bug on one line: `TypeError: x is undefined (src/supervisor/start.ts:66)`. */
export function describeThrown(thrown: unknown): string {
  const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  const place = /\bsrc\/[\w/-]+\.ts:\d+/.exec(sourceStack(thrown));
  return text.split('\n', 1)[0]!.slice(0, LONGEST_DESCRIPTION) + (place ? ` (${place[0]})` : '');
}
const LONGEST_DESCRIPTION = 300;

/** The name of a system error, such as ENOENT. Rethrows anything else. */
export function errnoOf(thrown: unknown): string {
  const code = (thrown as NodeJS.ErrnoException | null)?.code;
  if (typeof code === 'string') return code;
  throw thrown;
}

let isShortageThrown = false;

/** In a call: without a descriptor no record can be read, and that says nothing about a job. */
export function throwShortages(): void {
  isShortageThrown = true;
}

/** Whether the limit of open files is reached. */
export const isShortage = (thrown: unknown): boolean =>
  ['EMFILE', 'ENFILE'].includes((thrown as NodeJS.ErrnoException | null)?.code ?? '');

/** Rethrows that error in a call. A supervisor goes on: it has a job to keep. */
export function rethrowShortage(thrown: unknown): void {
  if (isShortageThrown && isShortage(thrown)) throw thrown;
}

export function attemptQuietly<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (thrown) {
    ignoreSystemError(thrown);
    return undefined;
  }
}

/** Calls `act`; false after a system error. */
export const succeeds = (act: () => void): boolean =>
  attemptQuietly(() => {
    act();
    return true;
  }) === true;

/** Ignores a system error that the caller can go on without. Rethrows a bug. */
export function ignoreSystemError(thrown: unknown): void {
  errnoOf(thrown);
}

export const systemError = (code: string, subject: string): Error & { code: string } =>
  Object.assign(new Error(`${code}: ${subject}`), { code });

/**
 * Expected failures are values: a result holds either the value or a failure with a literal `code`. Throwing is for bugs.
 * Here are the failures that base/ itself raises; job/failure.ts has all of them.
 */
import { sourceStack } from './source-stack.ts';

/** `errno` is a system error name such as `ENOSPC`. */
export type BaseFailure =
  | { code: 'usage'; message: string; hint?: string }
  | { code: 'io'; doing: string; path: string; errno: string };
export type BaseResult<T> = { ok: true; value: T } | { ok: false; failure: BaseFailure };

export const ok = <T>(value: T): { ok: true; value: T } => ({ ok: true, value });

/** Makes the compiler prove that a switch is complete; throws if it was wrong. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}

/** Whether something thrown by Node's own calls says what the system refused; anything else is a bug, or a damaged record. */
export const isSystemError = (thrown: unknown): boolean =>
  typeof (thrown as NodeJS.ErrnoException | null)?.code === 'string';

/** A bug that was thrown, on one line: `TypeError: x is undefined (src/supervisor/start.ts:66)`. */
export function describeThrown(thrown: unknown): string {
  const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  const place = /\bsrc\/[\w/-]+\.ts:\d+/.exec(sourceStack(thrown));
  return text.split('\n', 1)[0]!.slice(0, LONGEST_DESCRIPTION) + (place ? ` (${place[0]})` : '');
}
const LONGEST_DESCRIPTION = 300;

/** The system error name of something thrown by Node's own calls; rethrows what is not a system error. */
export function errnoOf(thrown: unknown): string {
  const code = (thrown as NodeJS.ErrnoException | null)?.code;
  if (typeof code === 'string') return code;
  throw thrown;
}

/** Runs `act`; the caller goes on without it if the system refuses. */
export function attemptQuietly(act: () => void): void {
  try {
    act();
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}

/** Swallows what the system refused, where the caller goes on without it; rethrows anything else: that is a bug. */
export function ignoreSystemError(thrown: unknown): void {
  errnoOf(thrown);
}

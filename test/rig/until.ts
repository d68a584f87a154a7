/** Limits end what hangs, milliseconds. They are no assertions: a machine may be ten times slower than the one at hand. */
const UNTIL_MS = 60_000;
/** One call of a program. */
export const CALL_MS = 120_000;
/** One test. Shorter than FILE_MS, so that the test is named that hangs. */
export const TEST_MS = 900_000;
/** One test file: the runner ends it then. */
export const FILE_MS = 1_800_000;

/**
 * The only poll of the tests: reads until the predicate holds; fails with the last value seen. The limit ends what hangs, and is
 * never an assertion.
 */
export async function until<T>(
  read: () => T | Promise<T>,
  holds: (value: T) => boolean,
  what = 'the condition',
  limitMs = UNTIL_MS,
): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (Date.now() > deadline)
      throw new Error(`${what} did not come true; last seen: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Fails with `what` if a promise is not settled in time. */
export async function within<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} within ${ms / 1000} s`)), ms).unref();
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

/** The only poll of the tests: reads until the predicate holds; fails with the last value seen, never by a fixed sleep. */
export async function until<T>(
  read: () => T | Promise<T>,
  holds: (value: T) => boolean,
  what = 'the condition',
  limitMs = 20_000,
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

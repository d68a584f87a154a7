/**
 * Shapes of records: what is read from disk is checked field by field before it is believed, and the TypeScript
 * type comes from the same line. (The supervisor reads records too and loads no package, hence no library.)
 */
import { isBroken, openSealedList } from './checksum.ts';

/** Checks an unknown value; throws a SchemaError that names the place where it is wrong. */
export type Schema<T> = (value: unknown, at: string) => T;
/** The type that a shape checks for. */
export type Shaped<S> = S extends Schema<infer T> ? T : never;

export class SchemaError extends Error {}

const wrong = (at: string, wanted: string): never => {
  throw new SchemaError(`${at || 'the record'} is not ${wanted}`);
};

export const text: Schema<string> = (value, at) => (typeof value === 'string' ? value : wrong(at, 'a text'));
export const flag: Schema<boolean> = (value, at) =>
  typeof value === 'boolean' ? value : wrong(at, 'true or false');
/** A finite number that is not negative. */
export const amount: Schema<number> = (value, at) =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : wrong(at, 'an amount');
/** Milliseconds since 1970: what a date can be made of. */
export const time: Schema<number> = (value, at) =>
  amount(value, at) <= 8.64e15 ? (value as number) : wrong(at, 'a time');
/** A whole number from 0 to 2^53. */
export const count: Schema<number> = (value, at) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : wrong(at, 'a whole number');

/** A whole number, also a negative one. */
export const integer: Schema<number> = (value, at) =>
  Number.isSafeInteger(value) ? (value as number) : wrong(at, 'a whole number');

/** A whole number from 0 to `most`. */
export const upTo =
  (most: number): Schema<number> =>
  (value, at) =>
    count(value, at) <= most ? (value as number) : wrong(at, `a whole number up to ${most}`);

export const literal =
  <const T extends string | number>(...allowed: T[]): Schema<T> =>
  (value, at) =>
    allowed.includes(value as T) ? (value as T) : wrong(at, allowed.join(' or '));

/** The version of a record, one of those that are known. */
export const version =
  <const T extends number>(...known: T[]): Schema<T> =>
  (value, at) => {
    if (count(value, at) > Math.max(...known)) throw new SchemaError('it was written by a newer bgjob');
    return literal(...known)(value, at);
  };

export const nullable =
  <T>(shape: Schema<T>): Schema<T | null> =>
  (value, at) =>
    value === null ? null : shape(value, at);

/** For a field that older records do not have: `fallback` where it is missing. */
export const since =
  <T>(shape: Schema<T>, fallback: T): Schema<T> =>
  (value, at) =>
    value === undefined ? fallback : shape(value, at);

export const listOf =
  <T>(shape: Schema<T>): Schema<T[]> =>
  (value, at) =>
    Array.isArray(value) ? value.map((entry, n) => shape(entry, `${at}[${n}]`)) : wrong(at, 'a list');

/** A list of variables, `NAME=value`, which may be sealed. */
export const variables: Schema<string[]> = (value, at) => {
  const opened = openSealedList(listOf(text)(value, at));
  if (!opened) throw new SchemaError('its checksum is wrong: it was changed');
  return opened;
};

function asObject(value: unknown, at: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  return wrong(at, 'an object');
}

/** An object with exactly known keys; unknown keys are dropped, so that a later minor version may add some. */
export const object =
  <F extends Record<string, Schema<unknown>>>(fields: F): Schema<{ [K in keyof F]: Shaped<F[K]> }> =>
  (value, at) => {
    const record = asObject(value, at);
    const checked: Record<string, unknown> = {};
    for (const key in fields) checked[key] = fields[key]!(record[key], at ? `${at}.${key}` : key);
    return checked as { [K in keyof F]: Shaped<F[K]> };
  };

/** One of several objects, told apart by the text in `key`. */
export const variant =
  <K extends string, F extends Record<string, Record<string, Schema<unknown>>>>(
    key: K,
    cases: F,
  ): Schema<{ [C in keyof F]: { [P in K]: C } & { [P in keyof F[C]]: Shaped<F[C][P]> } }[keyof F]> =>
  (value, at) => {
    const kind = text(asObject(value, at)[key], at ? `${at}.${key}` : key);
    if (!Object.hasOwn(cases, kind)) return wrong(at ? `${at}.${key}` : key, Object.keys(cases).join(' or '));
    return { [key]: kind, ...object(cases[kind]!)(value, at) } as never;
  };

/** Parses JSON text, which may be sealed, into a shape; the error is a sentence that says what is wrong with it. */
export function parseSchema<T>(
  shape: Schema<T>,
  json: string,
): { ok: true; value: T } | { ok: false; why: string } {
  if (isBroken(json)) return { ok: false, why: 'its checksum is wrong: it was changed' };
  try {
    return { ok: true, value: shape(JSON.parse(json), '') };
  } catch (thrown) {
    if (thrown instanceof SchemaError) return { ok: false, why: thrown.message };
    if (thrown instanceof SyntaxError) return { ok: false, why: 'it is not JSON' };
    throw thrown;
  }
}

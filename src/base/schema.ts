/**
 * Schemas of records. Each record from disk is checked field by field before it is used, and its TypeScript
 * type comes from the same line. The supervisor reads records too and loads no package, so this is no
 * library.
 */
import { checkList, hasWrongChecksum } from './checksum.ts';

/** Checks an unknown value. Throws a SchemaError that names the wrong field. */
export type Schema<T> = (value: unknown, at: string) => T;
export type SchemaType<S> = S extends Schema<infer T> ? T : never;

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
/** Milliseconds since 1970, within the range of Date. */
export const time: Schema<number> = (value, at) =>
  amount(value, at) <= 8.64e15 ? (value as number) : wrong(at, 'a time');
/** A whole number from 0 to 2^53. */
export const count: Schema<number> = (value, at) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : wrong(at, 'a whole number');

export const integer: Schema<number> = (value, at) =>
  Number.isSafeInteger(value) ? (value as number) : wrong(at, 'a whole number');

export const upTo =
  (most: number): Schema<number> =>
  (value, at) =>
    count(value, at) <= most ? (value as number) : wrong(at, `a whole number up to ${most}`);

export const literal =
  <const T extends string | number>(...allowed: T[]): Schema<T> =>
  (value, at) =>
    allowed.includes(value as T) ? (value as T) : wrong(at, allowed.join(' or '));

/** The version of a record. A higher one than any known is reported as such. */
export const version =
  <const T extends number>(...known: T[]): Schema<T> =>
  (value, at) => {
    if (count(value, at) > Math.max(...known)) throw new SchemaError('it was written by a newer bgjob');
    return literal(...known)(value, at);
  };

export const nullable =
  <T>(schema: Schema<T>): Schema<T | null> =>
  (value, at) =>
    value === null ? null : schema(value, at);

/** A field that older records do not have: `fallback` if it is missing. */
export const since =
  <T>(schema: Schema<T>, fallback: T): Schema<T> =>
  (value, at) =>
    value === undefined ? fallback : schema(value, at);

export const listOf =
  <T>(schema: Schema<T>): Schema<T[]> =>
  (value, at) =>
    Array.isArray(value) ? value.map((entry, n) => schema(entry, `${at}[${n}]`)) : wrong(at, 'a list');

export const variables: Schema<string[]> = (value, at) => {
  const checked = checkList(listOf(text)(value, at));
  if (!checked) throw new SchemaError('its checksum is wrong: it was changed');
  return checked;
};

function asObject(value: unknown, at: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  return wrong(at, 'an object');
}

/** An object with these keys. Unknown keys are dropped, so that a later version may add some. */
export const object =
  <F extends Record<string, Schema<unknown>>>(fields: F): Schema<{ [K in keyof F]: SchemaType<F[K]> }> =>
  (value, at) => {
    const record = asObject(value, at);
    const checked: Record<string, unknown> = {};
    for (const key in fields) checked[key] = fields[key]!(record[key], at ? `${at}.${key}` : key);
    return checked as { [K in keyof F]: SchemaType<F[K]> };
  };

/** One of several objects, distinguished by the text in `key`. */
export const variant =
  <K extends string, F extends Record<string, Record<string, Schema<unknown>>>>(
    key: K,
    cases: F,
  ): Schema<{ [C in keyof F]: { [P in K]: C } & { [P in keyof F[C]]: SchemaType<F[C][P]> } }[keyof F]> =>
  (value, at) => {
    const kind = text(asObject(value, at)[key], at ? `${at}.${key}` : key);
    if (!Object.hasOwn(cases, kind)) return wrong(at ? `${at}.${key}` : key, Object.keys(cases).join(' or '));
    return { [key]: kind, ...object(cases[kind]!)(value, at) } as never;
  };

/** Parses a record, with or without a checksum. `why` says what is wrong with it. */
export function parseSchema<T>(
  schema: Schema<T>,
  json: string,
): { ok: true; value: T } | { ok: false; why: string } {
  if (hasWrongChecksum(json)) return { ok: false, why: 'its checksum is wrong: it was changed' };
  try {
    return { ok: true, value: schema(JSON.parse(json), '') };
  } catch (thrown) {
    if (thrown instanceof SchemaError) return { ok: false, why: thrown.message };
    if (thrown instanceof SyntaxError) return { ok: false, why: 'it is not JSON' };
    throw thrown;
  }
}

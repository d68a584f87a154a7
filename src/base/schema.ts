/**
 * Schemas of records. Each record from disk is checked field by field before it is used, and its TypeScript
 * type comes from the same line. The supervisor reads records too and loads no package, so this is no
 * library.
 */
import { checkList, hasWrongChecksum } from './checksum.ts';

/**
 * Checks an unknown value. Throws a SchemaError that names the wrong field. `at`: the name of the value in
 * the object around it; that object puts its own name before it.
 */
export type Schema<T> = (value: unknown, at: string) => T;
export type SchemaType<S> = S extends Schema<infer T> ? T : never;

export class SchemaError extends Error {
  /** `at` null: it is the whole record. */
  constructor(
    private at: string | null,
    private readonly what: string,
  ) {
    super();
  }

  /** Only where a field is wrong, its path is put together: a list of 10,000 jobs has a million fields. */
  isWithin(at: string): this {
    if (this.at !== null && at !== '') this.at = `${at}${/^(\[|$)/.test(this.at) ? '' : '.'}${this.at}`;
    return this;
  }

  override get message(): string {
    return this.at === null ? this.what : `${this.at || 'the record'} ${this.what}`;
  }
}

const wrong = (at: string, wanted: string): never => {
  throw new SchemaError(at, `is not ${wanted}`);
};

/** Names the object or list in which a field is wrong. */
const within = (thrown: unknown, at: string): unknown =>
  thrown instanceof SchemaError ? thrown.isWithin(at) : thrown;

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
    if (count(value, at) > Math.max(...known)) throw new SchemaError(null, 'it was written by a newer bgjob');
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
  (value, at) => {
    if (!Array.isArray(value)) return wrong(at, 'a list');
    let n = 0;
    let isWhole = true;
    const checked: T[] = [];
    try {
      for (; n < value.length; n++) {
        checked.push(schema(value[n], ''));
        isWhole &&= checked[n] === value[n];
      }
    } catch (thrown) {
      throw within(thrown, `${at}[${n}]`);
    }
    return isWhole ? value : checked;
  };

export const variables: Schema<string[]> = (value, at) => {
  const checked = checkList(listOf(text)(value, at));
  if (!checked) throw new SchemaError(null, 'its checksum is wrong: it was changed');
  return checked;
};

function asObject(value: unknown, at: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  return wrong(at, 'an object');
}

/** The object itself if it has these keys and no other: its copy would be a dictionary, and slow to read. */
function checkFields(
  fields: Record<string, Schema<unknown>>,
  keys: string[],
  value: unknown,
  at: string,
): Record<string, unknown> {
  const record = asObject(value, at);
  let checked: Record<string, unknown> | undefined;
  let n = 0;
  try {
    for (; n < keys.length; n++) {
      const key = keys[n]!;
      const found = record[key];
      const known = fields[key]!(found, key);
      if (checked) checked[key] = known;
      else if (known !== found || found === undefined) {
        checked = {};
        for (let before = 0; before < n; before++) checked[keys[before]!] = record[keys[before]!];
        checked[key] = known;
      }
    }
  } catch (thrown) {
    throw within(thrown, at);
  }
  if (checked) return checked;
  let count = 0;
  for (const _ in record) count++;
  if (count === n) return record;
  checked = {};
  for (const key of keys) checked[key] = record[key];
  return checked;
}

/** An object with these keys. Unknown keys are dropped, so that a later version may add some. */
export const object = <F extends Record<string, Schema<unknown>>>(
  fields: F,
): Schema<{ [K in keyof F]: SchemaType<F[K]> }> => {
  const keys = Object.keys(fields);
  return (value, at) => checkFields(fields, keys, value, at) as { [K in keyof F]: SchemaType<F[K]> };
};

/** One of several objects, distinguished by the text in `key`. */
export const variant = <K extends string, F extends Record<string, Record<string, Schema<unknown>>>>(
  key: K,
  cases: F,
): Schema<{ [C in keyof F]: { [P in K]: C } & { [P in keyof F[C]]: SchemaType<F[C][P]> } }[keyof F]> => {
  const known = new Map(
    Object.entries(cases).map(([kind, fields]) => {
      const all: Record<string, Schema<unknown>> = { [key]: text, ...fields };
      return [kind, { all, keys: Object.keys(all) }];
    }),
  );
  return (value, at) => {
    const record = asObject(value, at);
    const kind = text(record[key], at ? `${at}.${key}` : key);
    const found = known.get(kind);
    if (!found) return wrong(at ? `${at}.${key}` : key, [...known.keys()].join(' or '));
    return checkFields(found.all, found.keys, record, at) as never;
  };
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

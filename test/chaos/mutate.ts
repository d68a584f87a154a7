/**
 * Damage to a file, by chance with a seed: what a disk, a crash or a hand may do to it, and what somebody may have written there
 * on purpose. A mutation of a record of JSON may be one that keeps it JSON.
 */

export interface Mutation {
  what: string;
  bytes: Buffer;
  /** Written as by one who knows the format: it may be believed. Everything else has to be found out. */
  forged: boolean;
}
type Chance = () => number;

const pick = <T>(chance: Chance, from: readonly T[]): T => from[Math.floor(chance() * from.length)]!;

const NESTED = 100_000;
const STRANGE = [
  '\u0000',
  '\ufeff',
  'NaN',
  '-0',
  '{}',
  '[]',
  'null',
  '"',
  '\r\n',
  '__proto__',
  '[1,2,',
  '\u2028',
].map((text) => Buffer.from(text));
const INVALID_UTF8 = [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]].map((one) =>
  Buffer.from(one),
);

/** What a value of a record may be replaced by. */
const VALUES: readonly unknown[] = [
  null,
  true,
  '',
  '__proto__',
  'constructor',
  '../../../../etc/passwd',
  '\u0000\u001b]0;x\u0007',
  'x'.repeat(100_000),
  -1,
  0,
  0.5,
  1e308,
  2 ** 31,
  2 ** 53,
  2 ** 53 - 1,
  'NaN',
  [],
  {},
  [null],
  { kind: '__proto__' },
  JSON.parse('{"__proto__": {"phase": "ended"}, "phase": "constructor"}'),
];

/** Bytes changed without a thought of what they mean. */
const BLIND: Record<string, (bytes: Buffer, at: number, chance: Chance) => Buffer> = {
  'bit flipped': (bytes, at, chance) => {
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] ?? 0) ^ (1 << Math.floor(chance() * 8));
    return copy;
  },
  'bytes deleted': (bytes, at, chance) =>
    Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + Math.floor(chance() * 8))]),
  'bytes inserted': (bytes, at, chance) => {
    const more = Buffer.from(Array.from({ length: 1 + Math.floor(chance() * 8) }, () => chance() * 256));
    return Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)]);
  },
  'bytes doubled': (bytes, at) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at >> 1)]),
  'text inserted': (bytes, at, chance) =>
    Buffer.concat([bytes.subarray(0, at), pick(chance, STRANGE), bytes.subarray(at)]),
  'invalid UTF-8': (bytes, at, chance) =>
    Buffer.concat([bytes.subarray(0, at), pick(chance, INVALID_UTF8), bytes.subarray(at + 1)]),
  'rest is zeros': (bytes, at) => Buffer.concat([bytes.subarray(0, at), Buffer.alloc(bytes.length - at)]),
  'BOM before it': (bytes) => Buffer.concat([Buffer.from('\ufeff'), bytes]),
  'nested deep': () => Buffer.from('['.repeat(NESTED)),
  'other bytes': (bytes, _, chance) => Buffer.from(bytes.map(() => chance() * 256)),
  larger: (bytes) => Buffer.concat([bytes, Buffer.alloc(70_000, ' ')]),
};

/** Every place in a value: the object or list that holds it, and its key there. */
function placesIn(value: unknown): { holder: any; key: string }[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [{ holder: value, key }, ...placesIn(inner)]);
}

/** A record that is JSON still; `seal` writes it as the program does. */
function forge(record: any, chance: Chance, pids: number[], seal: (record: any) => string): Mutation {
  const { holder, key } = pick(chance, placesIn(record));
  const value = pick(chance, [...VALUES, ...pids]);
  const dropped = chance() < 0.2;
  if (dropped) delete holder[key];
  else holder[key] = value;
  const shown = dropped ? 'dropped' : (JSON.stringify(value) ?? 'nothing').slice(0, 40);
  return { what: `${key} forged: ${shown}`, bytes: Buffer.from(seal(record)), forged: true };
}

/** One mutation of a file. `pids`: numbers of processes that a record may name; `seal`: for what is JSON. */
export function mutate(
  bytes: Buffer,
  chance: Chance,
  pids: number[],
  seal: (record: any) => string,
): Mutation {
  // an object, or a list
  if ((bytes[0] === 0x7b || bytes[0] === 0x5b) && chance() < 0.4)
    return forge(JSON.parse(bytes.toString()), chance, pids, seal);
  const what = pick(chance, Object.keys(BLIND));
  // what stands behind the record proper (blanks) seldom matters
  const length = bytes.toString('latin1').trimEnd().length || bytes.length;
  const at = Math.floor(chance() * length);
  return { what: `${what} at ${at}`, bytes: BLIND[what]!(bytes, at, chance), forged: false };
}

/**
 * `-e` and `--env-file`: variables for a job, each checked before anything is created. Files have the dialect
 * of Node's --env-file. util.parseEnv is not called: Node before 20.12 has none, its versions differ, and it
 * drops a line that it cannot read without a word.
 */
import { isUtf8 } from 'node:buffer';
import { attempt } from '../../base/fs/atomic-write.ts';
import { LIMIT_TEXT, readFileToEnd } from '../../base/fs/read-all.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import { badLineOfFile, badVariable, cutAtHash, foreignLine, tooLarge } from '../messages/run.ts';
import type { Warning } from '../messages/warnings.ts';

type Warn = (warning: Warning) => void;

const isVariable = (entry: string): boolean => /^[^=\0]+=[^\0]*$/s.test(entry);

const trimBlanks = (text: string): string => text.replace(/^[ \t]+|[ \t]+$/g, '');

/** The line of the first byte that is not UTF-8, counted from 1. */
const foreignLineOf = (bytes: Buffer): number =>
  bytes
    .toString('latin1')
    .split('\n')
    .findIndex((line) => !isUtf8(Buffer.from(line, 'latin1'))) + 1;

/** What no name has. Node would take a name with a blank in it; then a line break is missing. */
const NO_NAME = /[\s\x01-\x1f\x22\x27\x60]/;
/** The three quotes. */
const QUOTE = /^[\x22\x27\x60]/;

/** `NAME=value` for each variable of a file, in their order. `warn` is called for a value that a # ends. */
export function parseEnvFile(bytes: Buffer, file: string, warn: Warn = () => {}): Result<string[]> {
  if (!isUtf8(bytes)) return fail(foreignLine(file, foreignLineOf(bytes), bytes));
  // a byte order mark is not part of a name
  const text = bytes
    .toString()
    .replace(/^\ufeff/, '')
    .replaceAll('\r\n', '\n');
  const entries: string[] = [];
  for (let at = 0, line = 1; at < text.length; line++) {
    const place = { file, line };
    let rest = restOfLine(text, at);
    at += rest.length + 1;
    const equals = rest.indexOf('=');
    if (/^[ \t]*(#|$)/.test(rest)) continue;
    if (equals === -1) return fail(badLineOfFile(place, { kind: 'no-equals' }));
    const name = trimBlanks(rest.slice(0, equals)).replace(/^export[ \t]+/, '');
    if (name === '' || name.includes('\0')) return fail(badLineOfFile(place, { kind: 'no-name' }));
    if (NO_NAME.test(name)) return fail(badLineOfFile(place, { kind: 'bad-name' }));
    rest = rest.slice(equals + 1).replace(/^[ \t]+/, '');
    const quote = QUOTE.exec(rest)?.[0];
    let value: string;
    if (quote === undefined) {
      const [before] = rest.split('#', 1);
      value = trimBlanks(before!);
      if (before !== rest && value !== '' && value === before) warn(cutAtHash(place, name));
    } else {
      const from = at - rest.length;
      const close = text.indexOf(quote, from);
      if (close === -1) return fail(badLineOfFile(place, { kind: 'open-quote', name, quote }));
      value = text.slice(from, close);
      line += value.split('\n').length - 1;
      const after = restOfLine(text, close + 1);
      at = close + 1 + after.length + 1;
      if (!/^[ \t]*(#|$)/.test(after))
        return fail(badLineOfFile({ file, line }, { kind: 'after-quote', name, quote }));
      if (quote === '"') value = value.replaceAll('\\n', '\n');
    }
    if (value.includes('\0')) return fail(badLineOfFile(place, { kind: 'nul', name }));
    entries.push(`${name}=${value}`);
  }
  return ok(entries);
}

function restOfLine(text: string, from: number): string {
  const end = text.indexOf('\n', from);
  return text.slice(from, end === -1 ? text.length : end);
}

/** All variables in their order: files first, so that `-e` overrides them. */
export function readOverrides(
  env: string[],
  files: string[],
  absolute: (path: string) => string,
  warn?: Warn,
): Result<string[]> {
  const entries: string[] = [];
  for (const file of files) {
    const read = attempt('read', file, () => readFileToEnd(absolute(file)));
    if (!read.ok) return read;
    const bytes = read.value;
    if (!bytes) return fail(tooLarge(file, LIMIT_TEXT));
    const parsed = parseEnvFile(bytes, file, warn);
    if (!parsed.ok) return parsed;
    entries.push(...parsed.value);
  }
  const bad = env.find((entry) => !isVariable(entry));
  return bad === undefined ? ok([...entries, ...env]) : fail(badVariable(bad));
}

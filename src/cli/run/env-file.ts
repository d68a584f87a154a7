/** `-e` and `--env-file`: variables for a job, each checked before anything is created. */
import { isUtf8 } from 'node:buffer';
import { closeSync, constants, openSync } from 'node:fs';
import { attempt } from '../../base/fs/atomic-write.ts';
import { LIMIT_TEXT, readToEnd } from '../../base/fs/read-all.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import { REPLACEMENT } from '../command/encoding.ts';
import { badVariable, foreignLine, tooLarge } from '../messages/run.ts';

const isVariable = (entry: string): boolean => /^[^=\0]+=[^\0]*$/s.test(entry);

/** Blank lines, `# comments` and a leading `export ` are skipped, one pair of quotes is removed. */
export function parseEnvFile(bytes: Buffer, file: string): Result<string[]> {
  const entries: string[] = [];
  // a byte order mark is not part of a name
  const lines = bytes
    .toString()
    .replace(/^\ufeff/, '')
    .split(/\r?\n/);
  const foreign = isUtf8(bytes) ? -1 : lines.findIndex((line) => line.includes(REPLACEMENT));
  for (const [n, line] of lines.entries()) {
    if (n === foreign) return fail(foreignLine(file, n + 1));
    if (/^\s*(#|$)/.test(line)) continue;
    const entry = line.replace(/^\s*(export\s+)?/, '').replace(/^([^=]+)=(["'])(.*)\2\s*$/s, '$1=$3');
    if (!isVariable(entry)) return fail(badVariable(`${file}:${n + 1}`, entry));
    entries.push(entry);
  }
  return ok(entries);
}

function readFile(path: string): Buffer | undefined {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    return readToEnd(fd);
  } finally {
    closeSync(fd);
  }
}

/** All variables in their order: files first, so that `-e` overrides them. */
export function readOverrides(
  env: string[],
  files: string[],
  absolute: (path: string) => string,
): Result<string[]> {
  const entries: string[] = [];
  for (const file of files) {
    const read = attempt('read', file, () => readFile(absolute(file)));
    if (!read.ok) return read;
    const bytes = read.value;
    if (!bytes) return fail(tooLarge(file, LIMIT_TEXT));
    const parsed = parseEnvFile(bytes, file);
    if (!parsed.ok) return parsed;
    entries.push(...parsed.value);
  }
  const bad = env.find((entry) => !isVariable(entry));
  return bad === undefined ? ok([...entries, ...env]) : fail(badVariable('--env', bad));
}

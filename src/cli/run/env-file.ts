/** `-e` and `--env-file`: variables for a job, each checked before anything is created. */
import { isUtf8 } from 'node:buffer';
import { closeSync, constants, openSync } from 'node:fs';
import { attempt } from '../../base/fs/atomic-write.ts';
import { LIMIT_TEXT, readToEnd } from '../../base/fs/read-all.ts';
import { safe } from '../../base/text/sanitize.ts';
import { type Failure, fail, ok, type Result } from '../../job/failure.ts';
import { REPLACEMENT } from '../command/encoding.ts';

function check(entry: string, where: string): Failure | undefined {
  if (/^[^=\0]+=[^\0]*$/s.test(entry)) return undefined;
  // never the value: it may be a secret
  const name = entry.includes('=')
    ? 'the name is empty or holds a NUL byte'
    : `"${entry.slice(0, 40)}" has no =`;
  return { code: 'usage', message: `${where}: ${name}; it must be NAME=value` };
}

/** `K=V` lines; blank lines, `# comments` and a leading `export ` are skipped; one pair of quotes around a value is taken off. */
export function parseEnvFile(bytes: Buffer, file: string): Result<string[]> {
  const entries: string[] = [];
  // what some editors put in front is no part of a name
  const lines = bytes
    .toString()
    .replace(/^\ufeff/, '')
    .split(/\r?\n/);
  // as read they are not what is written there
  const foreign = isUtf8(bytes) ? -1 : lines.findIndex((line) => line.includes(REPLACEMENT));
  for (const [n, line] of lines.entries()) {
    if (n === foreign) return fail({ code: 'usage', message: `${file}:${n + 1}: the line is not UTF-8` });
    if (/^\s*(#|$)/.test(line)) continue;
    const entry = line.replace(/^\s*(export\s+)?/, '').replace(/^([^=]+)=(["'])(.*)\2\s*$/s, '$1=$3');
    const failure = check(entry, `${file}:${n + 1}`);
    if (failure) return fail(failure);
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

/** All overrides in their order: files first, so that `-e` has the last word. */
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
    if (!bytes) return fail({ code: 'usage', message: `${safe(file)} is larger than ${LIMIT_TEXT}` });
    const parsed = parseEnvFile(bytes, file);
    if (!parsed.ok) return parsed;
    entries.push(...parsed.value);
  }
  for (const entry of env) {
    const failure = check(entry, '--env');
    if (failure) return fail(failure);
  }
  return ok([...entries, ...env]);
}

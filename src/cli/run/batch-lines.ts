/**
 * Reads the lines of a `--batch` file. Each is a shell line, with a name before it (`lint: npm run lint`,
 * as in a Procfile) or without. Only whether a line can be one word of a command is checked here; batch.ts
 * checks the rest.
 */
import { isUtf8 } from 'node:buffer';
import { readFileToEnd, readToEnd } from '../../base/fs/read-all.ts';
import { errnoOf } from '../../base/result.ts';
import { type BadLine, fail, ok, type Result } from '../../job/failure.ts';
import { isName } from '../../job/home/project.ts';
import { batchIsUtf16, batchTooLarge, READING_BATCH } from '../messages/run.ts';
import { emptyPath } from '../messages/usage.ts';
import type { Output } from '../output/output.ts';

/** One word as execve takes it (MAX_ARG_STRLEN, with its NUL). */
export const LONGEST_WORD_BYTES = 131_071;
const LIMIT_BYTES = 256 * 2 ** 20;
const LIMIT_TEXT = '256 MiB';

export interface BatchLine {
  /** From 1, as editors count. */
  number: number;
  text: string;
  name: string | null;
}
export interface BatchLines {
  lines: BatchLine[];
  bad: BadLine[];
}

/** The colon needs a blank after it: no command is called `lint:`. */
const NAMED = /^\s*([^\s:]{1,64}):\s+(\S.*)$/s;

const NEWLINE = 10;
const RETURN = 13;
const BOM = Buffer.from('\ufeff');

/** Blank lines and comments are skipped; the others keep their bytes, but for a CR at the end. */
export function parseBatch(bytes: Buffer): BatchLines {
  const found: BatchLines = { lines: [], bad: [] };
  const named = new Map<string, number>();
  // checking the whole file is cheaper than checking each line
  const isClean = isUtf8(bytes) && !bytes.includes(0);
  let at = bytes.subarray(0, BOM.length).equals(BOM) ? BOM.length : 0;
  for (let number = 1; at < bytes.length; number++) {
    const newline = bytes.indexOf(NEWLINE, at);
    const end = newline === -1 ? bytes.length : newline;
    const line = bytes.subarray(at, bytes[end - 1] === RETURN && end > at ? end - 1 : end);
    at = end + 1;
    const text = line.toString();
    if (/^\s*(#|$)/.test(text)) continue;
    if (!isClean && line.includes(0)) found.bad.push({ number, trouble: { kind: 'nul' } });
    else if (!isClean && !isUtf8(line)) found.bad.push({ number, trouble: { kind: 'not-utf-8' } });
    else if (line.length > LONGEST_WORD_BYTES)
      found.bad.push({ number, trouble: { kind: 'too-long', bytes: line.length } });
    else {
      const line = nameOf(number, text);
      const first = line.name === null ? undefined : named.get(line.name);
      if (line.name !== null) named.set(line.name, first ?? number);
      if (first === undefined) found.lines.push(line);
      else found.bad.push({ number, trouble: { kind: 'name-twice', name: line.name!, line: first } });
    }
  }
  return found;
}

function nameOf(number: number, text: string): BatchLine {
  const [, name = '', command = ''] = NAMED.exec(text) ?? [];
  return isName(name) ? { number, text: command, name } : { number, text, name: null };
}

export const batchName = (file: string): string => (file === '-' ? 'stdin' : file);

/** The bytes of the file, or of stdin to its end. */
export function readBatch(output: Output, file: string): Result<Buffer> {
  if (file === '') return fail(emptyPath('--batch', 'bgjob run --batch FILE|-'));
  if (file === '-' && output.isTerminal(0) && !output.json) output.note(READING_BATCH);
  let bytes: Buffer | undefined;
  try {
    bytes = file === '-' ? readToEnd(0, LIMIT_BYTES) : readFileToEnd(file, LIMIT_BYTES);
  } catch (thrown) {
    return fail({ code: 'io', doing: 'read', path: batchName(file), errno: errnoOf(thrown) });
  }
  if (!bytes) return fail(batchTooLarge(batchName(file), LIMIT_TEXT));
  if (/^(\xff\xfe|\xfe\xff)/.test(bytes.subarray(0, 2).toString('latin1')))
    return fail(batchIsUtf16(batchName(file), file === '-'));
  return ok(bytes);
}

/**
 * How bgjob knows its own text in a file that belongs to others: a mark with the version and a checksum, and for files such as
 * AGENTS.md a block between two marks. Pure: from the file's text to the new one; every byte outside of the block stays. The
 * text of a file with a block is one of bytes (latin1), so that whatever encoding it has comes out as it went in.
 */
import { createHash } from 'node:crypto';

/** Where a text of bgjob's comes from, and whether it is still as it was written. */
export interface Mark {
  version: string;
  intact: boolean;
}

/** The text with plain line ends: git and editors turn them around. */
export const plainEnds = (text: string): string => text.replaceAll('\r\n', '\n');

const sumOf = (version: string, text: string): string =>
  createHash('sha256')
    .update(`${version}\n${plainEnds(text)}`)
    .digest('hex')
    .slice(0, 16);

/** `0.4.0 1f2e…`, to be read by readMark. */
export const markOf = (version: string, text: string): string => `${version} ${sumOf(version, text)}`;

/** Reads what markOf wrote; undefined if it is none. */
export function readMark(mark: string, text: string): Mark | undefined {
  const [, version, sum] = /^([\w.+-]{1,40}) ([0-9a-f]{16})(?=\s|$)/.exec(mark) ?? [];
  return version === undefined ? undefined : { version, intact: sum === sumOf(version, text) };
}

const LAST_LINE = /<!-- bgjob skill (.*) -->\s*$/;

/** A whole file, its mark in the last line. */
export const markedFile = (version: string, text: string): string =>
  `${text}<!-- bgjob skill ${markOf(version, text)} -->\n`;

/** The mark of a file; undefined if bgjob did not write it. */
export function markOfFile(file: string): Mark | undefined {
  const found = LAST_LINE.exec(file);
  return found ? readMark(found[1]!, file.slice(0, found.index)) : undefined;
}

const END = '<!-- bgjob:end -->';
/** Either mark, on a line of its own, as a hurried hand or a formatter may leave it. */
const MARK_LINE = /^[ \t]*<!--[ \t]*bgjob:(begin|end)\b([^\r\n]*?)(?:-->)?[ \t]*(?=\r?$)/gm;

/** Where a block lies in its file, both marks included, and what its mark says. */
export interface Block {
  from: number;
  to: number;
  mark: Mark | undefined;
}

/** The block as it is written, without the end of its last line. */
export const blockOf = (version: string, text: string): string =>
  `<!-- bgjob:begin ${markOf(version, text)} (bgjob skill --agents-md) -->\n${text}${END}`;

const lineOf = (file: string, at: number): number => file.slice(0, at).split('\n').length;

/** The block of a file; null if there is none. Why, if there is half of one, or more than one. */
export function findBlock(file: string): { ok: true; value: Block | null } | { ok: false; why: string } {
  const marks = [...file.matchAll(MARK_LINE)];
  const [begin, end] = marks;
  if (!begin) return { ok: true, value: null };
  const line = (mark: RegExpExecArray) => `line ${lineOf(file, mark.index)}`;
  if (begin[1] === 'end') return { ok: false, why: `${line(begin)} ends what never began` };
  if (end?.[1] !== 'end') return { ok: false, why: `${line(begin)} begins what never ends` };
  if (marks.length > 2) return { ok: false, why: `${line(marks[2]!)} has one more mark` };
  const text = file.slice(begin.index + begin[0].length, end.index).replace(/^\r?\n/, '');
  return {
    ok: true,
    value: { from: begin.index, to: end.index + end[0].length, mark: readMark(begin[2]!.trim(), text) },
  };
}

/** What a file's lines end with: what its first one does. */
const endOf = (file: string): string => (/^[^\n]*\r\n/.test(file) ? '\r\n' : '\n');

/**
 * The file with the block in the place of the one it has, else at its end, after an empty line. Whether the file ended with a line end
 * can be seen from the block, so that withoutBlock gives the file back as it was.
 */
export function withBlock(file: string, block: string, old: Block | null): string {
  const ending = endOf(file);
  const own = plainEnds(block).replaceAll('\n', ending);
  if (old) return file.slice(0, old.from) + own + file.slice(old.to);
  if (file === '') return own;
  return file.endsWith('\n') ? file + ending + own + ending : file + ending + ending + own;
}

/** The file without its block, and without the empty line that withBlock put before it. */
export function withoutBlock(file: string, { from, to }: Block): string {
  const before = file.slice(0, from);
  const after = file.slice(to);
  const ending = endOf(file.slice(from, to));
  const without = (text: string): string => (before.endsWith(text) ? before.slice(0, -text.length) : before);
  if (after === '') return without(ending + ending);
  const rest = after.replace(/^\r?\n/, '');
  // the empty line still parts what stands above from what stands below
  const above = /^(\r?\n|$)/.test(rest) ? without(ending) : before;
  return (above === '' || above.endsWith('\n') ? above : before) + rest;
}

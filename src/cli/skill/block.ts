/**
 * The marked block in a file that belongs to others, such as AGENTS.md. Pure: from the file's text to the new one; every byte outside
 * of the block stays. The text is one of bytes (latin1), so that whatever encoding the file has comes out as it went in.
 */
import { type Mark, markOf, plainEnds, readMark } from './mark.ts';

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

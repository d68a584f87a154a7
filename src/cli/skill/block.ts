/**
 * How bgjob knows its own text: a page by its last line, and in a file of the user, such as AGENTS.md, a
 * block between two marks. Pure. The text of such a file has one character for each byte (latin1), so all
 * bytes outside of the block stay.
 */

const PAGE_MARK = /<!-- bgjob skill ([\w.+-]+).*-->\s*$/;

/** A page as it is written, its mark in the last line. */
export const markedPage = (version: string, text: string): string =>
  `${text}<!-- bgjob skill ${version} -->\n`;

/** The version that wrote a page; undefined: bgjob did not. */
export const versionOfPage = (page: string): string | undefined => PAGE_MARK.exec(page)?.[1];

/** A block as it is written, without the end of its last line. */
export const blockOf = (version: string, text: string): string =>
  `<!-- bgjob:begin ${version} (bgjob skill --agents-md replaces this block) -->\n${text}<!-- bgjob:end -->`;

/** A mark, on a line of its own, as a formatter may leave it. */
const MARK = /^[ \t]*<!--[ \t]*bgjob:(begin|end)\b[ \t]*(\d[\w.+-]*)?.*$/gm;

/**
 * Where a block lies in its file, with both marks; `version`: that of the bgjob that wrote it, if it says so.
 */
export interface Block {
  from: number;
  to: number;
  version: string | null;
}

/** The block of a file; null: there is none; `damaged`: half of one, or more than one. */
export function findBlock(file: string): Block | null | 'damaged' {
  const [begin, end, ...more] = file.matchAll(MARK);
  if (!begin) return null;
  if (begin[1] !== 'begin' || end?.[1] !== 'end' || more.length > 0) return 'damaged';
  return { from: begin.index, to: end.index + end[0].length, version: begin[2] ?? null };
}

/** The file with this block in the place of the old one, else at its end, after an empty line. */
export function withBlock(file: string, block: string, old: Block | null): string {
  if (old) return file.slice(0, old.from) + block + file.slice(old.to);
  const gap = file === '' ? '' : file.endsWith('\n') ? '\n' : '\n\n';
  return `${file}${gap}${block}\n`;
}

/** The file without its block, and without the empty line before it, unless that parts what remains. */
export function withoutBlock(file: string, { from, to }: Block): string {
  const before = file.slice(0, from);
  const after = file.slice(to).replace(/^\r?\n/, '');
  return (/^(\r?\n|$)/.test(after) ? before.replace(/(^|\n)\r?\n$/, '$1') : before) + after;
}

/**
 * The width of a text on a terminal: wide characters and emoji take two columns, combining marks none. It
 * loads string-width, and is loaded by columns.ts only for other than simple characters.
 */
import stringWidth from 'string-width';

const segmenter = new Intl.Segmenter();

/** The columns of a text without tabs and escape sequences. */
export const measure = (text: string): number => stringWidth(text);

/**
 * Cuts between characters as a reader sees them: parts of at most `columns`. One wide character may be a part
 * of two.
 */
export function split(text: string, columns: number, most = Number.POSITIVE_INFINITY): string[] {
  const parts: string[] = [];
  let [part, used] = ['', 0];
  for (const { segment } of segmenter.segment(text)) {
    const width = stringWidth(segment);
    if (used + width > columns && part !== '') {
      parts.push(part);
      if (parts.length >= most) return parts;
      [part, used] = ['', 0];
    }
    part += segment;
    used += width;
  }
  return [...parts, part];
}

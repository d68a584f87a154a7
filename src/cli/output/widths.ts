/**
 * How many columns a terminal gives to a text: wide characters and emoji take two, marks none. Loads string-width, so it is a file
 * of its own; columns.ts asks it only for what is not plain ASCII.
 */
import stringWidth from 'string-width';

const segmenter = new Intl.Segmenter();

/** The columns of a text without tabs and escape sequences. */
export const measure = (text: string): number => stringWidth(text);

/** Cuts between what a reader takes for characters: the parts, each of at most `columns` (of two, where one character takes that). */
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

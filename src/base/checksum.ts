/**
 * The checksum of a record: its last field, computed from all text before it. A flipped bit makes another
 * valid number of one; with a checksum such a record is unreadable instead of believed. It finds damage, not
 * forgery. A record without a checksum (of 0.2.0, or written by hand) is accepted.
 */

const OPENING = ',"sum":"';
const LENGTH = `${OPENING}01234567"}\n`.length;

/** FNV-1a, 32 bits: any change of a single character changes the result. */
export function checksum(text: string): string {
  let sum = 0x811c9dc5;
  for (let n = 0; n < text.length; n++) sum = Math.imul(sum ^ text.charCodeAt(n), 0x01000193);
  return (sum >>> 0).toString(16).padStart(8, '0');
}

/** The text of a record (an object with at least one field) with its checksum. */
export function withChecksum(record: object): string {
  const text = JSON.stringify(record).slice(0, -1);
  return `${text}${OPENING}${checksum(text)}"}\n`;
}

/** Whether a text ends with a checksum that is wrong. */
export function hasWrongChecksum(text: string): boolean {
  const at = text.length - LENGTH;
  return (
    at > 0 &&
    text.startsWith(OPENING, at) &&
    text.slice(at + OPENING.length, -3) !== checksum(text.slice(0, at))
  );
}

/** The last entry of a list. An older version takes it for one more environment variable. */
const LIST_CHECKSUM = 'BGJOB_SUM=';
const isEntry = (entry: string): boolean => !entry.startsWith(LIST_CHECKSUM);
const lastEntry = (own: string[]): string => `${LIST_CHECKSUM}${checksum(JSON.stringify(own))}`;

/** The text of a list of variables (`NAME=value`) with its checksum. */
export function listWithChecksum(entries: string[]): string {
  const own = entries.filter(isEntry);
  return `${JSON.stringify([...own, lastEntry(own)])}\n`;
}

/** The entries of such a list, without the checksum; undefined if that is wrong. */
export function checkList(entries: string[]): string[] | undefined {
  const own = entries.filter(isEntry);
  const last = entries.at(-1);
  return last?.startsWith(LIST_CHECKSUM) && last !== lastEntry(own) ? undefined : own;
}

/**
 * The seal of a record: its last field, a checksum of everything before it. Where a bit flips, one valid number becomes another:
 * with its seal broken such a record is unreadable instead of believed. It guards against damage, not against somebody who
 * means it; a record without one (of 0.2.0, or written by hand) is taken as it is.
 */

/** Where a seal begins in a text that ends with one; and how long it is, with the end of the record. */
const OPENING = ',"sum":"';
const LENGTH = `${OPENING}01234567"}\n`.length;

/** FNV-1a, 32 bits: a change of a single character always changes it. */
export function checksum(text: string): string {
  let sum = 0x811c9dc5;
  for (let n = 0; n < text.length; n++) sum = Math.imul(sum ^ text.charCodeAt(n), 0x01000193);
  return (sum >>> 0).toString(16).padStart(8, '0');
}

/** The text of a record (an object with at least one field), sealed. */
export function sealed(record: object): string {
  const text = JSON.stringify(record).slice(0, -1);
  return `${text}${OPENING}${checksum(text)}"}\n`;
}

/** Whether a text ends with a seal that is not its own. */
export function isBroken(text: string): boolean {
  const at = text.length - LENGTH;
  return (
    at > 0 &&
    text.startsWith(OPENING, at) &&
    text.slice(at + OPENING.length, -3) !== checksum(text.slice(0, at))
  );
}

/** The last entry of a sealed list. Versions that do not know it take it for one more variable of the environment. */
const LIST_CHECKSUM = 'BGJOB_SUM=';

/** The text of a list of variables (`NAME=value`), sealed. */
export function sealedList(entries: string[]): string {
  const own = entries.filter((entry) => !entry.startsWith(LIST_CHECKSUM));
  return `${JSON.stringify([...own, `${LIST_CHECKSUM}${checksum(JSON.stringify(own))}`])}\n`;
}

/** The entries of such a list, without its seal; undefined if the seal is not its own. A list without one is taken as it is. */
export function openSealedList(entries: string[]): string[] | undefined {
  const own = entries.filter((entry) => !entry.startsWith(LIST_CHECKSUM));
  const seal = entries.at(-1);
  const isSealed = seal?.startsWith(LIST_CHECKSUM);
  return isSealed && seal !== `${LIST_CHECKSUM}${checksum(JSON.stringify(own))}` ? undefined : own;
}

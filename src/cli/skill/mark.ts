/**
 * The mark that bgjob leaves with what it writes into other people's files: its version, and a checksum of the text. By it a text is
 * known as bgjob's own, and whether somebody changed it since; both with either kind of line ends.
 */
import * as crypto from 'node:crypto';

/** Where a text of bgjob's comes from, and whether it is still as it was written. */
export interface Mark {
  version: string;
  intact: boolean;
}

/** The text with plain line ends: git and editors turn them around. */
export const plainEnds = (text: string): string => text.replaceAll('\r\n', '\n');

const sumOf = (version: string, text: string): string =>
  crypto
    .createHash('sha256')
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

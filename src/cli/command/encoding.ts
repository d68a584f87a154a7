/**
 * Finds words and variables that are not UTF-8. Node replaces such bytes by U+FFFD, so a job would get
 * another word than was typed: the call is refused. The bytes are read from /proc; on macOS, without /proc,
 * names are UTF-8 anyway.
 */
import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { ignoreSystemError } from '../../base/result.ts';

/** The character that Node puts in place of bytes that are not UTF-8. */
export const REPLACEMENT = '\ufffd';

/** Our words or variables as the kernel has them, one character per byte; undefined: all of it is UTF-8. */
function readForeign(name: 'cmdline' | 'environ'): string[] | undefined {
  try {
    const bytes = readFileSync(`/proc/self/${name}`);
    return isUtf8(bytes) ? undefined : bytes.toString('latin1').split('\0').slice(0, -1);
  } catch (thrown) {
    ignoreSystemError(thrown);
    return undefined;
  }
}

const isForeign = (text: string): boolean => !isUtf8(Buffer.from(text, 'latin1'));

export function foreignWord(words: string[]): string | undefined {
  // U+FFFD itself is rarely typed: only then the bytes are read
  if (!words.some((word) => word.includes(REPLACEMENT))) return undefined;
  const typed = readForeign('cmdline')?.slice(-words.length);
  return typed && words.find((_, at) => isForeign(typed[at] ?? ''));
}

export function foreignVariable(): string | undefined {
  const entry = readForeign('environ')?.find(isForeign);
  const name = entry && Buffer.from(entry.split('=', 1)[0]!, 'latin1').toString();
  if (!name?.startsWith('BGJOB_NODE_')) return name;
  // two variables of the caller, see bin/bgjob
  return isForeign(entry!.split('|', 1)[0]!) ? 'NODE_EXTRA_CA_CERTS' : 'NODE_OPTIONS';
}

/**
 * What Node cannot tell us: it reads words and variables as UTF-8 and puts U+FFFD where they are something else. A job would get
 * another word than was typed, so both are looked at as bytes, and refused. Without /proc (macOS) names are UTF-8 anyway.
 */
import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { ignoreSystemError } from '../../base/result.ts';

/** What Node puts in place of bytes that are not UTF-8. */
export const REPLACEMENT = '\ufffd';

/** What the kernel keeps of us; undefined where all of it is UTF-8. Else the texts, one character per byte. */
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

/** The first of our last words that is not what was typed. */
export function foreignWord(words: string[]): string | undefined {
  // one that was really typed is rare enough to look twice
  if (!words.some((word) => word.includes(REPLACEMENT))) return undefined;
  const typed = readForeign('cmdline')?.slice(-words.length);
  return typed && words.find((_, at) => isForeign(typed[at] ?? ''));
}

/** The name of the first variable that is not what the caller has set. */
export function foreignVariable(): string | undefined {
  const entry = readForeign('environ')?.find(isForeign);
  return entry && Buffer.from(entry.split('=', 1)[0]!, 'latin1').toString();
}

/** Bad lines of a batch in words. */
import { unreachable } from '../../base/result.ts';
import { clip, safe } from '../../base/text/sanitize.ts';
import type { BadLine } from '../../job/failure.ts';

/** So many bad lines are told, each with its reason; of the others only how many they are. */
const MOST_BAD_LINES = 10;

/** `FILE:17: reason` for the first bad lines of a batch, and how many more there are. */
export function badLineTexts(file: string, bad: BadLine[]): string[] {
  const told = bad
    .slice(0, MOST_BAD_LINES)
    .map((line) => `${clip(safe(file), 200)}:${line.number}: ${badLineText(line)}`);
  return bad.length > told.length ? [...told, `and ${bad.length - told.length} more`] : told;
}

/** Why a line of a batch can be no job, in words. */
export function badLineText({ trouble }: BadLine): string {
  switch (trouble.kind) {
    case 'not-utf-8':
      return 'it is not UTF-8';
    case 'nul':
      return 'it holds a NUL byte';
    case 'too-long':
      return `it has ${trouble.bytes} bytes, and a command may have 131071: a script can be longer`;
    case 'not-found':
      return `${clip(safe(trouble.command), 80)}: command not found`;
    case 'not-executable':
      return `${clip(safe(trouble.command), 80)}: ${trouble.why === 'directory' ? 'is a directory' : 'permission denied'}`;
    case 'syntax':
      return clip(safe(trouble.says), 200);
    case 'name-twice':
      return `line ${trouble.line} has the name ${safe(trouble.name)}, too: one job of a name runs`;
    default:
      return unreachable(trouble);
  }
}

/** Messages about bad lines of a batch. */
import { unreachable } from '../../base/result.ts';
import { clip, safe } from '../../base/text/sanitize.ts';
import type { BadLine } from '../../job/failure.ts';

/** At most so many bad lines are named; the others are counted. */
const MOST_BAD_LINES = 10;

/** `FILE:17: reason` for the first bad lines of a batch, and how many more there are. */
export function badLineTexts(file: string, bad: BadLine[]): string[] {
  const named = bad
    .slice(0, MOST_BAD_LINES)
    .map((line) => `${clip(safe(file), 200)}:${line.number}: ${badLineText(line)}`);
  return bad.length > named.length ? [...named, `and ${bad.length - named.length} more`] : named;
}

/** Why a file that was found cannot be executed. */
export const notExecutable = (why: 'directory' | 'permission'): string =>
  why === 'directory' ? 'is a directory' : 'permission denied';

/** Why a line of a batch cannot be a job. */
export function badLineText({ trouble }: BadLine): string {
  switch (trouble.kind) {
    case 'not-utf-8':
      return 'it is not UTF-8';
    case 'nul':
      return 'it holds a NUL byte';
    case 'too-long':
      return `it has ${trouble.bytes} bytes, but a command may have 131071: a script can be longer`;
    case 'not-found':
      return `${clip(safe(trouble.command), 80)}: command not found`;
    case 'not-executable':
      return `${clip(safe(trouble.command), 80)}: ${notExecutable(trouble.why)}`;
    case 'syntax':
      return clip(safe(trouble.says), 200);
    case 'name-twice':
      return `line ${trouble.line} has the name ${safe(trouble.name)}, too: only one job of a name can run`;
    default:
      return unreachable(trouble);
  }
}

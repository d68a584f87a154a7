/** What `bgjob skill` did, and why it did not. */
import { unreachable } from '../../base/result.ts';
import { safe } from '../../base/text/sanitize.ts';
import type { Failure } from '../../job/failure.ts';
import { quoteWord } from '../../job/view.ts';

/**
 * A change of `bgjob skill` at a place. `next`: the new bytes, null for no file; `old`: the version of the
 * old text.
 */
interface SkillChange {
  place: { name: string; path: string; real: string; found: object | null };
  action: 'written' | 'updated' | 'unchanged' | 'removed' | 'absent';
  next: object | null;
  old: string | null;
}

/** The line about it. `version`: that of this bgjob. */
export function skillChangeText({ place, action, next, old }: SkillChange, version: string): string {
  const { name, path, real, found } = place;
  const file = safe(path) + (real === path ? '' : ` (which is ${safe(real)})`);
  const isBlock = name === 'agents-md';
  const what = isBlock ? `the bgjob block of ${file}` : file;
  const origin = old === null ? 'text that bgjob did not write' : `that of bgjob ${safe(old)}`;
  switch (action) {
    case 'written':
      return isBlock && found ? `added a block to ${file}` : `wrote ${file}`;
    case 'updated':
      return `replaced ${what}${old === version ? '' : `, instead of ${origin}`}`;
    case 'unchanged':
      return `${what} is up to date`;
    case 'absent':
      return `nothing to remove: ${isBlock ? `no bgjob block in ${file}` : `no ${file}`}`;
    case 'removed':
      return `removed ${isBlock && !next ? file : what}${old === version ? '' : `: ${origin}`}`;
  }
}

/** What happened, why, and a command to type next. `errnoText`: a system error in words. */
export function skillMessageOf(
  failure: Extract<Failure, { code: 'skill-refused' }>,
  errnoText: (errno: string) => string,
): { message: string; hint: string } {
  const { trouble, again } = failure;
  const path = safe(failure.path);
  switch (trouble.kind) {
    case 'no-file':
      return {
        message: `${path} is no regular file; nothing was changed`,
        hint: `ls -ld ${quoteWord(failure.path)}`,
      };
    case 'not-ours':
      return {
        message: `${path} was not written by bgjob; nothing was changed`,
        hint: `${safe(again)} does it all the same`,
      };
    case 'meanwhile':
      return { message: `${path} was changed just now by somebody else; it stays so`, hint: safe(again) };
    case 'damaged-block':
      return {
        message: `${path} has half a bgjob block, or more than one; nothing was changed`,
        hint: 'one line "<!-- bgjob:begin -->" and below it one "<!-- bgjob:end -->", or neither; then again',
      };
    case 'outside':
      return {
        message:
          `${path} is ${safe(trouble.real)}, through a symbolic link out of ${safe(trouble.base)}; ` +
          'nothing was changed',
        hint: `${safe(again)} does it all the same`,
      };
    case 'errno':
      return {
        message: `cannot ${trouble.doing} ${path}: ${errnoText(trouble.errno)}`,
        hint: 'bgjob skill (prints the text: put it where your agent reads it)',
      };
    default:
      return unreachable(trouble);
  }
}

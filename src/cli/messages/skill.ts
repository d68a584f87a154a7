/** Why the text for coding agents was not put somewhere, in words. */
import { unreachable } from '../../base/result.ts';
import { safe } from '../../base/text/sanitize.ts';
import type { Failure } from '../../job/failure.ts';
import { quoteWord } from '../../job/view.ts';

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
    case 'changed':
      return {
        message: `what bgjob wrote in ${path} was changed by somebody since; nothing was changed now`,
        hint: `${safe(again)} does it all the same`,
      };
    case 'meanwhile':
      return { message: `somebody changed ${path} just now; nothing was changed there`, hint: safe(again) };
    case 'damaged-block':
      return {
        message: `${path}: the bgjob block is damaged: ${safe(trouble.why)}; nothing was changed`,
        hint: 'one line "<!-- bgjob:begin -->" and, below it, one "<!-- bgjob:end -->", or neither; then again',
      };
    case 'outside':
      return {
        message: `${path} is ${safe(trouble.real)}, through a symbolic link out of ${safe(trouble.base)}; nothing was changed`,
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

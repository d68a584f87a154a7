/** What `tail` says beside the lines of a log. */
import type { Pattern } from '../../base/text/pattern.ts';
import { clip, safe } from '../../base/text/sanitize.ts';
import { cannotCombine, usageError } from './usage.ts';

const MOST_PATTERN = 80;

export const noMatchText = ({ text }: Pattern): string =>
  `(no line matches "${clip(safe(text), MOST_PATTERN)}")`;

/** `tail`: options that mean nothing together. */
export const tailRefusal = {
  headFollow: () =>
    cannotCombine('--head', '--follow', 'bgjob tail -f --full REF shows everything from the beginning'),
  sinceNew: () => cannotCombine('--since', '--new', 'bgjob tail --help'),
  headSince: () => usageError('--head begins at 0: leave out --since and --new', 'bgjob tail --help'),
  badReader: (name: string) =>
    usageError(`--reader: "${safe(name)}" is not a name of letters, digits and . _ -`, 'bgjob tail --help'),
  grepLines: () =>
    usageError(
      '--grep searches the whole log: leave out -n and --head; --max limits the lines',
      'bgjob tail --help',
    ),
} as const;

/** The cursor of `tail --new` could not be written; `reason`: a system error in words. */
export const cursorNotStored = (reason: string, to: number): string =>
  `(the cursor could not be stored: ${reason}; next time: --since ${to})`;

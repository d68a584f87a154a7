/** Usage errors of every verb: words, options and values that mean nothing. What is wrong, and what to type instead. */
import { clip, safe } from '../../base/text/sanitize.ts';
import type { Failure } from '../../job/failure.ts';
import { quoteWord } from '../../job/view.ts';

export type UsageFailure = Extract<Failure, { code: 'usage' }>;

/** A usage error with these words. */
export const usageError = (message: string, hint?: string): UsageFailure => ({
  code: 'usage',
  message,
  ...(hint !== undefined && { hint }),
});

/** `meant`: what to type after `bgjob` instead; undefined: nobody knows. */
export function unknownCommand(word: string, rest: string[], meant: string | undefined): UsageFailure {
  const message = `no command "${word}"`;
  if (meant !== undefined) return usageError(message, `bgjob ${meant}`);
  if (rest.includes('--help')) return usageError(message, 'bgjob --help');
  const line = [word, ...rest].map(quoteWord).join(' ');
  return usageError(message, `bgjob run -- ${clip(safe(line), 200)} (to run it as a job), or bgjob --help`);
}

/** `behind`: the option, where it may stand behind the command of the hint. */
export const unknownFirstOption = (word: string, hint: string, behind?: string): UsageFailure =>
  usageError(
    `unknown option '${word}'`,
    behind === undefined ? hint : `an option follows the command: ${hint} ${clip(safe(behind), 80)}`,
  );

/** `meant`: the option that may have been meant, with its value. */
export const unknownOption = (verb: string, flag: string, meant: string | undefined): UsageFailure =>
  usageError(`unknown option '${flag}'`, `bgjob ${verb} ${meant ?? '--help'}`);

/** `run --detach`. */
export const detachingOption = (flag: string): UsageFailure =>
  usageError(`unknown option '${flag}'`, 'leave it out: a job always runs in the background');

/** `run -c LINE`. */
export const shellOption = (flag: string): UsageFailure =>
  usageError(`unknown option '${flag}'`, "a shell line is one word: bgjob run 'make && make test'");

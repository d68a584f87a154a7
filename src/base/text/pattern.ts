/**
 * Regular expressions as users type them: JavaScript's, without slashes; `(?i)` in front ignores case. V8
 * decides what is valid. The package regexpp explains an error, and parses the tree from which
 * regex-analysis.ts computes literals and cost.
 */
import type { AST } from '@eslint-community/regexpp';
import { type BaseResult, ok } from '../result.ts';
import { literalsOf, stepsOf } from './regex-analysis.ts';
import { clip, safe } from './sanitize.ts';

export interface Pattern {
  text: string;
  regexp: RegExp;
  /** One of these strings is in every matching line (in any case with `(?i)`); null if none is known. */
  literals: string[] | null;
  /** The most steps that testing a line of this length can take; Infinity if that is not known. */
  costOf(lineLength: number): number;
}

const IGNORE_CASE = '(?i)';
const SHOWN_CHARACTERS = 80;

/** Parses a pattern. The error says what is wrong and where; `option`, such as `--until`, stands in front. */
export function parsePattern(option: string, text: string): BaseResult<Pattern> {
  const ignoreCase = text.startsWith(IGNORE_CASE);
  const skipped = ignoreCase ? IGNORE_CASE.length : 0;
  const source = text.slice(skipped);
  const refuse = (why: string): BaseResult<Pattern> => ({
    ok: false,
    failure: { code: 'usage', message: `${option}: ${why}: "${clip(safe(text), SHOWN_CHARACTERS)}"` },
  });
  if (source === '') return refuse('the regular expression is empty');
  let regexp: RegExp;
  try {
    regexp = new RegExp(source, ignoreCase ? 'i' : '');
    // V8 reports a too large expression at its first use
    regexp.test('');
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    const known = parseTree(source);
    if (!('index' in known)) return refuse(reasonOf(thrown.message));
    return refuse(`at character ${skipped + errorPosition(source, known)}: ${reasonOf(known.message)}`);
  }
  const tree = parseTree(source);
  if ('index' in tree || 'unknown' in tree)
    return ok({ text, regexp, literals: null, costOf: () => Number.POSITIVE_INFINITY });
  return ok({
    text,
    regexp,
    literals: analyse(() => literalsOf(tree, ignoreCase), null),
    costOf: (lineLength) => analyse(() => stepsOf(tree, lineLength), Number.POSITIVE_INFINITY),
  });
}

/** Returns `unknown` if the tree is too deep for our stack. V8 accepts such expressions. */
function analyse<T>(read: () => T, unknown: T): T {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof RangeError) return unknown;
    throw thrown;
  }
}

/** The tree; or where regexpp found an error; or `unknown`: regexpp accepts less than V8 does. */
function parseTree(source: string): AST.Pattern | { index: number; message: string } | { unknown: true } {
  // loaded here because most commands have no pattern
  const { RegExpParser, RegExpSyntaxError } =
    require('@eslint-community/regexpp') as typeof import('@eslint-community/regexpp');
  try {
    return new RegExpParser().parsePattern(source);
  } catch (thrown) {
    if (thrown instanceof RegExpSyntaxError) return { index: thrown.index, message: thrown.message };
    if (thrown instanceof RangeError) return { unknown: true };
    throw thrown;
  }
}

/** `Invalid regular expression: /ready (in/: Unterminated group` → `unterminated group`. */
function reasonOf(message: string): string {
  const reason = safe(message.slice(message.lastIndexOf(': ') + 2));
  return reason.charAt(0).toLowerCase() + reason.slice(1);
}

/** The position of an error, from 1; for a group or class that is never closed: where it was opened. */
function errorPosition(source: string, { index, message }: { index: number; message: string }): number {
  if (/unterminated/i.test(message)) return (lastOpened(source) ?? index - 1) + 1;
  // regexpp reports this error before it reads the character
  return /unmatched '\)'/i.test(message) ? index + 1 : Math.max(1, index);
}

function lastOpened(source: string): number | undefined {
  const open: number[] = [];
  let inClass: number | undefined;
  for (let at = 0; at < source.length; at++) {
    const character = source[at];
    if (character === '\\') at++;
    else if (inClass !== undefined) inClass = character === ']' ? undefined : inClass;
    else if (character === '[') inClass = at;
    else if (character === '(') open.push(at);
    else if (character === ')') open.pop();
  }
  return inClass ?? open.at(-1);
}

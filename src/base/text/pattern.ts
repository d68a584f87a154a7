/**
 * A regular expression as somebody types it: JavaScript's, without slashes; `(?i)` in front ignores case. V8 alone decides what
 * is valid; the package regexpp explains what is not, and gives the tree from which the cost of a match is known beforehand.
 */
import type { AST } from '@eslint-community/regexpp';
import { type BaseResult, ok } from '../result.ts';
import { literalsOf, stepsOf } from './regex-analysis.ts';
import { clip, safe } from './sanitize.ts';

/** An expression that compiles. */
export interface Pattern {
  /** As it was typed. */
  text: string;
  regexp: RegExp;
  /** One of these is in every line that matches (in any case if the expression ignores it); null if none is known. */
  literals: string[] | null;
  /** The most steps that testing a line of this many characters can take; Infinity if that is not known. */
  costOf(lineLength: number): number;
}

const IGNORE_CASE = '(?i)';
const SHOWN = 80;

/** The pattern, or what is wrong with it and where; `option` is put in front, e.g. `--until`. */
export function parsePattern(option: string, text: string): BaseResult<Pattern> {
  const ignoreCase = text.startsWith(IGNORE_CASE);
  const skipped = ignoreCase ? IGNORE_CASE.length : 0;
  const source = text.slice(skipped);
  const refuse = (why: string): BaseResult<Pattern> => ({
    ok: false,
    failure: { code: 'usage', message: `${option}: ${why}: "${clip(safe(text), SHOWN)}"` },
  });
  if (source === '') return refuse('the regular expression is empty');
  let regexp: RegExp;
  try {
    regexp = new RegExp(source, ignoreCase ? 'i' : '');
    // only the first use says that it is too large
    regexp.test('');
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    const known = read(source);
    if (!('index' in known)) return refuse(reasonOf(thrown.message));
    return refuse(`at character ${skipped + positionOf(source, known)}: ${reasonOf(known.message)}`);
  }
  const tree = read(source);
  if ('index' in tree || 'unknown' in tree)
    return ok({ text, regexp, literals: null, costOf: () => Number.POSITIVE_INFINITY });
  return ok({
    text,
    regexp,
    literals: walk(() => literalsOf(tree, ignoreCase), null),
    costOf: (lineLength) => walk(() => stepsOf(tree, lineLength), Number.POSITIVE_INFINITY),
  });
}

/** What a tree tells; `unknown` if it is nested too deep for our stack: what V8 takes must not end us. */
function walk<T>(look: () => T, unknown: T): T {
  try {
    return look();
  } catch (thrown) {
    if (thrown instanceof RangeError) return unknown;
    throw thrown;
  }
}

/** The tree, or where regexpp stopped and why, or nothing: it knows less, or is nested too deep for it. */
function read(source: string): AST.Pattern | { index: number; message: string } | { unknown: true } {
  // loaded where a pattern was given: most commands have none
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

/** Counted from 1. What was never closed is told by where it was opened. */
function positionOf(source: string, { index, message }: { index: number; message: string }): number {
  if (/unterminated/i.test(message)) return (openedLast(source) ?? index - 1) + 1;
  // this one it looks at before it takes it
  return /unmatched '\)'/i.test(message) ? index + 1 : Math.max(1, index);
}

/** Where the class or group begins that is still open at the end. */
function openedLast(source: string): number | undefined {
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

/** Parses the words after a verb: where its options end, and the value of each by its kind. */
import { parseDuration, parseSize } from '../../base/clock.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import { badColor, badNumber, needsOperands, tooManyWords } from '../messages/usage.ts';
import {
  COLOR_WORDS,
  COMMON,
  type ColorWord,
  GIVEN,
  type Input,
  isOptional,
  type Option,
  type Options,
  type Verb,
} from './command.ts';
import type { Parsed } from './parse-options.ts';

const takesValue = (option: Option): boolean => option.kind !== 'flag' && !isOptional(option);

/** Splits the words where the options end. `--wait=10s` becomes an option of its own (GIVEN). */
function splitWords(declared: Verb, argv: string[]): { own: string[]; rest: string[]; separated: boolean } {
  const options = { ...declared.options, ...COMMON };
  const own: string[] = [];
  let at = 0;
  for (; at < argv.length; at++) {
    const word = argv[at]!;
    if (word === '--') return { own, rest: argv.slice(at + 1), separated: true };
    if (!word.startsWith('-') || word === '-') {
      if (declared.passThrough) break;
      own.push(word);
      continue;
    }
    const meant = declared.shorthand?.(word);
    if (meant) {
      own.push(...meant);
      continue;
    }
    const [flag, value] = word.split(/=(.*)/s) as [string, string?];
    const optional = Object.entries(options).find(
      ([name, option]) => isOptional(option) && (flag === `--${name}` || flag === option.short),
    );
    own.push(optional && value !== undefined ? `--${optional[0]}${GIVEN}=${value}` : word);
    if (valueFollows(options, word) && at + 1 < argv.length) own.push(argv[++at]!);
  }
  return { own, rest: argv.slice(at), separated: false };
}

/** What --json and --color say, also in words that cannot be parsed; undefined: the first word is no verb. */
export function outputOptionsOf(
  declared: Verb | undefined,
  argv: string[],
): { json: boolean; color: ColorWord } {
  const own = declared ? splitWords(declared, argv).own : argv;
  const at = own.findLastIndex((word) => /^--color(=|$)/.test(word));
  const color = at < 0 ? 'auto' : own[at] === '--color' ? own[at + 1] : own[at]!.slice('--color='.length);
  return { json: own.includes('--json'), color: COLOR_WORDS.find((word) => word === color) ?? 'auto' };
}

/** Whether the next word is its value: `--cwd DIR`, `-C DIR`, `-fC DIR`, but not `--cwd=DIR`, `-CDIR`. */
export function valueFollows(options: Options, word: string): boolean {
  if (word.startsWith('--')) {
    const name = word.slice(2);
    const option = Object.hasOwn(options, name) ? options[name] : undefined;
    return option !== undefined && takesValue(option);
  }
  for (let at = 1; at < word.length; at++) {
    const option = Object.values(options).find(({ short }) => short === `-${word[at]}`);
    if (option && takesValue(option)) return at === word.length - 1;
  }
  return false;
}

/** commander's name of an option. */
const key = (name: string): string =>
  name.replace(/^no-/, '').replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

/**
 * What commander would make of words among which no option has a value (`ls -q`, `status 3 --json`); undefined:
 * commander has to look. To load it and to declare the options takes a tenth of a Node start.
 */
export function parseFlags(options: Options, own: string[]): Parsed | undefined {
  const parsed: Parsed = { raw: {}, operands: [] };
  for (const word of own) {
    if (!word.startsWith('-')) parsed.operands.push(word);
    else {
      const found = Object.entries(options).find(
        ([name, option]) => !takesValue(option) && (word === `--${name}` || word === option.short),
      );
      if (!found) return undefined;
      // commander sets x to false for `--no-x`
      parsed.raw[key(found[0])] = !found[0].startsWith('no-');
    }
  }
  return parsed;
}

export function parseWords(
  declared: Verb,
  argv: string[],
): Result<Input & { json: boolean; color: ColorWord; help: boolean }> {
  const { own, rest, separated } = splitWords(declared, argv);
  const options = { ...declared.options, ...COMMON };
  const flags = parseFlags(options, own);
  const parsed = flags ? ok(flags) : parseWithCommander(declared, own);
  if (!parsed.ok) return parsed;
  const { raw, operands } = parsed.value;
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(options)) {
    const value = convert(name, option, raw);
    if (!value.ok) return value;
    values[name] = value.value;
  }
  const word = (values['color'] ?? 'auto') as string;
  const color = COLOR_WORDS.find((one) => one === word);
  if (color === undefined) return fail(badColor(word));
  const words = [...operands, ...rest];
  const help = values['help'] === true;
  const [least, most] = declared.arity;
  if (!help && (words.length < least || words.length > most)) {
    const { name, operands } = declared;
    if (words.length < least) return fail(needsOperands(name, operands));
    // `--session ID`: this value needs a =
    const before = own[own.indexOf(words[most]!) - 1];
    const option = Object.keys(options).find((one) => isOptional(options[one]!) && before === `--${one}`);
    return fail(tooManyWords(name, words[most]!, option));
  }
  return ok({ options: values as never, words, separated, json: values['json'] === true, color, help });
}

function parseWithCommander(declared: Verb, own: string[]): Result<Parsed> {
  const { parseOptions } = require('./parse-options.ts') as typeof import('./parse-options.ts');
  return parseOptions(declared, own);
}

const PARSERS = {
  duration: parseDuration,
  size: parseSize,
  count: (text: string) => (/^\d{1,9}$/.test(text) ? Number(text) : undefined),
  integer: (text: string) => (/^[+-]?\d{1,9}$/.test(text) ? Number(text) : undefined),
} as const;

function convert(name: string, option: Option, raw: Record<string, unknown>): Result<unknown> {
  const { kind } = option;
  if (kind === 'flag' && name.startsWith('no-')) return ok(raw[key(name)] === false);
  const value = raw[key(name)];
  if (kind === 'flag') return ok(value === true);
  if (kind === 'list') return ok(value ?? []);
  if (kind === 'text') return ok(value ?? null);
  const optional = isOptional(option);
  const text = (optional ? raw[key(`${name}${GIVEN}`)] : value) as string | undefined;
  if (text === undefined)
    return ok(optional && value === true ? (kind === 'optional-text' ? { text: null } : { ms: null }) : null);
  if (kind === 'optional-text') return ok({ text });
  const own = kind === 'optional-duration' ? 'duration' : kind;
  const parsed = PARSERS[own](text);
  if (parsed === undefined) return fail(badNumber(`--${name}`, text, own));
  return ok(optional ? { ms: parsed } : parsed);
}

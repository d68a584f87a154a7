/** Parses the words after a verb: where its options end, and the value of each by its kind. */
import { parseDuration, parseSize } from '../../base/clock.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import { badNumber, needsOperands, tooManyWords } from '../messages/usage.ts';
import { COMMON, GIVEN, type Input, isOptional, type Option, type Options, type Verb } from './command.ts';

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

/** Whether --json is given, also in words that cannot be parsed. */
export const asksJson = (declared: Verb, argv: string[]): boolean =>
  splitWords(declared, argv).own.includes('--json');

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

export function parseWords(declared: Verb, argv: string[]): Result<Input & { json: boolean; help: boolean }> {
  const { own, rest, separated } = splitWords(declared, argv);
  const options = { ...declared.options, ...COMMON };
  // loaded only if there is something to parse
  const { parseOptions } =
    own.length === 0
      ? { parseOptions: undefined }
      : (require('./parse-options.ts') as typeof import('./parse-options.ts'));
  const parsed = parseOptions ? parseOptions(declared, own) : ok({ raw: {}, operands: [] });
  if (!parsed.ok) return parsed;
  const { raw, operands } = parsed.value;
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(options)) {
    const value = convert(name, option, raw);
    if (!value.ok) return value;
    values[name] = value.value;
  }
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
  return ok({ options: values as never, words, separated, json: values['json'] === true, help });
}

const PARSERS = {
  duration: parseDuration,
  size: parseSize,
  count: (text: string) => (/^\d{1,9}$/.test(text) ? Number(text) : undefined),
  integer: (text: string) => (/^[+-]?\d{1,9}$/.test(text) ? Number(text) : undefined),
} as const;

function convert(name: string, option: Option, raw: Record<string, unknown>): Result<unknown> {
  const { kind } = option;
  const key = (long: string) =>
    long.replace(/^no-/, '').replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  // commander sets x to false for `--no-x`
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

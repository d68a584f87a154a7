/**
 * A verb declares itself once: its words, its options with their kinds, examples. Parsing (commander), help and the man
 * page come from this.
 */
import { Command, CommanderError, Option as CommanderOption } from 'commander';
import { parseDuration, parseSize } from '../base/clock.ts';
import { fail, ok, type Result } from '../base/failure.ts';
import type { Context } from './context.ts';

/** What an option's value is; `optional-duration` takes it only with `=`. */
export type Kind = 'flag' | 'text' | 'list' | 'duration' | 'size' | 'count' | 'optional-duration';

interface Values {
  flag: boolean;
  text: string | null;
  list: string[];
  /** Milliseconds. */
  duration: number | null;
  /** Bytes. */
  size: number | null;
  count: number | null;
  'optional-duration': { ms: number | null } | null;
}

export interface Option {
  kind: Kind;
  short?: string;
  /** The word for its value in help. */
  value?: string;
  text: string;
}
type Options = Record<string, Option>;
type ValuesOf<O extends Options> = { [N in keyof O]: Values[O[N]['kind']] };

/** How a command ended: its exit code, and whether that is the job's or ours. */
export interface Exit {
  code: number;
  by: 'job' | 'bgjob';
}
export const SUCCESS: Exit = { code: 0, by: 'bgjob' };

export interface Verb<O extends Options = Options> {
  name: string;
  /** The words after the options, as shown in help. */
  operands: string;
  /** How many words it takes. */
  arity: [least: number, most: number];
  /** From the first word that is no option on, everything belongs to the command that is run. */
  passThrough?: boolean;
  summary: string;
  description: string[];
  examples: [command: string, what: string][];
  options: O;
  run(context: Context, input: Input<O>): Promise<Result<Exit>>;
}
/** What was typed: the values of all options, the other words, and whether `--` stood before them. */
export interface Input<O extends Options = Options> {
  options: ValuesOf<O>;
  words: string[];
  separated: boolean;
}

/** Every verb has these two; they are parsed before all else. */
export const COMMON: Options = {
  json: { kind: 'flag', text: 'one compact JSON object per line' },
  help: { kind: 'flag', short: '-h', text: 'this text' },
};

/** Checks a verb against its own options' types. */
export const verb = <const O extends Options>(declared: Verb<O>): Verb => declared as unknown as Verb;

const takesValue = (option: Option): boolean => option.kind !== 'flag' && option.kind !== 'optional-duration';

/**
 * Where the options end, and with `--wait=10s` in a form that commander can tell from `--wait npm test`: optional values
 * come only with `=`, while commander would take the next word.
 */
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
    const [flag, value] = word.split(/=(.*)/s) as [string, string?];
    const optional = Object.entries(options).find(
      ([name, option]) =>
        option.kind === 'optional-duration' && (flag === `--${name}` || flag === option.short),
    );
    own.push(optional && value !== undefined ? `--${optional[0]}-value=${value}` : word);
    if (valueFollows(options, word) && at + 1 < argv.length) own.push(argv[++at]!);
  }
  return { own, rest: argv.slice(at), separated: false };
}

/** Whether JSON is asked for, also where the words do not parse. */
export const asksJson = (declared: Verb, argv: string[]): boolean =>
  splitWords(declared, argv).own.includes('--json');

/** Whether the next word is this option's value: `--cwd DIR`, `-C DIR`, `-fC DIR`, not `--cwd=DIR`, `-CDIR`. */
function valueFollows(options: Options, word: string): boolean {
  if (word.startsWith('--')) {
    const option = options[word.slice(2)];
    return option !== undefined && takesValue(option);
  }
  for (let at = 1; at < word.length; at++) {
    const option = Object.values(options).find(({ short }) => short === `-${word[at]}`);
    if (option && takesValue(option)) return at === word.length - 1;
  }
  return false;
}

function commanderOptions(name: string, option: Option): CommanderOption[] {
  const flags = `${option.short ? `${option.short}, ` : ''}--${name}`;
  if (option.kind === 'flag') return [new CommanderOption(flags)];
  if (option.kind === 'optional-duration')
    return [new CommanderOption(flags), new CommanderOption(`--${name}-value <value>`).hideHelp()];
  const valued = new CommanderOption(`${flags} <${option.value ?? 'value'}>`);
  if (option.kind === 'list') valued.argParser((value: string, before: string[] = []) => [...before, value]);
  return [valued];
}

/** Parses the words after the verb. */
export function parseWords(declared: Verb, argv: string[]): Result<Input & { json: boolean; help: boolean }> {
  const { own, rest, separated } = splitWords(declared, argv);
  const options = { ...declared.options, ...COMMON };
  const parser = new Command(declared.name)
    .exitOverride()
    .configureOutput({ writeErr: () => {}, writeOut: () => {} })
    .helpOption(false)
    .argument('[words...]');
  for (const [name, option] of Object.entries(options))
    for (const each of commanderOptions(name, option)) parser.addOption(each);
  try {
    parser.parse(own, { from: 'user' });
  } catch (thrown) {
    if (thrown instanceof CommanderError) return fail(usageFailure(declared, thrown));
    throw thrown;
  }
  const raw = parser.opts();
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(options)) {
    const value = convert(name, option, raw);
    if (!value.ok) return value;
    values[name] = value.value;
  }
  const words = [...parser.args, ...rest];
  const help = values['help'] === true;
  const [least, most] = declared.arity;
  if (!help && (words.length < least || words.length > most)) {
    const message =
      words.length < least ? `${declared.name} needs ${declared.operands}` : `too many words: ${words[most]}`;
    return fail({ code: 'usage', message, hint: `bgjob ${declared.name} --help` });
  }
  return ok({ options: values as never, words, separated, json: values['json'] === true, help });
}

function usageFailure(declared: Verb, error: CommanderError) {
  const [first, suggestion] = error.message.replace(/^error: /, '').split('\n');
  const meant = /Did you mean (.+)\?/.exec(suggestion ?? '')?.[1];
  const hint = meant ? `bgjob ${declared.name} ${meant}` : `bgjob ${declared.name} --help`;
  return { code: 'usage', message: first!, hint } as const;
}

/** How a kind of value is read, and what it looks like to people. */
const PARSERS = {
  duration: { parse: parseDuration, like: 'a duration such as 90s, 5m, 1h30m' },
  size: { parse: parseSize, like: 'a size such as 500k, 64M, 2G' },
  count: {
    parse: (text: string) => (/^\d{1,9}$/.test(text) ? Number(text) : undefined),
    like: 'a whole number',
  },
} as const;

function convert(name: string, { kind }: Option, raw: Record<string, unknown>): Result<unknown> {
  const key = (long: string) => new CommanderOption(`--${long}`).attributeName();
  // `--no-x` is commander's word for "x is false"
  if (kind === 'flag' && name.startsWith('no-')) return ok(raw[key(name)] === false);
  const value = raw[key(name)];
  if (kind === 'flag') return ok(value === true);
  if (kind === 'list') return ok(value ?? []);
  if (kind === 'text') return ok(value ?? null);
  const optional = kind === 'optional-duration';
  const text = (optional ? raw[key(`${name}-value`)] : value) as string | undefined;
  if (text === undefined) return ok(optional && value === true ? { ms: null } : null);
  const { parse, like } = PARSERS[optional ? 'duration' : kind];
  const parsed = parse(text);
  if (parsed === undefined) return fail({ code: 'usage', message: `--${name}: "${text}" is not ${like}` });
  return ok(optional ? { ms: parsed } : parsed);
}

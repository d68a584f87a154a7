/**
 * A verb declares itself once: its words, its options with their kinds, examples. Parsing (split-argv.ts), help and the man
 * page come from this.
 */
import type { Result } from '../../job/failure.ts';
import type { Context } from './context.ts';

/** What an option's value is; `optional-…` take it only with `=`. */
export type Kind =
  | ('flag' | 'text' | 'list' | 'duration' | 'size' | 'count' | 'integer')
  | ('optional-duration' | 'optional-text');

interface Values {
  flag: boolean;
  text: string | null;
  list: string[];
  /** Milliseconds. */
  duration: number | null;
  /** Bytes. */
  size: number | null;
  count: number | null;
  /** May be negative. */
  integer: number | null;
  'optional-duration': { ms: number | null } | null;
  'optional-text': { text: string | null } | null;
}

export interface Option {
  kind: Kind;
  short?: string;
  /** The word for its value in help. */
  value?: string;
  text: string;
  /** The head of the group of options that begins with this one, in help. */
  group?: string;
}
export type Options = Record<string, Option>;
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
  /** What a word stands for that other tools taught people to type: `kill -9`, `tail -40`. */
  shorthand?: (word: string) => string[] | undefined;
  /** From the first word that is no option on, everything belongs to the command that is run. */
  passThrough?: boolean;
  /** It starts, stops or changes something: that is done to its end, and told, also where stdout takes no answer. */
  changes?: boolean;
  summary: string;
  /** In the help of the whole tool it has no line of its own, but these words among others. */
  brief?: string;
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
  json: { kind: 'flag', text: 'one compact JSON object per line', group: 'As everywhere' },
  help: { kind: 'flag', short: '-h', text: 'this text' },
};

/** Whether an option may stand without the value that it may have. */
export const isOptional = ({ kind }: Option): boolean => kind.startsWith('optional-');

/**
 * An optional value is an option of its own to commander, which would otherwise take the next word for it;
 * its name ends in what no word can hold.
 */
export const GIVEN = '\0';

/** Checks a verb against its own options' types. */
export const verb = <const O extends Options>(declared: Verb<O>): Verb => declared as unknown as Verb;

/** The declaration of a verb. Parsing, help, man pages and completion are made from it. */
import type { Result } from '../../job/failure.ts';
import type { Context } from './context.ts';

/** The kind of an option's value. The `optional-…` kinds take it only with `=`. */
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
  /** The heading of the group of options that begins with this one, in help. */
  group?: string;
}
export type Options = Record<string, Option>;
type ValuesOf<O extends Options> = { [N in keyof O]: Values[O[N]['kind']] };

/** How a command ended: its exit code, and whether that is the job's or ours. */
export interface Exit {
  code: number;
  by: 'job' | 'bgjob';
}
/** How a call of `with` ended after its tests have run. */
export interface TestsExit {
  code: number;
  by: 'tests';
}
export const SUCCESS: Exit = { code: 0, by: 'bgjob' };

export interface Verb<O extends Options = Options> {
  name: string;
  /** The words after the options, as shown in help. */
  operands: string;
  /** How many words it takes. */
  arity: [least: number, most: number];
  /** The words that a habit from other tools stands for: `kill -9`, `tail -40`. */
  shorthand?: (word: string) => string[] | undefined;
  /** The first word that is no option begins the command that is run. */
  passThrough?: boolean;
  /** The verb starts, stops or changes something. It does so completely, even if stdout takes no answer. */
  changes?: boolean;
  summary: string;
  /** The verb has no line of its own in the general help, but stands in the list below with this remark. */
  brief?: string;
  /** Programs call it, and people do not: it is not in the general help. */
  hidden?: boolean;
  /** The exit code is always 0: a host of an agent takes another one for a refusal. */
  exitsZero?: boolean;
  /** Lines of text; an empty one ends a paragraph. */
  description: string[];
  examples: [command: string, what: string][];
  options: O;
  run(context: Context, input: Input<O>): Promise<Result<Exit | TestsExit>>;
}
/** A parsed call: the values of all options, the other words, and whether `--` stood before them. */
export interface Input<O extends Options = Options> {
  options: ValuesOf<O>;
  words: string[];
  separated: boolean;
}

/** When a call prints colours; `auto`: NO_COLOR and FORCE_COLOR decide, else the terminal. */
export const COLOR_WORDS = ['never', 'always', 'auto'] as const;
export type ColorWord = (typeof COLOR_WORDS)[number];

export const COMMON: Options = {
  json: { kind: 'flag', text: 'print one JSON object per line', group: 'Everywhere' },
  color: { kind: 'text', value: 'never|always|auto', text: 'print colours; auto: on a terminal' },
  help: { kind: 'flag', short: '-h', text: 'show this help' },
};

/** Whether an option may stand without the value that it may have. */
export const isOptional = ({ kind }: Option): boolean => kind.startsWith('optional-');

/**
 * The end of a name. commander takes the next word for an optional value, so `--wait=10s` is an option of
 * its own: `--wait\0`. No word of a command line can hold a NUL.
 */
export const GIVEN = '\0';

/** Declares a verb: `run` is checked against the types of its options. */
export const verb = <const O extends Options>(declared: Verb<O>): Verb => declared as unknown as Verb;

export const paragraphs = ({ description }: Verb): string[] =>
  description
    .join('\n')
    .split('\n\n')
    .map((one) => one.replaceAll('\n', ' '));

/**
 * What may stand where on a bgjob command line, for the shells' completions: from the table of verbs alone, so that a new verb or option
 * is completed as soon as it is declared.
 */
import { STATE_WORDS } from '../../job/view.ts';
import { COMMON, type Option, type Verb } from '../command/command.ts';
import type { WordKind } from './candidates.ts';

/** What a word may be: one of these, one of those that bgjob is asked for, a path. */
export interface Words {
  literal: string[];
  live: WordKind | null;
  path: 'file' | 'directory' | null;
}

export interface OptionWords {
  /** Without the dashes. */
  long: string;
  short: string | null;
  text: string;
  /** The word for its value in help, and what that may be; null: it takes none. */
  value: { name: string; words: Words } | null;
  /** Its value comes only with `=`. */
  isOptional: boolean;
  isRepeatable: boolean;
}

export interface VerbWords {
  name: string;
  summary: string;
  options: OptionWords[];
  /** From its first other word on there is a command. */
  runsCommand: boolean;
  /** The first word, where that is one of several, and what follows each; in the order of the help. */
  actions: { name: string; words: Words }[];
  /** Every other word. */
  operands: Words;
}

const NOTHING: Words = { literal: [], live: null, path: null };
const live = (kind: WordKind | null): Words => ({ ...NOTHING, live: kind });

/** What the capitals stand for. */
const PATHS: Record<string, Words['path']> = { FILE: 'file', PATH: 'file', DIR: 'directory' };
const SETS: Record<string, readonly string[]> = {
  STATE: STATE_WORDS,
  SIG: ['TERM', 'KILL', 'INT', 'HUP', 'QUIT', 'USR1', 'USR2', 'STOP', 'CONT'],
};
/** Options whose NAME is that of something which is there. */
const NAMED: Record<string, WordKind> = { queue: 'queues', name: 'names', trigger: 'triggers' };
/** Verbs whose NAME is. */
const OWN_NAMES: Record<string, WordKind> = { queue: 'queues', cron: 'schedules', trigger: 'triggers' };
/** To these verbs a job that has ended means nothing, or little. */
const OF_THE_LIVING = ['kill', 'send', 'pause', 'resume', 'move'];

/** `trim|kill`, `null|hold|FILE|-`, `DIR`, `REF`. */
function wordsOf(value: string, option: string): Words {
  const parts = value.split('|');
  const capitals = parts.filter((part) => /^[A-Z]+$/.test(part));
  return {
    literal: [
      ...parts.filter((part) => /^([a-z-]+|-)$/.test(part)),
      ...capitals.flatMap((name) => SETS[name] ?? []),
    ],
    live: parts.includes('REF') ? 'jobs' : parts.includes('NAME') ? (NAMED[option] ?? null) : null,
    path: capitals.map((name) => PATHS[name]).find((path) => path !== undefined) ?? null,
  };
}

const optionOf = ([long, { kind, short, value = '', text }]: [string, Option]): OptionWords => ({
  long,
  short: short?.slice(1) ?? null,
  text,
  value: kind === 'flag' ? null : { name: value, words: wordsOf(value, long) },
  isOptional: kind.startsWith('optional-'),
  isRepeatable: kind === 'list',
});

/** `[list | set NAME --slots N]`, `add EXPR [-- COMMAND...] | ls [NAME]`: the actions, and whether each takes a name. */
function actionsOf({ name, operands }: Verb): VerbWords['actions'] {
  const ways = operands.replace(/^\[(.*)\]$/, '$1').split(' | ');
  if (ways.length < 2 || !ways.every((way) => /^[a-z]/.test(way))) return [];
  return ways.map((way) => {
    const action = /^[a-z]+/.exec(way)![0];
    const isNew = action === 'add';
    return { name: action, words: live(way.includes('NAME') && !isNew ? (OWN_NAMES[name] ?? null) : null) };
  });
}

function operandsOf({ name, operands }: Verb): Words {
  if (operands.includes('REF')) return live(OF_THE_LIVING.includes(name) ? 'live' : 'jobs');
  return /^[a-z]+(\|[a-z]+)+$/.test(operands) ? { ...NOTHING, literal: operands.split('|') } : NOTHING;
}

/** The table of verbs as a shell needs it. */
export function typingOf(verbs: readonly Verb[]): VerbWords[] {
  const help: VerbWords = {
    name: 'help',
    summary: 'what a command does',
    options: [],
    runsCommand: false,
    actions: [],
    operands: { ...NOTHING, literal: verbs.map(({ name }) => name) },
  };
  const own = verbs.map((verb) => ({
    name: verb.name,
    summary: verb.summary,
    options: Object.entries<Option>({ ...verb.options, ...COMMON }).map(optionOf),
    runsCommand: verb.passThrough === true,
    actions: verb.passThrough ? [] : actionsOf(verb),
    operands: verb.passThrough ? NOTHING : operandsOf(verb),
  }));
  return [...own, help];
}

/** The options as typed: `--name`, `-n`. */
export const flagsOf = ({ long, short }: OptionWords): string[] => [
  `--${long}`,
  ...(short === null ? [] : [`-${short}`]),
];

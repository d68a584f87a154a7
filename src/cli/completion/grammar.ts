/**
 * What each word of a bgjob call may be, from the table of verbs alone: a new verb or option needs nothing
 * here.
 */
import { STATE_WORDS } from '../../job/view.ts';
import type { Verb } from '../command/command.ts';
import type { WordKind } from './candidates.ts';

/** The candidates for a word: fixed words, words that are read from the home, or paths. */
export interface Words {
  literal: readonly string[];
  live?: WordKind | undefined;
  path?: 'files' | 'directories' | undefined;
}

const NOTHING: Words = { literal: [] };

/** What the capitals in help stand for. */
const PATHS: Record<string, Words['path']> = { FILE: 'files', PATH: 'files', DIR: 'directories' };
const SETS: Record<string, readonly string[]> = {
  STATE: STATE_WORDS,
  SIG: ['TERM', 'KILL', 'INT', 'HUP', 'QUIT', 'USR1', 'USR2', 'STOP', 'CONT'],
};
/** Options whose NAME is that of something that exists. */
const NAMED: Record<string, WordKind> = { queue: 'queues', name: 'names', trigger: 'triggers' };
/** Verbs whose NAME is. */
const OWN_NAMES: Record<string, WordKind> = { queue: 'queues', cron: 'schedules', trigger: 'triggers' };
/** Verbs that do nothing to a job that has ended. */
const FOR_LIVE_JOBS = ['kill', 'send', 'pause', 'resume', 'set', 'move'];

function liveOf(option: string, parts: string[]): WordKind | undefined {
  if (parts.includes('REF')) return 'jobs';
  if (parts.includes('TARGET')) return 'targets';
  return parts.includes('NAME') ? NAMED[option] : undefined;
}

/** The value of an option: `trim|kill`, `null|hold|FILE|-`, `DIR`, `REF`. */
export function valueWords(option: string, value: string): Words {
  const parts = value.split('|');
  return {
    literal: parts.flatMap((part) => SETS[part] ?? (/^([a-z-]+|-)$/.test(part) ? [part] : [])),
    live: liveOf(option, parts),
    path: parts.map((part) => PATHS[part]).find(Boolean),
  };
}

/** A word of a verb that is no option. `action`: its first word, if there was one before this. */
export function operandWords({ name, operands }: Verb, action: string | undefined): Words {
  // `[list | set NAME --slots N]`, `add EXPR [-- COMMAND...] | ls [NAME]`
  const forms = operands.replace(/^\[(.*)\]$/, '$1').split(' | ');
  if (forms.length > 1 && forms.every((form) => /^[a-z]/.test(form))) {
    if (action === undefined) return { literal: forms.map((form) => /^[a-z]+/.exec(form)![0]) };
    const form = forms.find((one) => one.split(' ')[0] === action);
    const isKnown = form?.includes('NAME') && action !== 'add';
    return isKnown ? { literal: [], live: OWN_NAMES[name] } : NOTHING;
  }
  if (operands.includes('TARGET')) return { literal: [], live: 'targets' };
  if (operands.includes('REF')) return { literal: [], live: FOR_LIVE_JOBS.includes(name) ? 'live' : 'jobs' };
  return /^[a-z]+(\|[a-z]+)+$/.test(operands) ? { literal: operands.split('|') } : NOTHING;
}

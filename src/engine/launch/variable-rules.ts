/**
 * The one table of the variables that a job does not get as its caller has them: which, in which jobs, what
 * becomes of them, and why. docs/configuration.md shows the same rows, and test/unit/engine/launch/
 * variable-rules.test.ts compares the two. A variable that is not in the table reaches the job unchanged.
 */
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { isSendable, type Spec } from '../../job/spec.ts';
import { findTool } from '../os/programs.ts';
import { gitDirectoryOf } from './git-directory.ts';

/** What the rules look at. */
export interface JobFacts extends Pick<Spec, 'stdin' | 'pty' | 'cwd'> {
  caller: NodeJS.ProcessEnv;
  /** The directory of the call; undefined: it was removed. */
  callDirectory: string | undefined;
  /** The job is one of a schedule or trigger: its variables are chosen. */
  isChosen: boolean;
}

export interface VariableRule {
  names: readonly string[];
  /** One word for JSON; null: the rule only sets a variable that is not set. */
  why: string | null;
  applies: (facts: JobFacts) => boolean;
  /** The value in the job; undefined: none. `value` is undefined where the caller's is not set or blank. */
  to: (value: string | undefined, facts: JobFacts, name: string) => string | undefined;
}

/**
 * A program that says on stderr that no person is there, and fails. git gives the text of an editor to a
 * shell, and executes that of an askpass: only a path without special characters means the same to both.
 */
const OWN_STAND_IN = join(__dirname, '..', 'bin', 'no-person');
export const STAND_IN = /^[\w./+@:,-]+$/.test(OWN_STAND_IN) ? OWN_STAND_IN : (findTool('false') ?? 'false');

/** Programs that ask no person, as the first word of an editor (`true`, `sed -i …`) or askpass (`echo`). */
const ASKS_NOBODY = /^\s*(\/\S*\/)?(:|true|false|cat|cp|echo|mv|perl|printf|sed|tee|touch)(\s|$)/;

const withDefault = (otherwise: string) => (value: string | undefined) => value ?? otherwise;
const removed = (): undefined => undefined;

/** In a job inside of a job the stand-in may be the caller's value: `send` can answer the real program. */
function failing(value: string | undefined, facts: JobFacts): string | undefined {
  if (isSendable(facts)) return value === STAND_IN ? undefined : value;
  return value === undefined || ASKS_NOBODY.test(value) ? value : STAND_IN;
}

/** A jobserver is the list of free slots of a `make -j`, as two descriptors or a FIFO of that make. */
const NAMES_JOBSERVER = /^--jobserver-/;
const OF_JOBSERVER = /^(--jobserver-|--sync-mutex|-j\d*$|--jobs(=|$))/;

/** `MAKEFLAGS` without what a job outlives. make escapes blanks, and writes variables after ` -- `. */
export function withoutJobserver(value: string): string | undefined {
  const words = [...value.matchAll(/(\s*)((?:\\[\s\S]|[^\s\\])+)/g)];
  const end = words.findIndex(([, , word]) => word === '--');
  const flags = end < 0 ? words : words.slice(0, end);
  if (!flags.some(([, , word]) => NAMES_JOBSERVER.test(word!))) return value;
  const kept = flags.filter(([, , word]) => !OF_JOBSERVER.test(word!));
  const text = [...kept, ...words.slice(flags.length)].map(([whole]) => whole).join('');
  return text.trim() === '' ? undefined : text;
}

/** What `git rev-parse --local-env-vars` prints, in all versions from 2.20 to 2.50. */
export const GIT_LOCAL = [
  'GIT_ALTERNATE_OBJECT_DIRECTORIES',
  'GIT_COMMON_DIR',
  'GIT_CONFIG',
  'GIT_CONFIG_COUNT',
  'GIT_CONFIG_PARAMETERS',
  'GIT_DIR',
  'GIT_GRAFT_FILE',
  'GIT_IMPLICIT_WORK_TREE',
  'GIT_INDEX_FILE',
  'GIT_INTERNAL_SUPER_PREFIX',
  'GIT_NO_REPLACE_OBJECTS',
  'GIT_OBJECT_DIRECTORY',
  'GIT_PREFIX',
  'GIT_REPLACE_REF_BASE',
  'GIT_SHALLOW_FILE',
  'GIT_WORK_TREE',
] as const;

/** Whether `-C` leads from the repository of the call, or of its GIT_DIR, into another one. */
function isOtherRepository({ caller, callDirectory, cwd }: JobFacts): boolean {
  if (callDirectory === undefined || callDirectory === cwd) return false;
  // no disk is read for a call without such a variable
  if (!GIT_LOCAL.some((name) => caller[name])) return false;
  const own = gitDirectoryOf(callDirectory, caller['GIT_DIR']);
  const there = own && gitDirectoryOf(cwd);
  return there !== undefined && there !== own;
}

const contradicts = (value: string | undefined, size: number): string | undefined =>
  Number(value) === size ? value : undefined;

/** What cron and systemd give a job, from the user database. A container may run as a user without an entry. */
function accountValue(name: string): string | undefined {
  try {
    const { homedir, shell, username } = userInfo();
    return { HOME: homedir, SHELL: shell }[name] ?? (name === 'SHELL' ? undefined : username);
  } catch {
    return undefined;
  }
}

const always = () => true;
const unattended = (facts: JobFacts) => !isSendable(facts);

const ACCOUNT = ['HOME', 'SHELL', 'USER', 'LOGNAME'] as const;

/** The same with the variables of the account; records of before 0.11 lack USER and LOGNAME. */
export function withAccount(environment: string[]): string[] {
  const added = ACCOUNT.filter((name) => !environment.some((entry) => entry.startsWith(`${name}=`)));
  const entries = added.flatMap((name) => accountValue(name)?.replace(/^/, `${name}=`) ?? []);
  return [...entries, ...environment];
}

export const VARIABLE_RULES: readonly VariableRule[] = [
  { names: ['PYTHONUNBUFFERED'], why: null, applies: always, to: withDefault('1') },
  { names: ['PAGER', 'GIT_PAGER'], why: null, applies: unattended, to: withDefault('cat') },
  { names: ['GIT_TERMINAL_PROMPT'], why: null, applies: unattended, to: withDefault('0') },
  { names: ['TERM'], why: null, applies: ({ pty }) => pty !== null, to: withDefault('xterm-256color') },
  {
    names: ['COLUMNS', 'LINES'],
    why: 'terminal-size',
    applies: ({ pty }) => pty !== null,
    to: (value, { pty }, name) => contradicts(value, name === 'LINES' ? pty!.rows : pty!.columns),
  },
  // gpg would ask for a passphrase there, and wait. Not set it means the terminal of the job
  { names: ['GPG_TTY'], why: 'other-terminal', applies: always, to: removed },
  {
    names: ['GIT_EDITOR', 'GIT_SEQUENCE_EDITOR', 'VISUAL', 'EDITOR'],
    why: 'no-person',
    applies: always,
    to: failing,
  },
  {
    names: ['SUDO_EDITOR', 'SVN_EDITOR', 'HGEDITOR', 'KUBE_EDITOR', 'JJ_EDITOR', 'FCEDIT'],
    why: 'no-person',
    applies: always,
    to: failing,
  },
  { names: ['GIT_ASKPASS', 'SUDO_ASKPASS'], why: 'no-person', applies: always, to: failing },
  {
    names: ['SSH_ASKPASS'],
    why: 'no-person',
    applies: always,
    // not set it means ssh-askpass, which opens a window where there is a DISPLAY
    to: (value, facts) => failing(value, facts) ?? (unattended(facts) ? STAND_IN : undefined),
  },
  {
    names: ['MAKEFLAGS', 'MFLAGS', 'CARGO_MAKEFLAGS'],
    why: 'jobserver',
    applies: always,
    to: (value) => value && withoutJobserver(value),
  },
  {
    names: ['GIT_INDEX_FILE'],
    why: 'git-lock',
    applies: ({ caller }) => Boolean(caller['GIT_INDEX_FILE']?.endsWith('.lock')),
    to: removed,
  },
  {
    names: ['GIT_QUARANTINE_PATH'],
    why: 'git-quarantine',
    applies: always,
    to: removed,
  },
  {
    names: ['GIT_OBJECT_DIRECTORY', 'GIT_ALTERNATE_OBJECT_DIRECTORIES'],
    why: 'git-quarantine',
    applies: ({ caller }) => Boolean(caller['GIT_QUARANTINE_PATH']),
    to: removed,
  },
  { names: GIT_LOCAL, why: 'other-repository', applies: isOtherRepository, to: removed },
  {
    names: ACCOUNT,
    why: null,
    applies: ({ isChosen }) => isChosen,
    to: (value, _, name) => value ?? accountValue(name),
  },
];

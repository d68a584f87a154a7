/**
 * How a job is called under its shim: the text of shim.sh with the facts of this call in front, the words of the command, and
 * the environment, in which no shell on the way changes a variable.
 */
import { closeSync, constants, openSync, realpathSync } from 'node:fs';
import type { JobPaths } from '../../job/home/paths.ts';
import { isSendable, type Spec } from '../../job/spec.ts';
import { HAS_PROC } from '../os/process-identity.ts';
import { envSplits, newSession, requireTool } from '../os/programs.ts';
import { quote } from '../os/shell-quote.ts';
import { readStatBody, withPreface } from './preface.ts';
import { CARRIED_LINES, LEADER_TEXT, leaderText, ptyCommand, readHandoverBody } from './pty-shim.ts';
import shimText from './shim.sh';

/** How to start the program that takes a dead supervisor's place. */
export interface AdopterCall {
  node: string;
  supervisor: string;
  home: string;
  id: number;
  environment: Record<string, string>;
}

/** How often in a row an adopter that was killed is replaced. */
const MOST_ADOPTERS = 1000;

/** Starts the adopter. `env -i`: it obeys no variable of the job and carries no marker. */
function adopt({ node, supervisor, home, id, environment }: AdopterCall): string {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const words = [requireTool('env'), '-i', ...variables, node, supervisor, home, String(id), '--adopt'];
  return `${words.map(quote).join(' ')} 9>&-`;
}

/**
 * The words that become the job: `env` with what a shell cannot hand on, then `before`, then the command. An `env` that knows -S finds
 * the values in its own environment: as words of it everybody could read them, for an instant.
 */
function commandWords(carried: string[], keepsOwn: boolean, before: string[], unset: string[] = []): string {
  const aliases = carried.map((_, n) => `BGJOB_ENV_${n}`);
  const options = [...(keepsOwn ? [] : SHELLS_OWN), ...unset, ...aliases].map((name) => `-u ${name}`);
  const split = ['-S', quote([...options, '--', ...aliases.map((name) => `\${${name}}`)].join(' '))];
  const plain = [...options, '--', ...aliases.map((name) => `"$${name}"`)];
  // env before setsid: a program whose path holds a `=` would be an assignment to env
  const env = [quote(requireTool('env')), ...(aliases.length > 0 && envSplits() ? split : plain)];
  // each program on the way to the job's own takes as long as that
  return [...(options.length === 0 ? [] : env), ...before].join(' ');
}

/** The longest word that Linux lets a program be called with, bytes (MAX_ARG_STRLEN, execve(2)). */
const LONGEST_WORD = 131_071;
/** So many characters fit into one environment variable, whose limit is 128 KiB: a character has four bytes at most. */
const PIECE = /[\s\S]{1,30000}/gu;

/** The words of the job as variables of the shim: text for `eval "set -- …"`, cut where one variable would be too long. */
function wordVariables(argv: string[]): { variables: Record<string, string>; take: string } {
  // a shell would say so in the log of the job, as if that had been executed
  if (HAS_PROC && argv.some((word) => Buffer.byteLength(word) > LONGEST_WORD))
    throw Object.assign(new Error('a word is too long for exec'), { code: 'E2BIG' });
  const pieces = argv.map(quote).join(' ').match(PIECE)!;
  const variables = Object.fromEntries(pieces.map((piece, n) => [`BGJOB_ENV_W${n}`, piece]));
  const names = Object.keys(variables);
  const take = `eval "set -- ${names.map((name) => `$${name}`).join('')}"`;
  return { variables, take: `${take}; unset ${[...names, SHIM_TEXT].join(' ')}` };
}

/** The variable that holds the text of the shim. */
const SHIM_TEXT = 'BGJOB_ENV_S';

/** What some shell exports by itself; PATH: busybox, where there is none. */
const SHELLS_OWN = ['PATH', 'PWD', 'OLDPWD', 'SHLVL', '_'];

const dashes = new Map<string, boolean>();
/** Whether a shell leaves these as they are: dash does, where PWD tells the directory. Then the job needs no program that sets them right. */
function leavesOwn(sh: string, environment: string[], cwd: string): boolean {
  const isDash = dashes.get(sh) ?? realpathSync(sh).endsWith('/dash');
  dashes.set(sh, isDash);
  return isDash && environment.includes(`PWD=${cwd}`);
}

/**
 * What a shell obeys (TMOUT: bash gives up `read` after so many seconds, and the watcher would take that for the supervisor's death),
 * counts (RANDOM, SECONDS) or drops (PS1).
 */
const OBEYED = new RegExp(
  `^(${[
    'LD_.*|DYLD_.*|IFS|ENV|SHELLOPTS|POSIXLY_CORRECT|BASH.*|TMOUT|BGJOB_ENV_.*',
    'PS\\d|PPID|UID|EUID|LINENO|OPT.*|S?RANDOM|SECONDS|EPOCH.*|HISTCMD|COMP_WORDBREAKS',
  ].join('|')})$`,
);

/**
 * Whether a shell would drop, change or obey a variable on its way to the job, or shim.sh uses the name itself.
 * Such a one travels as `BGJOB_ENV_n` and becomes itself between two execs, in no argv that lives on.
 */
const isCarried = (name: string, keepsOwn: boolean, pty: boolean): boolean =>
  !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ||
  (pty && name === 'SHELL') ||
  (!keepsOwn && SHELLS_OWN.includes(name)) ||
  OBEYED.test(name) ||
  name.startsWith('shim_');

export interface ShimCall {
  /** The program, then its arguments. */
  program: string;
  args: string[];
  environment: Record<string, string>;
}

/** Descriptors of the shim: the files in which it writes its record and the exit status, see shim.sh. */
const [RECORD_FD, EXIT_FD] = [7, 8];

/** The file of a descriptor, opened anew: it is found also when it has moved. Elsewhere than on Linux that would be the same open file, with its offset. */
const reopened = (fd: number, path: string): string => (HAS_PROC ? `/proc/self/fd/${fd}` : path);

/** The two, in this order, for a shim to inherit. Throws system errors. */
export function openRecords(job: JobPaths, attempt: number): number[] {
  const open = (path: string) => openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
  const record = open(job.shim);
  try {
    return [record, open(job.exit(attempt))];
  } catch (thrown) {
    closeSync(record);
    throw thrown;
  }
}

/** How to run `argv` with `environment` (`NAME=value` each) under a shim. */
export function shimCall(
  call: AdopterCall,
  job: JobPaths,
  attempt: number,
  { argv, cwd, stdin, pty }: Pick<Spec, 'argv' | 'cwd' | 'stdin' | 'pty'>,
  environment: string[],
  sh = requireTool('sh'),
): ShimCall {
  const keepsOwn = pty === null && leavesOwn(sh, environment, cwd);
  const own: Record<string, string> = {};
  const carried: string[] = [];
  for (const entry of environment) {
    const equals = entry.indexOf('=', 1);
    const name = entry.slice(0, equals);
    if (isCarried(name, keepsOwn, pty !== null)) {
      own[`BGJOB_ENV_${carried.length}`] = entry;
      carried.push(name);
    } else {
      own[name] = entry.slice(equals + 1);
    }
  }
  const record = reopened(RECORD_FD, job.shim);
  const setsid = newSession().map(quote);
  const words = wordVariables(argv);
  const runLeader = `${words.take}; exec ${commandWords(carried, false, ['"$@"'], ['SHELL', ...CARRIED_LINES])}`;
  const text = withPreface(
    shimText,
    {
      shim_exit: reopened(EXIT_FD, job.exit(attempt)),
      shim_record: record,
      shim_stdin: isSendable({ stdin }) ? job.stdin : '',
      shim_end: job.stdinEnd,
      shim_pty: pty ? requireTool('sh') : '',
      shim_adopters: MOST_ADOPTERS,
    },
    {
      read_stat: readStatBody(),
      ...(pty ? { read_handover: readHandoverBody() } : {}),
      adopt: adopt(call),
      run_job: pty
        ? `exec ${ptyCommand(setsid)}`
        : `${words.take}; exec ${commandWords(carried, keepsOwn, [...setsid, '"$@"'])}`,
    },
  );
  return {
    program: sh,
    args: ['-c', `eval "$${SHIM_TEXT}"`],
    environment: {
      ...own,
      ...words.variables,
      [SHIM_TEXT]: text,
      ...(pty && { [LEADER_TEXT]: leaderText(pty, record, runLeader) }),
    },
  };
}

/**
 * Builds the call that runs a job under its shim: the text of shim.sh with the facts of this call in front,
 * the words of the command, and the environment. It guarantees that no shell on the way changes a word or a
 * variable of the job. It writes no script itself; the scripts are shim.sh and pty-leader.sh. shim-record.ts
 * reads what they record.
 */
import { closeSync, constants, openSync, realpathSync } from 'node:fs';
import { systemError } from '../../base/result.ts';
import { quote } from '../../base/text/shell-quote.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import { isSendable, type Spec } from '../../job/spec.ts';
import { RUNNER_MARKS } from '../os/early-ends.ts';
import { HAS_PROC } from '../os/process-identity.ts';
import { envSplits, newSession, requireTool } from '../os/programs.ts';
import { evalLine, readStatBody, textVariables, withPreface } from './preface.ts';
import { CARRIED_LINES, LEADER_TEXT, leaderText, ptyCommand, readMainStateBody } from './pty-shim.ts';
import shimText from './shim.sh';

export interface AdopterCall {
  node: string;
  supervisor: string;
  home: string;
  /** Null: the first argument of the function. */
  id: number | null;
  environment: Record<string, string>;
}

export const MAX_ADOPTERS = 1000;

/**
 * The shell lines that start the adopter, with `env -i`: no variable of the job, and no marker. That may be
 * weeks later, so an `env` that is gone is searched along our PATH.
 */
export function adoptLine({ node, supervisor, home, id, environment }: AdopterCall): string {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const words = ['-i', ...variables, node, supervisor, home].map(quote);
  const path = [environment['PATH'] || '/bin', '/usr/bin'].join(':');
  return [
    `shim_env=${quote(requireTool('env'))}`,
    '[ -x "$shim_env" ] || shim_env=env',
    `PATH=${quote(path)} "$shim_env" ${words.join(' ')} ${id ?? '"$1"'} --adopt 9>&-`,
  ].join('; ');
}

/** The names of the variables that carry one entry: a long entry, in pieces, fills more than one. */
type Carrier = string[];

/** So many variables fit into one word of `env -S`, whose length the kernel limits (MAX_WORD). */
const CARRIERS_OF_ONE_ENV = 2000;

/**
 * The line that becomes the job: `env` with the variables that a shell cannot pass on, then `before`, then
 * the command, which is in the positional parameters. An `env` that knows -S finds the values in its own
 * environment: as arguments any user could read them for a moment. For another `env` they become arguments,
 * and are unset before: a value that is carried twice is soon larger than the kernel allows.
 */
function execCommand(
  carriers: Carrier[],
  isOwnPassed: boolean,
  before: string[],
  unset: string[] = [],
): string {
  const env = quote(requireTool('env'));
  const options = [...(isOwnPassed ? [] : SHELL_OWN), ...unset].map((name) => `-u ${name}`);
  // env stands before setsid: env would take a program whose path holds a `=` for an assignment
  const words = [...before, '"$@"'];
  // `env` only if it is needed: each further program delays the job by its own start-up time
  if (options.length + carriers.length === 0) return `exec ${words.join(' ')}`;
  if (carriers.length === 0) return `exec ${[env, ...options, '--', ...words].join(' ')}`;
  if (!envSplits()) {
    const values = carriers.map((names) => `"${names.map((name) => `$${name}`).join('')}"`);
    const set = `set -- ${[...values, ...words].join(' ')}; unset ${carriers.flat().join(' ')}`;
    return `${set}; exec ${[env, ...options, '--', '"$@"'].join(' ')}`;
  }
  const envs: string[] = [];
  for (let at = 0; at < carriers.length; at += CARRIERS_OF_ONE_ENV) {
    const part = carriers.slice(at, at + CARRIERS_OF_ONE_ENV);
    const own = [...(at === 0 ? options : []), ...part.flat().map((name) => `-u ${name}`)];
    const values = part.map((names) => names.map((name) => `\${${name}}`).join(''));
    envs.push(env, '-S', quote([...own, '--', ...values].join(' ')));
  }
  return `exec ${[...envs, ...words].join(' ')}`;
}

/** The longest argument that Linux accepts, bytes (MAX_ARG_STRLEN, execve(2)). */
const MAX_WORD = 131_071;
/** The words of the job as variables: text for `eval "set -- …"`. */
function wordVariables(argv: string[]): { variables: Record<string, string>; take: string } {
  // checked here: a shell would write the error into the log, as if it came from the job
  if (HAS_PROC && argv.some((word) => Buffer.byteLength(word) > MAX_WORD))
    throw systemError('E2BIG', 'a word is too long for exec');
  const variables = textVariables('BGJOB_ENV_W', argv.map(quote).join(' '));
  return { variables, take: evalLine(variables, 'set -- ') };
}

export const SHIM_TEXT = 'BGJOB_ENV_S';

/** Variables that some shells export by themselves (PATH: busybox, if it is not set). */
const SHELL_OWN = ['PATH', 'PWD', 'OLDPWD', 'SHLVL', '_'];

/**
 * Whether the shell passes these variables on as they are. Dash does, if PWD names the directory. Then the
 * job needs no `env` to set them right.
 */
export const passesOwn = (sh: string, environment: string[], cwd: string): boolean =>
  environment.includes(`PWD=${cwd}`) && realpathSync(sh).endsWith('/dash');

/**
 * Variables that a shell obeys (TMOUT: bash gives up `read` after that time, and the watcher would take it
 * for the death of the supervisor), counts (RANDOM, SECONDS) or drops (PS1).
 */
const OBEYED = new RegExp(
  `^(${[
    'LD_.*|DYLD_.*|IFS|ENV|SHELLOPTS|POSIXLY_CORRECT|BASH.*|TMOUT|BGJOB_ENV_.*',
    'PS\\d|PPID|UID|EUID|LINENO|OPT.*|S?RANDOM|SECONDS|EPOCH.*|HISTCMD|COMP_WORDBREAKS',
  ].join('|')})$`,
);

/**
 * Whether a shell would drop, change or obey a variable on its way to the job, or shim.sh uses the name
 * itself. Such a variable travels as `BGJOB_ENV_n` and gets its name back between two execs, in no argument
 * list that lasts.
 */
export const isCarried = (name: string, isOwnPassed: boolean, pty: boolean): boolean =>
  !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ||
  (pty && name === 'SHELL') ||
  (!isOwnPassed && SHELL_OWN.includes(name)) ||
  OBEYED.test(name) ||
  name.startsWith('shim_');

/**
 * CI runners end the processes that have certain variables in their environment. The shim must outlive the
 * job to record its end, so only the job gets them: the halves of a value travel as `BGJOB_ENV_H` and
 * `BGJOB_ENV_I`, and the shell line that becomes the job joins them. Neither the name nor the value stands
 * whole in the environment of the shim: on macOS a runner searches one long text, the output of `ps e`.
 */
function hideMarks(marks: [name: string, value: string][]): {
  variables: Record<string, string>;
  giveBack: string;
} {
  const variables: Record<string, string> = {};
  const lines = marks.map(([name, value], n) => {
    const characters = [...value];
    const half = Math.ceil(characters.length / 2);
    const [first, rest] = [`BGJOB_ENV_H${n}`, `BGJOB_ENV_I${n}`];
    variables[first] = characters.slice(0, half).join('');
    variables[rest] = characters.slice(half).join('');
    return `export ${name[0]}""${name.slice(1)}="$${first}$${rest}"; unset ${first} ${rest}; `;
  });
  return { variables, giveBack: lines.join('') };
}

/** The descriptors to which the shim writes its record and the exit status, see shim.sh. */
const [RECORD_FD, EXIT_FD] = [7, 8];

/**
 * Names the file of a descriptor so that it is found even after it was moved. Outside of Linux such a name
 * would share the offset of the descriptor.
 */
const reopened = (fd: number, path: string): string => (HAS_PROC ? `/proc/self/fd/${fd}` : path);

/** Opens the two files in this order, for a shim to inherit. Throws system errors. */
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

/** How the shell that becomes the job enters a control group: a line, or words in front of the command. */
export interface GroupEntry {
  line: string;
  words: string[];
}

/** The call that runs `argv` with `environment` (`NAME=value` each) under a shim. */
export function shimCall(
  call: AdopterCall,
  job: JobPaths,
  attempt: number,
  { argv, cwd, stdin, pty }: Pick<Spec, 'argv' | 'cwd' | 'stdin' | 'pty'>,
  environment: string[],
  sh = requireTool('sh'),
  { line, words: inGroup }: GroupEntry = { line: '', words: [] },
): { program: string; args: string[]; environment: Record<string, string> } {
  const isOwnPassed = pty === null && passesOwn(sh, environment, cwd);
  const own: Record<string, string> = {};
  const carriers: Carrier[] = [];
  const marks: [name: string, value: string][] = [];
  for (const entry of environment) {
    const equals = entry.indexOf('=', 1);
    const name = entry.slice(0, equals);
    if (RUNNER_MARKS.includes(name)) {
      marks.push([name, entry.slice(equals + 1)]);
    } else if (isCarried(name, isOwnPassed, pty !== null)) {
      const carrier = textVariables(`BGJOB_ENV_${carriers.length}_`, entry);
      Object.assign(own, carrier);
      carriers.push(Object.keys(carrier));
    } else {
      own[name] = entry.slice(equals + 1);
    }
  }
  const record = reopened(RECORD_FD, job.shim);
  const setsid = newSession().map(quote);
  const words = wordVariables(argv);
  const hidden = hideMarks(marks);
  const take = `${words.take}; ${hidden.giveBack}`;
  const leaderRuns = `${line}${take}${execCommand(carriers, false, inGroup, ['SHELL', ...CARRIED_LINES])}`;
  const leader = pty ? textVariables(LEADER_TEXT, leaderText(pty, record, leaderRuns)) : {};
  const text = withPreface(
    shimText,
    {
      shim_exit: reopened(EXIT_FD, job.exit(attempt)),
      shim_record: record,
      shim_stdin: isSendable({ stdin }) ? job.stdin : '',
      shim_end: job.stdinEnd,
      shim_pty: pty ? requireTool('sh') : '',
      shim_adopters: MAX_ADOPTERS,
    },
    {
      read_stat: readStatBody(),
      ...(pty ? { read_main_state: readMainStateBody() } : {}),
      adopt: adoptLine(call),
      run_job: pty
        ? `exec ${ptyCommand(setsid, evalLine(leader))}`
        : `${line}${take}${execCommand(carriers, isOwnPassed, [...setsid, ...inGroup])}`,
    },
  );
  const texts = textVariables(SHIM_TEXT, text);
  return {
    program: sh,
    args: ['-c', evalLine(texts)],
    environment: {
      ...own,
      ...words.variables,
      ...hidden.variables,
      ...texts,
      ...leader,
    },
  };
}

/**
 * The few lines of sh between supervisor and job: the only shell text of the project. The shim records the exit status
 * whatever becomes of the supervisor, and has it replaced when it dies. It works in dash, bash as sh and busybox.
 *
 * Its descriptors: 3 the supervisor's socket (only the watcher reads it, only the shim writes it), 4 the FIFO
 * `alive`, 5 the log, with --split 6 that of stderr; 1 and 2 are /dev/null, so that nothing a shell says (`Killed`) gets into the log;
 * 0 is what the job reads. Where stdin is held: 9 `stdin.end`, 8 `stdin` in the holder alone (7: for an instant, so that no open
 * waits for the other end). What is different with --pty is in pty-shim.ts.
 */
import * as fs from 'node:fs';
import { createBlank } from '../../base/fs/preallocated.ts';
import { readRecord } from '../../base/fs/read-record.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import type { Identity } from '../../job/identity.ts';
import type { Spec } from '../../job/spec.ts';
import { isSendable, type TerminalSize } from '../../job/spec.ts';
import { HAS_PROC, PS_COLUMNS, parsePsLine, parseStat, thisHost } from '../os/process-identity.ts';
import { newSession, requireTool } from '../os/programs.ts';
import { quote } from '../os/shell-quote.ts';
import { PTY_NAMES, type PtyFiles, ptyCommand, ptyEnd, ptyRecord } from './pty-shim.ts';

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

/**
 * Sleeps until the supervisor either says `ok` (the end is published) or is gone: then starts its adopter, and the next one if a
 * signal ends that. `env -i`: the adopter obeys no variable of the job and carries no marker.
 */
function watchLine({ node, supervisor, home, id, environment }: AdopterCall, held: boolean): string {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const words = [requireTool('env'), '-i', ...variables, node, supervisor, home, String(id), '--adopt'];
  const isKilled = `[ $? -gt 128 ] && [ $((n=n+1)) -lt ${MOST_ADOPTERS} ]`;
  const closeHeld = held ? ' 9>&-' : '';
  return `read -r ok <&3 || while ${words.map(quote).join(' ')}${closeHeld}; ${isKilled}; do :; done`;
}

/** Reads who a process is into a variable: from /proc, or the same facts from ps. `self` is the subshell itself. */
function statOf(variable: string, pid: string): string {
  if (HAS_PROC) return `read -r ${variable} </proc/${pid}/stat`;
  // not inside the other substitution, which is a subshell of its own
  const [before, number] =
    pid === 'self' ? [`z=$(exec ${quote(requireTool('sh'))} -c 'echo $PPID'); `, '$z'] : ['', pid];
  return `${before}${variable}=$(LC_ALL=C TZ=UTC ${quote(requireTool('ps'))} -o ${PS_COLUMNS} -p ${number})`;
}

/** What the shim's text is made of. */
export interface ShimParts {
  call: AdopterCall;
  /** The names that travel as `BGJOB_ENV_n`. */
  carried: string[];
  keepsOwn: boolean;
  split: boolean;
  /** The FIFOs of a held stdin. */
  held: Pick<JobPaths, 'stdin' | 'stdinEnd'> | undefined;
  pty: { size: TerminalSize; files: PtyFiles; argv: string[] } | undefined;
}

/** The way to the job's own program: `env` with what a shell cannot hand on, then `before`, then the command. */
function commandLine({ carried, keepsOwn }: ShimParts, before: string[], unset: string[] = []): string {
  const aliases = carried.map((_, n) => `BGJOB_ENV_${n}`);
  const options = [...(keepsOwn ? [] : SHELLS_OWN), ...unset, ...aliases].map((name) => `-u ${name}`);
  const values = aliases.map((name) => `"$${name}"`);
  // env before setsid: a program whose path holds a `=` would be an assignment to env
  const env = [quote(requireTool('env')), ...options, '--', ...values];
  // each program on the way to the job's own takes as long as that
  return [...(options.length === 0 ? [] : env), ...before].join(' ');
}

/** The shim's text; its parameters are the files `exit.N` and `shim`, then the command. */
function shimScript(parts: ShimParts): string {
  const { call, split, held, pty } = parts;
  const setsid = newSession();
  const closeLogs = split ? '5>&- 6>&-' : '5>&-';
  const [stdin, stdinEnd] = held ? [quote(held.stdin), quote(held.stdinEnd)] : ['', ''];
  // first the input: what cannot be opened is not told in the log
  const input = held ? `7<>${stdin} <${stdin} 7>&- 9>&- ` : '';
  const own = `exec ${input}1>&5 2>&${split ? 6 : 5} 3>&- 4>&- ${closeLogs}`;
  const command = pty
    ? ptyCommand(pty, commandLine(parts, pty.argv.map(quote), ['SHELL', ...PTY_NAMES]), setsid, statOf)
    : `exec ${commandLine(parts, [...setsid.map(quote), '"$@"'])}`;
  const main = `${statOf('j', 'self')}; echo "$p\n$q\n$j${held ? '\n$h' : ''}" 1<>"$i"`;
  return [
    'set +eux; e=$1 i=$2; shift 2',
    // caught, not ignored: what is ignored would be inherited and break `yes | head`
    'trap : HUP INT QUIT TERM USR1 USR2 ALRM PIPE',
    ...(held
      ? [
          `exec 7<>${stdinEnd} 9>${stdinEnd} 7>&- 7<>${stdin} 8>${stdin} 7>&-`,
          // it ends with a byte, or when shim, watcher and owner are gone; from its fork on it holds stdin, and nobody else does
          `( trap '' HUP INT QUIT TERM; exec 3>&- 4>&- ${closeLogs} <${stdinEnd} 9>&-; cd /; read -r x ) & b=$!`,
          'exec 8>&-',
        ]
      : []),
    `( trap '' HUP INT QUIT TERM; exec ${closeLogs}; cd /; ${watchLine(call, held !== undefined)} ) & w=$!`,
    `${statOf('p', '$$')}; ${statOf('q', '$w')}${held ? `; ${statOf('h', '$b')}` : ''}`,
    // who shim and watcher are, before the job starts
    `echo "$p\n$q${held ? '\n\n$h' : ''}" 1<>"$i"`,
    // without exec a shell would run its builtins: `exit 3` would record nothing
    `( ${pty ? ptyRecord(statOf('t', 'self')) : main}; ${own}; ${command} )`,
    // written over blanks that are on the disk already: works on a full one; twice: see STATUS in job/home/records.ts
    pty ? ptyEnd() : 's=$?; echo "$s\n$s" 1<>"$e"',
    // to the group, the job's is another: URG is ignored by default, harmless to watcher and a Node that boots, a nudge to an adopter
    `${held ? 'echo >&9; ' : ''}echo $s >&3; kill -s URG 0`,
    // from here on whoever publishes the end holds alive, not the shim
    `exec 3>&- 4>&- ${closeLogs}${held ? ' 9>&-' : ''}; wait $w${held ? '; wait $b' : ''}`,
  ].join('\n');
}

/** What some shell exports by itself; PATH: busybox, where there is none. */
const SHELLS_OWN = ['PATH', 'PWD', 'OLDPWD', 'SHLVL', '_'];

const dashes = new Map<string, boolean>();
/** Whether a shell leaves these as they are: dash does, where PWD tells the directory. Then the job needs no program that sets them right. */
function leavesOwn(sh: string, environment: string[], cwd: string): boolean {
  const isDash = dashes.get(sh) ?? fs.realpathSync(sh).endsWith('/dash');
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
 * Whether a shell would drop, change or obey a variable on its way to the job (or use the name itself: `e`, `ok`).
 * Such a one travels as `BGJOB_ENV_n` and becomes itself between two execs, in no argv that lives on.
 */
const isCarried = (name: string, keepsOwn: boolean, pty: boolean): boolean =>
  !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ||
  (pty && name === 'SHELL') ||
  (!keepsOwn && SHELLS_OWN.includes(name)) ||
  OBEYED.test(name) ||
  /^([a-z]|ok)$/.test(name);

export interface ShimCall {
  /** The program, then its arguments. */
  program: string;
  args: string[];
  environment: Record<string, string>;
}

/** How to run `argv` with `environment` (`NAME=value` each) under a shim; `split`: stderr goes to descriptor 6. */
export function shimCall(
  call: AdopterCall,
  job: JobPaths,
  attempt: number,
  { argv, split, cwd, stdin, pty }: Pick<Spec, 'argv' | 'split' | 'cwd' | 'stdin' | 'pty'>,
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
  const files = { exit: job.exit(attempt), shim: job.shim };
  const text = shimScript({
    ...{ call, carried, keepsOwn, split },
    held: isSendable({ stdin }) ? job : undefined,
    pty: pty ? { size: pty, files, argv } : undefined,
  });
  return {
    program: sh,
    args: ['-c', text, 'sh', files.exit, files.shim, ...(pty ? [] : argv)],
    environment: own,
  };
}

/** Up to six lines of at most 52 numbers each. */
const RECORD_BYTES = 4096;

/**
 * Makes the file for the shim's record: blanks, like `exit.N`. Without a record an adopter would call a running job lost. Not
 * fsynced: after a power cut none of these processes lives.
 */
export const prepareShim = (job: JobPaths): void => fs.closeSync(createBlank(job.shim, RECORD_BYTES));

/** Who the shim wrote down, as far as it got. */
export interface ShimRecord {
  shim?: Identity;
  watcher?: Identity;
  main?: Identity;
  /** Who holds stdin open for `send`. */
  holder?: Identity;
  /** `script`, which is the job's terminal, and the sh in it that leads its session and records the exit status. */
  terminal?: Identity;
  leader?: Identity;
}
const LINES = ['shim', 'watcher', 'main', 'holder', 'terminal', 'leader'] as const;

/** `host`: where the owner was that started the shim; its pids count there. */
export function readShim(job: JobPaths, host: Omit<Identity, 'pid' | 'startTicks'> = thisHost()): ShimRecord {
  const stored = readRecord(job.shim);
  const record: ShimRecord = {};
  if (stored.kind !== 'text') return record;
  const { bootId, pidNamespace, machine } = host;
  const lines = stored.text.split('\n');
  for (const [n, name] of LINES.entries()) {
    const stat = HAS_PROC ? parseStat(lines[n] ?? '') : parsePsLine(lines[n] ?? '');
    if (stat) record[name] = { pid: stat.pid, startTicks: stat.startTicks, bootId, pidNamespace, machine };
  }
  return record;
}

/** Those of ours beside a job: they end by themselves, and are not a part of it. */
export const oursOf = ({ shim, watcher, holder, terminal, leader }: ShimRecord): Identity[] =>
  [shim, watcher, holder, terminal, leader].filter((one) => one !== undefined);

/**
 * The few lines of sh between supervisor and job: the only shell text of the project. The shim records the exit status
 * whatever becomes of the supervisor, and has it replaced when it dies. It works in dash, bash as sh and busybox.
 *
 * Its descriptors: 3 the supervisor's socket (only the watcher reads it, only the shim writes it), 4 the FIFO
 * `alive`, 5 the log, with --split 6 that of stderr; 0, 1 and 2 are /dev/null, so that nothing a shell says (`Killed`) gets into the log.
 */

import * as fs from 'node:fs';
import { readRecord } from '../base/records.ts';
import { createBlank } from '../base/reserved.ts';
import type { Identity, Spec } from '../job/job.ts';
import type { JobPaths } from '../job/paths.ts';
import { HAS_PROC, PS_COLUMNS, parsePsLine, parseStat, thisPlace } from './identity.ts';
import { findTool, requireTool } from './programs.ts';

/** How to start the program that takes a dead supervisor's place. */
export interface AdopterCall {
  node: string;
  supervisor: string;
  home: string;
  id: number;
  environment: Record<string, string>;
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** How often in a row an adopter that was killed is replaced. */
const MOST_ADOPTERS = 1000;

/**
 * Sleeps until the supervisor either says `ok` (the end is published) or is gone: then starts its adopter, and the next one if a
 * signal ends that. `env -i`: the adopter obeys no variable of the job and carries no marker.
 */
function watchLine({ node, supervisor, home, id, environment }: AdopterCall): string {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const words = [requireTool('env'), '-i', ...variables, node, supervisor, home, String(id), '--adopt'];
  const isKilled = `[ $? -gt 128 ] && [ $((n=n+1)) -lt ${MOST_ADOPTERS} ]`;
  return `read -r ok <&3 || while ${words.map(quote).join(' ')}; ${isKilled}; do :; done`;
}

/** Reads who a process is into a variable: from /proc, or the same facts from ps. `self` is the subshell itself. */
function statOf(variable: string, pid: string): string {
  if (HAS_PROC) return `read -r ${variable} </proc/${pid}/stat`;
  const number = pid === 'self' ? `$(exec ${quote(requireTool('sh'))} -c 'echo $PPID')` : pid;
  return `${variable}=$(LC_ALL=C TZ=UTC ${quote(requireTool('ps'))} -o ${PS_COLUMNS} -p ${number})`;
}

/** The shim's text; its parameters are the files `exit.N` and `shim`, then the command. */
function shimScript(call: AdopterCall, carried: string[], keepsOwn: boolean, split: boolean): string {
  const setsid = findTool('setsid');
  const closeLogs = split ? '5>&- 6>&-' : '5>&-';
  const aliases = carried.map((_, n) => `BGJOB_ENV_${n}`);
  const unset = [...(keepsOwn ? [] : SHELLS_OWN), ...aliases].map((name) => `-u ${name}`);
  const values = aliases.map((name) => `"$${name}"`);
  // env before setsid: a program whose path holds a `=` would be an assignment to env
  const command = [
    // each program on the way to the job's own takes as long as that
    ...(keepsOwn && carried.length === 0 ? [] : [quote(requireTool('env')), ...unset, '--', ...values]),
    ...(setsid ? [quote(setsid)] : []),
    '"$@"',
  ].join(' ');
  return [
    'set +eux; e=$1 i=$2; shift 2',
    // caught, not ignored: what is ignored would be inherited and break `yes | head`
    'trap : HUP INT QUIT TERM USR1 USR2 ALRM PIPE',
    `( trap '' HUP INT QUIT TERM; exec ${closeLogs}; cd /; ${watchLine(call)} ) & w=$!`,
    `${statOf('p', '$$')}; ${statOf('q', '$w')}`,
    // who shim and watcher are, before the job starts
    'echo "$p\n$q" 1<>"$i"',
    // without exec a shell would run its builtins: `exit 3` would record nothing
    `( ${statOf('j', 'self')}; echo "$p\n$q\n$j" 1<>"$i"; exec 1>&5 2>&${split ? 6 : 5} 3>&- 4>&- ${closeLogs}; exec ${command} )`,
    // written over blanks that are on the disk already: works on a full one; twice: see STATUS in store.ts
    's=$?; echo "$s\n$s" 1<>"$e"',
    // to the group, the job's is another: URG is ignored by default, harmless to watcher and a Node that boots, a nudge to an adopter
    'echo $s >&3; kill -s URG 0',
    // from here on whoever publishes the end holds alive, not the shim
    `exec 3>&- 4>&- ${closeLogs}; wait $w`,
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
const isCarried = (name: string, keepsOwn: boolean): boolean =>
  !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ||
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
  { argv, split, cwd }: Pick<Spec, 'argv' | 'split' | 'cwd'>,
  environment: string[],
  sh = requireTool('sh'),
): ShimCall {
  const keepsOwn = leavesOwn(sh, environment, cwd);
  const own: Record<string, string> = {};
  const carried: string[] = [];
  for (const entry of environment) {
    const equals = entry.indexOf('=', 1);
    const name = entry.slice(0, equals);
    if (isCarried(name, keepsOwn)) {
      own[`BGJOB_ENV_${carried.length}`] = entry;
      carried.push(name);
    } else {
      own[name] = entry.slice(equals + 1);
    }
  }
  const files = [job.exit(attempt), job.shim];
  return {
    program: sh,
    args: ['-c', shimScript(call, carried, keepsOwn, split), 'sh', ...files, ...argv],
    environment: own,
  };
}

/** Three lines of at most 52 numbers each. */
const RECORD_BYTES = 4096;

/**
 * Makes the file for the shim's record: blanks, like `exit.N`. Without a record an adopter would call a running job lost. Not
 * fsynced: after a power cut none of these processes lives.
 */
export const prepareShim = (job: JobPaths): void => fs.closeSync(createBlank(job.shim, RECORD_BYTES));

/** Who the shim wrote down: itself, its watcher, the main process; as far as it got. */
export interface ShimRecord {
  shim?: Identity;
  watcher?: Identity;
  main?: Identity;
}

/** `place`: where the owner was that started the shim; its pids count there. */
export function readShim(
  job: JobPaths,
  place: Omit<Identity, 'pid' | 'startTicks'> = thisPlace(),
): ShimRecord {
  const stored = readRecord(job.shim);
  if (stored.kind !== 'text') return {};
  const [shim, watcher, main] = stored.text.split('\n').map((line) => {
    const stat = HAS_PROC ? parseStat(line) : parsePsLine(line);
    const { bootId, pidNamespace, machine } = place;
    return stat && { pid: stat.pid, startTicks: stat.startTicks, bootId, pidNamespace, machine };
  });
  return { ...(shim && { shim }), ...(watcher && { watcher }), ...(main && { main }) };
}

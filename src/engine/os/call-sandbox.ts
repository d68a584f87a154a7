/**
 * Finds out whether every process that this call starts ends together with the call. Sandboxes of coding
 * agents give each call a pid namespace of its own (`bwrap --unshare-pid --die-with-parent`), and the kernel
 * kills all of a namespace when its pid 1 ends. It cannot see the parent-death signal of another process (a
 * bwrap that took its options from `--args`), or a sandbox that kills processes by other means.
 */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { readSystemText } from '../../base/fs/read-record.ts';
import { HAS_PROC, readLink, thisHost } from './process-identity.ts';
import { readCommandLine } from './process-table.ts';

/** `sandbox`: made for one call. `shell`: pid 1 is the line that made the call. `alone`: we are pid 1. */
export interface Enclosure {
  how: 'sandbox' | 'shell' | 'alone';
  init: string;
}

/** The pid namespace of the running machine itself: a constant of the kernel (PROC_PID_INIT_INO). */
const FIRST_NAMESPACE = 'pid:[4026531836]';
/** This program contains bwrap, and ends with its caller. */
const CODEX = 'codex-linux-sandbox';
const MAX_CALLERS = 100;

/** Whether this process is in a pid namespace of its own: a container or a sandbox. */
const isConfined = (): boolean => HAS_PROC && !['', FIRST_NAMESPACE].includes(thisHost().pidNamespace);

/**
 * Whether /proc shows another pid namespace than ours (`bwrap --unshare-pid` without `--proc`). Then a pid
 * read from /proc is a different process here, and must not be signalled.
 */
export function isProcForeign(): boolean {
  foreign ??= isConfined() && readLink('/proc/self') !== String(process.pid);
  return foreign;
}
let foreign: boolean | undefined;

/**
 * The pids, as /proc shows them, from the caller of this process up to pid 1 of our namespace; undefined if
 * the chain leaves the namespace.
 */
function callers(): number[] | undefined {
  const pids: number[] = [];
  for (let name = 'self'; pids.length < MAX_CALLERS; name = String(pids.at(-1))) {
    const status = readSystemText(`/proc/${name}/status`);
    if (/^NSpid:.*\s1$/m.test(status)) return pids;
    const parent = Number(/^PPid:\s*(\d+)$/m.exec(status)?.[1]);
    // a process that came in from outside (docker exec): the container outlives it
    if (!(parent > 0)) return undefined;
    pids.push(parent);
  }
  return undefined;
}

const SHELL = /^-?(ba|da|z|k|a)?sh$/;

/** Whether these words call a shell with a line to run: `bash -o pipefail -c 'make'`. */
function isShellLine(words: string[]): boolean {
  if (!SHELL.test(basename(words[0] ?? ''))) return false;
  for (let at = 1; /^[-+]/.test(words[at] ?? ''); at++) {
    if (/^-[a-zA-Z]*c[a-zA-Z]*$/.test(words[at]!)) return true;
    if (/^[-+][a-zA-Z]*[oO]$/.test(words[at]!)) at++;
  }
  return false;
}

/**
 * Whether this is a container that goes on after the call: its pid 1 may be a shell line as well. More than
 * one /proc mount means that a sandbox was made inside the container (`unshare --mount-proc`).
 */
function isContainer(env: NodeJS.ProcessEnv): boolean {
  const isMarked =
    env['KUBERNETES_SERVICE_HOST'] !== undefined ||
    ['/.dockerenv', '/run/.containerenv'].some((path) => existsSync(path));
  if (!isMarked) return false;
  return readSystemText('/proc/self/mountinfo').split(' /proc ').length <= 2;
}

/** The process that takes everything started here down with this call; undefined if none is found. */
export function findEnclosure(env: NodeJS.ProcessEnv): Enclosure | undefined {
  if (!isConfined()) return undefined;
  if (process.pid === 1) return { how: 'alone', init: 'bgjob' };
  const pids = callers();
  const last = pids?.at(-1);
  if (last === undefined) return undefined;
  const words = readCommandLine(last);
  const init = basename(words[0] ?? '');
  const isPerCall =
    init === CODEX ||
    (init === 'bwrap' && words.includes('--die-with-parent')) ||
    env['SANDBOX_RUNTIME'] === '1';
  if (isPerCall) return { how: 'sandbox', init };
  // a subshell has the command line of its shell
  const line = words.join('\0');
  const isCaller = pids!.every((pid) => readCommandLine(pid).join('\0') === line);
  return isCaller && isShellLine(words) && !isContainer(env) ? { how: 'shell', init } : undefined;
}

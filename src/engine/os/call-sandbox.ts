/**
 * Whether everything that is started here ends with the call: the sandboxes of coding agents give each call a pid namespace of its
 * own (`bwrap --unshare-pid --die-with-parent`), and the kernel ends all of it with its pid 1. On a machine without such a
 * thing this reads nothing that a start does not read anyway.
 *
 * What cannot be told is not guessed: the parent-death signal of another process (a bwrap that took its words from --args), whether
 * a container ends soon, and sandboxes that end processes in other ways than by their namespace.
 */
import { existsSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { readSystemText } from '../../base/fs/read-record.ts';
import { ignoreSystemError } from '../../base/result.ts';
import { HAS_PROC, thisHost } from './process-identity.ts';
import { readCommandLine } from './process-table.ts';

/** `sandbox`: made for one call; `shell`: pid 1 is the shell line that made this call; `alone`: pid 1 is this very process. */
export interface Enclosure {
  how: 'sandbox' | 'shell' | 'alone';
  /** What pid 1 is called. */
  init: string;
}

/** The pid namespace in which the machine started: a number of the kernel's (PROC_PID_INIT_INO). */
const FIRST_NAMESPACE = 'pid:[4026531836]';
/** It has bwrap in itself, and always ends with its caller. */
const CODEX = 'codex-linux-sandbox';
/** No chain of callers is longer. */
const GENERATIONS = 100;

/** Whether this process is in a pid namespace of its own: a container or a sandbox. */
const isConfined = (): boolean => HAS_PROC && !['', FIRST_NAMESPACE].includes(thisHost().pidNamespace);

/**
 * Whether /proc shows another pid namespace than ours (`bwrap --unshare-pid` without `--proc`): a pid that is read there is somebody
 * else here, so that nothing may be signalled.
 */
export function isProcForeign(): boolean {
  foreign ??= isConfined() && ownNameInProc() !== String(process.pid);
  return foreign;
}
let foreign: boolean | undefined;

function ownNameInProc(): string | undefined {
  try {
    return readlinkSync('/proc/self');
  } catch (thrown) {
    ignoreSystemError(thrown);
    return undefined;
  }
}

/** The pids, as /proc shows them, from the caller of this process up to the pid 1 of our namespace; undefined if they end elsewhere. */
function callers(): number[] | undefined {
  const pids: number[] = [];
  for (let name = 'self'; pids.length < GENERATIONS; name = String(pids.at(-1))) {
    const status = readSystemText(`/proc/${name}/status`);
    if (/^NSpid:.*\s1$/m.test(status)) return pids;
    const parent = Number(/^PPid:\s*(\d+)$/m.exec(status)?.[1]);
    // somebody came in from outside (docker exec): the container goes on without that one
    if (!(parent > 0)) return undefined;
    pids.push(parent);
  }
  return undefined;
}

const SHELL = /^-?(ba|da|z|k|a)?sh$/;

/** Whether these words are a shell that runs a line: `bash -o pipefail -c 'make'`. */
function isShellLine(words: string[]): boolean {
  if (!SHELL.test(basename(words[0] ?? ''))) return false;
  for (let at = 1; /^[-+]/.test(words[at] ?? ''); at++) {
    if (/^-[a-zA-Z]*c[a-zA-Z]*$/.test(words[at]!)) return true;
    if (/^[-+][a-zA-Z]*[oO]$/.test(words[at]!)) at++;
  }
  return false;
}

/**
 * Whether somebody made this container to live on: its pid 1 may be a shell line as well. A /proc over another one is that of a
 * sandbox which was made inside it (`unshare --mount-proc`).
 */
function isContainer(env: NodeJS.ProcessEnv): boolean {
  const isMarked =
    env['KUBERNETES_SERVICE_HOST'] !== undefined ||
    ['/.dockerenv', '/run/.containerenv'].some((mark) => existsSync(mark));
  if (!isMarked) return false;
  return readSystemText('/proc/self/mountinfo').split(' /proc ').length <= 2;
}

/** What ends everything that is started here, with this call; undefined if nothing does, as far as that can be told. */
export function enclosureOf(env: NodeJS.ProcessEnv): Enclosure | undefined {
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
  // a subshell has the words of its shell
  const line = words.join('\0');
  const isCaller = pids!.every((pid) => readCommandLine(pid).join('\0') === line);
  return isCaller && isShellLine(words) && !isContainer(env) ? { how: 'shell', init } : undefined;
}

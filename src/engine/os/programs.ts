/**
 * Finds programs: the job's command along its PATH as exec does, and the tools that bgjob calls. Tools are
 * searched in fixed folders first, so that no PATH shadows them; then along the PATH of this process, which is
 * that of the caller; then where another process has found them (tool-memory.ts).
 */
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { attemptQuietly, errnoOf, systemError } from '../../base/result.ts';
import { type Failure, fail, ok, type Result } from '../../job/failure.ts';
import type { Spec } from '../../job/spec.ts';
import { neededByEnv, readShebang } from './shebang.ts';
import { recallTool, rememberTool } from './tool-memory.ts';

/** /usr/sbin: macOS has `sysctl` and `lsof` there, and the PATH of cron does not name it. */
const TOOL_FOLDERS = ['/usr/bin', '/bin', '/usr/local/bin', '/opt/homebrew/bin', '/usr/sbin'];
/**
 * The programs of the whole system on NixOS and on Guix. An upgrade changes where these links lead, so their
 * names stay right. First the programs that run as root (`crontab`).
 */
const SYSTEM_PROFILES = [
  '/run/wrappers/bin',
  '/run/current-system/sw/bin',
  '/run/privileged/bin',
  '/run/setuid-programs',
  '/run/current-system/profile/bin',
];
/** Where programs keep their path, in the order of the search for a tool. */
export const FIXED_FOLDERS = [...TOOL_FOLDERS, ...SYSTEM_PROFILES];
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';

type Executable = 'yes' | 'absent' | 'directory' | 'permission';

function judge(path: string): Executable {
  try {
    // most folders of a PATH do not have it: save the price of an exception
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) return 'absent';
    if (stat.isDirectory()) return 'directory';
    accessSync(path, constants.X_OK);
    return 'yes';
  } catch (thrown) {
    return errnoOf(thrown) === 'EACCES' ? 'permission' : 'absent';
  }
}

const OTHERS_WRITE = 0o002;

/** Whether every user could put another program there. */
const isOpen = (path: string): boolean =>
  [path, dirname(path)].some(
    (one) => ((statSync(one, { throwIfNoEntry: false })?.mode ?? 0) & OTHERS_WRITE) !== 0,
  );

/** Whether a tool of PATH may be run: a relative folder of PATH is another one in each directory. */
const isTrusted = (path: string): boolean => isAbsolute(path) && !isOpen(path);

/** The programs of this name along PATH, in order. An empty word means the working directory. */
const alongPath = (name: string): string[] =>
  (process.env['PATH'] ?? '')
    .split(':')
    .map((folder) => `${folder || '.'}/${name}`)
    .filter((path) => judge(path) === 'yes');

/** Where a tool lies that is in no fixed folder; undefined if it is not installed. */
function findElsewhere(name: string): string | undefined {
  const remembered = recallTool(name);
  const isThere = remembered !== undefined && judge(remembered) === 'yes' && isTrusted(remembered);
  const found = alongPath(name).find(isTrusted);
  if (found !== undefined && !isThere) rememberTool(name, found);
  return found ?? (isThere ? remembered : undefined);
}

/** The path of a tool (`sh`, `setsid`); undefined if it is not installed. */
export function findTool(name: string): string | undefined {
  const known = tools.get(name);
  // not performance.now(): that loads twelve modules of Node
  const now = systemClock.monotonic();
  // a long-lived process: an upgrade may have moved the tool
  if (known && now - known.atMs < TRUST_MS) return known.path;
  if (known && judge(known.path) === 'yes') {
    known.atMs = now;
    return known.path;
  }
  const fixed = FIXED_FOLDERS.map((folder) => `${folder}/${name}`);
  const path = fixed.find((one) => judge(one) === 'yes');
  // any other place is looked up each time: the home that remembers it may be made meanwhile
  if (path === undefined) return findElsewhere(name);
  tools.set(name, { path, atMs: now });
  return path;
}
const tools = new Map<string, { path: string; atMs: number }>();
/** The start of one job asks for the same tool several times, milliseconds. */
const TRUST_MS = 1;

/** The program in PATH that is not used as this tool, because it is not trusted. */
export const refusedTool = (name: string): string | null => alongPath(name)[0] ?? null;

/**
 * The absolute path of a command, searched as execvp does: along `path` unless the command holds a slash.
 * Fails also if the interpreter of its `#!` line cannot be executed: the kernel would call the script itself
 * missing. `path` undefined: not known.
 */
export function findCommand(command: string, path: string | undefined, cwd: string): Result<string> {
  const found = searchCommand(command, path, cwd);
  const trouble = found.ok ? interpreterTrouble(found.value, path, cwd) : undefined;
  return trouble ? fail({ ...trouble, command }) : found;
}

type InterpreterTrouble = Extract<Failure, { code: 'command-not-found' | 'command-not-executable' }> & {
  interpreter: string;
};

/** The kernel follows so many interpreters that are scripts. */
const MOST_INTERPRETERS = 5;

/** Why the interpreter of a script cannot be executed; undefined: it can, or this is no script. */
export function interpreterTrouble(
  script: string,
  path: string | undefined,
  cwd: string,
  left = MOST_INTERPRETERS,
): InterpreterTrouble | undefined {
  const shebang = left > 0 ? readShebang(script) : undefined;
  if (!shebang) return undefined;
  // the kernel does not search PATH, but `env` does
  const byEnv = path === undefined ? undefined : neededByEnv(shebang);
  for (const interpreter of [shebang.interpreter, ...(byEnv === undefined ? [] : [byEnv])]) {
    const word = interpreter === byEnv ? byEnv : resolve(cwd, interpreter);
    const found = searchCommand(word, path, cwd);
    if (!found.ok) return { ...(found.failure as InterpreterTrouble), interpreter };
    const deeper = interpreterTrouble(found.value, path, cwd, left - 1);
    if (deeper) return deeper;
  }
  return undefined;
}

/**
 * Where the program of a job is now; undefined: it is gone. It may have moved since the job or its schedule was
 * added, as after an upgrade of NixOS or of Node. A shell that bgjob chose is searched as a tool, a name that
 * was typed along the PATH of the job. A path that was typed is meant as it stands.
 */
export function presentProgram(
  { argv: [program = ''], words: [typed = ''], cwd }: Pick<Spec, 'argv' | 'words' | 'cwd'>,
  isShell: boolean,
  environment: string[],
): string | undefined {
  if (existsSync(program)) return program;
  if (isShell) return findTool(basename(program));
  const path = environment.findLast((entry) => entry.startsWith('PATH='))?.slice(5);
  const found = typed.includes('/') ? undefined : findCommand(typed, path, cwd);
  return found?.ok ? found.value : undefined;
}

function searchCommand(command: string, path: string | undefined, cwd: string): Result<string> {
  const candidates = command.includes('/')
    ? [resolve(cwd, command)]
    : (path ?? DEFAULT_PATH).split(':').map((folder) => join(resolve(cwd, folder || '.'), command));
  let refused: 'directory' | 'permission' | undefined;
  for (const candidate of command === '' ? [] : candidates) {
    const verdict = judge(candidate);
    if (verdict === 'yes') return ok(candidate);
    if (verdict === 'permission' || (verdict === 'directory' && command.includes('/'))) refused ??= verdict;
  }
  if (refused) return fail({ code: 'command-not-executable', command, why: refused });
  return fail({ code: 'command-not-found', command });
}

/** setsid in perl, with the same exit codes: macOS has perl and no setsid. */
const PERL_SETSID = `delete $ENV{PERL_BADLANG};
use POSIX (); POSIX::setsid(); { no warnings; exec { $ARGV[0] } @ARGV }
my $code = $! == 2 ? 127 : 126; print STDERR "setsid: failed to execute $ARGV[0]: $!\\n"; exit $code`;

/** The words before a command that give it a new session; empty if neither setsid nor perl is installed. */
export function newSession(): string[] {
  const setsid = findTool('setsid');
  if (setsid !== undefined) return [setsid];
  const perl = findTool('perl');
  // without PERL_BADLANG perl complains about an unknown locale in the log of the job
  return perl === undefined ? [] : [requireTool('env'), 'PERL_BADLANG=0', perl, '-e', PERL_SETSID];
}

/**
 * Whether `env` knows `-S 'WORDS'`, where `${NAME}` stands for the value of a variable; the env of busybox
 * does not. The answer is read from its program file: to run it would cost each job that has such a variable
 * one more process.
 */
export function envSplits(): boolean {
  if (process.platform === 'darwin') return true;
  return attemptQuietly(() => readFileSync(requireTool('env')).includes('split-string')) ?? false;
}

/** Throws ENOENT with the name of the tool, if it is not installed. */
export function requireTool(name: string): string {
  const path = findTool(name);
  if (path === undefined) throw Object.assign(systemError('ENOENT', `there is no ${name}`), { tool: name });
  return path;
}

/** Why a job cannot be started, in short: the tool that is not installed, or the name of the system error. */
export function describeStartError(thrown: unknown): string {
  const { tool } = thrown as { tool?: string };
  return tool === undefined ? errnoOf(thrown) : `there is no ${tool}`;
}

/** The output of a system tool, in the C locale; empty if it fails. Throws ENOENT if it is not installed. */
export function runTool(name: string, args: string[], env: NodeJS.ProcessEnv = C_LOCALE): string {
  // loaded only here: it is a tenth of a Node start
  const { spawnSync } = require('node:child_process') as typeof import('node:child_process');
  return spawnSync(requireTool(name), args, { encoding: 'utf8', env, maxBuffer: 2 ** 26 }).stdout ?? '';
}
const C_LOCALE = { LC_ALL: 'C', TZ: 'UTC' };

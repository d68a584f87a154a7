/**
 * Finds programs: the job's command along its PATH as exec does, and the tools that bgjob calls in fixed
 * folders.
 */
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { attemptQuietly, errnoOf, systemError } from '../../base/result.ts';
import { fail, ok, type Result } from '../../job/failure.ts';

/** /usr/sbin comes last: macOS has `sysctl` and `lsof` there, and the PATH of cron does not name it. */
const TOOL_FOLDERS = ['/usr/bin', '/bin', '/usr/local/bin', '/opt/homebrew/bin', '/usr/sbin'];
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

/** The path of a system tool (`sh`, `setsid`), whatever PATH is; undefined if it is not installed. */
export function findTool(name: string): string | undefined {
  const known = tools.get(name);
  if (known !== undefined) return known;
  const path = TOOL_FOLDERS.map((folder) => `${folder}/${name}`).find((one) => judge(one) === 'yes');
  if (path !== undefined) tools.set(name, path);
  return path;
}
const tools = new Map<string, string>();

/** The absolute path of a command, searched as execvp does: along `path` unless the command holds a slash. */
export function findCommand(command: string, path: string | undefined, cwd: string): Result<string> {
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

export function requireTool(name: string): string {
  const path = findTool(name);
  if (path === undefined) throw systemError('ENOENT', `no ${name} on this machine`);
  return path;
}

/** The output of a system tool, in the C locale; empty if it fails. Throws ENOENT if it is not installed. */
export function runTool(name: string, args: string[], env: NodeJS.ProcessEnv = C_LOCALE): string {
  // loaded only here: it is a tenth of a Node start
  const { spawnSync } = require('node:child_process') as typeof import('node:child_process');
  return spawnSync(requireTool(name), args, { encoding: 'utf8', env, maxBuffer: 2 ** 26 }).stdout ?? '';
}
const C_LOCALE = { LC_ALL: 'C', TZ: 'UTC' };

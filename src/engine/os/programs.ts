/** Finding programs: the job's command along its PATH as exec would, and our own tools in fixed places. */
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { errnoOf, ignoreSystemError } from '../../base/result.ts';
import { fail, ok, type Result } from '../../job/failure.ts';

/** The last: where macOS has `sysctl` and `lsof`, and the PATH of cron does not lead. */
const TOOL_PLACES = ['/usr/bin', '/bin', '/usr/local/bin', '/opt/homebrew/bin', '/usr/sbin'];
/** What execvp searches where PATH is not set. */
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';

type Executable = 'yes' | 'absent' | 'directory' | 'permission';

function judge(path: string): Executable {
  try {
    // most places of a PATH do not have it: no error is made for these
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) return 'absent';
    if (stat.isDirectory()) return 'directory';
    accessSync(path, constants.X_OK);
    return 'yes';
  } catch (thrown) {
    return errnoOf(thrown) === 'EACCES' ? 'permission' : 'absent';
  }
}

/** A tool of the system (`sh`, `setsid`), whatever the PATH of the caller is; undefined if it is not there. */
export function findTool(name: string): string | undefined {
  const known = tools.get(name);
  if (known !== undefined) return known;
  const path = TOOL_PLACES.map((place) => `${place}/${name}`).find((one) => judge(one) === 'yes');
  if (path !== undefined) tools.set(name, path);
  return path;
}
const tools = new Map<string, string>();

/** The absolute path of a command, searched like execvp does: along `path` unless it holds a slash. */
export function findCommand(command: string, path: string | undefined, cwd: string): Result<string> {
  const candidates = command.includes('/')
    ? [resolve(cwd, command)]
    : (path ?? DEFAULT_PATH).split(':').map((place) => join(resolve(cwd, place || '.'), command));
  let refused: 'directory' | 'permission' | undefined;
  for (const candidate of command === '' ? [] : candidates) {
    const verdict = judge(candidate);
    if (verdict === 'yes') return ok(candidate);
    if (verdict === 'permission' || (verdict === 'directory' && command.includes('/'))) refused ??= verdict;
  }
  if (refused) return fail({ code: 'command-not-executable', command, why: refused });
  return fail({ code: 'command-not-found', command });
}

/** What setsid does, with its codes, for perl: macOS has that and no setsid. */
const PERL_SETSID = [
  // it would write into the job's log that it does not know its locale
  'PERL_BADLANG=0',
  '-e',
  `delete $ENV{PERL_BADLANG}; use POSIX (); POSIX::setsid(); { no warnings; exec { $ARGV[0] } @ARGV }
my $code = $! == 2 ? 127 : 126; print STDERR "setsid: failed to execute $ARGV[0]: $!\\n"; exit $code`,
];

/** The words before a command that make it lead a session of its own; none where neither setsid nor perl is there. */
export function newSession(): string[] {
  const setsid = findTool('setsid');
  if (setsid !== undefined) return [setsid];
  const perl = findTool('perl');
  const [locale, ...words] = PERL_SETSID;
  return perl === undefined ? [] : [requireTool('env'), locale!, perl, ...words];
}

/**
 * Whether `env` takes `-S 'WORDS'`, in which `${NAME}` is the value of a variable: that of busybox does not. Its text tells; to ask it
 * would cost each job that has such a variable another process.
 */
export function envSplits(): boolean {
  if (process.platform === 'darwin') return true;
  try {
    return readFileSync(requireTool('env')).includes('split-string');
  } catch (thrown) {
    ignoreSystemError(thrown);
    return false;
  }
}

/** The path of a tool of the system; throws ENOENT if there is none. */
export function requireTool(name: string): string {
  const path = findTool(name);
  if (path === undefined) throw Object.assign(new Error(`no ${name} on this machine`), { code: 'ENOENT' });
  return path;
}

/** The message of each failure: what happened, why, and a command to type next. */
import { renderDuration } from '../../base/clock.ts';
import { unreachable } from '../../base/result.ts';
import { clip, plural, safe } from '../../base/text/sanitize.ts';
import type { Failure } from '../../job/failure.ts';
import { quoteWord } from '../../job/view.ts';
import { automationMessageOf } from './automation.ts';
import { badLineTexts, notExecutable } from './batch-lines.ts';
import { configMessageOf } from './config.ts';
import { pauseMessageOf, restartMessageOf } from './pause.ts';
import { queueMessageOf } from './queue.ts';
import { sendMessageOf } from './send.ts';
import { skillMessageOf } from './skill.ts';

export interface Message {
  message: string;
  hint?: string;
}

const ERRNO: Record<string, string> = {
  ENOSPC: 'no space is left on the device',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  ENOENT: 'no such file or directory',
  ENOTDIR: 'not a directory',
  EMFILE: 'too many open files (ulimit -n)',
  ENFILE: 'too many open files on this machine',
  EAGAIN: 'the limit of processes is reached (ulimit -u)',
  ENOMEM: 'out of memory',
  E2BIG: 'the command or the environment is too large',
  EFBIG: 'the file would be larger than the limit (ulimit -f)',
  EIO: 'an input/output error',
  EBADF: 'it is closed',
  EPIPE: 'it has no reader',
  EISDIR: 'it is a directory',
  EFTYPE: 'it is not a regular file',
  EILSEQ: 'its name is not UTF-8',
  ERANGE: 'its path is too long',
  ELOOP: 'a symbolic link is in the way',
  ENAMETOOLONG: 'the name is too long',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was closed',
  ENOTFOUND: 'no such host',
};
/** A system error in words. */
export const errnoText = (errno: string): string => ERRNO[errno] ?? errno;

/** A path as it can be typed again. */
const typed = (path: string): string => safe(quoteWord(path));

const UNWRITABLE = 'set BGJOB_HOME to a directory that you can write, e.g. BGJOB_HOME=/tmp/bgjob-$USER';

/** For a full disk: gc works on it. */
export const FULL = 'bgjob gc --ended removes all ended jobs; or set BGJOB_HOME to a disk with free space';

export function messageOf(failure: Failure): Message {
  switch (failure.code) {
    case 'usage':
      return failure.hint === undefined
        ? { message: failure.message }
        : { message: failure.message, hint: failure.hint };
    case 'no-such-job': {
      const { reference, known, elsewhere, typed: command } = failure;
      const what = `no job "${safe(reference)}"`;
      const numbered = ({ id, name }: { id: number; name: string | null }) =>
        `${name === null ? '' : `${safe(name)} `}#${id}`;
      if (elsewhere.length > 0) {
        const found = elsewhere.map((job) => `${numbered(job)} belongs to ${safe(job.project)}`);
        return {
          message: `${what} in this project; ${found.join('; ')}`,
          hint: elsewhere.map(({ id }) => `${command} ${id}`).join(' · '),
        };
      }
      const newest = known.map((job) => `${numbered(job)} (${job.state})`).join(', ');
      return newest === ''
        ? { message: what, hint: 'bgjob ls -a' }
        : { message: `${what}; newest: ${newest}`, hint: 'bgjob ls' };
    }
    case 'nothing-selected':
      return { message: failure.what, hint: failure.hint ?? 'bgjob ls -a' };
    case 'no-such-queue':
    case 'queue-in-use':
    case 'not-waiting':
      return queueMessageOf(failure);
    case 'no-such-starter':
    case 'starter-taken':
    case 'started-before':
    case 'starter-newer':
    case 'not-served':
      return automationMessageOf(failure);
    case 'command-not-found':
      return {
        message: `${safe(failure.command) || '""'}: command not found`,
        ...notFoundHint(failure),
      };
    case 'command-not-executable':
      return {
        message: `${safe(failure.command)}: ${notExecutable(failure.why)}`,
        ...(failure.why === 'permission' && { hint: `chmod +x ${typed(failure.command)}` }),
      };
    case 'bad-cwd':
      return { message: `cannot enter ${safe(failure.directory)}: ${errnoText(failure.errno)}` };
    case 'home-refused':
      return homeMessage(failure);
    case 'home-newer':
      return {
        message:
          `${safe(failure.home)} was written by a newer bgjob ` +
          `(format ${failure.found}, this one knows ${failure.known})`,
        hint: 'npm install -g bgjob@latest',
      };
    case 'io': {
      const message = `cannot ${failure.doing} ${safe(failure.path)}: ${errnoText(failure.errno)}`;
      if (['ENOSPC', 'EDQUOT'].includes(failure.errno)) return { message, hint: FULL };
      // only the home is created or opened
      const isNoPlace = ['create', 'open'].includes(failure.doing) && /^ENO(TDIR|ENT)$/.test(failure.errno);
      const unwritable = isNoPlace || ['EROFS', 'EACCES', 'EPERM'].includes(failure.errno);
      return unwritable ? { message, hint: UNWRITABLE } : { message };
    }
    case 'unreadable':
      return {
        message: `the records of job ${failure.id} are unreadable: ${safe(failure.why)}; nothing was done`,
        hint: `bgjob show ${failure.id}`,
      };
    case 'elsewhere':
      return {
        message: `job ${failure.id} belongs to another machine (${safe(failure.machine)}); nothing was done`,
      };
    case 'not-verified': {
      const pids = failure.pids.join(' ');
      if (failure.why === 'no-answer')
        return {
          message:
            `job ${failure.id} is still running: its supervisor did not answer, ` +
            'and none of its processes can be seen from here',
          hint: 'if it was started in another container or sandbox, kill it there',
        };
      if (failure.why === 'alive')
        return {
          message: `job ${failure.id} is not gone: after KILL these processes are still alive: ${pids}`,
          hint: `ps -o pid,stat,args -p ${pids.replaceAll(' ', ',')}`,
        };
      return {
        message: `it is not certain that process ${pids} belongs to job ${failure.id}, so it got no signal`,
        hint: `ps -o pid,lstart,args -p ${pids.replaceAll(' ', ',')}`,
      };
    }
    case 'not-held':
      return pauseMessageOf(failure);
    case 'not-restarted':
      return restartMessageOf(failure);
    case 'proc-foreign':
      return {
        message: '/proc shows another pid namespace: jobs could not be recognized or stopped here',
        hint: 'give this sandbox a /proc of its own: bwrap --proc /proc, unshare --mount-proc',
      };
    case 'not-started':
      return { message: `cannot start a supervisor: ${errnoText(failure.errno)}` };
    case 'name-taken': {
      const { name, id, state, ageMs, ports } = failure;
      const facts = [
        ...(ageMs === null ? [] : [renderDuration(ageMs)]),
        ...(ports.length === 0 ? [] : [`${ports.length === 1 ? 'port' : 'ports'} ${ports.join(' ')}`]),
      ];
      return {
        message: `${name} is ${state} as job ${id}${facts.length > 0 ? ` (${facts.join(', ')})` : ''}`,
        hint: '--reuse uses that job, --replace stops it first; or choose another name',
      };
    }
    case 'port-not-free': {
      const { name, id, port } = failure;
      return {
        message: `${name} ${id} is stopped, but another process has its port ${port}; nothing was started`,
        hint: `ss -ltnp 'sport = :${port}'`,
      };
    }
    case 'pattern-too-slow': {
      const excess = failure.why === 'time' ? 'long' : 'much memory';
      return {
        message:
          `"${clip(safe(failure.pattern), 80)}" takes too ${excess}` +
          ` on the line at byte ${failure.from}: "${safe(failure.line)}"`,
        hint: 'simplify the pattern: avoid a repetition inside a repetition, such as (a+)+',
      };
    }
    case 'port-taken': {
      const { job } = failure;
      const name = job ? `${job.name === null ? '' : `${safe(job.name)} `}${job.id}` : '';
      return {
        message:
          `port ${failure.port} is taken by pid ${failure.pid} (${safe(failure.command)})` +
          (job ? `, job ${name}` : ''),
        hint: job ? `bgjob kill ${job.id}` : `ps -o pid,lstart,args -p ${failure.pid}`,
      };
    }
    case 'untrusted-certificate':
      return {
        message: `${safe(failure.url)}: its certificate is not trusted (${safe(failure.why)})`,
        hint: '--insecure accepts it',
      };
    case 'bad-lines': {
      const { file, bad, left } = failure;
      const rest = left === 0 ? 'and no good line is left' : 'nothing was added';
      return {
        message: [`${plural(bad.length, 'bad line')}, ${rest}`, ...badLineTexts(file, bad)].join('\n  '),
        ...(left > 0 && { hint: `--skip-bad adds the other ${left === 1 ? 'line' : plural(left, 'line')}` }),
      };
    }
    case 'skill-refused':
      return skillMessageOf(failure, errnoText);
    case 'not-sent':
      return sendMessageOf(failure);
    case 'bad-config':
      return configMessageOf(failure, errnoText);
    case 'answer-lost': {
      const { errno, instead } = failure;
      const lost = `cannot write the answer to stdout: ${errnoText(errno)}`;
      if (instead === null) return { message: lost, hint: 'bgjob ls' };
      if (instead === 'stderr')
        return { message: `${lost}; the command was done, and its answer is above, on stderr` };
      return { message: `${lost}; ${instead.undone}`, hint: instead.again };
    }
    default:
      return unreachable(failure);
  }
}

/** The shell line that was meant, as a call of `run`. */
export const lineHint = (line: string): string => `as a shell line: bgjob run ${quoteWord(line)}`;

function notFoundHint({
  meant,
  line,
}: Extract<Failure, { code: 'command-not-found' }>): Pick<Message, 'hint'> {
  if (meant !== undefined) return { hint: safe(meant) };
  return line === undefined
    ? {}
    : { hint: `a shell line is one word without -- before it: ${safe(quoteWord(line))}` };
}

function homeMessage({ home, trouble, room }: Extract<Failure, { code: 'home-refused' }>): Message {
  const place = room === undefined ? home : `${home}/${room}`;
  const path = safe(place);
  switch (trouble) {
    case 'symbolic-link':
      return {
        message: `${path} is a symbolic link; it must be a directory that belongs to you`,
        hint: room === undefined ? `BGJOB_HOME=$(realpath ${typed(home)})` : `ls -ld ${typed(place)}`,
      };
    case 'not-a-directory':
      return {
        message: `${path} is not a directory`,
        hint: room === undefined ? UNWRITABLE : `ls -ld ${typed(place)}`,
      };
    case 'foreign':
      return { message: `${path} belongs to another user`, hint: UNWRITABLE };
    case 'open-to-others':
      return { message: `other users can write ${path}`, hint: `chmod go-w ${typed(place)}` };
    case 'no-fifos':
      return { message: `the file system of ${path} has no FIFOs, which bgjob needs`, hint: UNWRITABLE };
    case 'not-utf-8':
      return { message: `the path ${path} is not UTF-8`, hint: UNWRITABLE };
    case 'in-use':
      return {
        message: `${path} holds files that are not bgjob's; bgjob needs a directory of its own`,
        hint: `BGJOB_HOME=${typed(home === '/' ? '/.bgjob' : `${home}/.bgjob`)}`,
      };
    case 'damaged':
      return {
        message: `${path} is damaged: its file "format" or "token" is not as bgjob wrote it`,
        hint: `ls -la ${typed(place)}`,
      };
    default:
      return unreachable(trouble);
  }
}

/** The message of each failure: what happened, why, and a command to type next. */
import { dirname, isAbsolute } from 'node:path';
import { renderDuration } from '../../base/clock.ts';
import { clip, clipMiddle, plural, safe, safeJson } from '../../base/text/sanitize.ts';
import { HAS_PROC } from '../../engine/os/process-identity.ts';
import type { BadLine, Failure } from '../../job/failure.ts';
import { quoteWord } from '../../job/view.ts';
import type { Output } from '../output/output.ts';
import { automationFailures } from './automation.ts';
import { configMessage, homeMessage, skillMessage, unwritable } from './home.ts';
import { queueFailures } from './queue.ts';
import { STDIN_SCRIPT } from './run.ts';
import { targetFailures } from './targets.ts';
import { errnoText, type FailureTexts, type MessageAndHint, textFor, typed } from './usage.ts';

export interface Message {
  message: string;
  hint?: string;
}

type Of<C extends Failure['code']> = Extract<Failure, { code: C }>;

const UPDATE = 'npm install -g bgjob@latest';
const AGAIN = `try again; if it stays so: ${UPDATE}`;

/** For a full disk: gc works on it. */
export const FULL =
  'bgjob gc --ended removes all ended jobs; or, with a DIR on a disk with free space: export BGJOB_HOME=DIR';

const PACKAGES: Record<string, string> = {
  script: 'bsdutils or util-linux',
  stty: 'coreutils',
  setsid: 'util-linux',
  mkfifo: 'coreutils',
  env: 'coreutils',
  ps: 'procps',
  bash: 'bash',
};
const WITHOUT: Record<string, string> = {
  sh: 'no job can be started',
  env: 'no job can be started',
  mkfifo: 'no job can be started',
  setsid: 'a job can kill its own shim, and is lost then',
  script: 'run --pty does not work',
  stty: 'run --pty does not work',
  ps: HAS_PROC ? 'the commands with ps in the hints of bgjob do not work' : 'no job can be started',
  bash: 'a shell line runs under sh -c, which does not notice a failure before its last |',
};

/** Of `run` and of `doctor`. */
function toolMessage({ tool, refused }: Of<'tool-missing'>): MessageAndHint {
  const [without, name] = [WITHOUT[tool], PACKAGES[tool] ?? 'a POSIX shell'];
  if (refused === null)
    return [`${tool} is not there (in /usr/bin, /bin, … or PATH): ${without}`, `install ${name}`];
  const folder = dirname(refused);
  const why = isAbsolute(refused)
    ? `any user can write ${safe(folder)}`
    : 'its folder in PATH is not absolute';
  return [
    `${tool} is not there (in /usr/bin, /bin, … or PATH): ${without}; ${safe(refused)} is not used: ${why}`,
    isAbsolute(refused) ? `chmod o-w ${typed(folder)}; or install ${name}` : `install ${name}`,
  ];
}

/** Why NODE_EXTRA_CA_CERTS did not help. */
const unreadText = ({ path, errno }: { path: string; errno: string | null }): string =>
  errno === null
    ? `; NODE_EXTRA_CA_CERTS: ${safe(path)} holds no certificate in PEM form`
    : `; NODE_EXTRA_CA_CERTS: cannot read ${safe(path)}: ${errnoText(errno)}`;

const MESSAGES: FailureTexts<Failure['code']> = {
  ...queueFailures,
  ...automationFailures,
  ...targetFailures,
  usage: ({ message, hint }) => [message, hint],
  'no-such-job': ({ reference, known, elsewhere, typed: command }) => {
    const what = `no job "${safe(reference)}"`;
    const numbered = ({ id, name }: { id: number; name: string | null }) =>
      `${name === null ? '' : `${safe(name)} `}#${id}`;
    if (elsewhere.length > 0) {
      const found = elsewhere.map((job) => `${numbered(job)} belongs to ${safe(job.project)}`);
      const calls = elsewhere.map(({ id }) => `${command} ${id}`);
      return [`${what} in this project; ${found.join('; ')}`, calls.join(' · ')];
    }
    const newest = known.map((job) => `${numbered(job)} (${job.state})`).join(', ');
    return newest === '' ? [what, 'bgjob ls -a'] : [`${what}; newest: ${newest}`, 'bgjob ls'];
  },
  'nothing-selected': ({ what, hint }) => [what, hint ?? 'bgjob ls -a'],
  'command-not-found': ({ command, meant, line, interpreter }) => {
    if (interpreter !== undefined) return missingInterpreter(command, interpreter);
    const asLine = line && `a shell line is one word without -- before it: ${safe(quoteWord(line))}`;
    return [`${safe(command) || '""'}: command not found`, meant === undefined ? asLine : safe(meant)];
  },
  'command-not-executable': ({ command, why, interpreter }) => [
    `${safe(command)}: ${needs(interpreter)}${notExecutable(why)}`,
    why === 'permission' ? `chmod +x ${typed(interpreter ?? command)}` : undefined,
  ],
  'bad-cwd': ({ directory, errno }) => [
    `cannot enter ${safe(directory)}: ${errnoText(errno)}`,
    errno === 'ESTALE' ? `cd ${typed(directory)}` : undefined,
  ],
  'home-refused': homeMessage,
  'home-newer': ({ home, found, known }) => [
    `${safe(home)} was written by a newer bgjob (format ${found}, this one knows ${known})`,
    UPDATE,
  ],
  io: ({ doing, path, errno }) => {
    const message = `cannot ${doing} ${safe(path)}: ${errnoText(errno)}`;
    if (['ENOSPC', 'EDQUOT'].includes(errno)) return [message, FULL];
    if (errno === 'EMFILE') return [message, 'ulimit -n 1024'];
    if (doing === 'make a directory in') return [message, 'export TMPDIR=/var/tmp'];
    // only the home is created or opened
    const isNoPlace = ['create', 'open'].includes(doing) && /^ENO(TDIR|ENT)$/.test(errno);
    return [
      message,
      isNoPlace || ['EROFS', 'EACCES', 'EPERM'].includes(errno) ? unwritable(path) : undefined,
    ];
  },
  unreadable: ({ id, why }) => [
    `the records of job ${id} are unreadable: ${safe(why)}; nothing was done`,
    `bgjob show ${id}`,
  ],
  elsewhere: ({ id, machine }) => [
    `job ${id} belongs to another machine (${safe(machine)}); nothing was done`,
  ],
  'not-verified': ({ id, why, pids }) => {
    const [list, commas] = [pids.join(' '), pids.join(',')];
    if (why === 'no-answer')
      return [
        `job ${id} is still running: its supervisor did not answer, ` +
          'and none of its processes can be seen from here',
        'if it was started in another container or sandbox, kill it there',
      ];
    if (why === 'alive')
      return [
        `job ${id} is not gone: after KILL these processes are still alive: ${list}`,
        `ps -o pid,stat,args -p ${commas}`,
      ];
    return [
      `it is not certain that process ${list} belongs to job ${id}, so it got no signal`,
      `ps -o pid,lstart,args -p ${commas}`,
    ];
  },
  'not-held': pauseMessage,
  'not-set': setMessage,
  'not-restarted': restartMessage,
  'proc-foreign': [
    '/proc shows another pid namespace: jobs could not be recognized or stopped here',
    'give this sandbox a /proc of its own: bwrap --proc /proc, unshare --mount-proc',
  ],
  'tool-missing': toolMessage,
  'not-started': ({ errno }) => [`cannot start a supervisor: ${errnoText(errno)}`],
  'program-gone': ({ path }) => [
    `${safe(path)} is gone: Node or bgjob is being updated, or was removed`,
    AGAIN,
  ],
  'program-replaced': ({ from, to }) => [
    `bgjob ${safe(from)} was replaced by ${safe(to)} during this call`,
    'bgjob ls shows what was done; then the same again',
  ],
  'name-taken': ({ name, id, state, ageMs, ports }) => {
    const facts = [
      ...(ageMs === null ? [] : [renderDuration(ageMs)]),
      ...(ports.length === 0 ? [] : [`${ports.length === 1 ? 'port' : 'ports'} ${ports.join(' ')}`]),
    ];
    return [
      `${name} is ${state} as job ${id}${facts.length > 0 ? ` (${facts.join(', ')})` : ''}`,
      '--reuse uses that job, --replace stops it first; or choose another name',
    ];
  },
  'port-not-free': ({ name, id, port }) => [
    `${name} ${id} is stopped, but another process has its port ${port}; nothing was started`,
    `ss -ltnp 'sport = :${port}'`,
  ],
  'pattern-too-slow': ({ pattern, why, from, line }) => [
    `"${clip(safe(pattern), 80)}" takes too ${why === 'time' ? 'long' : 'much memory'} ` +
      `on the line at byte ${from}: "${safe(line)}"`,
    'simplify the pattern: avoid a repetition inside a repetition, such as (a+)+',
  ],
  'port-taken': ({ port, pid, command, job }) => {
    const owner = job ? `, job ${job.name === null ? '' : `${safe(job.name)} `}${job.id}` : '';
    return [
      `port ${port} is taken by pid ${pid} (${safe(command)})${owner}`,
      job ? `bgjob kill ${job.id}` : `ps -o pid,lstart,args -p ${pid}`,
    ];
  },
  'bad-url': ({ text }) => [
    `--until-url: "${clip(safe(text), 200)}" is not an http or https URL`,
    // localhost:3000 is a URL, too, with the scheme "localhost"
    /^[\w.-]+(:\d+)?(\/|$)/.test(text) ? `http://${safe(text)}` : 'http://localhost:3000/',
  ],
  'untrusted-certificate': ({ url, why, unread }) => [
    `${safe(url)}: its certificate is not trusted (${safe(why)})${unread ? unreadText(unread) : ''}`,
    '--insecure accepts it',
  ],
  'bad-lines': ({ file, bad, left }) => [
    [
      `${plural(bad.length, 'bad line')}, ${left === 0 ? 'and no good line is left' : 'nothing was added'}`,
      ...badLineTexts(file, bad),
    ].join('\n  '),
    left > 0 ? `--skip-bad adds the other ${left === 1 ? 'line' : plural(left, 'line')}` : undefined,
  ],
  'skill-refused': skillMessage,
  'not-sent': sendMessage,
  'bad-config': configMessage,
  'answer-lost': ({ errno, instead }) => {
    const lost = `cannot write the answer to stdout: ${errnoText(errno)}`;
    if (instead === null) return [lost, 'bgjob ls'];
    if (instead === 'stderr') return [`${lost}; the command was done, and its answer is above, on stderr`];
    return [`${lost}; ${instead.undone}`, instead.again];
  },
};

export const messageAndHint = (failure: Failure): MessageAndHint => textFor('code', failure, MESSAGES);
export const messageFrom = ([message, hint]: MessageAndHint): Message => ({
  message,
  ...(hint !== undefined && { hint }),
});
export const messageOf = (failure: Failure): Message => messageFrom(messageAndHint(failure));

/** A word of 100 KB is not repeated in full; the longest path is, with the reason after it. */
const LONGEST_MESSAGE = 5000;

/** Prints a failure on stderr. `withHint`: for people, too; one of many needs none. */
export function printFailure(output: Output, failure: Failure, withHint = true): void {
  const whole = messageOf(failure);
  const message = clipMiddle(whole.message, LONGEST_MESSAGE);
  const hint = whole.hint && clipMiddle(whole.hint, LONGEST_MESSAGE);
  if (output.json) {
    const error = { code: failure.code, message, hint: hint ?? null };
    output.note(safeJson(JSON.stringify({ v: 1, error })));
    return;
  }
  // a message may repeat words that a script took from elsewhere: each line is made safe
  const lines = message.split('\n').map(safe).join('\n');
  output.error(
    failure.code === 'bad-lines' ? lines : safe(message),
    withHint ? hint && safe(hint) : undefined,
  );
}

export const lineHint = (line: string) => `as a shell line: bgjob run ${quoteWord(line)}`;

function pauseMessage({ id, verb, trouble }: Of<'not-held'>): MessageAndHint {
  const job = `job ${id} ${verb === 'pause' ? 'was not paused' : 'cannot be resumed'}`;
  return textFor('kind', trouble, {
    queued: [
      `${job}: it waits in its queue, and has not started`,
      `bgjob queue pause NAME pauses a queue; bgjob kill ${id} cancels the job`,
    ],
    stopping: [`${job}: it is being stopped`, `bgjob wait ${id}`],
    ended: ({ how }) => [`${job}: it ${safe(how)}`, `bgjob restart ${id}`],
    'no-answer': [
      `${job}: its supervisor does not answer`,
      `bgjob show ${id}; if it was started in another container or sandbox, ${verb} it there`,
    ],
    'no-owner': [
      `${job}: its supervisor is gone, and no other one replaced it`,
      `bgjob kill ${id} still stops it`,
    ],
    'not-stopped': ({ pids }) => [
      `job ${id} is paused, but these processes did not stop: ${pids.join(' ')}`,
      `ps -o pid,stat,wchan,args -p ${pids.join(',')}`,
    ],
  });
}

function setMessage({ id, trouble }: Of<'not-set'>): MessageAndHint {
  const job = `job ${id} was not changed`;
  const show = `bgjob show ${id}`;
  return textFor('kind', trouble, {
    started: [`${job}: it has started, and a priority is for a job that waits`, show],
    'no-queue': [`${job}: it is in no queue, and a priority is a place in a queue`, show],
    stopping: [`${job}: it is being stopped`, `bgjob wait ${id}`],
    ended: ({ how }) => [`${job}: it ${safe(how)}`, `bgjob restart ${id}`],
    older: [
      `${job}: its supervisor is of an older bgjob, which cannot change limits`,
      `bgjob restart ${id} runs it under this version`,
    ],
    'no-answer': [
      `${job}: its supervisor does not answer`,
      `${show}; if it was started in another container or sandbox, call set there`,
    ],
    'no-owner': [
      `${job}: its supervisor is gone, and no other one replaced it`,
      `bgjob kill ${id} still stops it`,
    ],
  });
}

function restartMessage({ id, why, errno }: Of<'not-restarted'>): MessageAndHint {
  const lost = (what: string) => `the stored ${what} cannot be read (${errno}); nothing was done`;
  const messages: Record<typeof why, MessageAndHint> = {
    queued: [
      `job ${id} waits in its queue, and has not started: there is nothing to restart`,
      `bgjob move ${id} --first; or bgjob kill ${id}, which cancels it`,
    ],
    newer: [
      `job ${id} was added by a newer bgjob, and this version does not know all its options; ` +
        'nothing was done',
      UPDATE,
    ],
    script: [lost(`script of job ${id}`), `bgjob show ${id}`],
    input: [lost(`input of job ${id} (--stdin)`), `bgjob show ${id}`],
    environment: [
      `the stored environment of job ${id} (--keep-env) is unreadable: ${errno}; nothing was done`,
      `bgjob show ${id}; bgjob run uses the environment of the call`,
    ],
  };
  return messages[why];
}

function sendMessage({ id, why, how, lines, bytes, halfBytes }: Of<'not-sent'>): MessageAndHint {
  const parts = [
    ...(lines > 0 ? [`${plural(lines, 'line')} (${plural(bytes, 'byte')})`] : []),
    ...(halfBytes > 0 ? [`the first ${plural(halfBytes, 'byte')} of a line`] : []),
  ];
  const sent = parts.length === 0 ? 'nothing was sent' : `${parts.join(' and ')} had been sent`;
  const messages: Record<typeof why, MessageAndHint> = {
    'not-held': [
      `job ${id} has no input: it was started without --stdin hold and without --pty`,
      'bgjob run --stdin hold -- command',
    ],
    ended: [`job ${id} ${safe(how)}; ${sent}`, `bgjob show ${id}`],
    closed: [`job ${id} has closed its stdin; ${sent}`, `bgjob tail ${id}`],
    'let-go': [`the stdin of job ${id} was ended before (send --eof); ${sent}`, `bgjob tail ${id}`],
    full: [
      `job ${id} does not read its input, and the pipe is full; ${sent}`,
      parts.length > 0
        ? 'when it reads again, send only the rest'
        : `bgjob tail ${id} shows what it does; then send it again`,
    ],
    queued: [`job ${id} waits in its queue; ${sent}`, `bgjob show ${id} says what it waits for`],
    starting: [`job ${id} is being started; ${sent}`, 'try again in a moment'],
  };
  return messages[why];
}

const MOST_BAD_LINES = 10;

/** `FILE:17: reason` for the first bad lines of a batch, and how many more there are. */
export function badLineTexts(file: string, bad: BadLine[]): string[] {
  const named = bad
    .slice(0, MOST_BAD_LINES)
    .map((line) => `${clip(safe(file), 200)}:${line.number}: ${badLineText(line)}`);
  return bad.length > named.length ? [...named, `and ${bad.length - named.length} more`] : named;
}

/** The first words of a message about the interpreter of a script. */
const needs = (interpreter?: string) =>
  interpreter === undefined ? '' : `its #! line needs ${clip(safe(interpreter), 200)}: `;

function missingInterpreter(command: string, interpreter: string): MessageAndHint {
  const message = `${safe(command)}: ${needs(interpreter)}command not found`;
  if (!interpreter.endsWith('\r')) return [message];
  const isFile = command !== STDIN_SCRIPT;
  return [
    `${safe(command)}: its #! line ends with a carriage return (CRLF), as on Windows: ` +
      `there is no program "${clip(safe(interpreter), 200)}"`,
    isFile ? `sed -i.bak $'s/\\r$//' ${typed(command)}` : "tr -d '\\r' <FILE | bgjob run -",
  ];
}

const notExecutable = (why: 'directory' | 'permission') =>
  why === 'directory' ? 'is a directory' : 'permission denied';

export const badLineText = ({ trouble }: BadLine): string =>
  textFor('kind', trouble, {
    'not-utf-8': 'it is not UTF-8',
    nul: 'it holds a NUL byte',
    'too-long': ({ bytes }) => `it has ${bytes} bytes, but a command may have 131071: a script can be longer`,
    'not-found': ({ command, interpreter }) =>
      `${clip(safe(command), 80)}: ${needs(interpreter)}command not found`,
    'not-executable': ({ command, why, interpreter }) =>
      `${clip(safe(command), 80)}: ${needs(interpreter)}${notExecutable(why)}`,
    syntax: ({ says }) => clip(safe(says), 200),
    'name-twice': ({ line, name }) =>
      `line ${line} has the name ${safe(name)}, too: only one job of a name can run`,
  });

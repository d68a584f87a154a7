/** Messages of `run` and `restart`: why they refuse, and what they say of the jobs that they start. */
import { LIMIT_TEXT } from '../../base/fs/read-all.ts';
import { clip, plural, safe } from '../../base/text/sanitize.ts';
import type { TellView } from '../../engine/hooks/message-status.ts';
import type { NoticeView } from '../../engine/hooks/notification-status.ts';
import { isInUse, type Listening, portsIn } from '../../engine/os/sockets.ts';
import type { Stopped } from '../../engine/stop/stop-job.ts';
import type { JobId, Notice, Tell } from '../../job/spec.ts';
import { type JobView, type LiveView, stateWord } from '../../job/view.ts';
import { jobLabel, jobs } from './job-text.ts';
import { textFor, usageError } from './usage.ts';
import type { Warning } from './warnings.ts';

// the command

export const nulInWord = () => usageError('a word holds a NUL byte');
export const emptyCommand = () => usageError('the command is empty', 'bgjob run -- command');

export const READING_SCRIPT = 'reading the script from here, until Ctrl-D';
/** What `run -` has read, as it is called in messages. */
export const STDIN_SCRIPT = 'the script on stdin';
export const badScript = {
  tooLarge: () =>
    usageError(
      `run -: the script on stdin is larger than ${LIMIT_TEXT}`,
      'save it in a file: bgjob run ./file',
    ),
  nul: () => usageError('run -: the script on stdin holds a NUL byte', 'a program: save it and run it'),
  empty: () => usageError('run -: the script on stdin is empty', "bgjob run - <<'EOF'"),
};

// the options

export const logLimitTooSmall = (bytes: number) =>
  usageError(
    bytes === 0 ? '--max-log: 0 would keep nothing' : `--max-log: ${plural(bytes, 'byte')} is not enough`,
    'the minimum is --max-log 64k',
  );

export const emptyHook = () =>
  usageError(
    '--on-exit: there is nothing to run',
    'bgjob run --on-exit \'notify-send "$BGJOB_NAME $BGJOB_OUTCOME"\' -- command',
  );

/** `says`: the shell's own words. */
export const badHook = (says: string) => usageError(`--on-exit: the shell refuses it: ${safe(says)}`);

/** `isSet`: of `set`, where an option that is left out changes nothing. */
export const zeroLimit = (option: string, isSet = false) =>
  usageError(
    `--${option}: 0 would stop the job at once; ${isSet ? 'none means' : 'leave it out for'} no limit`,
  );

export const foreignVariableName = (name: string) =>
  usageError(
    `the variable ${safe(name)} is not UTF-8`,
    /^\w+$/.test(name) ? `env -u ${name} bgjob run ...` : undefined,
  );

/** Of -e. Only a text that may be a name is repeated: any other may be a secret. */
export const badVariable = (entry: string) =>
  usageError(
    `--env: ${
      entry.includes('=')
        ? 'the name is empty or holds a NUL byte'
        : `${/^[A-Za-z_]\w{0,39}$/.test(entry) ? `"${entry}"` : 'a value'} has no =`
    }; it must be NAME=value`,
  );

/** A place in a file of --env-file; `line`: counted from 1. */
interface EnvLine {
  file: string;
  line: number;
}

/** Why a line of --env-file is refused. */
type EnvLineTrouble =
  | { kind: 'no-equals' | 'no-name' | 'bad-name' }
  | { kind: 'open-quote' | 'after-quote'; name: string; quote: string }
  | { kind: 'nul'; name: string };

/** A name that is none for a shell may be part of a secret. */
const namedValue = (name: string) => (/^[A-Za-z_]\w*$/.test(name) ? `the value of ${name}` : 'the value');

const OTHER_QUOTES = 'a value that holds one kind of quote is written in another: "…", \'…\' or `…`';

/** A message names a line by its number and a name, never by its text: the text may be a secret. */
export function badLineOfFile({ file, line }: EnvLine, trouble: EnvLineTrouble) {
  const [message, hint] = textFor('kind', trouble, {
    'no-equals': [
      'the line has no =; it must be NAME=value',
      'a value over several lines is written in quotes: NAME="…"',
    ],
    'no-name': ['the name is empty or holds a NUL byte; it must be NAME=value'],
    'bad-name': [
      'the text before the = is not a name: it holds a blank, a quote or a control character',
      'a value over several lines is written in quotes: NAME="…"',
    ],
    'open-quote': ({ name, quote }) => [
      `${namedValue(name)} begins with ${quote}, and no ${quote} ends it`,
      OTHER_QUOTES,
    ],
    'after-quote': ({ name, quote }) => [
      `there is text after the ${quote} that ends ${namedValue(name)}`,
      OTHER_QUOTES,
    ],
    nul: ({ name }) => [`${namedValue(name)} holds a NUL byte`],
  });
  return usageError(`${safe(file)}:${line}: ${message}`, hint);
}

/** As in Node. Other programs read such a `#` as a part of the value. */
export const cutAtHash = ({ file, line }: EnvLine, name: string): Warning => ({
  code: 'cut-at-hash',
  message: `${safe(file)}:${line}: ${namedValue(name)} ends before the #; quote the value to keep the #`,
});

export const foreignLine = (file: string, line: number, bytes: Uint8Array) =>
  usageError(
    `${safe(file)}:${line}: the line is not UTF-8`,
    // a byte order mark
    [0xfe, 0xff].includes(bytes[0]!) ? 'iconv -f UTF-16 -t UTF-8 FILE > FILE.utf8' : undefined,
  );

export const tooLarge = (file: string, limit: string) => usageError(`${safe(file)} is larger than ${limit}`);

export const badSlots = (slots: number, most: number) =>
  slots === 0
    ? usageError('--slots: with 0 no job would ever start', 'bgjob queue pause NAME')
    : usageError(`--slots: ${slots} is too many (at most ${most})`);

export const priorityOutOfRange = (most: number) =>
  usageError(`--priority: it must be from -${most} to ${most}`);

// what the job reads

export const twoReadersOfStdin = () =>
  usageError('run - and --stdin - would both read stdin', 'save one of them in a file: --stdin FILE');

export const longPtyCommand = (most: number) =>
  usageError(
    `--pty: a command may have ${most} characters`,
    'a script may be longer: bgjob run --pty -- ./script',
  );

export const ptyWithStdin = () =>
  usageError(
    '--pty: the job reads its terminal, so --stdin has no effect',
    'bgjob send REF TEXT types into it',
  );

export const ptyWithSplit = () =>
  usageError('--pty and --split cannot be used together: a terminal has one output');

export const noPty = {
  system: () => usageError('--pty works on Linux and macOS only'),
  busybox: () =>
    usageError(
      '--pty needs the program script of util-linux, and the one that is here is of busybox',
      'apt install bsdutils · dnf install util-linux-script · apk add util-linux-misc',
    ),
} as const;

export const stdinWithoutEnd = (path: string) =>
  usageError(`--stdin: ${safe(path)} is a device or a socket, which may have no end`);

export const READING_INPUT = "reading the job's input from here, until Ctrl-D";

// --notify

export const noNotification = (trouble: string): Warning => ({
  code: 'nobody-to-notify',
  message:
    `--notify: ${trouble}, and this call has no terminal: no notification will be shown; ` +
    '--on-exit CMD runs a command of yours',
});

function noticePlaces({ desktop, terminal }: Notice): string {
  const places = [
    ...(desktop.length > 0 ? ['on the desktop'] : []),
    ...(terminal ? [safe(terminal.path)] : []),
  ];
  return places.length > 0 ? places.join(', or ') : 'but there is no desktop and no terminal';
}

/** `rang /dev/pts/3`: what became of --notify. */
export function noticeText(view: NoticeView, notice: Notice): string {
  const then = () =>
    `when it has ended${notice.when === 'failure' ? ' if it fails' : ''}, ${noticePlaces(notice)}`;
  return textFor('kind', view, {
    waits: then,
    due: then,
    runs: then,
    'not-needed': 'only if it fails',
    'not-run': 'no notification: no process was left to show it',
    unseen: 'not known: no process recorded it',
    told: ({ notified: { by, why } }) => {
      if (by === 'desktop') return 'shown on the desktop';
      return by === 'terminal'
        ? `rang ${safe(notice.terminal?.path ?? '')}`
        : `no notification: ${safe(why ?? '')}`;
    },
  });
}

// --tell

export const noAgentToTell = (): Warning => ({
  code: 'nobody-to-tell',
  message: '--tell: this call is in no session of Codex: no agent will be told',
});

export const noCodexToTell = (): Warning => ({
  code: 'nobody-to-tell',
  message: '--tell: there is no codex in PATH: no agent will be told',
});

/** `queued into the thread of Codex`: what became of --tell. */
export function tellText(view: TellView, { when }: Tell): string {
  const now = 'is being queued into the thread of Codex';
  return textFor('kind', view, {
    waits: `when it has ended${when === 'failure' ? ' if it fails' : ''}, in the thread of Codex`,
    due: now,
    runs: now,
    'not-needed': 'only if it fails',
    'not-run': 'not queued: no process was left to do it',
    unseen: 'not known: no process recorded it',
    queued: 'queued into the thread of Codex',
    failed: ({ why }) => `not queued: ${safe(why)}`,
  });
}

// names, --reuse, --replace, restart

/** --reuse found a job that does something else. */
export const reusedDiffersText = (view: JobView, command: string | null, cwd: string | null) => {
  const facts = [
    ...(command === null ? [] : [`runs ${safe(command)}`]),
    ...(cwd === null ? [] : [`runs in ${safe(cwd)}`]),
  ];
  return `(${jobLabel(view)} is not the same job: it ${facts.join(' and ')}; --replace stops it)`;
};

export const stopsItself = (view: JobView, verb: 'restart' | 'replace') =>
  usageError(`${jobLabel(view)} cannot ${verb} itself: it would be stopped first`);

/** A job that was stopped to make room for another. */
export function replacedText({ before, after, processes, listened }: Stopped, verb: string): string {
  if (after.kind === 'ended' && after.status.outcome.kind === 'cancelled')
    return `${verb} ${jobLabel(before)}: cancelled before it started`;
  const count = plural(processes, 'process', 'processes');
  const left = before.kind === 'ended' ? ' that it left' : '';
  return `${verb} ${jobLabel(before)}: killed ${count}${left}${portText(listened)}`;
}

/** `, port 3000 free`: the ports of processes that are gone. */
export function portText(listened: Listening[]): string {
  const taken = portsIn(listened.filter(isInUse));
  const free = portsIn(listened).filter((port) => !taken.includes(port));
  const word = (list: number[], state: string) =>
    list.length === 0 ? '' : `, ${list.length === 1 ? 'port' : 'ports'} ${list.join(' ')} ${state}`;
  return word(free, 'free') + word(taken, 'taken by another process');
}

/** A newer live job has the name of the job that is to be restarted. */
export const followedBy = (view: JobView, follower: JobView) =>
  usageError(
    `${jobLabel(view)} was followed by ${jobLabel(follower)}, which is ${stateWord(follower)}: ` +
      'only one job of a name can run',
    `bgjob restart ${'spec' in view ? view.spec.name : view.id}`,
  );

export const manyFailed = (count: number) =>
  usageError(`${jobs(count)} failed; nothing was restarted yet`, 'the same with --yes');

export const forOneNamedJob = (isFollow: boolean) =>
  usageError(
    `${isFollow ? '--follow works' : 'conditions such as --until work'} only with one REF`,
    'bgjob restart --wait REF...',
  );

export const standsForText = (id: JobId, earlier: JobId[], name: string | null) =>
  `(${id} also replaces ${earlier.join(' ')}: only one job of the name ${name} can run)`;

/** `how`: how the old job ended; null: it ran, and was stopped. */
export const restartedText = (id: JobId, old: JobView, how: string | null, isStored: boolean) =>
  `(${id} is ${jobLabel(old)}${how === null ? '' : `, which ${how},`} once more, in ${
    isStored ? 'the environment that was stored with it' : 'the environment of this call'
  })`;

/** The job was started in a directory that is named by a link. */
export const linkedDirectoryText = (cwd: string, link: string) =>
  `(in ${safe(cwd)}: ${safe(link)} leads there now)`;
/** A job of the same name was started when the link led elsewhere. */
export const earlierReleaseText = ({ id, spec }: LiveView, link: string) =>
  `(${safe(spec.name ?? '')} ${id} goes on in ${safe(spec.cwd)}, where ${safe(link)} led before; ` +
  `to stop it: bgjob kill ${id})`;
/** `before`: where the old job ran. */
export const followedLinkText = (cwd: string, link: string, before: string, old: JobId) =>
  before === cwd
    ? linkedDirectoryText(cwd, link)
    : `(in ${safe(cwd)}: ${safe(link)} leads there now; job ${old} ran in ${safe(before)})`;

export const restartedManyText = (count: number) =>
  `(${jobs(count)} restarted, in the environment of this call)`;

/** `ids` as they can be typed. */
export const notRestartedText = (left: JobId[], ids: string) =>
  `(not restarted: ${left.join(' ')}; again: bgjob restart ${ids})`;

// after the start

export const readerGoneText = (id: JobId) =>
  `the output has no reader any more; the job still runs: bgjob wait ${id}`;

export const stillRunsText = (id: JobId) => `(the job still runs: bgjob tail ${id} · bgjob kill ${id})`;

/** After the first `run` of a home. */
export const firstRunText = (became: string, id: JobId) =>
  `${became}; next: bgjob tail -f ${id} · bgjob wait ${id} · bgjob ls`;
export const becameText = (reused: boolean, isQueued: boolean) =>
  reused ? 'it was running already' : isQueued ? 'added to its queue' : 'started';

/** The end of a call that waited for many jobs: `counts`, the failures by name, and how to run them again. */
export function manySummary(
  { done, failed, open }: { done: number; failed: number; open: number },
  named: string[],
  again: string,
): string[] {
  const counts = [
    `${done} done`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(open > 0 ? [`${open} not ended`] : []),
  ].join(', ');
  if (failed === 0) return [counts];
  const more = failed - named.length;
  return [
    ...(failed === 1 ? [`${counts}: ${named[0]}`] : [`${counts}:`, ...named.map((one) => `  ${one}`)]),
    ...(more > 0 ? [`  and ${more} more`] : []),
    `run ${failed === 1 ? 'it' : 'them'} again: bgjob restart ${again}`,
  ];
}

// --batch

const BATCH_EXAMPLE = 'bgjob run -Q NAME --batch FILE';

export const notForBatch = {
  words: (word: string) =>
    usageError(
      `--batch takes its commands from the lines of a file, but "${clip(safe(word), 80)}" was given, too`,
      BATCH_EXAMPLE,
    ),
  option: (name: string) =>
    usageError(`--${name} is for one job, but --batch starts many`, `${BATCH_EXAMPLE} --tag TAG`),
  stdin: () => usageError('--stdin is for one job, but --batch starts many', 'in a line: command <file'),
  conditions: () =>
    usageError(
      'conditions such as --until are for one job, but --batch starts many',
      `${BATCH_EXAMPLE} --wait`,
    ),
} as const;

export const emptyBatch = (file: string) =>
  usageError(`--batch: there is nothing to run in ${safe(file)}: no line is a command`, BATCH_EXAMPLE);

export const batchTooLarge = (file: string, limit: string) =>
  usageError(
    `--batch: ${safe(file)} is larger than ${limit}`,
    'split -n l/4 FILE, and add the parts one after the other',
  );

export const batchIsUtf16 = (file: string, isStdin: boolean) =>
  usageError(
    `--batch: ${safe(file)} is UTF-16`,
    `iconv -f UTF-16 -t UTF-8 ${isStdin ? '' : 'FILE '}| bgjob run --batch -`,
  );

export const batchNameTaken = (name: string, state: string, id: JobId) =>
  usageError(
    `${name} is ${state} as job ${id}: only one job of a name can run; nothing was added`,
    `bgjob wait ${id}, bgjob kill ${id}, or another name`,
  );

export const READING_BATCH = 'reading shell lines from here, one job per line, until Ctrl-D';
export const BATCH_INTERRUPTED = 'interrupted: nothing was added';
export const batchAddedText = (count: number, first: JobId) =>
  `${jobs(count)} added; next: bgjob wait --batch ${first} · bgjob ls`;
export const batchQueueText = (queue: string) => `(no -Q: the jobs wait in queue ${queue})`;

/** `FILE:17: note (and 3 more such lines)`: about the first of some lines. */
export const ofLines = (file: string, line: number, text: string, more: number) =>
  `${safe(file)}:${line}: ${text}${more === 0 ? '' : ` (and ${plural(more, 'more such line')})`}`;

/** `texts`: the bad lines, each with its reason. */
export const leftOutText = ([first, ...rest]: string[]) =>
  [`left out: ${first}`, ...rest.map((text) => `          ${text}`)].join('\n');

/** Usage errors that many verbs share: words, options and values that mean nothing. */
import { isTooLarge, isTooLong, LARGEST_SIZE, LONGEST_DURATION } from '../../base/clock.ts';
import { clip, plural, safe } from '../../base/text/sanitize.ts';
import type { Failure } from '../../job/failure.ts';
import { quoteWord } from '../../job/view.ts';

export type UsageFailure = Extract<Failure, { code: 'usage' }>;

/** A path as it can be typed again. */
export const typed = (path: string) => safe(quoteWord(path));

/** What happened and why, and a command to type next. */
export type MessageAndHint = [message: string, hint?: string | undefined];

type OfKind<T, K extends string, V> = T extends Record<K, unknown> ? (V extends T[K] ? T : never) : never;
/** A text for each kind of a thing, or the function that makes it. `K`: the key that names the kind. */
export type TextsOf<T, K extends string, V extends string, R> = {
  [A in V]: R | ((one: OfKind<T, K, A>) => R);
};

export type FailureTexts<C extends Failure['code']> = TextsOf<Failure, 'code', C, MessageAndHint>;

/** The text for a thing of several kinds; the compiler proves that there is one for each kind. */
export function textFor<
  K extends string,
  V extends string,
  T extends Record<K, V>,
  R extends string | MessageAndHint,
>(key: K, one: T, texts: TextsOf<T, K, T[K], R>): R {
  const text = texts[one[key]] as R | ((one: T) => R);
  return typeof text === 'function' ? text(one) : text;
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
  ESTALE: 'it was removed, and another one was made in its place',
  EILSEQ: 'its name is not UTF-8',
  ERANGE: 'its path is too long',
  ELOOP: 'a symbolic link is in the way',
  ENAMETOOLONG: 'the name is too long',
  ENODATA: 'no process writes into this FIFO',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was closed',
  ENOTFOUND: 'no such host',
};
export const errnoText = (errno: string) => ERRNO[errno] ?? errno;

export const usageError = (message: string, hint?: string): UsageFailure => ({
  code: 'usage',
  message,
  ...(hint !== undefined && { hint }),
});

export const cannotCombine = (one: string, other: string, hint?: string) =>
  usageError(`${one} and ${other} cannot be used together`, hint);

export const needsOption = (option: string, other: string, hint?: string) =>
  usageError(`${option} needs ${other}`, hint);

export const notOneOf = (of: string, word: string, choices: readonly string[], hint?: string) =>
  usageError(`${of}: "${clip(safe(word), 80)}" is none of ${choices.join(', ')}`, hint);

/** The name of a job, queue, schedule or trigger. */
export const notAName = (option: string, name: string) =>
  usageError(
    `${option}: "${clip(safe(name), 80)}" is not a name: use letters, digits and . _ - (at most 64), ` +
      'with a letter or digit first, and not only digits',
  );

export const emptyPath = (option: string, hint?: string) => usageError(`${option}: the path is empty`, hint);

export const needsName = (action: string, kind: string, hint: string) =>
  usageError(`${action} needs the NAME of a ${kind}`, hint);

/** `meant`: what to type after `bgjob` instead; undefined: nothing is near. */
export function unknownCommand(word: string, rest: string[], meant: string | undefined): UsageFailure {
  const message = `no command "${word}"`;
  if (meant !== undefined) return usageError(message, `bgjob ${clip(safe(meant), 200)}`);
  if (rest.includes('--help')) return usageError(message, 'bgjob --help');
  const line = [word, ...rest].map(quoteWord).join(' ');
  return usageError(message, `bgjob run -- ${clip(safe(line), 200)} (to run it as a job), or bgjob --help`);
}

export const unknownOption = (flag: string, hint: string) => usageError(`unknown option '${flag}'`, hint);
/** For an option before the verb, behind which it may stand. */
export const optionFollows = (option: string, command: string) =>
  unknownOption(option, `an option follows the command: ${command} ${clip(safe(option), 80)}`);
export const detachingOption = (flag: string) =>
  unknownOption(flag, 'leave it out: a job always runs in the background');
export const shellOption = (flag: string) =>
  unknownOption(flag, "a shell line is one word: bgjob run 'make && make test'");

export const needsOperands = (verb: string, operands: string, hint = `bgjob ${verb} --help`) =>
  usageError(`${verb} needs ${operands}`, hint);

export const tooManyWords = (verb: string, word: string, option?: string) =>
  usageError(
    `too many words: "${word}"`,
    `bgjob ${verb} ${option === undefined ? '--help' : `--${option}=${quoteWord(word)}`}`,
  );

/** Whether a text has the right form: then its value is too large. */
const IS_BEYOND: Record<keyof typeof LIKE, (text: string) => boolean> = {
  duration: isTooLong,
  size: isTooLarge,
  count: (text) => /^\d+$/.test(text),
  integer: (text) => /^[+-]?\d+$/.test(text),
};

/** A value of an option that no parser takes: its form is wrong, or it is too large. */
export function badNumber(option: string, text: string, kind: keyof typeof LIKE): UsageFailure {
  if (!IS_BEYOND[kind](text)) return badValue(option, text, LIKE[kind]);
  const too = kind === 'duration' ? 'long' : 'large';
  return usageError(`${option}: "${clip(text, 80)}" is too ${too}: ${MOST[kind]}`);
}

const MOST: Record<keyof typeof LIKE, string> = {
  duration: `the most is ${LONGEST_DURATION} (a hundred years)`,
  size: `the most is ${LARGEST_SIZE}`,
  count: 'the most is 999999999',
  integer: 'it must be from -999999999 to 999999999',
};

/** `like`: what a value of this kind looks like. */
export const badValue = (option: string, text: string, like: string) =>
  usageError(`${option}: "${text}" is not ${like}`);

export const badColor = (text: string) => badValue('--color', safe(text), 'never, always or auto');

const LIKE = {
  duration: 'a duration such as 90s, 5m, 1h30m',
  size: 'a size such as 500k, 64M, 2G',
  count: 'a whole number',
  integer: 'a whole number such as 10, -5',
} as const;

export const notUtf8 = (verb: string, word: string) =>
  usageError(
    `"${clip(safe(word), 80)}" is not UTF-8`,
    verb === 'run' ? "a script may hold any bytes: bgjob run - <<'EOF'" : undefined,
  );

export const badTag = (tag: string) =>
  usageError(`--tag: "${clip(safe(tag), 80)}" is not a label of letters, digits and . _ : / @ + -`);

export const badPosition = {
  ofStderr: () => usageError('--since: with --err it takes a cursor; bgjob has no times for stderr'),
  unreadable: (text: string) =>
    isTooLong(text)
      ? badNumber('--since', text, 'duration')
      : usageError(
          `--since: "${safe(text)}" is neither a cursor such as 38122 nor a duration such as 90s, 5m`,
        ),
  beyond: (text: string, size: number, label: string) =>
    usageError(`--since: ${text} is beyond the ${size} bytes that ${label} has written`),
} as const;

export const bugText = (stack: string) => `bgjob: this is a bug in bgjob, please report it: ${stack}`;
export const internalError = () => usageError('internal error');

/** A config.json that cannot be believed, for a command that works without it. */
export const configIgnored = (message: string) => `${message}; this command ignores the file (bgjob doctor)`;

export const noSession = () =>
  usageError(
    '--session: this call is in no session; none of BGJOB_SESSION, CLAUDE_CODE_SESSION_ID and ' +
      'CODEX_THREAD_ID names one',
    'with the session that bgjob show ID prints: --session=SESSION',
  );
export const notASession = (text: string) =>
  usageError(
    `--session: "${clip(safe(text), 40)}" is no session; it is ID or HOST:ID, of at most 128 letters, ` +
      'digits and . _ -',
    'bgjob show ID',
  );

/** One note of a call whose BGJOB_SESSION is ignored. */
export const badSession = (value: string) => ({
  code: 'bad-session',
  message:
    `BGJOB_SESSION is ignored: "${clip(safe(value), 40)}" is no session; ` +
    'it is ID or HOST:ID, of at most 128 letters, digits and . _ -',
});

// errors of single verbs

export const noStderrLog = {
  path: (id: number) =>
    usageError(`job ${id} has no log of stderr: it was not started with --split`, `bgjob path ${id}`),
  tail: (id: number, label: string) =>
    usageError(`${label} was not started with --split: its stderr is in its log`, `bgjob tail ${id}`),
} as const;

export const setNeedsOption = (reference: string) =>
  usageError(
    'set needs one of --timeout, --idle-timeout, --grace, --priority',
    `bgjob set ${safe(reference)} --timeout 2h`,
  );

export const moveNeedsTarget = (reference: string) =>
  usageError('move needs one of --first, --last, --priority N', `bgjob move ${reference} --first`);

const INSTALL: Record<string, string> = {
  bash: 'bgjob completion bash > ~/.local/share/bash-completion/completions/bgjob',
  zsh: 'bgjob completion zsh > ~/.zsh/_bgjob, where ~/.zsh is in fpath before compinit',
  fish: 'bgjob completion fish > ~/.config/fish/completions/bgjob.fish',
};
export const installHint = (shell: string) => `(to install it: ${INSTALL[shell]})`;

export const memoryTooSmall = (bytes: number) =>
  usageError(
    bytes === 0
      ? '--memory: 0 would stop the job at once'
      : `--memory: ${plural(bytes, 'byte')} is not enough`,
    'the minimum is --memory 1M',
  );

/** The job that `run` is to start. Everything is checked before anything is created. */
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { movingLinkOf } from '../../base/fs/moving-link.ts';
import { errnoOf } from '../../base/result.ts';
import { type JobEnvironment, jobEnvironment } from '../../engine/launch/environment.ts';
import type { Draft } from '../../engine/launch/launch.ts';
import { findCommand } from '../../engine/os/programs.ts';
import { placementFor } from '../../engine/queue/enqueue.ts';
import { type Failure, fail, ok, type Result } from '../../job/failure.ts';
import { LEAST_MAX_LOG_BYTES, LEAST_MEMORY_BYTES } from '../../job/home/config.ts';
import { projectOf } from '../../job/home/project.ts';
import { withoutSecrets } from '../../job/session.ts';
import { DEFAULT_GRACE_MS } from '../../job/spec.ts';
import type { Input } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { foreignVariable } from '../command/encoding.ts';
import { parseTags } from '../command/tags.ts';
import {
  badHook,
  emptyHook,
  foreignVariableName,
  logLimitTooSmall,
  longPtyCommand,
  STDIN_SCRIPT,
  twoReadersOfStdin,
  zeroLimit,
} from '../messages/run.ts';
import { emptyPath, memoryTooSmall, notOneOf } from '../messages/usage.ts';
import { printWarnings } from '../messages/warnings.ts';
import {
  type Command,
  commandThere,
  isScriptCall,
  lineMeant,
  parseCommand,
  scriptCommand,
} from '../shell/command-line.ts';
import { readScript, renderScript } from '../shell/script.ts';
import {
  checkForTarget,
  checkScript,
  findTarget,
  inDirectoryThere,
  ON_OPTIONS,
} from '../targets/on-option.ts';
import { readOverrides } from './env-file.ts';
import { parseTell, TELL_OPTIONS } from './message-option.ts';
import { NAMING_OPTIONS } from './name-policy.ts';
import { NOTIFY_OPTIONS, parseNotify } from './notify-option.ts';
import { QUEUE_OPTIONS, type Queueing } from './queue-options.ts';
import { parseStdin, STDIN_OPTIONS } from './stdin.ts';

export const DRAFT_OPTIONS = {
  ...NAMING_OPTIONS,
  ...ON_OPTIONS,
  cwd: { kind: 'text', short: '-C', value: 'DIR', text: 'run the command in DIR', group: 'How it runs' },
  env: { kind: 'list', short: '-e', value: 'K=V', text: 'set a variable in its environment; repeatable' },
  'env-file': {
    kind: 'list',
    value: 'FILE',
    text: 'set the variables in FILE: K=V lines, as node --env-file',
  },
  'keep-env': { kind: 'flag', text: 'store the environment on disk (0600), for a restart' },
  tag: { kind: 'list', short: '-t', value: 'TAG', text: 'a label; repeatable' },
  split: { kind: 'flag', text: 'write stderr to a log of its own' },
  ...STDIN_OPTIONS,
  'no-pipefail': { kind: 'flag', text: 'the exit code of a shell line is that of its last command' },
  timeout: { kind: 'duration', value: 'DUR', text: 'stop the job after DUR (124)', group: 'Limits' },
  'idle-timeout': { kind: 'duration', value: 'DUR', text: 'stop the job after DUR without output' },
  grace: {
    kind: 'duration',
    value: 'DUR',
    text: 'the time from TERM to KILL when the job is stopped (default 5s)',
  },
  'max-log': { kind: 'size', value: 'SIZE', text: 'keep at most SIZE of the log on disk (default 1G)' },
  'on-max-log': {
    kind: 'text',
    value: 'trim|kill',
    text: 'at that size: cut the middle out of the log (default), or stop the job',
  },
  memory: {
    kind: 'size',
    value: 'SIZE',
    text: 'kill the job when all its processes together use more than SIZE of memory (137)',
  },
  'on-exit': { kind: 'text', value: 'CMD', text: 'a shell line to run after the job has ended' },
  ...NOTIFY_OPTIONS,
  ...TELL_OPTIONS,
  ...QUEUE_OPTIONS,
} as const;

/** The options that neither a template nor a server of `with` has, as if they were not given. */
export const NOT_GIVEN = {
  ...{ 'keep-env': false, stdin: null, pty: false, notify: { text: 'never' }, tell: { text: 'never' } },
  ...{ slots: null, priority: null, after: [], 'after-any': [], delay: null },
  ...{ retry: null, 'retry-on': null, backoff: null, batch: null, 'skip-bad': false },
};

const DEFAULT_MAX_LOG_BYTES = 2 ** 30;

/** The command travels as one word, and the kernel takes words of at most 128 KiB. */
const MOST_PTY_CHARACTERS = 30_000;

function logLimitOf(
  bytes: number | null,
  then: string | null,
): Result<Pick<Draft, 'maxLogBytes' | 'onMaxLog'>> {
  if (bytes !== null && bytes < LEAST_MAX_LOG_BYTES) return fail(logLimitTooSmall(bytes));
  const onMaxLog = then ?? 'trim';
  if (onMaxLog !== 'trim' && onMaxLog !== 'kill')
    return fail(notOneOf('--on-max-log', onMaxLog, ['trim', 'kill'], 'bgjob run --help'));
  return ok({ maxLogBytes: bytes ?? DEFAULT_MAX_LOG_BYTES, onMaxLog });
}

/** The line of --on-exit. Its syntax is checked now, because no one reads its errors later. */
function onExitOf(line: string | null): Result<string | null> {
  if (line === null) return ok(null);
  if (line.trim() === '') return fail(emptyHook());
  const { refusedLines } = require('../shell/syntax-check.ts') as typeof import('../shell/syntax-check.ts');
  const says = refusedLines([line]).get(0);
  return says === undefined ? ok(line) : fail(badHook(says));
}

/** The real path of a directory in which a job can run. */
export function enterable(directory: string): Result<string> {
  try {
    const real = realpathSync(directory);
    if (!statSync(real).isDirectory()) return fail({ code: 'bad-cwd', directory, errno: 'ENOTDIR' });
    accessSync(real, constants.X_OK);
    return ok(real);
  } catch (thrown) {
    return fail({ code: 'bad-cwd', directory, errno: errnoOf(thrown) });
  }
}

function directoryOf(context: Context, asked: string | null): Result<string> {
  const cwd = context.cwd();
  if (!cwd.ok) return asked?.startsWith('/') ? enterable(asked) : cwd;
  return asked === null ? cwd : enterable(resolve(cwd.value, asked));
}

function linkOf(context: Context, asked: string | null, real: string): string | null {
  const cwd = context.cwd();
  return movingLinkOf(real, { asked, cwd: cwd.ok ? cwd.value : '/', pwd: context.env['PWD'] });
}

function variableOf(context: Context, overrides: string[], name: string): string | undefined {
  const own = overrides.findLast((entry) => entry.startsWith(`${name}=`));
  return own === undefined ? context.env[name] : own.slice(name.length + 1);
}

/** The job in which the call is made; null: none, or one of another home. */
export function parentOf(context: Context): number | null {
  const parent = context.env['BGJOB_ID'];
  if (parent === undefined || !/^[1-9]\d{0,14}$/.test(parent)) return null;
  const home = context.home();
  // the token of a --on-exit line begins with that of the home
  const isOurs = home.ok && home.value && context.env['BGJOB_TOKEN']?.startsWith(home.value.token);
  return isOurs ? Number(parent) : null;
}

/** The environment of a job that starts in that of the call. */
export function environmentFor(
  context: Context,
  facts: Pick<Draft, 'env' | 'stdin' | 'pty' | 'cwd'>,
): JobEnvironment {
  const here = context.cwd();
  return jobEnvironment(context.env, facts, here.ok ? here.value : undefined);
}

/** A draft without its command: the same for each line of a batch. */
export interface Frame {
  rest: Omit<Draft, 'argv' | 'line' | 'words' | 'script' | 'scriptBytes'>;
  /** The PATH that the job will have. */
  path: string | undefined;
  pipefail: boolean;
  /** The environment brings functions that a shell may call. */
  hasFunctions: boolean;
  /** The environment names a file that a shell reads before it runs a line. */
  hasStartFile: boolean;
}

export function frameOf(
  context: Context,
  { options }: Pick<Input<typeof DRAFT_OPTIONS>, 'options'>,
  { wish, retry, backoffMs, retryOn }: Queueing,
): Result<Frame> {
  // a variable that is not set must not mean the directory of the call
  if (options.cwd === '') return fail(emptyPath('--cwd'));
  const config = context.config();
  if (!config.ok) return config;
  const found = findTarget(options.on, config.value);
  if (!found.ok) return found;
  const fits = found.value ? checkForTarget(options, found.value) : ok(undefined);
  if (!fits.ok) return fits;
  // the directory of -C is one there, and need not exist here
  const asked = found.value === null ? options.cwd : null;
  const cwd = directoryOf(context, asked);
  if (!cwd.ok) return cwd;
  const target = found.value && inDirectoryThere(found.value, options.cwd, cwd.value);
  for (const limit of ['timeout', 'idle-timeout'] as const)
    if (options[limit] === 0) return fail(zeroLimit(limit));
  const tags = parseTags(options.tag);
  if (!tags.ok) return tags;
  const logLimit = logLimitOf(options['max-log'] ?? config.value.maxLogBytes, options['on-max-log']);
  if (!logLimit.ok) return logLimit;
  // config.json means jobs of this machine
  const memory = options.memory ?? (target ? null : config.value.memoryBytes);
  if (memory !== null && memory < LEAST_MEMORY_BYTES) return fail(memoryTooSmall(memory));
  const onExit = onExitOf(options['on-exit']);
  if (!onExit.ok) return onExit;
  // a batch may have a thousand jobs: config.json asks for no notification of each
  const preferred = options.batch === null ? config.value : null;
  const notify = parseNotify(context.env, options.notify, preferred?.notify ?? null);
  if (!notify.ok) return notify;
  const session = context.session();
  const tell = parseTell(context.env, options.tell, preferred?.tell ?? null, session);
  if (!tell.ok) return tell;
  const reads = parseStdin(options, resolve, wish !== null || target !== null);
  if (!reads.ok) return reads;
  const foreign = foreignVariable();
  if (foreign !== undefined) return fail(foreignVariableName(foreign));
  const overrides = readOverrides(options.env, options['env-file'], resolve, (warning) =>
    printWarnings(context.output, [warning]),
  );
  if (!overrides.ok) return overrides;
  // programs believe PWD: it must not name the directory that -C left
  if (asked !== null) overrides.value.push(`PWD=${cwd.value}`);
  const facts = { ...reads.value, cwd: cwd.value, env: overrides.value };
  return ok({
    rest: {
      ...environmentFor(context, facts),
      // the environment of the caller stays here
      ...(target && { changedVariables: [] }),
      name: options.name,
      cwd: cwd.value,
      cwdLink: target ? null : linkOf(context, asked, cwd.value),
      project: projectOf(cwd.value),
      tags: tags.value,
      env: withoutSecrets(overrides.value),
      keepEnv: options['keep-env'],
      timeoutMs: options.timeout,
      idleTimeoutMs: options['idle-timeout'],
      graceMs: options.grace ?? config.value.graceMs ?? DEFAULT_GRACE_MS,
      ...logLimit.value,
      // no process there cuts a log
      ...(target && { onMaxLog: 'kill' }),
      memory,
      split: options.split,
      onExit: onExit.value,
      notify: notify.value,
      tell: tell.value,
      // `run` knows
      server: false,
      ...reads.value,
      placement: placementFor(target, wish),
      target,
      retry,
      backoffMs,
      retryOn,
      parent: parentOf(context),
      session,
      origin: null,
    },
    path: variableOf(context, overrides.value, 'PATH'),
    pipefail: !options['no-pipefail'],
    hasFunctions: Object.keys(context.env).some((name) => name.startsWith('BASH_FUNC_')),
    hasStartFile: variableOf(context, overrides.value, 'BASH_ENV') !== undefined,
  });
}

/** `run -- 'a && b'`: no program has such a name, and a shell line was meant. */
function withLine(failure: Failure, { argv, line }: Command): Failure {
  const meant = line === null ? lineMeant(argv) : undefined;
  const isMissing = failure.code === 'command-not-found' && failure.interpreter === undefined;
  return isMissing && meant !== undefined ? { ...failure, line: meant } : failure;
}

/** The program is that of the `#!` line of the script on stdin. */
function blameScript(failure: Failure): Failure {
  if (failure.code !== 'command-not-found' && failure.code !== 'command-not-executable') return failure;
  return { ...failure, command: STDIN_SCRIPT, interpreter: failure.interpreter ?? failure.command };
}

export function draftOf(
  context: Context,
  input: Input<typeof DRAFT_OPTIONS>,
  queueing: Queueing,
): Result<Draft> {
  const framed = frameOf(context, input, queueing);
  if (!framed.ok) return framed;
  const { rest, path, pipefail, hasFunctions } = framed.value;
  const { words, separated } = input;
  if (isScriptCall(words, separated) && input.options.stdin === '-') return fail(twoReadersOfStdin());
  const script = isScriptCall(words, separated) ? readScript(context.output) : ok(null);
  if (!script.ok) return script;
  const called = script.value && scriptCommand(script.value, words.slice(1), pipefail);
  const command: Result<Command> = called
    ? ok(called)
    : parseCommand(words, separated, pipefail, hasFunctions);
  if (!command.ok) return command;
  if (rest.target) {
    const fits = script.value ? checkScript(script.value, rest.target) : ok(undefined);
    if (!fits.ok) return fits;
    return ok(commandDraft(rest, commandThere(command.value, called, pipefail), words, script.value));
  }
  const blame = (failure: Failure) => (called ? blameScript(failure) : failure);
  for (const needed of command.value.needs) {
    const found = findCommand(needed, path, rest.cwd);
    if (!found.ok) return fail(blame(found.failure));
  }
  const program = findCommand(
    command.value.argv[0]!,
    command.value.line === null ? path : undefined,
    rest.cwd,
  );
  if (!program.ok) return fail(blame(withLine(program.failure, command.value)));
  if (rest.pty && command.value.argv.join(' ').length > MOST_PTY_CHARACTERS)
    return fail(longPtyCommand(MOST_PTY_CHARACTERS));
  const argv = [program.value, ...command.value.argv.slice(1)];
  return ok(commandDraft(rest, { argv, line: command.value.line, at: called?.at ?? 0 }, words, script.value));
}

const commandDraft = (
  rest: Frame['rest'],
  { argv, line, at }: Pick<Command, 'argv' | 'line'> & { at: number },
  words: string[],
  script: Uint8Array | null,
): Draft => ({
  ...rest,
  argv,
  line,
  words,
  script: script && { at, summary: renderScript(script) },
  ...(script && { scriptBytes: script }),
});

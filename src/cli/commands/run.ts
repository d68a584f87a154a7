/** `bgjob run`: starts a job and prints its id. */
import * as fs from 'node:fs';
import { resolve } from 'node:path';
import { parseDuration } from '../../base/clock.ts';
import { errnoOf, type Failure, fail, ok, type Result } from '../../base/failure.ts';
import type { Home } from '../../job/home.ts';
import type { JobId } from '../../job/job.ts';
import { projectOf } from '../../job/project.ts';
import { type Draft, launch } from '../../process/launch.ts';
import { observe } from '../../process/observe.ts';
import { findCommand } from '../../process/programs.ts';
import { type Exit, type Input, SUCCESS, verb } from '../command.ts';
import { type Command, parseCommand } from '../commandline.ts';
import type { Context } from '../context.ts';
import { readOverrides } from '../envfile.ts';
import { followTo } from '../following.ts';
import type { Output } from '../output.ts';
import { Patience } from '../patience.ts';
import { tellEnd, tellStillRunning, waitForAll } from '../waiting.ts';

const DEFAULT_GRACE_MS = 5000;
/** As for every program that writes into a pipe without a reader (SIGPIPE): how the job ends is not known yet. */
const READER_GONE: Exit = { code: 141, by: 'bgjob' };

const OPTIONS = {
  cwd: { kind: 'text', short: '-C', value: 'DIR', text: 'run it in DIR' },
  env: { kind: 'list', short: '-e', value: 'K=V', text: 'set a variable of its environment; repeatable' },
  'env-file': { kind: 'list', value: 'FILE', text: 'set the variables that FILE lists, one K=V per line' },
  'keep-env': { kind: 'flag', text: 'keep the whole environment on disk (0600), for a restart' },
  tag: { kind: 'list', short: '-t', value: 'TAG', text: 'a label; repeatable' },
  wait: {
    kind: 'optional-duration',
    short: '-w',
    value: 'DUR',
    text: 'wait for the end, or up to DUR (75 if it still runs), and tell it as wait does',
  },
  follow: { kind: 'flag', short: '-f', text: 'show the output too, until the job ends' },
  timeout: { kind: 'duration', value: 'DUR', text: 'stop the job after DUR (its exit code is then 124)' },
  'idle-timeout': { kind: 'duration', value: 'DUR', text: 'stop the job after DUR without output' },
  grace: {
    kind: 'duration',
    value: 'DUR',
    text: 'the time between TERM and KILL when it is stopped (default 5s)',
  },
  'no-pipefail': { kind: 'flag', text: 'a shell line counts as its last command, like a plain shell' },
} as const;
type RunInput = Input<typeof OPTIONS>;

const TAG = /^[\p{L}\p{N}][\p{L}\p{N}._:/@+-]{0,63}$/u;

/** The directory to run in: absolute, real, and enterable. */
function directoryOf(context: Context, asked: string | null): Result<string> {
  const cwd = context.cwd();
  if (!cwd.ok) return asked?.startsWith('/') ? checked(asked) : cwd;
  return asked === null ? cwd : checked(resolve(cwd.value, asked));

  function checked(directory: string): Result<string> {
    try {
      const real = fs.realpathSync(directory);
      if (!fs.statSync(real).isDirectory()) return fail({ code: 'bad-cwd', directory, errno: 'ENOTDIR' });
      fs.accessSync(real, fs.constants.X_OK);
      return ok(real);
    } catch (thrown) {
      return fail({ code: 'bad-cwd', directory, errno: errnoOf(thrown) });
    }
  }
}

/** The PATH that the job will have, not necessarily ours. */
function pathOf(context: Context, overrides: string[]): string | undefined {
  const own = overrides.findLast((entry) => entry.startsWith('PATH='));
  return own === undefined ? context.env['PATH'] : own.slice('PATH='.length);
}

/** `--wait 10s -- make`: the value of --wait takes a `=`, so that `--wait npm test` can be said. */
function withMeant(failure: Failure, wait: RunInput['options']['wait']): Failure {
  if (failure.code !== 'command-not-found' || wait?.ms !== null) return failure;
  if (parseDuration(failure.command) === undefined) return failure;
  return { ...failure, meant: `--wait=${failure.command} -- command` };
}

/** Everything that can be refused before anything is created. */
function draftOf(context: Context, { options, words, separated }: RunInput): Result<Draft> {
  const cwd = directoryOf(context, options.cwd);
  if (!cwd.ok) return cwd;
  for (const limit of ['timeout', 'idle-timeout'] as const)
    if (options[limit] === 0)
      return fail({
        code: 'usage',
        message: `--${limit}: 0 would stop the job at once; leave it out for no limit`,
      });
  const badTag = options.tag.flatMap((tags) => tags.split(',')).find((tag) => !TAG.test(tag));
  if (badTag !== undefined)
    return fail({
      code: 'usage',
      message: `--tag: "${badTag}" is not a label of letters, digits and . _ : / @ + -`,
    });
  const overrides = readOverrides(options.env, options['env-file'], resolve);
  if (!overrides.ok) return overrides;
  // programs believe PWD: it must not name the directory that -C left
  if (options.cwd !== null) overrides.value.push(`PWD=${cwd.value}`);
  const path = pathOf(context, overrides.value);
  const shellFunctions = Object.keys(context.env).filter((name) => name.startsWith('BASH_FUNC_'));
  const command: Result<Command> = parseCommand(
    words,
    separated,
    !options['no-pipefail'],
    shellFunctions.length > 0,
  );
  if (!command.ok) return command;
  for (const needed of command.value.needs) {
    const found = findCommand(needed, path, cwd.value);
    if (!found.ok) return found;
  }
  const program = findCommand(
    command.value.argv[0]!,
    command.value.line === null ? path : undefined,
    cwd.value,
  );
  if (!program.ok) return fail(withMeant(program.failure, options.wait));
  const parent = context.env['BGJOB_ID'];
  return ok({
    name: null,
    argv: [program.value, ...command.value.argv.slice(1)],
    line: command.value.line,
    words,
    cwd: cwd.value,
    project: projectOf(cwd.value),
    tags: options.tag.flatMap((tags) => tags.split(',')),
    env: overrides.value,
    keepEnv: options['keep-env'],
    timeoutMs: options.timeout,
    idleTimeoutMs: options['idle-timeout'],
    graceMs: options.grace ?? DEFAULT_GRACE_MS,
    parent: parent !== undefined && /^[1-9]\d{0,14}$/.test(parent) ? Number(parent) : null,
  });
}

/** Streams the output until the job ends, then tells the end as `wait` does, without the lines that were just shown. */
async function followEnd(output: Output, home: Home, id: JobId, patience: Patience): Promise<Exit> {
  await followTo(output, home, id, 0, false, patience.signal);
  const view = observe(home, id) ?? { kind: 'unreadable' as const, id, why: 'it was removed' };
  if (view.kind === 'live' && output.readerGone) {
    output.note(`nobody reads the output any more; the job goes on: bgjob wait ${id}`);
    return READER_GONE;
  }
  if (view.kind === 'live') return tellStillRunning(output, home, [view], patience);
  patience.end();
  return tellEnd(output, home, view, false);
}

export const run = verb({
  name: 'run',
  operands: "[--] command [args...] | 'shell line'",
  arity: [1, Number.POSITIVE_INFINITY],
  passThrough: true,
  summary: 'start a command as a job; prints its id and returns at once',
  description: [
    'Words are run as they are, without a shell. One single word without -- is a shell line: it runs under',
    'bash -o pipefail -c (sh -c where there is no bash). Options come before the command.',
    'The job gets stdin at its end, a session of its own, and BGJOB_ID and BGJOB_HOME in its environment.',
  ],
  examples: [
    ['id=$(bgjob run -- npm test)', 'start, and keep the id'],
    ["bgjob run 'make all 2>&1 | tee build.txt'", 'a shell line'],
    ['bgjob run --wait=10s -- npm run lint', 'the result if it is there in ten seconds, else 75'],
    ['bgjob run -f --timeout 10m -- ./long.sh', 'watch it; Ctrl-C leaves it running'],
  ],
  options: OPTIONS,
  async run(context, input) {
    const { output } = context;
    const { options } = input;
    const waits = options.wait !== null || options.follow;
    const deadline = waits ? context.deadline(options.wait?.ms ?? null) : ok(null);
    if (!deadline.ok) return deadline;
    const draft = draftOf(context, input);
    if (!draft.ok) return draft;
    const opened = context.makeHome();
    if (!opened.ok) return opened;
    const home = opened.value;
    const launched = await launch(home, draft.value);
    if (!launched.ok) return launched;
    const id = launched.value;
    const logPath = home.job(id).log;
    if (output.json) output.object({ v: 1, id, log: { path: logPath } });
    else output.line(String(id));
    if (!waits) {
      if (!output.json && output.isTerminal(2))
        output.note(`started; next: bgjob tail -f ${id} · bgjob wait ${id} · bgjob ls`);
      return ok(SUCCESS);
    }
    const patience = new Patience(deadline.value);
    if (options.follow) return ok(await followEnd(output, home, id, patience));
    const view = observe(home, id);
    if (!view) return fail({ code: 'no-such-job', reference: String(id), known: [] });
    return ok(await waitForAll(output, home, [view], { any: false, failFast: false }, patience));
  },
});

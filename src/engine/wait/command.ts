/**
 * Waits until a shell line exits with 0. One attempt runs at a time, in a session of its own, and has ended
 * with its whole process group before the next one begins. An attempt may take half a minute. The pause
 * behind it is as long as the attempt was, but at most ten seconds. So a slow line runs at most half of the
 * time, and at most three quarters if its attempts take half a minute.
 */
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { sleep, systemClock } from '../../base/clock.ts';
import { errnoOf, ignoreSystemError } from '../../base/result.ts';
import { clip, readableLines } from '../../base/text/sanitize.ts';
import { ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import { findTool, requireTool } from '../os/programs.ts';
import type { ConditionMet, LineAnswer, Report } from './condition.ts';

const ATTEMPT_MS = 30_000;
/** From TERM to KILL. */
const GRACE_MS = 1000;
const GROUP_POLL_MS = 20;
const LEAST_PAUSE_MS = 250;
const MOST_PAUSE_MS = 10_000;
const SLOW_AFTER_MS = 60_000;
const SLOW_PAUSE_MS = 1000;
/** How long the last bytes of stderr are waited for: a process in another session may have it open. */
const DRAIN_MS = 200;
const STDERR_BYTES = 4096;
const LINE_CHARACTERS = 200;

/** Exit codes of a shell that could not start the command. */
const CANNOT_START = [126, 127];

/** False: no process is left in the group. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (thrown) {
    // EPERM: it has another user now, and is out of reach
    ignoreSystemError(thrown);
    return false;
  }
}

/** Ends what is left of the process group: TERM, then KILL. */
async function endGroup(pid: number): Promise<void> {
  if (!signalGroup(pid, 'SIGTERM')) return;
  signalGroup(pid, 'SIGCONT');
  if (await isGroupGone(pid)) return;
  signalGroup(pid, 'SIGKILL');
  await isGroupGone(pid);
}

async function isGroupGone(pid: number): Promise<boolean> {
  for (const deadline = systemClock.monotonic() + GRACE_MS; systemClock.monotonic() < deadline; ) {
    await systemClock.sleep(GROUP_POLL_MS);
    if (!signalGroup(pid, 0)) return true;
  }
  return false;
}

interface LineOptions {
  home: Home;
  /** The job that is waited for. */
  id: JobId;
  cwd: string;
  env: NodeJS.ProcessEnv;
  /** Called when the answer changes: for the message at the deadline. */
  onAnswer: (answer: LineAnswer) => void;
}

/**
 * The variables of the call, and the job. Without BGJOB_TOKEN: with it the attempt would count as a process
 * of that job.
 */
function environmentOf({ env, home, id }: LineOptions): NodeJS.ProcessEnv {
  const { BGJOB_TOKEN: _, ...rest } = env;
  return { ...rest, BGJOB_HOME: home.path, BGJOB_ID: String(id) };
}

function start(line: string, options: LineOptions): ChildProcess {
  const { spawn } = require('node:child_process') as typeof import('node:child_process');
  const bash = findTool('bash');
  const [shell, ...words] = bash ? [bash, '-o', 'pipefail'] : [requireTool('sh')];
  // the shell would take a line that begins so for options
  const dashes = /^[-+]/.test(line) ? ['--'] : [];
  return spawn(shell!, [...words, '-c', ...dashes, line], {
    cwd: options.cwd,
    env: environmentOf(options),
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

/** Runs the line once; undefined when `abort` fired. No process of its group is left when it resolves. */
async function attempt(
  line: string,
  options: LineOptions,
  abort: AbortSignal,
): Promise<LineAnswer | undefined> {
  const child = start(line, options);
  let stderr = Buffer.alloc(0);
  child.stderr?.on('data', (bytes: Buffer) => {
    stderr = Buffer.concat([stderr, bytes]).subarray(-STDERR_BYTES);
  });
  child.stderr?.on('error', () => {});
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const ended = new Promise<LineAnswer>((resolve) => {
    child.once('error', (error) => resolve({ kind: 'not-started', errno: errnoOf(error), cwd: options.cwd }));
    child.once('exit', (code, signal) =>
      resolve({ kind: 'exited', code: code ?? 128 + constants.signals[signal!], last: '' }),
    );
  });
  const stopped = new AbortController();
  const limit = sleep(ATTEMPT_MS, abort, stopped.signal);
  const answer = await Promise.race([ended, limit.then(() => undefined)]);
  stopped.abort();
  if (child.pid !== undefined) {
    await endGroup(child.pid);
    await Promise.race([closed, systemClock.sleep(DRAIN_MS)]);
    child.stderr?.destroy();
  }
  if (answer === undefined) return abort.aborted ? undefined : { kind: 'too-slow', afterMs: ATTEMPT_MS };
  const last = readableLines(stderr).findLast((one) => one.trim() !== '') ?? '';
  return answer.kind === 'exited' ? { ...answer, last: clip(last.trim(), LINE_CHARACTERS) } : answer;
}

/** Waits until the line exits with 0. */
export async function waitCommand(
  line: string,
  options: LineOptions,
  abort: AbortSignal,
  report: Report,
): Promise<Result<ConditionMet | undefined>> {
  const begun = systemClock.monotonic();
  options.onAnswer({ kind: 'attempting' });
  for (let attempts = 1; !abort.aborted; attempts++) {
    const startedAt = systemClock.monotonic();
    const answer = await attempt(line, options, abort);
    if (!answer) break;
    if (answer.kind === 'exited' && answer.code === 0) return ok({ condition: 'cmd', facts: { cmd: line } });
    options.onAnswer(answer);
    const isMissing = answer.kind === 'exited' && CANNOT_START.includes(answer.code);
    if (attempts === 1 && (isMissing || answer.kind === 'not-started'))
      report({ kind: 'line-not-started', line, answer });
    const now = systemClock.monotonic();
    const least = now - begun > SLOW_AFTER_MS ? SLOW_PAUSE_MS : LEAST_PAUSE_MS;
    await sleep(Math.min(Math.max(least, now - startedAt), MOST_PAUSE_MS), abort);
  }
  return ok(undefined);
}

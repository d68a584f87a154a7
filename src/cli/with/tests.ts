/** The tests of `with`: a process in the foreground of this call, with its stdin, stdout and stderr. */
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { joinPass } from '../../engine/observe/process-pass.ts';
import { type ProcessStat, readStat } from '../../engine/os/process-identity.ts';
import { findCommand } from '../../engine/os/programs.ts';
import type { Failure, Result } from '../../job/failure.ts';
import type { JobId } from '../../job/spec.ts';
import type { Context } from '../command/context.ts';

type TestsEnd =
  | { kind: 'ended'; code: number; signal: NodeJS.Signals | null }
  | { kind: 'not-started'; failure: Failure };

interface RunningTests {
  /** Undefined: they have ended. */
  stat: ProcessStat | undefined;
  ended: Promise<TestsEnd>;
}

/** What the variables of the tests of one call say: by them their processes are found. */
export interface TestsMark {
  /** The path of the home. */
  home: string;
  /** The server. */
  id: JobId;
  /** The job in which the call runs; undefined: it runs in none. */
  callerId: string | undefined;
}

export const testVariables = ({ home, id }: TestsMark): Record<string, string> => ({
  BGJOB_HOME: home,
  BGJOB_WITH_ID: String(id),
});

const isOfJob = (variable: string): boolean => variable.startsWith('BGJOB_ID=');

/**
 * Finds all processes of the tests by their variables, also those in the background. The jobs that the tests
 * started are left out.
 */
export async function testProcesses(mark: TestsMark, sinceTicks = 0): Promise<ProcessStat[]> {
  const needed = Object.entries(testVariables(mark)).map(([name, value]) => `${name}=${value}`);
  const caller = mark.callerId === undefined ? undefined : `BGJOB_ID=${mark.callerId}`;
  const found: ProcessStat[] = [];
  for (const seen of (await joinPass()).values()) {
    // an older process is none of the tests: its variables are not read
    if (seen.stat.startTicks < sinceTicks) continue;
    const { variables } = seen;
    if (needed.every((one) => variables.includes(one)) && variables.find(isOfJob) === caller)
      found.push(seen.stat);
  }
  return found;
}

const notStarted = (command: string, errno: string): TestsEnd => ({
  kind: 'not-started',
  failure:
    errno === 'ENOENT'
      ? { code: 'command-not-found', command }
      : { code: 'command-not-executable', command, why: 'permission' },
});

/** Finds the program of the tests along the PATH of the call. */
export function findTests(context: Context, [command = '']: string[]): Result<string> {
  const cwd = context.cwd();
  return cwd.ok ? findCommand(command, context.env['PATH'], cwd.value) : cwd;
}

/** In the process group of this call: Ctrl-C of the terminal reaches them, and they may read from it. */
export function startTests(
  program: string,
  [command, ...args]: string[],
  variables: Record<string, string>,
): RunningTests {
  const { spawn } = require('node:child_process') as typeof import('node:child_process');
  const env = { ...process.env, ...variables };
  const child: ChildProcess = spawn(program, args, { argv0: command, env, stdio: 'inherit' });
  const ended = new Promise<TestsEnd>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => resolve(notStarted(command!, error.code ?? '')));
    child.once('exit', (code, signal) =>
      resolve({ kind: 'ended', code: code ?? 128 + constants.signals[signal!], signal }),
    );
  });
  return { stat: child.pid === undefined ? undefined : readStat(child.pid), ended };
}

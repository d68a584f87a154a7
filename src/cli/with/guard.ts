/**
 * The guard of a call of `with`: a small shell that outlives a `kill -9` of the call, and then has the tests
 * and the server ended. It knows the id of the server before the server is started.
 */
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { systemClock } from '../../base/clock.ts';
import { ownEnvironment } from '../../engine/launch/environment.ts';
import { homeNow } from '../../engine/observe/home-now.ts';
import { observe } from '../../engine/observe/observe.ts';
import { nodeProgram } from '../../engine/os/own-program.ts';
import { type ProcessStat, readStat } from '../../engine/os/process-identity.ts';
import { requireTool } from '../../engine/os/programs.ts';
import { ProcessFamily } from '../../engine/stop/process-family.ts';
import { stopJob } from '../../engine/stop/stop-job.ts';
import { EXIT, fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import { judgeable } from '../jobs/select.ts';
import { guardNotStarted } from '../messages/control.ts';
import { WITH_STOP } from './end-server.ts';
import SCRIPT from './guard.sh';
import { type TestsMark, testProcesses } from './tests.ts';

const GUARD_WORD = '--with-guard';
/** The tests are about to be started: their pid is not known yet. */
const STARTING = 'starting';
/** How long, and how often, the stop of a server that is being started is tried, milliseconds. */
const STOP_LIMIT_MS = 60_000;
const STOP_POLL_MS = 200;

export class Guard {
  private constructor(private readonly pipe: Writable) {}

  /** Returns when the guard is a child of no process of this call. */
  static async start(home: Home, graceMs: number): Promise<Result<Guard>> {
    const { spawn } = require('node:child_process') as typeof import('node:child_process');
    const end = [
      nodeProgram(),
      join(__dirname, 'boot.js'),
      GUARD_WORD,
      home.path,
      home.token,
      String(graceMs),
      process.env['BGJOB_ID'] ?? '',
    ];
    const child = spawn(requireTool('sh'), ['-c', SCRIPT, 'bgjob-with', ...end], {
      cwd: '/',
      detached: true,
      // without the marker of a job that calls: the stop of that job would end the guard, too
      env: ownEnvironment(process.env),
      // not stdin: Node closes that when the first shell has ended
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    child.stdio[3]?.on('error', () => {});
    const failed = await new Promise<string | undefined>((resolve) => {
      child.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      child.once('exit', (code) => resolve(code === 0 ? undefined : 'EAGAIN'));
    });
    return failed === undefined ? ok(new Guard(child.stdio[3] as Writable)) : fail(guardNotStarted(failed));
  }

  /** The server of this call; null: there is none to stop. */
  job(id: JobId | null): void {
    this.write(`job ${id ?? 'none'}`);
  }
  /** The process of the tests; null: there is none. */
  tests(now: ProcessStat | typeof STARTING | null): void {
    this.write(`tests ${now === null ? 'none' : now === STARTING ? now : `${now.pid}:${now.startTicks}`}`);
  }
  /** Tests and server have ended: the guard has nothing to do. */
  done(): void {
    this.write('done');
    this.pipe.end();
  }

  /** A pipe that has room takes the line at once: the call may be killed right after. */
  private write(line: string): void {
    this.pipe.write(`${line}\n`);
  }
}

/** Processes of the tests of a killed call: the one that the call named, and all with their variables. */
async function rootsOf(mark: TestsMark, tests: string): Promise<ProcessStat[]> {
  const [pid, startTicks] = tests.split(':').map(Number);
  const stat = pid ? readStat(pid) : undefined;
  const named = stat && stat.startTicks === startTicks ? [stat] : [];
  return [...named, ...(await testProcesses(mark, startTicks))];
}

async function stopServer(path: string, token: string, id: JobId): Promise<void> {
  for (const deadline = systemClock.monotonic() + STOP_LIMIT_MS; systemClock.monotonic() < deadline; ) {
    const home = await homeNow(path, token, id);
    const view = home && observe(home, id);
    const judged = view && judgeable(view);
    if (!home || !judged?.ok) return;
    const { graceMs } = judged.value.spec;
    const done = await stopJob(home, judged.value, { ...WITH_STOP, graceMs, at: systemClock.now() });
    if (done.ok) return;
    // it is just being started
    await systemClock.sleep(STOP_POLL_MS);
  }
}

/** The command that the guard runs if the call was killed: ends the tests, then the server. */
export async function endAfterGuard(words: string[]): Promise<number> {
  const [path = '', token = '', graceMs, callerId, job = '', tests = ''] = words;
  if (tests !== 'none') {
    const mark = { home: path, id: Number(job), callerId: callerId || undefined };
    await new ProcessFamily(await rootsOf(mark, tests)).end(Number(graceMs));
  }
  if (job !== 'none') await stopServer(path, token, Number(job));
  return EXIT.ok;
}

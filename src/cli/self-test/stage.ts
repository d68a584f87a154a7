/**
 * The temporary home of a self-test, and calls of the built program in it. It guarantees that after `close`
 * no process and no file is left. Every job has a time limit, so even a self-test that is killed leaves
 * nothing for long.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { sleep, systemClock } from '../../base/clock.ts';
import { attemptQuietly } from '../../base/result.ts';
import { listUnended } from '../../engine/observe/unended.ts';
import { HAS_PROC, pidsInProc } from '../../engine/os/process-identity.ts';
import { readCommandLine, readEnvironment } from '../../engine/os/process-table.ts';
import { runTool } from '../../engine/os/programs.ts';
import { rememberToolsIn } from '../../engine/os/tool-memory.ts';
import { type Home, openHome } from '../../job/home/home.ts';
import { quoteWord } from '../../job/view.ts';
import { mismatchText, neverText, noAnswerText, noStartText } from '../messages/findings.ts';

export const PROGRAM = join(__dirname, '..', 'bin', 'bgjob');

export interface CallAnswer {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A check has failed; the message says why. */
export class CheckFailed extends Error {}
/** There is nothing to check on this machine. */
export class NotForHere extends Error {}
/** The self-test was interrupted. */
export class Interrupted extends Error {}

/** A call or a fact that takes longer fails its check, milliseconds: a few of them leave time for the rest. */
const CALL_MS = 25_000;
const POLL_MS = 30;
/** The last processes of a job may end so long after it, milliseconds. */
const LEAVE_MS = 15_000;
/** Longer than any check takes. */
export const JOB_LIMIT = '120s';

export class Stage {
  readonly dir = realpathSync(mkdtempSync(join(tmpdir(), 'bgjob-self-test-')));
  /** The directory of the jobs. */
  readonly work = `${this.dir}/work`;
  private readonly env: NodeJS.ProcessEnv;
  private isClosing = false;
  /** What the check in hand has called, for the report of its failure. */
  private calls: string[] = [];

  constructor(
    caller: NodeJS.ProcessEnv,
    private readonly interrupted: AbortSignal,
    private readonly deadline: number,
  ) {
    mkdirSync(this.work);
    // the project of its jobs
    mkdirSync(`${this.work}/.git`);
    const kept = Object.entries(caller).filter(([name]) => !/^(BGJOB_|XDG_|NODE_)/.test(name));
    this.env = {
      ...Object.fromEntries(kept),
      HOME: this.dir,
      BGJOB_HOME: `${this.dir}/home`,
      XDG_CACHE_HOME: `${this.dir}/cache`,
      PATH: [dirname(process.execPath), caller['PATH'] ?? '/usr/bin:/bin'].join(delimiter),
    };
    mkdirSync(`${this.dir}/cache`, { mode: 0o700 });
    // where this process finds a tool is not remembered in the caller's home
    rememberToolsIn({ cache: `${this.dir}/cache` });
  }

  home(): Home {
    const home = openHome(`${this.dir}/home`, false);
    if (!home.ok || !home.value) throw new CheckFailed(noStartText());
    return home.value;
  }

  beginCheck(): void {
    this.calls = [];
  }
  callsOfCheck(): string[] {
    return this.calls;
  }

  write(name: string, text: string): string {
    writeFileSync(`${this.work}/${name}`, text);
    return `${this.work}/${name}`;
  }

  /** Calls a program to its end. It has a session of its own: Ctrl-C in the terminal does not reach it. */
  call(program: string, args: string[], shown: string, env: NodeJS.ProcessEnv = {}): Promise<CallAnswer> {
    if (this.interrupted.aborted && !this.isClosing) return Promise.reject(new Interrupted());
    const limitMs = this.isClosing ? LEAVE_MS : Math.min(CALL_MS, this.deadline - systemClock.monotonic());
    const child = spawn(program, args, {
      cwd: this.work,
      env: { ...this.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let stdout = '';
    let stderr = '';
    // of a program that cannot be started, as under a low ulimit -n, both are missing
    child.stdout?.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text) => (stderr += text));
    return new Promise((resolve, reject) => {
      let why: Error | undefined;
      const stop = (error: Error): void => {
        why ??= error;
        child.kill('SIGKILL');
        // a child of it may have the pipes open
        child.stdout?.destroy();
        child.stderr?.destroy();
      };
      const limit = setTimeout(() => stop(new CheckFailed(noAnswerText(shown))), Math.max(0, limitMs));
      const onInterrupt = (): void => stop(new Interrupted());
      if (!this.isClosing) this.interrupted.addEventListener('abort', onInterrupt);
      const finish = (settle: () => void): void => {
        clearTimeout(limit);
        this.interrupted.removeEventListener('abort', onInterrupt);
        settle();
      };
      child.once('error', (error) => {
        why ??= new CheckFailed(`${shown}: ${error.message}`);
        finish(() => reject(why));
      });
      child.once('close', (code, signal) =>
        finish(() => {
          if (why) return reject(why);
          const text = `${shown} → ${code ?? signal}\n${stdout}${stderr}`;
          // a fact is waited for by the same call again and again
          if (this.calls.at(-1) !== text) this.calls.push(text);
          return resolve({ code, stdout, stderr });
        }),
      );
    });
  }

  /** Calls `bgjob ARGS`. */
  bgjob(args: string[], env?: NodeJS.ProcessEnv): Promise<CallAnswer> {
    return this.call(
      process.execPath,
      ['--', PROGRAM, ...args],
      ['bgjob', ...args.map(quoteWord)].join(' '),
      env,
    );
  }

  /** `bgjob run OPTIONS -- COMMAND`; fails unless it prints an id. */
  async start(options: string[], command: string[], env?: NodeJS.ProcessEnv): Promise<number> {
    const words = ['run', ...this.limited(options), '--', ...command];
    const { code, stdout } = await this.bgjob(words, env);
    if (code !== 0 || !/^\d+\n$/.test(stdout)) throw new CheckFailed(noStartText());
    return Number(stdout);
  }

  /** Calls `bgjob run --wait` with a line of sh. */
  runLine(options: string[], line: string): Promise<CallAnswer> {
    return this.bgjob(['run', '--wait', ...this.limited(options), '--', 'sh', '-c', line]);
  }

  private limited(options: string[]): string[] {
    return options.includes('--timeout') ? options : ['--timeout', JOB_LIMIT, ...options];
  }

  /** What `show --json` says of a job. */
  // biome-ignore lint/suspicious/noExplicitAny: fields of docs/json.md
  async show(id: number): Promise<any> {
    const { stdout } = await this.bgjob(['show', String(id), '--json']);
    return attemptQuietly(() => JSON.parse(stdout)) ?? {};
  }

  /** Waits for a fact. */
  async until<T>(what: string, read: () => T | Promise<T>, holds: (value: T) => boolean): Promise<T> {
    const end = Math.min(systemClock.monotonic() + CALL_MS, this.deadline);
    for (;;) {
      if (this.interrupted.aborted && !this.isClosing) throw new Interrupted();
      const value = await read();
      if (holds(value)) return value;
      if (systemClock.monotonic() > end) throw new CheckFailed(neverText(what, JSON.stringify(value) ?? ''));
      await sleep(POLL_MS);
    }
  }

  /** Fails unless both are equal as JSON. */
  expect(what: string, found: unknown, wanted: unknown): void {
    const [is, should] = [JSON.stringify(found), JSON.stringify(wanted)];
    if (is !== should) throw new CheckFailed(mismatchText(what, is ?? 'undefined', should!));
  }

  /** Ends the jobs of the last check. */
  async endJobs(): Promise<void> {
    this.isClosing = true;
    try {
      const home = openHome(`${this.dir}/home`, false);
      const ids = home.ok && home.value ? listUnended(home.value) : [];
      if (ids.length > 0) await this.bgjob(['kill', '--now', ...ids.map(String)]).catch(() => {});
    } finally {
      this.isClosing = false;
    }
  }

  /** Our processes: each names the directory, in its words or in its environment. */
  private processes(): number[] {
    if (HAS_PROC)
      return pidsInProc().filter(
        (pid) =>
          pid !== process.pid &&
          [...readCommandLine(pid), ...readEnvironment(pid)].some((text) => text.includes(this.dir)),
      );
    const list = runTool('ps', ['-axww', '-o', 'pid=,command=']).split('\n');
    const pids = list.flatMap((line) => (line.includes(this.dir) ? [Number.parseInt(line, 10)] : []));
    return pids.filter((pid) => pid !== process.pid);
  }

  /** Ends all processes and removes all files. */
  async close(): Promise<void> {
    await this.endJobs();
    const end = systemClock.monotonic() + LEAVE_MS;
    for (let left = this.processes(); left.length > 0; left = this.processes()) {
      if (systemClock.monotonic() > end)
        for (const pid of left) attemptQuietly(() => process.kill(pid, 'SIGKILL'));
      await sleep(POLL_MS);
      // the scheduler may have begun a job meanwhile
      await this.endJobs();
    }
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

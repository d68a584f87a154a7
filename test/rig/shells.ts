/**
 * A stage for the shim's real text: the shells it must work in, and the descriptors and files that a
 * supervisor gives it
 * (see supervisor/start.ts). The test plays the supervisor: it answers `ok` when the shim's line comes, or
 * dies.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createLog } from '../../src/base/fs/open-file.ts';
import { type AdopterCall, openRecords, shimCall } from '../../src/engine/shim/shim.ts';
import { prepareShim, readShim } from '../../src/engine/shim/shim-record.ts';
import { openUsage, readShimCpuMs } from '../../src/engine/usage/usage-file.ts';
import { JobPaths } from '../../src/job/home/paths.ts';
import { prepareExit, readExit } from '../../src/job/home/records.ts';
import type { Spec } from '../../src/job/spec.ts';
import { missing } from './needs.ts';
import { isRunning } from './processes.ts';
import { TEST_MS } from './until.ts';

export interface Shell {
  name: string;
  program: string;
  /** What it is called as: bash is another shell when it is called sh. */
  argv0: string;
  before: string[];
}

export const SHELLS: Shell[] = [
  { name: 'dash', program: '/usr/bin/dash', argv0: 'sh', before: [] },
  { name: 'bash as sh', program: '/usr/bin/bash', argv0: 'sh', before: [] },
  { name: 'busybox sh', program: '/usr/bin/busybox', argv0: 'busybox', before: ['sh'] },
];
export const DASH = SHELLS[0]!;
/** It is stricter than the others: a special builtin that fails ends it. */
export const MKSH: Shell = { name: 'mksh', program: '/usr/bin/mksh', argv0: 'sh', before: [] };

export interface StageOptions {
  /** Where its files are made; a folder of its own if not given. */
  dir?: string;
  cwd?: string;
  /** How the program is started that takes the supervisor's place. */
  adopter?: Partial<AdopterCall>;
  /** With a log of its own for stderr. */
  split?: boolean;
  /** Called when everything is prepared and nothing runs yet. */
  onPrepared?: () => void;
  /** What it reads, and whether in a terminal; the FIFOs are made. */
  stdin?: Spec['stdin'];
  pty?: Spec['pty'];
  /** What stands in the place of `usage.1`. */
  usage?: string;
}

/** A shim under way. */
export class Shim {
  readonly job: JobPaths;
  readonly child: ChildProcess;
  readonly socket: Socket;
  /** What the shim said on its socket. */
  said = '';
  private readonly over: Promise<unknown>;

  constructor(shell: Shell, dir: string, argv: string[], environment: string[], options: StageOptions) {
    this.job = new JobPaths(dir);
    fs.mkdirSync(join(dir, 'out'), { recursive: true });
    const log = createLog(this.job.log);
    const logs = [log, options.split ? createLog(this.job.err) : log];
    prepareExit(this.job, 1);
    prepareShim(this.job);
    const { alive: aliveFifo, stdin, stdinEnd } = this.job;
    const fifos = options.stdin?.kind === 'hold' ? [aliveFifo, stdin, stdinEnd] : [aliveFifo];
    if (spawnSync('mkfifo', ['-m', '600', ...fifos]).status !== 0) throw new Error('no FIFO');
    const records = openRecords(this.job, 1);
    const usage = options.usage ? fs.openSync(options.usage, 'w') : openUsage(this.job, 1)!;
    options.onPrepared?.();
    const alive = fs.openSync(this.job.alive, fs.constants.O_RDWR);
    const adopter = { node: '/bin/false', supervisor: 'none', home: dir, id: 42, environment: {} };
    const call = shimCall(
      { ...adopter, ...options.adopter },
      this.job,
      1,
      {
        ...{ argv, cwd: options.cwd ?? dir },
        ...{ stdin: options.stdin ?? null, pty: options.pty ?? null },
      },
      environment,
      shell.program,
    );
    this.child = spawn(shell.program, [...shell.before, ...call.args], {
      argv0: shell.argv0,
      cwd: options.cwd ?? dir,
      detached: true,
      env: call.environment,
      stdio: ['ignore', usage, 'ignore', 'pipe', alive, ...logs, ...records],
    });
    fs.closeSync(alive);
    for (const fd of new Set([...logs, ...records, usage])) fs.closeSync(fd);
    this.over = once(this.child, 'exit');
    this.socket = this.child.stdio[3] as Socket;
    this.socket.on('error', () => {});
    this.socket.setEncoding('utf8').on('data', (text) => {
      this.said += text;
      this.socket.end('ok\n');
    });
  }

  /** The supervisor dies. */
  abandon(): void {
    this.socket.destroy();
  }
  /** The code that the shim recorded, after shim and watcher have ended. */
  async code(): Promise<number | undefined> {
    await this.over;
    return this.recorded();
  }
  recorded(): number | undefined {
    return readExit(this.job, 1)?.code;
  }
  get cpuMs(): number | null {
    return readShimCpuMs(this.job, 1);
  }
  get log(): string {
    return fs.readFileSync(this.job.log, 'latin1');
  }
  get record() {
    return readShim(this.job);
  }
  /** Ends what a failed test left. */
  close(): void {
    const { shim, watcher, main } = this.record;
    for (const one of [main, watcher, shim]) if (one && isRunning(one.pid)) process.kill(one.pid, 'SIGKILL');
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
    this.socket.destroy();
  }
}

export class Stage {
  readonly dir = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'bgjob-shim-')));
  readonly shell: Shell;
  private readonly shims: Shim[] = [];
  constructor(shell: Shell) {
    this.shell = shell;
  }
  start(argv: string[], environment: string[] = [], options: StageOptions = {}): Shim {
    const dir = options.dir ?? join(this.dir, `job${this.shims.length}`);
    const shim = new Shim(this.shell, dir, argv, environment, options);
    this.shims.push(shim);
    return shim;
  }
  close(): void {
    for (const shim of this.shims) shim.close();
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

/** A test in each of the shells; one that is not installed is skipped, and said so. */
export function shellTest(
  name: string,
  body: (stage: Stage, t: TestContext) => Promise<void>,
  shells = SHELLS,
): void {
  for (const shell of shells) {
    const skip = missing(basename(shell.program));
    test(`${shell.name}: ${name}`, { skip, timeout: TEST_MS }, async (t) => {
      const stage = new Stage(shell);
      try {
        await body(stage, t);
      } finally {
        stage.close();
      }
    });
  }
}

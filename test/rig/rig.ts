/**
 * The rig of a test: a home, a project and the built program, as a user has them. On close nothing may be
 * left: no process
 * of the test, no file, and every record must parse. On failure it prints what was called and answered.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { isRunning, processesNaming } from './processes.ts';
import { Puppet } from './puppet.ts';
import { CALL_MS, TEST_MS, until } from './until.ts';

export const ROOT = join(__dirname, '..');
export const BGJOB = join(ROOT, 'bin', 'bgjob');
/** The test file: whatever a rig leaves says whose it was. */
const OWN = basename(process.argv[1] ?? 'none', '.test.js');

export interface Answer {
  /** Exit code; 128+N where a signal ended the command. */
  code: number;
  stdout: string;
  stderr: string;
}

export interface CallOptions {
  cwd?: string;
  env?: Record<string, string>;
  input?: string;
  /** A call that takes longer is killed and fails the test, milliseconds. */
  limitMs?: number;
}

/** A call under way. */
export interface Call {
  child: ChildProcess;
  /** What it has written so far. */
  stdout(): string;
  stderr(): string;
  answer: Promise<Answer>;
}

const SIGNALS: Record<string, number> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGPIPE: 13,
  SIGTERM: 15,
};

/** What a person can still read. */
const brief = (text: string): string =>
  text.length <= 4000 ? text : `${text.slice(0, 2000)}\n…(+${text.length - 4000})…\n${text.slice(-2000)}`;

function textOf(path: string): string {
  try {
    return fs.readFileSync(path, 'utf8').trim();
  } catch (thrown) {
    return `(${(thrown as Error).message})`;
  }
}

/** SIGKILL to one that may be gone by now. */
function killGone(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown;
  }
}

/** Ends a call, and no longer waits for the others that have its output open. */
function abandon(child: ChildProcess): void {
  child.kill('SIGKILL');
  child.stdout?.destroy();
  child.stderr?.destroy();
}

/** Closes the servers that a failed test has left open: they would keep its file running for ever. */
function closeServers(): void {
  const { _getActiveHandles: handles } = process as unknown as { _getActiveHandles(): unknown[] };
  for (const handle of handles.call(process)) if (handle instanceof Server) handle.close();
}

/** Rejects when node:test gives a test up: that alone would neither end its processes nor close its sockets. */
const givenUp = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('the test is given up: its time is over')));
  });

/** Who stands in the record of a shim, line by line. */
const SHIM_LINES = ['shim', 'watcher', 'main', 'holder', 'terminal', 'leader'] as const;

export class Rig {
  readonly dir = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), `bgjob-test-${OWN}-`)));
  /** Where the jobs are; a test may give it a place of its own. */
  home = join(this.dir, 'home');
  readonly project = join(this.dir, 'project');
  readonly env: Record<string, string>;
  /** Set by a test that damages records on purpose. */
  damaged = false;
  private readonly transcript: string[] = [];
  private readonly puppets: Puppet[] = [];
  private readonly children = new Set<ChildProcess>();
  private isClosed = false;
  /** The program's file: the built one, or one that is broken on purpose. */
  readonly program: string;

  constructor(program = BGJOB) {
    this.program = program;
    fs.mkdirSync(join(this.project, '.git'), { recursive: true });
    fs.mkdirSync(join(this.dir, 'bin'));
    // `bgjob` for shell lines, under the Node that runs the tests; a wrapper in sh would drop exported
    // functions
    fs.symlinkSync(program, join(this.dir, 'bin', 'bgjob'));
    this.env = {
      PATH: `${join(this.dir, 'bin')}:${dirname(process.execPath)}:${process.env['PATH']}`,
      HOME: this.dir,
      BGJOB_HOME: this.home,
      LANG: 'C.UTF-8',
    };
  }

  /** Starts a program and does not wait for it. */
  start(program: string, args: string[], options: CallOptions = {}): Call {
    this.checkOpen();
    const child = spawn(program, args, {
      cwd: options.cwd ?? this.project,
      env: { ...this.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.children.add(child);
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    const limitMs = options.limitMs ?? CALL_MS;
    const answer = new Promise<Answer>((resolve, reject) => {
      const limit = setTimeout(() => {
        abandon(child);
        reject(new Error(`it hung for ${limitMs / 1000} s: ${args.join(' ')}`));
      }, limitMs);
      child.on('error', (error) => {
        clearTimeout(limit);
        reject(error);
      });
      child.on('close', (code, signal) => {
        clearTimeout(limit);
        this.children.delete(child);
        const result = { code: code ?? 128 + (SIGNALS[signal ?? ''] ?? 0), stdout, stderr };
        this.transcript.push(
          `$ ${brief([program, ...args].join(' '))}\n${brief(stdout)}${brief(stderr)}→ ${result.code}`,
        );
        resolve(result);
      });
    });
    // who waits for the answer later hears of it then
    answer.catch(() => {});
    return { child, stdout: () => stdout, stderr: () => stderr, answer };
  }

  /** Starts `bgjob ARGS` and does not wait for it. */
  startBgjob(args: string[], options: CallOptions = {}): Call {
    return this.start(process.execPath, ['--', this.program, ...args], options);
  }

  /** Calls `bgjob ARGS` and waits for its answer. */
  bgjob(args: string[], options: CallOptions = {}): Promise<Answer> {
    return this.startBgjob(args, options).answer;
  }

  /** Runs a line as an agent's tool does: `bash -c`, where `bgjob` is on the PATH. */
  bash(line: string, options: CallOptions = {}): Promise<Answer> {
    return this.start('bash', ['-c', line], options).answer;
  }

  /** `bgjob run ARGS`; fails unless it was accepted; the id. */
  async run(args: string[], options: CallOptions = {}): Promise<number> {
    const { code, stdout, stderr } = await this.bgjob(['run', ...args], options);
    if (code !== 0 || !/^\d+\n$/.test(stdout))
      throw new Error(`run was refused (${code}): ${stdout}${stderr}`);
    return Number(stdout);
  }

  /** Runs a job to its end and to that of its supervisor: after that nobody writes into the home. */
  async runOut(args: string[], options: CallOptions = {}): Promise<number> {
    const id = await this.run(args, options);
    await this.bgjob(['wait', String(id)], options);
    await this.untilLeft(id);
    return id;
  }

  /** Waits until the supervisor of an ended job has ended, too: it tidies up after it told the end. */
  async untilLeft(id: number): Promise<void> {
    await until(
      () => isRunning(this.ownerPid(id)),
      (running) => !running,
      `the end of the supervisor of ${id}`,
    );
  }

  /** The objects of a call with --json. */
  async json(args: string[], options: CallOptions = {}): Promise<any[]> {
    const { stdout } = await this.bgjob([...args, '--json'], options);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  }

  /** One job as `show --json` tells it. */
  async show(id: number): Promise<any> {
    return (await this.json(['show', String(id)]))[0];
  }

  /** Waits until a job is in one of these states. */
  untilState(id: number, ...states: string[]): Promise<any> {
    return this.untilShown(
      id,
      (job) => job,
      (job) => states.includes(job?.state),
      `job ${id} ${states.join(' or ')}`,
    );
  }

  /**
   * Waits for what `show --json` tells of a job. A call costs as much as a job: it is made when a record has
   * changed.
   */
  untilShown<T>(id: number, read: (job: any) => T, holds: (value: T) => boolean, what: string): Promise<T> {
    let value: T;
    let stamp = '';
    let dueAt = 0;
    return until(
      async () => {
        const now = this.stampOf(id);
        if (now === stamp && performance.now() < dueAt) return value;
        stamp = now;
        value = read(await this.show(id));
        // some states are in no record: who lives decides
        dueAt = performance.now() + 250;
        return value;
      },
      holds,
      what,
    );
  }

  /** Changes with each record of a job that is written. */
  private stampOf(id: number): string {
    const dir = this.file(id, '');
    const stat = fs.statSync(dir, { bigint: true, throwIfNoEntry: false });
    return stat === undefined ? '' : `${stat.mtimeNs}`;
  }

  /** A job that the test commands; start it with `run(['--', ...puppet.command])`. */
  async puppet(): Promise<Puppet> {
    this.checkOpen();
    const puppet = await Puppet.listen();
    this.puppets.push(puppet);
    if (this.isClosed) puppet.close();
    return puppet;
  }

  /** A file of a job's directory, e.g. `state.json`. */
  file(id: number, name: string): string {
    return join(this.home, 'jobs', String(id), name);
  }
  log(id: number): string {
    return fs.readFileSync(this.file(id, 'out/log'), 'utf8');
  }
  /** The pids that the shim wrote down. */
  shimRecord(id: number): Partial<Record<(typeof SHIM_LINES)[number], number>> {
    const lines = fs.readFileSync(this.file(id, 'shim'), 'utf8').split('\n');
    const record: ReturnType<Rig['shimRecord']> = {};
    for (const [n, name] of SHIM_LINES.entries()) {
      // as a whole: another may just be writing it
      const pid = Number(/^(\d{1,7}) \(.*\) [A-Z] /.exec(lines[n] ?? '')?.[1]);
      if (pid) record[name] = pid;
    }
    return record;
  }
  /** The same as soon as it is whole: a job is shown running before. */
  shimOf(id: number): Promise<{ shim: number; watcher: number; main: number }> {
    const read = () => this.shimRecord(id) as { shim: number; watcher: number; main: number };
    return until(read, ({ main }) => main !== undefined, `the shim of job ${id}`);
  }
  /** The pid of `owner.N`, the highest. */
  ownerPid(id: number): number {
    const names = fs.readdirSync(this.file(id, '.')).filter((name) => /^owner\.\d+$/.test(name));
    const highest = names.sort((a, b) => Number(b.slice(6)) - Number(a.slice(6)))[0];
    return JSON.parse(fs.readFileSync(this.file(id, highest!), 'utf8')).identity.pid;
  }

  /** A test that was given up may still be on its way: it starts nothing more. */
  private checkOpen(): void {
    if (this.isClosed) throw new Error('the test is over');
  }

  /** Ends what is left and tells what it was; then removes every file. */
  async close(failed: boolean): Promise<void> {
    this.isClosed = true;
    const before = failed
      ? [...this.records(), ...processesNaming(this.dir).map((one) => JSON.stringify(one))]
      : [];
    for (const child of this.children) abandon(child);
    for (const puppet of this.puppets) puppet.close();
    try {
      // what was told to end needs a moment to do so
      const left = failed
        ? processesNaming(this.dir)
        : await until(
            () => processesNaming(this.dir),
            (found) => found.length === 0,
            'no process left',
          ).catch(() => processesNaming(this.dir));
      this.killAll();
      if (failed) console.error([...this.transcript.slice(-40), ...before].join('\n'));
      else if (left.length > 0) throw new Error(`left running: ${JSON.stringify(left)}`);
      if (!failed) this.checkRecords();
    } finally {
      fs.rmSync(this.dir, { recursive: true, force: true });
    }
  }

  /** Ends every process that has to do with this rig. */
  killAll(): void {
    for (let rest = processesNaming(this.dir); rest.length > 0; rest = processesNaming(this.dir))
      for (const { pid } of rest.sort((a, b) => b.pid - a.pid)) if (isRunning(pid)) killGone(pid);
  }

  /** Of each job what may explain why a test failed. */
  private records(): string[] {
    const jobs = join(this.home, 'jobs');
    const ids = fs.existsSync(jobs) ? fs.readdirSync(jobs).slice(-10) : [];
    return ids.flatMap((id) =>
      ['state.json', 'shim'].map((name) => {
        return `job ${id}, ${name}: ${textOf(join(jobs, id, name))}`;
      }),
    );
  }

  private checkRecords(): void {
    const jobs = join(this.home, 'jobs');
    if (this.damaged || !fs.existsSync(jobs)) return;
    for (const id of fs.readdirSync(jobs)) {
      for (const name of ['spec.json', 'state.json']) {
        const path = join(jobs, id, name);
        if (fs.existsSync(path)) JSON.parse(fs.readFileSync(path, 'utf8'));
      }
    }
  }
}

/** Runs `body` with a rig of its own, which is closed whatever becomes of it. */
export async function withRig<T>(body: (rig: Rig) => Promise<T>, program = BGJOB): Promise<T> {
  const rig = new Rig(program);
  let failed = true;
  try {
    const result = await body(rig);
    failed = false;
    return result;
  } finally {
    await rig.close(failed);
  }
}

/** A test with a rig of its own; `skip`: why it cannot be run on this machine. */
export function rigTest(
  name: string,
  body: (rig: Rig) => Promise<void>,
  options: { timeout?: number; skip?: string | false } = {},
): void {
  test(name, { timeout: TEST_MS, ...options }, async ({ signal }) => {
    try {
      await withRig((rig) => Promise.race([body(rig), givenUp(signal)]));
    } catch (thrown) {
      closeServers();
      throw thrown;
    }
  });
}

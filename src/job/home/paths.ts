/** The files of a job, a queue, a schedule and a trigger, and which process writes each. */

/** One of a job's logs: the output (with --split only stdout), or stderr. */
export type Stream = 'log' | 'err';

/**
 * A class with the path of each of these files. A path is made when it is used, from the property `dir`,
 * because a directory may be moved.
 */
export function pathsIn<F extends Record<string, string>>(dir: 'dir' | 'path', files: F) {
  class Paths {}
  for (const [key, name] of Object.entries(files))
    Object.defineProperty(Paths.prototype, key, {
      get(this: Record<typeof dir, string>): string {
        return `${this[dir]}/${name}`;
      },
    });
  return Paths as new () => { readonly [K in keyof F]: string };
}

/** The files of one job. */
export class JobPaths extends pathsIn('dir', {
  /** What to run. Written once by the launcher, before the start. */
  spec: 'spec.json',
  /** The status. Written by the highest owner only. */
  state: 'state.json',
  /** Blanks over which the last state is written: room that a full disk cannot take. */
  end: 'end',
  /** The script of `run -`. Written once by the launcher, before the start. */
  script: 'script',
  /** The stored environment: while the job waits, may run again or has --on-exit to run; --keep-env. */
  env: 'env.json',
  /** A FIFO that is open in every process that may record the end: the lock of a living job. */
  alive: 'alive',
  /** The FIFO of --stdin hold and --pty, of the launcher or the owner; `send` writes, the job reads. */
  stdin: 'stdin',
  /** The FIFO that keeps stdin open: its reader, of the shim, ends at a byte or with its last writer. */
  stdinEnd: 'stdin.end',
  /** A copy of `--stdin -`, or of FILE for a queued job. Written once by the launcher, before the start. */
  input: 'input',
  /** The body of the delivery that started the job. Written once by the listener, before the start. */
  payload: 'payload',
  /** Shim, watcher, main process, stdin holder and terminal processes. Written by the shim over blanks. */
  shim: 'shim',
  /** The claim to run --on-exit, --notify and --tell: a link to nowhere that names the process. Never removed. */
  hook: 'hooks',
  /** The result of --on-exit. Written by the process that ran it. */
  hooked: 'on-exit.json',
  /** The output of --on-exit. */
  hookLog: 'on-exit.log',
  /** The result of --notify. Written by the process that runs --on-exit. */
  notified: 'notified.json',
  /** The result of --tell. Written by the same process. */
  queuedMessage: 'tell.json',
  /** A marker: a command reported the end to the user. */
  seen: 'seen',
  /** A marker: a command reported the end to the session of the job. */
  told: 'told',
  /** The id of the later job that replaces this one. Written by `restart` and `run --replace`. */
  superseded: 'superseded',
  /** The output, written by the job. Its own folder: a watch on the records does not fire. */
  log: 'out/log',
  /** stderr of a job with --split. */
  err: 'out/err',
  /** The positions of the readers of the log. Written by `tail --new`. */
  cursors: 'out/cursors',
  /** Which bytes `--max-log` took from the log. Written by the highest owner only, before they go. */
  trimmed: 'out/trimmed',
  /** The size of the log over time. Written by the highest owner only. */
  times: 'out/times',
  /** Where the current attempt's output begins. Written by the highest owner before each but the first. */
  attemptStart: 'out/attempt',
}) {
  constructor(private readonly given: string) {
    super();
  }
  get dir(): string {
    return this.given;
  }
  /** The head (0) or a newer part of a trimmed log where the file system has no holes. */
  sideFile(stream: Stream, keep: number): string {
    return `${this[stream]}.${keep === 0 ? 'head' : `keep.${keep}`}`;
  }
  /** The claim to be the owner, who publishes. The highest number counts. */
  owner(generation: number): string {
    return `${this.dir}/owner.${generation}`;
  }
  /** Why an owner ended unexpectedly. Written by that owner, once. */
  crash(generation: number): string {
    return `${this.dir}/crash.${generation}`;
  }
  /** The exit status of an attempt. Written by the shim over blanks that are there before the start. */
  exit(attempt: number): string {
    return `${this.dir}/exit.${attempt}`;
  }
  /** The CPU time of an attempt. Written by the shim after the exit status; may be absent. */
  usage(attempt: number): string {
    return `${this.dir}/usage.${attempt}`;
  }
  /** The first signal of an attempt's stop: a claim of the process that sends it. */
  firstSignal(attempt: number): string {
    return `${this.dir}/first.${attempt}`;
  }
  /** The same for a stop of the processes that the job left running. */
  leftSignal(number: number): string {
    return `${this.dir}/first.left.${number}`;
  }
  /** A request to stop: a claim, never replaced. From the second on each has a shorter grace. */
  stop(hardness: 'term' | 'kill', number = 1): string {
    return `${this.dir}/stop.${hardness}${number === 1 ? '' : `.${number}`}`;
  }
  /** The answer of the `kill` that a request names as its sweeper: no process is left. */
  get swept(): string {
    return `${this.dir}/stop.swept`;
  }
  /**
   * What `set` changed: a numbered claim with all changes so far. The highest counts, and none is removed.
   */
  settings(number: number): string {
    return `${this.dir}/set.${number}`;
  }
  /** A request to pause or to resume: a numbered claim. The owner removes those below the one it answered. */
  pauseRequest(number: number): string {
    return `${this.dir}/hold.${number}`;
  }
}

/** The files of one queue. */
export class QueuePaths extends pathsIn('dir', {
  /** How many of its jobs may run at once; absent: one. Written by `run --slots` and `queue set`. */
  slots: 'slots',
  /** While this exists, no job of the queue starts. */
  paused: 'paused',
  /** A hint that changes with each added or moved entry: a process with a list of them reads it again. */
  stamp: 'stamp',
  /** The entries of jobs that were added one by one. */
  waiting: 'waiting',
  /**
   * The entries of jobs whose limits `set` changed. Versions before 0.17 do not look here: they ignore `set`.
   */
  changed: 'changed',
}) {
  constructor(readonly dir: string) {
    super();
  }
  /** The entries of one --batch. One rename reveals them when all are durable. */
  batch(first: number): string {
    return `${this.dir}/batch.${first}`;
  }
  /** The same folder before that. */
  hidden(first: number): string {
    return `${this.dir}/new.${first}`;
  }
  /** The environment of all jobs of a batch. It is removed with the last entry. */
  environment(first: number): string {
    return `${this.dir}/env.${first}`;
  }
  /** One admission: a dangling symlink whose target is the job. Numbers ascend and are never given twice. */
  admission(number: number): string {
    return `${this.dir}/start.${number}`;
  }
  /** The FIFO of the queue waiter in a sandbox, which it keeps open; a byte wakes it. */
  queueWaiter(sandbox: string): string {
    return `${this.dir}/keeper.${sandbox}s`;
  }
  /**
   * The same of versions that do not know `needs`, or `set`: they start no job that has some, or was changed.
   */
  olderQueueWaiters(sandbox: string): string[] {
    return ['', 'n'].map((suffix) => `${this.dir}/keeper.${sandbox}${suffix}`);
  }
}

/** The files of one target. */
export class TargetPaths extends pathsIn('dir', {
  /** Its settings. Written once. */
  record: 'record.json',
  /** A marker for each of its jobs that waits or runs. */
  live: 'live',
  /** A marker for each job that has ended, and whose files there are not removed yet. */
  done: 'done',
  /** Since when it has not answered. Written by its service. */
  silent: 'silent.json',
  /** A FIFO that its service has open; a byte wakes it. */
  wake: 'wake',
  /** Where ssh finds the agent of the user. Written by each call that starts a job there. */
  agent: 'agent.json',
}) {
  constructor(readonly dir: string) {
    super();
  }
}

/** The files of one schedule or trigger. */
export class TemplatePaths extends pathsIn('dir', {
  /** The template, with its environment and a trigger's secret. Never changed, except by `rotate`. */
  record: 'record.json',
  /** While this exists, no job is started. */
  paused: 'paused',
  /** The journal: what was started, or was not, and why. Each process that starts or skips a job appends. */
  history: 'history',
}) {
  constructor(readonly dir: string) {
    super();
  }
  /** Which deliveries `wait --trigger` reported in a project, by the project's key. */
  reportedDeliveries(project: string): string {
    return `${this.dir}/told.${project}`;
  }
  /** The claim to start the job of a time or delivery. After a process that died, the next number follows. */
  claim(key: string, generation: number): string {
    return `${this.dir}/at.${key}.${generation}`;
  }
}

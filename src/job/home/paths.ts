/** The files of a job, a queue, a schedule and a trigger, and which process writes each. */

/** One of a job's logs: the output (with --split only stdout), or stderr. */
export type Stream = 'log' | 'err';

/** The files of one job. */
export class JobPaths {
  private readonly path: string;
  constructor(dir: string) {
    this.path = dir;
  }
  get dir(): string {
    return this.path;
  }
  /** What to run. Written once by the launcher, before the start. */
  get spec(): string {
    return `${this.dir}/spec.json`;
  }
  /** The status. Written by the highest owner only. */
  get state(): string {
    return `${this.dir}/state.json`;
  }
  /** Blanks over which the last state is written: room that a full disk cannot take. */
  get end(): string {
    return `${this.dir}/end`;
  }
  /** The script of `run -`. Written once by the launcher, before the start. */
  get script(): string {
    return `${this.dir}/script`;
  }
  /**
   * The stored environment: while the job waits in a queue, may be retried or has --on-exit to run, and with
   * --keep-env.
   */
  get env(): string {
    return `${this.dir}/env.json`;
  }
  /** A FIFO that is open in every process that may record the end: the lock of a living job. */
  get alive(): string {
    return `${this.dir}/alive`;
  }
  /**
   * The FIFO of --stdin hold and --pty. Created by the launcher or the owner; `send` writes, the job reads.
   */
  get stdin(): string {
    return `${this.dir}/stdin`;
  }
  /**
   * The FIFO that keeps stdin open: a process of the shim reads it, and ends at a byte or when its last
   * writer is gone.
   */
  get stdinEnd(): string {
    return `${this.dir}/stdin.end`;
  }
  /** A copy of `--stdin -`, or of FILE for a queued job. Written once by the launcher, before the start. */
  get input(): string {
    return `${this.dir}/input`;
  }
  /** The body of the delivery that started the job. Written once by the listener, before the start. */
  get payload(): string {
    return `${this.dir}/payload`;
  }
  /**
   * The identities of shim, watcher, main process, stdin holder and terminal processes. Written by the shim
   * over blanks.
   */
  get shim(): string {
    return `${this.dir}/shim`;
  }
  /**
   * The claim to run --on-exit and --notify: a dangling symlink whose target is the process. Never removed.
   */
  get hook(): string {
    return `${this.dir}/hooks`;
  }
  /** The result of --on-exit. Written by the process that ran it. */
  get hooked(): string {
    return `${this.dir}/on-exit.json`;
  }
  /** The output of --on-exit. */
  get hookLog(): string {
    return `${this.dir}/on-exit.log`;
  }
  /** The result of --notify. Written by the process that runs --on-exit. */
  get notified(): string {
    return `${this.dir}/notified.json`;
  }
  /** A marker: a command reported the end to the user. */
  get seen(): string {
    return `${this.dir}/seen`;
  }
  /** The id of the later job that replaces this one. Written by `restart` and `run --replace`. */
  get superseded(): string {
    return `${this.dir}/superseded`;
  }
  /**
   * The output. Written by the job. It has a folder of its own, so that a watch on the records does not fire.
   */
  get log(): string {
    return `${this.dir}/out/log`;
  }
  /** stderr of a job with --split. */
  get err(): string {
    return `${this.dir}/out/err`;
  }
  /** The positions of the readers of the log. Written by `tail --new`. */
  get cursors(): string {
    return `${this.dir}/out/cursors`;
  }
  /** Which bytes `--max-log` took from the log. Written by the highest owner only, before they go. */
  get trimmed(): string {
    return `${this.dir}/out/trimmed`;
  }
  /** The size of the log over time. Written by the highest owner only. */
  get times(): string {
    return `${this.dir}/out/times`;
  }
  /**
   * Where the output of the current attempt begins. Written by the highest owner before each attempt but the
   * first.
   */
  get attemptStart(): string {
    return `${this.dir}/out/attempt`;
  }
  /**
   * The parts of a trimmed log where the file system has no holes: its head, or (`keep` from 1 on) a newer
   * part.
   */
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
  /** The first signal of an attempt's stop: a claim of the process that sends it. */
  firstSignal(attempt: number): string {
    return `${this.dir}/first.${attempt}`;
  }
  /** The same for a stop of the processes that the job left running. */
  leftSignal(number: number): string {
    return `${this.dir}/first.left.${number}`;
  }
  /** A request to stop: a claim, never replaced. */
  stop(hardness: 'term' | 'kill'): string {
    return `${this.dir}/stop.${hardness}`;
  }
  /** A request to pause or to resume: a numbered claim. The owner removes those below the one it answered. */
  pauseRequest(number: number): string {
    return `${this.dir}/hold.${number}`;
  }
}

/** The files of one queue. */
export class QueuePaths {
  constructor(readonly dir: string) {}
  /** How many of its jobs may run at once; absent: one. Written by `run --slots` and `queue set`. */
  get slots(): string {
    return `${this.dir}/slots`;
  }
  /** While this exists, no job of the queue starts. */
  get paused(): string {
    return `${this.dir}/paused`;
  }
  /**
   * A hint that changes whenever an entry was added or moved: a process with a list of them reads it again.
   */
  get stamp(): string {
    return `${this.dir}/stamp`;
  }
  /** The entries of jobs that were added one by one. */
  get waiting(): string {
    return `${this.dir}/waiting`;
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
    return `${this.dir}/keeper.${sandbox}n`;
  }
  /** The same of a version that does not know `needs`, and starts no job that has some. */
  olderQueueWaiter(sandbox: string): string {
    return `${this.dir}/keeper.${sandbox}`;
  }
}

/** The files of one schedule or trigger. */
export class TemplatePaths {
  constructor(readonly dir: string) {}
  /**
   * The job template, with its environment and a trigger's secret. Complete when the directory appears; only
   * `rotate` replaces it.
   */
  get record(): string {
    return `${this.dir}/record.json`;
  }
  /** While this exists, no job is started. */
  get paused(): string {
    return `${this.dir}/paused`;
  }
  /**
   * The journal: what was started, or was not, and why. Appended by the process that starts or skips a job.
   */
  get history(): string {
    return `${this.dir}/history`;
  }
  /** Which deliveries `wait --trigger` reported in a project, by the project's key. */
  reportedDeliveries(project: string): string {
    return `${this.dir}/told.${project}`;
  }
  /**
   * The claim to start the job of one time or delivery; it names the job. After a process that died, the next
   * number follows.
   */
  claim(key: string, generation: number): string {
    return `${this.dir}/at.${key}.${generation}`;
  }
}

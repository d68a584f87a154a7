/** The files of a job, of a queue, and of a schedule or trigger. Who writes each is said here. */

/** Which of a job's logs: the output (with --split only stdout), or stderr. */
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
  /** What to run; written once by the launcher, before anything starts. */
  get spec(): string {
    return `${this.dir}/spec.json`;
  }
  /** The status; written by the highest owner alone. */
  get state(): string {
    return `${this.dir}/state.json`;
  }
  /** Blanks, over which the last state is written: room that a full disk cannot take. */
  get end(): string {
    return `${this.dir}/end`;
  }
  /** The script of `run -`; written once by the launcher, before anything starts. */
  get script(): string {
    return `${this.dir}/script`;
  }
  /** The environment, kept only while the job waits in a queue, may be retried or has --on-exit to run, and with --keep-env. */
  get env(): string {
    return `${this.dir}/env.json`;
  }
  /** The FIFO that is held open by whoever will record the end. */
  get alive(): string {
    return `${this.dir}/alive`;
  }
  /** The FIFO of --stdin hold and --pty, which the job reads; made by the launcher or the owner, written by `send`, held open by the shim's holder. */
  get stdin(): string {
    return `${this.dir}/stdin`;
  }
  /** The FIFO on which that holder sleeps: a byte, or that nobody of ours is left to write one, ends it. */
  get stdinEnd(): string {
    return `${this.dir}/stdin.end`;
  }
  /** What `--stdin -`, or FILE of a queued job, held; written once by the launcher, before anything starts. */
  get input(): string {
    return `${this.dir}/input`;
  }
  /** What came with the delivery that started it; written once by the listener, before anything starts. */
  get payload(): string {
    return `${this.dir}/payload`;
  }
  /** A few lines, written by the shim over blanks: itself, its watcher, the main process; who holds stdin, the terminal's two. */
  get shim(): string {
    return `${this.dir}/shim`;
  }
  /** Who runs --on-exit: a claim, a link that leads nowhere, whose text is the process; once for ever. */
  get hook(): string {
    return `${this.dir}/hooks`;
  }
  /** What became of it; written by whoever runs it. */
  get hooked(): string {
    return `${this.dir}/on-exit.json`;
  }
  /** Its output. */
  get hookLog(): string {
    return `${this.dir}/on-exit.log`;
  }
  /** Who was told of the end because of --notify; written by whoever runs --on-exit. */
  get notified(): string {
    return `${this.dir}/notified.json`;
  }
  /** Somebody was told of the end. */
  get seen(): string {
    return `${this.dir}/seen`;
  }
  /** The id of the later job that stands for it; written by whoever started that one (`restart`, `run --replace`). */
  get superseded(): string {
    return `${this.dir}/superseded`;
  }
  /** The output; written by the job. In a folder of its own, so that a watch on the others stays quiet. */
  get log(): string {
    return `${this.dir}/out/log`;
  }
  /** stderr of a job with --split. */
  get err(): string {
    return `${this.dir}/out/err`;
  }
  /** How far each reader of the log has come; written by `tail --new`. */
  get cursors(): string {
    return `${this.dir}/out/cursors`;
  }
  /** Which bytes of these `--max-log` took; written by the highest owner alone, before they go. */
  get trimmed(): string {
    return `${this.dir}/out/trimmed`;
  }
  /** How large the log was at which time; written by the highest owner alone. */
  get times(): string {
    return `${this.dir}/out/times`;
  }
  /** Where the output of the current attempt begins; written by the highest owner before a second attempt, and a later one, starts. */
  get attemptStart(): string {
    return `${this.dir}/out/attempt`;
  }
  /** What is kept of a trimmed log where no hole can be punched: its head, or (`keep` from 1 on) a newer part. */
  side(stream: Stream, keep: number): string {
    return `${this[stream]}.${keep === 0 ? 'head' : `keep.${keep}`}`;
  }
  /** Who may publish: a claim; the highest number counts. */
  owner(generation: number): string {
    return `${this.dir}/owner.${generation}`;
  }
  /** Why an owner ended that should not have: an unexpected error; written by that owner, once. */
  crash(generation: number): string {
    return `${this.dir}/crash.${generation}`;
  }
  /** The exit status of an attempt, written by the shim over blanks that were there before the start. */
  exit(attempt: number): string {
    return `${this.dir}/exit.${attempt}`;
  }
  /** The first signal that an attempt's stop sends: a claim of whoever sends it. */
  firstSignal(attempt: number): string {
    return `${this.dir}/first.${attempt}`;
  }
  /** The same of a stop of what the job left when it ended. */
  leftSignal(number: number): string {
    return `${this.dir}/first.left.${number}`;
  }
  /** A request to stop: a claim, never replaced. */
  stop(hardness: 'term' | 'kill'): string {
    return `${this.dir}/stop.${hardness}`;
  }
  /** A request to pause or to go on: a claim, numbered in order; the owner removes those below the one it answered. */
  hold(number: number): string {
    return `${this.dir}/hold.${number}`;
  }
}

/** The files of one queue. */
export class QueuePaths {
  readonly dir: string;
  constructor(dir: string) {
    this.dir = dir;
  }
  /** How many of its jobs run at once; written by `run --slots` and `queue set`, absent: one. */
  get slots(): string {
    return `${this.dir}/slots`;
  }
  /** Nothing starts while this is there. */
  get paused(): string {
    return `${this.dir}/paused`;
  }
  /** Replaced whenever a marker was added or moved: whoever keeps a list of them reads it again. */
  get stamp(): string {
    return `${this.dir}/stamp`;
  }
  /** The markers of jobs that were added one by one. */
  get waiting(): string {
    return `${this.dir}/waiting`;
  }
  /** The markers of one --batch; revealed by one rename when all of them are durable. */
  batch(first: number): string {
    return `${this.dir}/batch.${first}`;
  }
  /** The same before that. */
  hidden(first: number): string {
    return `${this.dir}/new.${first}`;
  }
  /** The environment of all jobs of a batch; it goes with the last marker. */
  environment(first: number): string {
    return `${this.dir}/env.${first}`;
  }
  /** That a job was admitted: a link that leads nowhere, its text is the job. Numbers are given in order and never again. */
  start(number: number): string {
    return `${this.dir}/start.${number}`;
  }
  /** A FIFO, held by the process that waits for this queue in a sandbox; a byte wakes it. */
  keeper(sandbox: string): string {
    return `${this.dir}/keeper.${sandbox}n`;
  }
  /** The same of a program that does not know `needs`: it does not see to the jobs that have some. */
  olderQueueWaiter(sandbox: string): string {
    return `${this.dir}/keeper.${sandbox}`;
  }
}

/** The files of one schedule or trigger: of what starts jobs by itself. */
export class TemplatePaths {
  readonly dir: string;
  constructor(dir: string) {
    this.dir = dir;
  }
  /** What it starts and when, with the environment and a trigger's secret; complete when the directory appears, replaced by `rotate` alone. */
  get record(): string {
    return `${this.dir}/record.json`;
  }
  /** It starts nothing while this is there. */
  get paused(): string {
    return `${this.dir}/paused`;
  }
  /** What it started, or did not, and why: lines, the newest last. Appended by whoever starts something. */
  get history(): string {
    return `${this.dir}/history`;
  }
  /** Which deliveries `wait --trigger` has told in a project, by its key; replaced by rename. */
  told(project: string): string {
    return `${this.dir}/told.${project}`;
  }
  /** That somebody starts the job of this time, or delivery: a claim, which names the job. A dead one's is followed by the next number. */
  claim(key: string, generation: number): string {
    return `${this.dir}/at.${key}.${generation}`;
  }
}

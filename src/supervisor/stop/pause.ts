/**
 * Pauses: SIGSTOP to every process of the job, in sweeps until no running one is found, and SIGCONT to
 * resume. The state is published first, so that a replacement supervisor does the same again. Paused time
 * does not count for the limits. A stop ends a pause: no SIGSTOP is sent after it began.
 */
import { systemClock } from '../../base/clock.ts';
import { EMPTY_SCANS, type OnFound, signalProcess } from '../../engine/observe/process-tree.ts';
import { isStopped, type ProcessStat } from '../../engine/os/process-identity.ts';
import { readShim } from '../../engine/shim/shim-record.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import { prunePauseRequests, readPauseRequest } from '../../job/home/pause-requests.ts';
import type { Event } from '../../job/lifecycle.ts';
import type { Spec } from '../../job/spec.ts';
import type { Status, StatusOf, Stop } from '../../job/state.ts';
import { pauseOf } from '../../job/view.ts';
import { armLimits } from './limits.ts';

interface Pausable {
  readonly spec: Spec;
  readonly job: JobPaths;
  readonly attempt: number;
  readonly status: Status;
  processes(onFound?: OnFound): Promise<ProcessStat[]>;
  dispatch(event: Event): void;
}

/** Sweeps go on so long while a process in a system call does not stop, milliseconds. */
const SWEEP_MS = 3000;
/** The shim may take so long to record itself. Until then it looks like a process of the job. */
const START_MS = 3000;
const POLL_MS = 3;

export class PauseControl {
  private limits: (() => number) | undefined;
  private onReached: (stop: Stop) => void = () => {};
  private quietMs = 0;
  /** They are continued whatever becomes of their markers. */
  private readonly stopped = new Map<number, ProcessStat>();

  constructor(private readonly owner: Pausable) {}

  /** A request that was read before changes nothing. */
  readRequest(): void {
    const { owner } = this;
    if (owner.status.phase !== 'running') return;
    const last = readPauseRequest(owner.job);
    if (!last || last.request.attempt !== owner.attempt) return;
    const {
      number,
      request: { paused, by },
    } = last;
    const [at, monotonicMs] = [systemClock.now(), systemClock.monotonic()];
    if (paused) owner.dispatch({ type: 'pause-requested', request: number, by, at, monotonicMs });
    else owner.dispatch({ type: 'resume-requested', request: number, monotonicMs });
    prunePauseRequests(owner.job, number);
  }

  enter(status: StatusOf<'running'>, onReached: (stop: Stop) => void): void {
    this.disarm();
    this.onReached = onReached;
    if (pauseOf(status)) void this.pause();
    else {
      this.arm(status);
      if (status.holding) void this.continueJob();
    }
  }

  private arm(status: StatusOf<'running'>): void {
    const { spec, job } = this.owner;
    const logs = spec.split ? [job.log, job.err] : [job.log];
    this.limits = armLimits(spec, logs, status, this.quietMs, this.onReached);
  }

  /** Called when `set` has changed the limits. Those of a paused job begin when it is resumed. */
  rearm(): void {
    const { status } = this.owner;
    if (!this.limits || status.phase !== 'running') return;
    this.disarm();
    this.arm(status);
  }

  disarm(): void {
    if (this.limits) this.quietMs = this.limits();
    this.limits = undefined;
  }

  private get current(): number | undefined {
    const { status } = this.owner;
    return status.phase === 'running' && status.holding?.since ? status.holding.request : undefined;
  }

  private async pause(): Promise<void> {
    const mine = this.current;
    const begun = systemClock.monotonic();
    // until they are recorded, shim and watcher look like processes of the job
    while (!readShim(this.owner.job).main && systemClock.monotonic() - begun < START_MS)
      await systemClock.sleep(POLL_MS);
    let empty = 0;
    while (empty < EMPTY_SCANS && systemClock.monotonic() - begun < START_MS + SWEEP_MS) {
      const signalled = new Set<number>();
      const stopOne = (stat: ProcessStat): void => {
        const { pid } = stat;
        // checked for each process: a stop may have begun meanwhile
        if (this.current !== mine || signalled.has(pid) || isStopped(stat)) return;
        signalled.add(pid);
        this.stopped.set(pid, stat);
        signalProcess(stat, 'SIGSTOP');
      };
      for (const stat of await this.owner.processes(stopOne)) stopOne(stat);
      if (this.current !== mine) return;
      empty = signalled.size === 0 ? empty + 1 : 0;
      await systemClock.sleep(POLL_MS);
    }
  }

  private async continueJob(): Promise<void> {
    const begun = systemClock.monotonic();
    const continued = new Set<number>();
    const go = (stat: ProcessStat): void => {
      if (this.current !== undefined || continued.has(stat.pid)) return;
      continued.add(stat.pid);
      signalProcess(stat, 'SIGCONT');
    };
    for (const stat of this.stopped.values()) go(stat);
    this.stopped.clear();
    for (let before = -1; before < continued.size && systemClock.monotonic() - begun < SWEEP_MS; ) {
      before = continued.size;
      for (const stat of await this.owner.processes()) go(stat);
    }
  }
}

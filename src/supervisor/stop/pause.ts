/**
 * Pauses: STOP to every process of the job, in sweeps until none is found that runs, and CONT when it goes on. The state says it first:
 * whoever takes the place of a dead owner does the same again. Limits count no paused time. A stop ends a pause: not one STOP is
 * sent after it began.
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

/** What a pause needs of the owner. */
interface Holdable {
  readonly spec: Spec;
  readonly job: JobPaths;
  readonly attempt: number;
  readonly status: Status;
  processes(onFound?: OnFound): Promise<ProcessStat[]>;
  dispatch(event: Event): void;
}

/** How long sweeps go on while something does not stop (it is in the kernel, and stops when it comes back), milliseconds. */
const SWEEP_MS = 3000;
/** How long the shim may take to write itself down, milliseconds; until then it cannot be told from the job. */
const START_MS = 3000;
const POLL_MS = 3;

export class Holding {
  private readonly owner: Holdable;
  private limits: (() => number) | undefined;
  /** How long there was no output when the limits were disarmed, milliseconds. */
  private quietMs = 0;
  /** Whom we stopped: to be let go on whatever becomes of its marks. */
  private readonly stopped = new Map<number, ProcessStat>();

  constructor(owner: Holdable) {
    this.owner = owner;
  }

  /** Reads what `pause` and `resume` left; the same request, read again, changes nothing. */
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

  /** Does what the state says of a job that runs: it is published by now. */
  enter(status: StatusOf<'running'>, onReached: (stop: Stop) => void): void {
    this.disarm();
    if (pauseOf(status)) void this.pause();
    else {
      const { spec, job } = this.owner;
      const logs = spec.split ? [job.log, job.err] : [job.log];
      this.limits = armLimits(spec, logs, status, this.quietMs, onReached);
      if (status.holding) void this.goOn();
    }
  }

  disarm(): void {
    if (this.limits) this.quietMs = this.limits();
    this.limits = undefined;
  }

  /** The number of the pause that lasts; undefined: there is none. */
  private get current(): number | undefined {
    const { status } = this.owner;
    return status.phase === 'running' && status.holding?.since ? status.holding.request : undefined;
  }

  private async pause(): Promise<void> {
    const mine = this.current;
    const begun = systemClock.monotonic();
    // before it is written down, shim and watcher look like processes of the job
    while (!readShim(this.owner.job).main && systemClock.monotonic() - begun < START_MS)
      await systemClock.sleep(POLL_MS);
    let empty = 0;
    while (empty < EMPTY_SCANS && systemClock.monotonic() - begun < START_MS + SWEEP_MS) {
      const struck = new Set<number>();
      const strike = (stat: ProcessStat): void => {
        const { pid } = stat;
        // asked anew for each: a stop may have begun meanwhile
        if (this.current !== mine || struck.has(pid) || isStopped(stat)) return;
        struck.add(pid);
        this.stopped.set(pid, stat);
        signalProcess(stat, 'SIGSTOP');
      };
      for (const stat of await this.owner.processes(strike)) strike(stat);
      if (this.current !== mine) return;
      empty = struck.size === 0 ? empty + 1 : 0;
      await systemClock.sleep(POLL_MS);
    }
  }

  private async goOn(): Promise<void> {
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

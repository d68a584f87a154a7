/**
 * What a job costs, as its owner measures it: samples of its processes while it runs, and the CPU time that
 * the shim records at the end. The shim misses processes for which none waited, such as the children of a killed
 * process; samples miss what happens between two of them. So the larger figure counts.
 *
 * With --memory the memory is compared with the limit each second, unless the kernel does that in a control
 * group. Such a group also counts exactly.
 */
import { renderExactSize, renderSize, systemClock } from '../../base/clock.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import type { Identity } from '../../job/identity.ts';
import type { Stop, Usage } from '../../job/state.ts';
import { HAS_PROC } from '../os/process-identity.ts';
import { groupOf, readGroup, removeGroup, wasScopeKilled } from './control-group.ts';
import { memoryInUse, sampleByPs, sampleTree } from './sample.ts';
import { readShimCpuMs } from './usage-file.ts';

const FIRST_MS = 1000;
const LONGEST_MS = 30_000;
const LIMIT_MS = 1000;

interface Limit {
  /** `--memory`; null: none. */
  bytes: number | null;
  /** The name of the control group of this attempt, if there is one. */
  groupName(): string;
  onReached(stop: Stop): void;
}

/** As the kernel ends a process that is out of memory: a process that cleans up would need more of it. */
export const memoryStop = (bytes: number, used: number | null): Stop => ({
  by: `--memory ${renderExactSize(bytes)}${used === null ? '' : `: used ${renderSize(used)}`}`,
  cause: 'memory',
  signal: 'SIGKILL',
  graceMs: 0,
  at: systemClock.now(),
});

export class UsageMeter {
  private timer: NodeJS.Timeout | undefined;
  private intervalMs = FIRST_MS;
  private leftMs = FIRST_MS;
  private cpuMs: number | null = null;
  private peakBytes: number | null = null;
  /** At the last sample; 0: not known. */
  private machinePercent = 0;
  /** The directory of the control group in which the job was seen. */
  private group: string | undefined;

  constructor(
    /** The main process, as soon as the shim has recorded it. */
    private readonly findMain: () => Identity | undefined,
    private readonly limit: Limit,
  ) {}

  /** Samples after 1, 2, 4 … seconds, at last every 30 seconds. */
  start(): void {
    if (this.timer) return;
    const { bytes } = this.limit;
    const isWatched = bytes !== null && this.group === undefined;
    const waitMs = isWatched ? Math.min(this.leftMs, LIMIT_MS) : this.leftMs;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.leftMs -= waitMs;
      const isDue = this.leftMs <= 0;
      if (isDue) this.leftMs = this.intervalMs = Math.min(this.intervalMs * 2, LONGEST_MS);
      // first, because the next call may stop the meter
      this.start();
      this.sample(isDue ? 0 : (bytes ?? 0));
    }, waitMs);
    this.timer.unref();
  }

  sample(bound = 0): void {
    const { bytes } = this.limit;
    const main = HAS_PROC || bytes !== null ? this.findMain() : undefined;
    if (main && bytes !== null) this.group ??= groupOf(main.pid, this.limit.groupName());
    const sample = main && (HAS_PROC ? sampleTree(main, bound) : sampleByPs(main));
    if (!sample) return;
    const { cpuMs, memoryBytes, largestBytes } = sample;
    if (memoryBytes !== null) this.machinePercent = memoryInUse();
    if (cpuMs !== null) this.cpuMs = Math.max(this.cpuMs ?? 0, cpuMs);
    this.peakBytes = Math.max(this.peakBytes ?? 0, memoryBytes ?? 0, largestBytes);
    if (this.group === undefined && bytes !== null && memoryBytes !== null && memoryBytes > bytes)
      this.limit.onReached(memoryStop(bytes, memoryBytes));
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  /** The stop that the kernel made of a job with this exit status; undefined: it made none. */
  kernelStop(code: number | null): Stop | undefined {
    const { group, limit } = this;
    if (code !== 137 || group === undefined) return undefined;
    const wasKilled = readGroup(group)?.wasKilled || wasScopeKilled(group);
    return wasKilled ? memoryStop(limit.bytes!, null) : undefined;
  }

  /** Null: nothing is known. `code`: the exit status. */
  readTotal(job: JobPaths, attempt: number, code: number | null): Usage | null {
    const total = this.readCost(job, attempt);
    // a kill for want of memory has freed it by now, so the last sample counts, too
    const percent = code === 137 ? Math.max(this.machinePercent, memoryInUse()) : 0;
    if (percent === 0) return total;
    const cost = total ?? { cpuMs: null, peakMemoryBytes: null, from: 'samples' };
    return { ...cost, machinePercent: percent };
  }

  private readCost(job: JobPaths, attempt: number): Usage | null {
    const counted = this.group === undefined ? undefined : readGroup(this.group);
    if (this.group !== undefined) removeGroup(this.group);
    if (counted && counted.peakBytes !== null)
      return { cpuMs: counted.cpuMs, peakMemoryBytes: counted.peakBytes, from: 'cgroup' };
    const [shimMs, { cpuMs, peakBytes }] = [readShimCpuMs(job, attempt), this];
    if (shimMs !== null && shimMs >= (cpuMs ?? 0))
      return { cpuMs: shimMs, peakMemoryBytes: peakBytes, from: 'shim' };
    return cpuMs === null && peakBytes === null
      ? null
      : { cpuMs, peakMemoryBytes: peakBytes, from: 'samples' };
  }
}

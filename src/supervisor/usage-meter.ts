/**
 * What a job costs, as its owner measures it: samples of its processes while it runs, and the CPU time that the
 * shim records at the end. The shim misses processes for which none waited, such as the children of a killed
 * process; samples miss what happens between two of them. So the larger figure counts.
 */
import { sampleTree } from '../engine/usage/sample.ts';
import { readShimCpuMs } from '../engine/usage/usage-file.ts';
import type { JobPaths } from '../job/home/paths.ts';
import type { Identity } from '../job/identity.ts';
import type { Usage } from '../job/state.ts';

const FIRST_MS = 1000;
/** A sample takes a millisecond of CPU: so 100 jobs take 0.3 % of a core. */
const LONGEST_MS = 30_000;

export class UsageMeter {
  private timer: NodeJS.Timeout | undefined;
  private intervalMs = FIRST_MS;
  private cpuMs: number | null = null;
  private peakBytes: number | null = null;

  /** `findMain`: the main process, as soon as the shim has recorded it. */
  constructor(private readonly findMain: () => Identity | undefined) {}

  /** Samples after 1, 2, 4 … seconds, at last every 30 seconds. */
  start(): void {
    if (this.timer) return;
    const next = () => {
      this.timer = setTimeout(() => {
        this.sample();
        this.intervalMs = Math.min(this.intervalMs * 2, LONGEST_MS);
        next();
      }, this.intervalMs);
      this.timer.unref();
    };
    next();
  }

  sample(): void {
    const main = this.findMain();
    const sample = main && sampleTree(main);
    if (!sample) return;
    this.cpuMs = Math.max(this.cpuMs ?? 0, sample.cpuMs);
    this.peakBytes = Math.max(this.peakBytes ?? 0, sample.memoryBytes, sample.largestBytes);
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  /** Null: nothing is known. */
  readTotal(job: JobPaths, attempt: number): Usage | null {
    const [shimMs, { cpuMs, peakBytes }] = [readShimCpuMs(job, attempt), this];
    if (shimMs !== null && shimMs >= (cpuMs ?? 0))
      return { cpuMs: shimMs, peakMemoryBytes: peakBytes, from: 'shim' };
    return cpuMs === null ? null : { cpuMs, peakMemoryBytes: peakBytes, from: 'samples' };
  }
}

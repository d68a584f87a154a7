/**
 * A process that is no job, with all its descendants: found again and again, and ended. A process belongs to
 * it only if a pass has seen it as the child of one that does. Each is known by pid and start, so that no
 * reused pid is signalled. Supervisors, and with them the jobs that the family started, are left alone.
 */
import { systemClock } from '../../base/clock.ts';
import { joinPass, type Pass } from '../observe/process-pass.ts';
import { type OnFound, signalProcess, sweep } from '../observe/process-tree.ts';
import type { ProcessStat } from '../os/process-identity.ts';

const POLL_MS = 20;

export class ProcessFamily {
  private readonly known = new Map<number, ProcessStat>();

  constructor(roots: ProcessStat[]) {
    for (const root of roots) this.known.set(root.pid, root);
  }

  /** Its living processes, the highest pid first. */
  private async find(onFound: OnFound = () => {}): Promise<ProcessStat[]> {
    const pass = await joinPass();
    for (const { pid, startTicks } of [...this.known.values()])
      if (pass.get(pid)?.stat.startTicks !== startTicks) this.known.delete(pid);
    for (let size = -1; size !== this.known.size; ) {
      size = this.known.size;
      this.addChildren(pass);
    }
    const found = [...this.known.values()].sort((a, b) => b.pid - a.pid);
    for (const stat of found) onFound(stat);
    return found;
  }

  private addChildren(pass: Pass): void {
    for (const seen of pass.values()) {
      const { pid, ppid } = seen.stat;
      if (this.known.has(ppid) && !this.known.has(pid) && !seen.isSupervisor) this.known.set(pid, seen.stat);
    }
  }

  /**
   * TERM to all, and KILL to those that are left after the grace. Returns when none is left, with the number
   * that lived at first.
   */
  async end(graceMs: number): Promise<number> {
    const first = await this.find();
    for (const stat of first) signalProcess(stat, 'SIGTERM');
    for (const deadline = systemClock.monotonic() + graceMs; systemClock.monotonic() < deadline; ) {
      if ((await this.find()).length === 0) return first.length;
      await systemClock.sleep(POLL_MS);
    }
    await sweep(systemClock, (onFound) => this.find(onFound));
    return first.length;
  }
}

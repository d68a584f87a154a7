/**
 * Stops the processes of a job: one signal, a grace, then SIGKILL in sweeps. An owner and a killer use the
 * same code.
 *
 * The signal goes to the processes that the first scan finds. A later scan signals only processes older than
 * that first signal: younger ones were started by the job to clean up, and are left alone until the grace
 * ends. In doubt no signal is sent: SIGKILL comes anyway.
 */
import { sleep, systemClock } from '../../base/clock.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import type { Identity } from '../../job/identity.ts';
import type { FirstSignal } from '../../job/state.ts';
import { EMPTY_SCANS, type OnFound, signalProcess, sweep } from '../observe/process-tree.ts';
import {
  isAlive,
  isDeadState,
  isStopped,
  matchesIdentity,
  type ProcessStat,
  readStats,
  ticksNow,
} from '../os/process-identity.ts';
import { isOpaque } from '../os/process-table.ts';
import { helperProcesses, readShim } from '../shim/shim-record.ts';

interface StopTarget {
  /** The request, read before each scan: a harder one may come meanwhile. */
  request(): { signal: string; graceMs: number };
  find(onFound: OnFound): Promise<ProcessStat[]>;
  /** Whether the job is over once none of its processes is left. */
  isEndKnown(): boolean;
  /** Claims the first signal; returns the one that another process claimed before, if there is one. */
  claimFirst(first: Omit<FirstSignal, 'v'>): FirstSignal | undefined;
  beforeSignal(signal: string): void;
  afterScan(): void;
}

interface StoppedProcesses {
  known: Set<number>;
  /** Those that still ran when the grace ended. */
  forced: Set<number>;
  survivors: ProcessStat[];
}

function stillThere(found: ProcessStat[]): ProcessStat[] {
  const now = new Map(readStats(found.map(({ pid }) => pid)).map((stat) => [stat.pid, stat]));
  return found.filter(({ pid, startTicks }) => {
    const stat = now.get(pid);
    return stat?.startTicks === startTicks && !isDeadState(stat.state);
  });
}

/**
 * Parents before their children: one that restarts its child when that ends is asked to end before it does.
 * A child may have the lower pid, because the kernel begins again when the numbers are used up.
 */
function parentsFirst(found: ProcessStat[]): ProcessStat[] {
  const byPid = new Map(found.map((stat) => [stat.pid, stat]));
  const visited = new Set<ProcessStat>();
  const ordered: ProcessStat[] = [];
  const add = (stat: ProcessStat): void => {
    if (visited.has(stat)) return;
    visited.add(stat);
    const parent = byPid.get(stat.ppid);
    if (parent) add(parent);
    ordered.push(stat);
  };
  found.toReversed().forEach(add);
  return ordered;
}

/** Continues shim and watcher if they were stopped with the job: they are needed to publish its end. */
export function continueHelpers(job: JobPaths, host?: Identity): void {
  const ours = helperProcesses(readShim(job, host));
  for (const stat of readStats(ours.map(({ pid }) => pid)))
    if (isStopped(stat) && ours.some((identity) => matchesIdentity(stat, identity)))
      signalProcess(stat, 'SIGCONT');
}

/** Whether shim and watcher live: else only the owner knows all of the job. The main process may be gone. */
export function areHelpersAlive(job: JobPaths): boolean {
  const { shim, watcher } = readShim(job);
  return [shim, watcher].every((one) => one !== undefined && isAlive(one) === 'alive');
}

/** The wait after each scan, milliseconds: short for a process that obeys, cheap for a stubborn one. */
const SCAN_MS = [5, 10, 20, 40, 80, 150, 250];

export async function stopProcesses(target: StopTarget): Promise<StoppedProcesses> {
  const known = new Set<number>();
  const forced = new Set<number>();
  // a hidden process is known as the job's by its parent alone, which may be gone at the next scan
  const seen = new Map<number, ProcessStat>();
  const find = async (onFound: OnFound = () => {}): Promise<ProcessStat[]> => {
    const found = await target.find(onFound);
    for (const stat of found) {
      known.add(stat.pid);
      seen.set(stat.pid, stat);
    }
    const pids = new Set(found.map(({ pid }) => pid));
    const lost = [...seen.values()].filter(({ pid }) => !pids.has(pid) && isOpaque(pid));
    found.push(...stillThere(lost));
    return found;
  };
  let begunMs = systemClock.monotonic();
  /** The first signal that another process sent before. */
  let earlier: FirstSignal | undefined;
  let sinceTicks: number | undefined;
  const signalled = new Set<number>();
  let empty = 0;
  for (let scan = 0; ; scan++) {
    const { signal, graceMs } = target.request();
    // on a slow machine a short grace may be over before the first look
    const isGraceOver = sinceTicks !== undefined && systemClock.monotonic() - begunMs >= graceMs;
    if (signal === 'SIGKILL' || graceMs === 0 || isGraceOver) {
      target.beforeSignal('SIGKILL');
      const force = ({ pid }: ProcessStat): void => {
        known.add(pid);
        if (signal !== 'SIGKILL' && graceMs > 0) forced.add(pid);
      };
      const survivors = await sweep(systemClock, async (onFound) => {
        const found = await find((stat) => {
          force(stat);
          onFound(stat);
        });
        // some show only by their parent or session whose they are
        found.forEach(force);
        return found;
      });
      target.afterScan();
      // a process that survived SIGKILL for that long cannot be killed
      if (target.isEndKnown()) return { known, forced, survivors };
    } else {
      const found = await find();
      empty = found.length === 0 ? empty + 1 : 0;
      if (empty >= EMPTY_SCANS && target.isEndKnown()) return { known, forced, survivors: [] };
      const isFirst = sinceTicks === undefined && found.length > 0;
      if (isFirst) {
        // not from before the scan: with many jobs on a busy machine that takes seconds
        const first = { ticks: ticksNow(), monotonicMs: systemClock.monotonic(), graceMs };
        earlier = target.claimFirst(first);
        begunMs = (earlier ?? first).monotonicMs;
        sinceTicks = earlier ? 0 : first.ticks;
        target.beforeSignal(signal);
      }
      // checked again, because recording the first signal took time
      for (const stat of parentsFirst(isFirst ? stillThere(found) : found)) {
        if (signalled.has(stat.pid)) continue;
        signalled.add(stat.pid);
        const isMeant = earlier === undefined && (isFirst || stat.startTicks < sinceTicks!);
        if (isMeant) signalProcess(stat, signal as NodeJS.Signals);
        // an earlier owner may have been killed between TERM and CONT to a paused process
        else if (isStopped(stat)) signalProcess(stat, 'SIGCONT');
      }
    }
    const isOver = empty > 0 && target.isEndKnown();
    await sleep(isOver ? 1 : SCAN_MS[Math.min(scan, SCAN_MS.length - 1)]!);
    target.afterScan();
  }
}

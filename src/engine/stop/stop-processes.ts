/**
 * Stopping the processes of a job: one signal, a grace, and then KILL in sweeps. An owner and a killer do the same.
 *
 * The signal goes to what the first look finds. A later look signals only what is older than that first signal: what a job
 * starts in order to clean up is younger, and is left alone until the grace ends. In doubt nothing is sent: KILL comes anyway.
 */
import { type Clock, systemClock } from '../../base/clock.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import type { Identity } from '../../job/identity.ts';
import type { FirstSignal } from '../../job/state.ts';
import { EMPTY_SCANS, type OnFound, signalProcess, sweep } from '../observe/process-tree.ts';
import {
  isDeadState,
  isStopped,
  matchesIdentity,
  type ProcessStat,
  readStats,
  ticksNow,
} from '../os/process-identity.ts';
import { isOpaque } from '../os/process-table.ts';
import { helperProcesses, readShim } from '../shim/shim-record.ts';

export interface StopTarget {
  /** What was asked for, read before each look: a harder request may come meanwhile. */
  request(): { signal: string; graceMs: number };
  find(onFound: OnFound): Promise<ProcessStat[]>;
  /** Whether the job is over once no process of it is left. */
  isEndKnown(): boolean;
  /** Claims the first signal; what another process has claimed and sent before, if it has. */
  claimFirst(first: Omit<FirstSignal, 'v'>): FirstSignal | undefined;
  /** Called right before a signal is sent. */
  beforeSignal(signal: string): void;
  /** Called between two looks. */
  afterScan(): void;
}

export interface StoppedProcesses {
  /** All that were found, by pid. */
  known: Set<number>;
  /** Those among them that were still there when the grace ended. */
  forced: Set<number>;
  /** Those that survived KILL. */
  survivors: ProcessStat[];
}

/** Those of the processes that are still the ones that were found. */
function stillThere(found: ProcessStat[]): ProcessStat[] {
  const now = new Map(readStats(found.map(({ pid }) => pid)).map((stat) => [stat.pid, stat]));
  return found.filter(({ pid, startTicks }) => {
    const stat = now.get(pid);
    return stat?.startTicks === startTicks && !isDeadState(stat.state);
  });
}

/** Lets shim and watcher go on, whom somebody may have stopped together with the job: without them its end is never told. */
export function continueOurs(job: JobPaths, host?: Identity): void {
  const ours = helperProcesses(readShim(job, host));
  for (const stat of readStats(ours.map(({ pid }) => pid)))
    if (isStopped(stat) && ours.some((identity) => matchesIdentity(stat, identity)))
      signalProcess(stat, 'SIGCONT');
}

/** Looks of growing distance, milliseconds: a process that obeys is noticed at once, a stubborn one costs little. */
const LOOKS_MS = [5, 10, 20, 40, 80, 150, 250];

export async function stopProcesses(
  target: StopTarget,
  clock: Clock = systemClock,
): Promise<StoppedProcesses> {
  const known = new Set<number>();
  const forced = new Set<number>();
  // one that shows nothing of itself is of the job by its parent alone, which may be gone at the next look
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
  let begunMs = clock.monotonic();
  /** What somebody else has sent before us. */
  let earlier: FirstSignal | undefined;
  let sinceTicks: number | undefined;
  const signalled = new Set<number>();
  let empty = 0;
  for (let look = 0; ; look++) {
    const { signal, graceMs } = target.request();
    if (signal === 'SIGKILL' || clock.monotonic() - begunMs >= graceMs) {
      target.beforeSignal('SIGKILL');
      const survivors = await sweep(clock, (onFound) =>
        find((stat) => {
          known.add(stat.pid);
          if (signal !== 'SIGKILL' && graceMs > 0) forced.add(stat.pid);
          onFound(stat);
        }),
      );
      target.afterScan();
      // what survived KILL as long as we swept is beyond us
      if (target.isEndKnown()) return { known, forced, survivors };
    } else {
      const found = await find();
      empty = found.length === 0 ? empty + 1 : 0;
      if (empty >= EMPTY_SCANS && target.isEndKnown()) return { known, forced, survivors: [] };
      const isFirst = sinceTicks === undefined && found.length > 0;
      if (isFirst) {
        const first = { ticks: ticksNow(), monotonicMs: begunMs, graceMs };
        earlier = target.claimFirst(first);
        begunMs = earlier?.monotonicMs ?? begunMs;
        sinceTicks = earlier ? 0 : first.ticks;
        target.beforeSignal(signal);
      }
      // the note was flushed to the disk meanwhile
      // parents first: one that starts its child again when that ends is asked before it does
      for (const stat of (isFirst ? stillThere(found) : found).toReversed()) {
        if (signalled.has(stat.pid)) continue;
        signalled.add(stat.pid);
        const isMeant = earlier === undefined && (isFirst || stat.startTicks < sinceTicks!);
        if (isMeant) signalProcess(stat, signal as NodeJS.Signals);
        // an earlier owner may have been killed between TERM and CONT to a paused process
        else if (isStopped(stat)) signalProcess(stat, 'SIGCONT');
      }
    }
    const isOver = empty > 0 && target.isEndKnown();
    await clock.sleep(isOver ? 1 : LOOKS_MS[Math.min(look, LOOKS_MS.length - 1)]!);
    target.afterScan();
  }
}

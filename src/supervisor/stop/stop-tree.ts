/**
 * Stopping a job: the signal to every process, also to those that appear meanwhile; after the grace KILL in sweeps. It is
 * over when nothing of the job is left and its main process has been heard of, or when something survives KILL.
 */
import { systemClock } from '../../base/clock.ts';
import { type AtSight, EMPTY_LOOKS, signalAll, sweep } from '../../engine/observe/process-tree.ts';
import type { ProcessStat } from '../../engine/os/process-identity.ts';
import type { Event } from '../../job/lifecycle.ts';
import type { Status } from '../../job/state.ts';

/** What a stop needs of the owner. */
export interface Stoppable {
  readonly status: Status;
  /** How many processes a stop has found in all. */
  stopped: number;
  processes(atSight: AtSight): Promise<ProcessStat[]>;
  /** Whether a process is shim or watcher, as far as they are written down by now. */
  isOurs(pid: number): boolean;
  checkMain(): void;
  dispatch(event: Event): void;
}

/** Looks of growing distance, milliseconds: a process that obeys is noticed at once, a stubborn one costs little. */
const LOOKS_MS = [5, 10, 20, 40, 80, 150, 250];

export async function stopTree(supervision: Stoppable): Promise<void> {
  const begun = systemClock.monotonic();
  const known = new Set<number>();
  const find = async (atSight: AtSight): Promise<ProcessStat[]> => {
    const found = await supervision.processes((stat) => {
      known.add(stat.pid);
      atSight(stat);
    });
    for (const { pid } of found) known.add(pid);
    return found;
  };
  const signalled = new Set<number>();
  let empty = 0;
  for (let look = 0; supervision.status.phase === 'stopping'; look++) {
    const { stop } = supervision.status;
    const signal = (stat: ProcessStat): void => {
      if (!signalled.has(stat.pid)) signalAll([stat], stop.signal as NodeJS.Signals);
      signalled.add(stat.pid);
    };
    if (stop.signal === 'SIGKILL' || systemClock.monotonic() - begun >= stop.graceMs) {
      supervision.dispatch({ type: 'signalled', signal: 'SIGKILL' });
      await sweep(systemClock, find);
      supervision.checkMain();
      // what survived KILL as long as we swept is beyond us
      if (isMainEnded(supervision)) break;
    } else {
      // the first look signals nothing at sight: see below
      const found = await find(look === 0 ? () => {} : signal);
      empty = found.length === 0 ? empty + 1 : 0;
      if (empty >= EMPTY_LOOKS && isMainEnded(supervision)) break;
      // noted before it is sent: the end it causes may come before we look again
      if (found.length > 0) supervision.dispatch({ type: 'signalled', signal: stop.signal });
      for (const stat of found) signal(stat);
    }
    const isOver = empty > 0 && isMainEnded(supervision);
    await systemClock.sleep(isOver ? 1 : LOOKS_MS[Math.min(look, LOOKS_MS.length - 1)]!);
    // an adopter hears of the end once a second; here it is expected now
    supervision.checkMain();
  }
  // shim and watcher may not have written themselves down when they were seen first
  supervision.stopped += [...known].filter((pid) => !supervision.isOurs(pid)).length;
  supervision.dispatch({ type: 'swept', at: systemClock.now() });
}

const isMainEnded = ({ status }: Stoppable): boolean => status.phase === 'stopping' && status.ended !== null;

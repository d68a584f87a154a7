/**
 * Stopping a job: the signal to every process, also to those that appear meanwhile; after the grace KILL in sweeps. It is
 * over when nothing of the job is left and its main process has been heard of, or when something survives KILL.
 */
import { systemClock } from '../base/clock.ts';
import type { Status } from '../job/job.ts';
import type { Event } from '../job/lifecycle.ts';
import type { ProcessStat } from '../process/identity.ts';
import { signalAll, sweep } from '../process/tree.ts';

/** What a stop needs of the owner. */
export interface Stoppable {
  readonly status: Status;
  /** How many processes a stop has found in all. */
  stopped: number;
  processes(): Promise<ProcessStat[]>;
  checkMain(): void;
  dispatch(event: Event): void;
}

/** Looks of growing distance, milliseconds: a process that obeys is noticed at once, a stubborn one costs little. */
const LOOKS_MS = [5, 10, 20, 40, 80, 150, 250];

export async function stopTree(supervision: Stoppable): Promise<void> {
  const begun = systemClock.monotonic();
  const known = new Set<number>();
  const find = async (): Promise<ProcessStat[]> => {
    const found = await supervision.processes();
    for (const { pid } of found) known.add(pid);
    return found;
  };
  const signalled = new Set<number>();
  for (let look = 0; supervision.status.phase === 'stopping'; look++) {
    const { stop } = supervision.status;
    const found = await find();
    const fresh = found.filter(({ pid }) => !signalled.has(pid));
    const graceOver = systemClock.monotonic() - begun >= stop.graceMs;
    if (found.length === 0 && isMainEnded(supervision)) break;
    if (graceOver || stop.signal === 'SIGKILL') {
      supervision.dispatch({ type: 'signalled', signal: 'SIGKILL' });
      const survivors = await sweep(systemClock, find);
      supervision.checkMain();
      if (survivors.length > 0 && isMainEnded(supervision)) break;
    } else if (fresh.length > 0) {
      // noted before it is sent: the end it causes may come before we look again
      supervision.dispatch({ type: 'signalled', signal: stop.signal });
      signalAll(fresh, stop.signal as NodeJS.Signals);
      for (const { pid } of fresh) signalled.add(pid);
    }
    await systemClock.sleep(LOOKS_MS[Math.min(look, LOOKS_MS.length - 1)]!);
    // an adopter hears of the end once a second; here it is expected now
    supervision.checkMain();
  }
  supervision.stopped += known.size;
  supervision.dispatch({ type: 'swept', at: systemClock.now() });
}

const isMainEnded = ({ status }: Stoppable): boolean => status.phase === 'stopping' && status.ended !== null;

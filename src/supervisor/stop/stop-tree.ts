/** The owner's stop of its job: over when nothing of the job is left and its main process has been heard of, or when something survives KILL. */
import { systemClock } from '../../base/clock.ts';
import type { OnFound } from '../../engine/observe/process-tree.ts';
import type { ProcessStat } from '../../engine/os/process-identity.ts';
import { continueHelpers, stopProcesses } from '../../engine/stop/stop-processes.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import { claimFirstSignal, type Owner } from '../../job/home/records.ts';
import type { Event } from '../../job/lifecycle.ts';
import type { Status, StatusOf } from '../../job/state.ts';

/** What a stop needs of the owner. */
export interface Stoppable {
  readonly job: JobPaths;
  readonly owner: Owner;
  readonly attempt: number;
  readonly status: Status;
  /** How many processes stops have found in all, and how many of them needed KILL. */
  stopped: number;
  forced: number;
  processes(onFound: OnFound): Promise<ProcessStat[]>;
  /** Whether a process is shim or watcher, as far as they are written down by now. */
  isOurs(pid: number): boolean;
  checkMain(): void;
  dispatch(event: Event): void;
}

export async function stopTree(owner: Stoppable): Promise<void> {
  const now = () => owner.status as StatusOf<'stopping'>;
  continueHelpers(owner.job, owner.owner.identity);
  const { known, forced } = await stopProcesses({
    claimFirst: (first) => claimFirstSignal(owner.job, owner.attempt, first),
    request: () => now().stop,
    find: (onFound) => owner.processes(onFound),
    isEndKnown: () => now().ended !== null,
    beforeSignal: (signal) => owner.dispatch({ type: 'signalled', signal }),
    // an adopter hears of the end once a second; here it is expected now
    afterScan: () => owner.checkMain(),
  });
  // shim and watcher may not have written themselves down when they were seen first
  const isOfJob = (pid: number) => !owner.isOurs(pid);
  owner.stopped += [...known].filter(isOfJob).length;
  owner.forced += [...forced].filter(isOfJob).length;
  owner.dispatch({ type: 'swept', at: systemClock.now() });
}

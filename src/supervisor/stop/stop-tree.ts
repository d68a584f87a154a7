/**
 * The stop of a job by its owner. It is over when no process of the job is left and its end is recorded, or
 * when one survives SIGKILL.
 */
import { systemClock } from '../../base/clock.ts';
import type { OnFound } from '../../engine/observe/process-tree.ts';
import type { ProcessStat } from '../../engine/os/process-identity.ts';
import { continueHelpers, stopProcesses } from '../../engine/stop/stop-processes.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import { claimFirstSignal, type Owner } from '../../job/home/records.ts';
import type { Event } from '../../job/lifecycle.ts';
import type { Status, StatusOf } from '../../job/state.ts';

interface Stoppable {
  readonly job: JobPaths;
  readonly owner: Owner;
  readonly attempt: number;
  readonly status: Status;
  stopped: number;
  forced: number;
  processes(onFound: OnFound): Promise<ProcessStat[]>;
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
    // the poll of an adopter, once a second, would be slow here
    afterScan: () => owner.checkMain(),
  });
  // helper processes may not have been recorded yet when they were found
  const isOfJob = (pid: number) => !owner.isOurs(pid);
  owner.stopped += [...known].filter(isOfJob).length;
  owner.forced += [...forced].filter(isOfJob).length;
  owner.dispatch({ type: 'swept', at: systemClock.now() });
}

/**
 * Unexpected errors of a supervisor. An error that is no system error is a bug, or a damage that no check
 * finds. The reason goes into the job's log and into `crash.N`, and the process ends. If a shim runs, an
 * adopter follows. An adopter that fails has no successor: the shim still records the exit status, but limits
 * are not enforced any more.
 */
import { systemClock } from '../base/clock.ts';
import { describeThrown } from '../base/result.ts';
import type { JobPaths } from '../job/home/paths.ts';
import { writeCrash } from '../job/home/records.ts';
import { addLogNote } from '../job/log/log-note.ts';

interface Owned {
  readonly job: JobPaths;
  readonly owner: { generation: number };
}

export function recordCrash({ job, owner }: Owned, thrown: unknown): void {
  writeCrash(job, owner.generation, { at: systemClock.now(), why: describeThrown(thrown) });
}

/** Node then ends this process with an exit code that starts no successor. */
export function recordUncaughtErrors(all: () => Iterable<Owned>): void {
  process.on('uncaughtExceptionMonitor', (thrown) => {
    for (const owned of all()) {
      recordCrash(owned, thrown);
      addLogNote(owned.job, `unexpected error of its supervisor: ${describeThrown(thrown)}`);
    }
  });
}

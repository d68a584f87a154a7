/**
 * Unexpected errors of a supervisor: anything that is no system error is a bug, or a record that is damaged in a way that no check
 * finds. The reason goes into the job's log and into its record `crash.N`; the process ends, and what is under a shim gets an adopter. An
 * adopter that fails so has no successor: the shim records the exit status, and limits are not kept any more.
 */
import { systemClock } from '../base/clock.ts';
import { describeThrown } from '../base/result.ts';
import type { JobPaths } from '../job/home/paths.ts';
import { writeCrash } from '../job/home/records.ts';
import { addLogNote } from '../job/log/log-note.ts';

/** What is asked here of a supervision. */
interface Owned {
  readonly job: JobPaths;
  readonly owner: { generation: number };
}

/** Notes the error as that of a job's owner. */
export function noteCrash({ job, owner }: Owned, thrown: unknown): void {
  writeCrash(job, owner.generation, { at: systemClock.now(), why: describeThrown(thrown) });
}

/** Notes it where the owner of a job that runs ends, or cannot go on; in its log, too. */
function logCrash(owned: Owned, thrown: unknown): void {
  noteCrash(owned, thrown);
  addLogNote(owned.job, `unexpected error of its supervisor: ${describeThrown(thrown)}`);
}

/** Whatever is thrown and not caught is noted for each of these; Node then ends this process, with a code that has no successor. */
export function noteUnexpected(all: () => Iterable<Owned>): void {
  process.on('uncaughtExceptionMonitor', (thrown) => {
    for (const owned of all()) logCrash(owned, thrown);
  });
}

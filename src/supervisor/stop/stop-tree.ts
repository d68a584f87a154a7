/**
 * The stop of a job by its owner. It is over when no process of the job is left and its end is recorded, or
 * when one survives SIGKILL.
 */
import { systemClock } from '../../base/clock.ts';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { attemptQuietly, ignoreSystemError } from '../../base/result.ts';
import type { OnFound } from '../../engine/observe/process-tree.ts';
import { isAtWork, isStopped, type ProcessStat, readStat } from '../../engine/os/process-identity.ts';
import { claimInstance, readInstance } from '../../engine/os/process-lock.ts';
import { areHelpersAlive, continueHelpers, stopProcesses } from '../../engine/stop/stop-processes.ts';
import { type Home, openHome } from '../../job/home/home.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import { claimFirstSignal, type Owner, readSwept } from '../../job/home/records.ts';
import type { Event } from '../../job/lifecycle.ts';
import type { Status, StatusOf, Swept } from '../../job/state.ts';

interface Stoppable {
  readonly home: Home;
  readonly job: JobPaths;
  readonly owner: Owner;
  readonly attempt: number;
  readonly status: Status;
  stopped: number;
  forced: number;
  isSwept: boolean;
  readonly isForking: boolean;
  processes(onFound: OnFound): Promise<ProcessStat[]>;
  isOurs(pid: number): boolean;
  checkMain(): void;
  /** Resolves at the next signal of a `kill` or event of the job, or after `ms`. */
  waitNudge(ms: number): Promise<void>;
  dispatch(event: Event): void;
}

/**
 * The shim may take so long to record the main process; less than a `kill` waits for an answer. The shim may be
 * stopped, or the job may have emptied the record.
 */
const START_MS = 1500;
const FORK_POLL_MS = 3;

export async function stopTree(owner: Stoppable): Promise<void> {
  const now = () => owner.status as StatusOf<'stopping'>;
  continueHelpers(owner.job, owner.owner.identity);
  const swept = await waitSwept(owner, now);
  if (swept) {
    owner.stopped += swept.stopped;
    owner.forced += swept.forced;
    owner.isSwept = true;
    owner.dispatch({ type: 'swept', at: systemClock.now() });
    return;
  }
  // the first signal would go to its watcher, and the job, which is younger, would get none until the grace ends
  const begunMs = systemClock.monotonic();
  while (owner.isForking && !now().ended && systemClock.monotonic() - begunMs < START_MS)
    await systemClock.sleep(FORK_POLL_MS);
  const { known, forced, survivors } = await stopProcesses({
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
  owner.isSwept = survivors.length === 0;
  owner.dispatch({ type: 'swept', at: systemClock.now() });
}

/**
 * How long a sweeper that runs may need beyond the grace, milliseconds. Hundreds of owners that go on by
 * themselves, because a busy machine is slow, make it slower: 500 jobs then took six minutes.
 */
const SWEEPER_MS = 300_000;
/** How often the owner looks whether the sweeper lives, milliseconds: it is nudged when the sweeper is done. */
const POLL_MS = 2000;

/**
 * Waits for the `kill` that stops the processes of this job as one of many, or for the owner that took its
 * place. Undefined: there is none, it has ended or is stopped without an answer, it takes too long, or a harder
 * stop was requested meanwhile. Then the owner stops the job as if there had been none: signals that were sent
 * are in `first.N`.
 */
async function waitSwept(owner: Stoppable, now: () => StatusOf<'stopping'>): Promise<Swept | undefined> {
  const { sweeper, graceMs } = now().stop;
  if (!sweeper) return undefined;
  let own: { isOver: boolean } | undefined;
  for (const deadline = systemClock.monotonic() + graceMs + SWEEPER_MS; ; ) {
    // checked first: the answer may come between the two
    const isOver = own?.isOver === true;
    const isGone = !isAtWork(sweeper);
    const swept = readSwept(owner.job);
    // otherwise the shim reports the end. Hundreds of owners wait here, and to poll the job takes 25 system calls
    if (swept || isGone) owner.checkMain();
    if (swept && now().ended) return swept;
    if (now().stop.graceMs !== graceMs || systemClock.monotonic() > deadline) return undefined;
    if (isGone && !swept) {
      // no other process stops such a job
      if (isOver || !areHelpersAlive(owner.job)) return undefined;
      own ??= replace(owner.home);
      if (!own && !isReplaced(owner.home)) return undefined;
    }
    await owner.waitNudge(POLL_MS);
  }
}

/** The lock of the owner that takes the place of a `kill`. It lies in the cache. */
const LOCK = 'sweep';

/** Whether another owner has taken the place of each `kill` that is gone, and runs. */
function isReplaced({ cache }: Home): boolean {
  const replacement = readInstance(cache, LOCK);
  const stat = replacement?.isAlive ? readStat(replacement.pid) : undefined;
  return stat !== undefined && !isStopped(stat);
}

/**
 * Takes the place of each `kill` of many that is gone, unless another owner has. It goes on after the end of its
 * own job: another one may have a longer grace.
 */
function replace({ path, cache }: Home): { isOver: boolean } | undefined {
  const home = openHome(path, false);
  const lock = home.ok && home.value ? attemptQuietly(() => claimInstance(cache, LOCK)) : undefined;
  if (lock === undefined || !home.ok || !home.value) return undefined;
  const own = { isOver: false };
  const takeOver = async (jobs: Home) => {
    const { takeOverStops } = await import('../../engine/stop/orphaned-stops.ts');
    await takeOverStops(jobs);
  };
  takeOver(home.value)
    .catch((thrown) => {
      // the program may be gone by now
      if ((thrown as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') ignoreSystemError(thrown);
    })
    .finally(() => {
      own.isOver = true;
      removeQuietly(lock);
    });
  return own;
}

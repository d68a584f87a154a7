/**
 * Starting a job: make its directory, write down what to run, start a detached supervisor. The id is printed only
 * when spec and owner are durable. The launcher does not wait for the supervisor to boot.
 */
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { createNameless, syncDir, writeAtomic, writeOnce } from '../../base/fs/atomic-write.ts';
import { errnoOf, ignoreSystemError } from '../../base/result.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { claimId } from '../../job/home/ids.ts';
import { markLive, unmarkLive } from '../../job/home/job-index.ts';
import { titleOf, withdrawClaims } from '../../job/home/name-claims.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import { writeSpec } from '../../job/home/records.ts';
import { needsOf } from '../../job/needs.ts';
import type { JobId, Spec } from '../../job/spec.ts';
import { beginRounds } from '../observe/begin-rounds.ts';
import { takeName } from '../observe/name-owner.ts';
import { envMarkerOf } from '../observe/process-tree.ts';
import { thisHost } from '../os/process-identity.ts';
import { makeFifo } from './alive-fifo.ts';
import { jobEnvironment, withEnvMarker } from './environment.ts';
import { makeStdin, takeCopy } from './job-stdin.ts';
import { closeInherited, confirmOwner, prepareFiles, startSupervisor } from './spawn-supervisor.ts';
import { environmentText } from './stored-environment.ts';

/** What the command line decides; the rest of the spec comes from here. */
export type Draft = Omit<
  Spec,
  'v' | 'id' | 'needs' | 'restartOf' | 'createdAt' | 'createdMonotonicMs' | 'bootId' | 'machine'
> & {
  /** The job that is started once more. */
  restartOf?: JobId;
  /** The script of `run -`; its path takes the place that `script.at` names. */
  scriptBytes?: Uint8Array;
  /** `NAME=value` of all its variables, for a restart in a kept environment; else the caller's is taken. */
  environment?: string[];
  /** The copy of what it is to read, see copyAsync; the maker removes it. */
  inputCopy?: string;
  /** What came with the delivery that starts it; the job finds its path in BGJOB_PAYLOAD. */
  payload?: Uint8Array;
};

/** Asked with the id, before anything of the job is written: whether it may be started. */
export type MayStart = (id: JobId) => Result<void>;

/** The variables of a job that is being started, without its marker. */
export const environmentOf = (draft: Draft, job: JobPaths): string[] => [
  ...(draft.environment ?? jobEnvironment(process.env, draft)),
  ...(draft.payload ? [`BGJOB_PAYLOAD=${job.payload}`] : []),
];

/** What is written beside the spec, before it. Throws system errors. */
export function writeParts(job: JobPaths, { scriptBytes, inputCopy, payload }: Draft): void {
  if (scriptBytes) writeOnce(job.script, scriptBytes);
  if (inputCopy !== undefined) takeCopy(job, inputCopy);
  if (payload) writeOnce(job.payload, payload);
}

/** The spec of a draft, without what is written beside it. */
export function specOf(job: JobPaths, id: JobId, draft: Draft): Spec {
  const { scriptBytes: _, environment: __, inputCopy: ___, payload: ____, ...rest } = draft;
  const argv = draft.script ? draft.argv.with(draft.script.at, job.script) : draft.argv;
  const { bootId, machine } = thisHost();
  const [createdAt, createdMonotonicMs] = [systemClock.now(), systemClock.monotonic()];
  const needs = needsOf(draft);
  const v = needs.length > 0 ? 2 : 1;
  return { v, id, restartOf: null, ...rest, needs, argv, createdAt, createdMonotonicMs, bootId, machine };
}

/** The job's environment as a descriptor: a kept file, or one without a name that nothing can leave behind. */
function storeEnvironment(job: JobPaths, environment: string[], keep: boolean): number {
  const text = environmentText(environment);
  if (!keep) return createNameless(`${job.env}.tmp`, text);
  writeAtomic(job.env, text);
  return openSync(job.env, constants.O_RDONLY | constants.O_NOFOLLOW);
}

/** Everything from the directory to the durable owner, for an id that is claimed. */
async function startJob(home: Home, id: JobId, draft: Draft): Promise<Result<void>> {
  const job = home.job(id);
  // the marker first: a job that runs is never missing from the list
  markLive(home, id);
  const fifo = makeFifo(home, id);
  let environmentFd: number | undefined;
  try {
    try {
      writeParts(job, draft);
      writeSpec(job, specOf(job, id, draft));
      environmentFd = storeEnvironment(
        job,
        withEnvMarker(environmentOf(draft, job), envMarkerOf(home, id)),
        draft.keepEnv || draft.onExit !== null,
      );
      prepareFiles(job, draft, 1);
      // the directory's own name; before the start, because a job that runs is not taken back if this fails
      syncDir(home.jobs);
    } catch (thrown) {
      await fifo;
      throw thrown;
    }
    const made = await fifo;
    if (!made.ok) return made;
    const held = await makeStdin(home, id, draft);
    if (!held.ok) return held;
    closeInherited();
    return await startWith(home, id, draft, environmentFd);
  } finally {
    // at once: under a low `ulimit -n` whoever takes the job back needs a descriptor
    if (environmentFd !== undefined) closeSync(environmentFd);
  }
}

/** The last step of it: the name, and the supervisor. */
async function startWith(home: Home, id: JobId, draft: Draft, environmentFd: number): Promise<Result<void>> {
  const job = home.job(id);
  // read and write: held from the fork on, by the supervisor's copy, without waiting for a reader
  const aliveFd = openSync(job.alive, constants.O_RDWR | constants.O_NOFOLLOW);
  let started: Awaited<ReturnType<typeof startSupervisor>>;
  try {
    // after spec and FIFO: whoever reads the claim finds a job that is about to start
    const title = titleOf(draft);
    const named = title ? await takeName(home, title, id) : ok(undefined);
    if (!named.ok) return named;
    started = await startSupervisor(home, id, 1, { environmentFd, aliveFd });
  } finally {
    closeSync(aliveFd);
  }
  if (!started.ok) return started;
  await confirmOwner(job, 1, started.value);
  return ok(undefined);
}

/** Starts a job and returns its id, or leaves nothing: also where a live job of this project has its name. */
export async function launch(
  home: Home,
  draft: Draft,
  mayStart: MayStart = () => ok(undefined),
): Promise<Result<JobId>> {
  let id: JobId | undefined;
  try {
    beginRounds(home);
    id = claimId(home);
    const may = mayStart(id);
    const started = may.ok ? await startJob(home, id, draft) : may;
    if (started.ok) return ok(id);
    takeBack(home, id, draft);
    return started;
  } catch (thrown) {
    if (id !== undefined) takeBack(home, id, draft);
    const errno = errnoOf(thrown);
    // something stands in the way, and only its own name helps
    const place = ['ELOOP', 'ENOTDIR'].includes(errno) ? (thrown as NodeJS.ErrnoException).path : undefined;
    return fail({ code: 'io', doing: 'write a new job to', path: place ?? home.path, errno });
  }
}

/** Takes back a job that never started. */
export function takeBack(home: Home, id: JobId, draft: Pick<Draft, 'name' | 'project'>): void {
  try {
    const title = titleOf(draft);
    if (title) withdrawClaims(home, title, id);
    // again if somebody asks it to stop just now
    rmSync(home.job(id).dir, { recursive: true, force: true, maxRetries: 3, retryDelay: 5 });
    unmarkLive(home, id);
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}

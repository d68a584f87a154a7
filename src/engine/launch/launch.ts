/**
 * Starts a job: makes its directory, writes down what to run, and starts a detached supervisor. The id is
 * printed only when spec and owner are durable. The launcher does not wait until the supervisor has booted.
 */
import { closeSync, constants, linkSync, openSync, rmSync } from 'node:fs';
import { listWithChecksum } from '../../base/checksum.ts';
import { systemClock } from '../../base/clock.ts';
import { createFile, createNameless, syncDir, writeAtomic } from '../../base/fs/atomic-write.ts';
import { attemptQuietly, errnoOf } from '../../base/result.ts';
import { type Failure, fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { claimId } from '../../job/home/ids.ts';
import { markLive, unmarkLive } from '../../job/home/job-index.ts';
import { jobNameOf, withdrawClaims } from '../../job/home/name-claims.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import { writeSpec } from '../../job/home/records.ts';
import { needsOf } from '../../job/needs.ts';
import { withSession } from '../../job/session.ts';
import type { JobId, Spec } from '../../job/spec.ts';
import { beginRounds } from '../observe/begin-rounds.ts';
import { takeName } from '../observe/name-owner.ts';
import { envMarkerOf } from '../observe/process-tree.ts';
import { thisHost } from '../os/process-identity.ts';
import { lockAlive, makeFifo } from './alive-fifo.ts';
import { withEnvMarker } from './environment.ts';
import { makeStdin } from './job-stdin.ts';
import { requireTools } from './required-tools.ts';
import { closeInherited, confirmOwner, prepareFiles, startSupervisor } from './spawn-supervisor.ts';

/** What the command line decides. The rest of the spec comes from this file. */
export type Draft = Omit<
  Spec,
  'v' | 'id' | 'needs' | 'restartOf' | 'createdAt' | 'createdMonotonicMs' | 'bootId' | 'machine'
> & {
  restartOf?: JobId;
  /** The script of `run -`; its path becomes argument `script.at`. */
  scriptBytes?: Uint8Array;
  /** `NAME=value` for each variable; see environment.ts. */
  environment: string[];
  /** The copy of its input, see copyInput; the process that made it removes it. */
  inputCopy?: string;
  /** The payload of the delivery that starts it; the job finds its path in BGJOB_PAYLOAD. */
  payload?: Uint8Array;
};

/** Decides, once the id is known and before a record of the job is written, whether it may be started. */
export type MayStart = (id: JobId) => Result<void>;

/** The variables of a job that is being started, without its marker. */
export const environmentOf = (draft: Draft, job: JobPaths): string[] => [
  ...withSession(draft.environment, draft),
  ...(draft.payload ? [`BGJOB_PAYLOAD=${job.payload}`] : []),
];

/** Writes the files that lie beside the spec, before the spec. Throws system errors. */
export function writeParts(job: JobPaths, { scriptBytes, inputCopy, payload }: Draft): void {
  if (scriptBytes) createFile(job.script, scriptBytes, 'content');
  if (inputCopy !== undefined) linkSync(inputCopy, job.input);
  if (payload) createFile(job.payload, payload, 'content');
}

export function specOf(job: JobPaths, id: JobId, draft: Draft): Spec {
  const { scriptBytes: _, environment: __, inputCopy: ___, payload: ____, ...rest } = draft;
  const argv = draft.script ? draft.argv.with(draft.script.at, job.script) : draft.argv;
  const { bootId, machine } = thisHost();
  const [createdAt, createdMonotonicMs] = [systemClock.now(), systemClock.monotonic()];
  const needs = needsOf(draft);
  const v = needs.length > 0 ? 2 : 1;
  return { v, id, restartOf: null, ...rest, needs, argv, createdAt, createdMonotonicMs, bootId, machine };
}

/** The environment as a descriptor: of env.json if it is stored, else of a file that never had a name. */
function openEnvironment(job: JobPaths, environment: string[], isStored: boolean): number {
  const text = listWithChecksum(environment);
  if (!isStored) return createNameless(`${job.env}.tmp`, text);
  writeAtomic(job.env, text);
  return openSync(job.env, constants.O_RDONLY | constants.O_NOFOLLOW);
}

async function startJob(home: Home, id: JobId, draft: Draft): Promise<Result<void>> {
  const job = home.job(id);
  // before anything else: a job that runs is never missing from the list
  markLive(home, id);
  const fifo = makeFifo(home, id);
  let environmentFd: number | undefined;
  try {
    writeParts(job, draft);
    writeSpec(job, specOf(job, id, draft));
    environmentFd = openEnvironment(
      job,
      withEnvMarker(environmentOf(draft, job), envMarkerOf(home, id)),
      draft.keepEnv || draft.onExit !== null,
    );
    prepareFiles(job, draft, 1);
    // makes the name of the directory durable; before the start, because a job that runs is not taken back
    // if this fails
    syncDir(home.jobs);
    const made = await fifo;
    if (!made.ok) return made;
    const stdin = await makeStdin(home, id, draft);
    if (!stdin.ok) return stdin;
    closeInherited();
    return await startWith(home, id, draft, environmentFd);
  } finally {
    await fifo;
    // at once: under a low `ulimit -n`, taking the job back needs a descriptor
    if (environmentFd !== undefined) closeSync(environmentFd);
  }
}

/** The job is in no queue. */
const FIRST_OWNER = { generation: 1, slot: null };

async function startWith(home: Home, id: JobId, draft: Draft, environmentFd: number): Promise<Result<void>> {
  const job = home.job(id);
  // the supervisor's copy locks it from the fork on
  const aliveFd = lockAlive(job);
  let started: Awaited<ReturnType<typeof startSupervisor>>;
  try {
    // after spec and FIFO: a reader of the claim finds a job that is about to start
    const title = jobNameOf(draft);
    const named = title ? await takeName(home, title, id) : ok(undefined);
    if (!named.ok) return named;
    started = await startSupervisor(home, id, FIRST_OWNER, { environmentFd, aliveFd });
  } finally {
    closeSync(aliveFd);
  }
  if (!started.ok) return started;
  await confirmOwner(job, FIRST_OWNER, started.value);
  return ok(undefined);
}

/** Starts a job and returns its id. On failure, also if a live job has the name, it leaves nothing behind. */
export const launch = (home: Home, draft: Draft, mayStart?: MayStart): Promise<Result<JobId>> =>
  addJob(home, draft, mayStart, (id) => startJob(home, id, draft));

/** Adds a job in the way of `add`, after `prepare`. On failure it leaves nothing behind. */
export async function addJob(
  home: Home,
  draft: Draft,
  mayStart: MayStart = () => ok(undefined),
  add: (id: JobId) => Promise<Result<void>>,
  prepare = () => {},
): Promise<Result<JobId>> {
  const equipped = requireTools(draft);
  if (!equipped.ok) return equipped;
  let id: JobId | undefined;
  try {
    beginRounds(home);
    prepare();
    id = claimId(home);
    const may = mayStart(id);
    const added = may.ok ? await add(id) : may;
    if (added.ok) return ok(id);
    takeBack(home, id, draft);
    return added;
  } catch (thrown) {
    if (id !== undefined) takeBack(home, id, draft);
    return notWritten(home, thrown);
  }
}

export function notWritten(home: Home, thrown: unknown): { ok: false; failure: Failure } {
  const errno = errnoOf(thrown);
  // something else has that name: the message must name it
  const path = ['ELOOP', 'ENOTDIR'].includes(errno) ? (thrown as NodeJS.ErrnoException).path : undefined;
  return fail({ code: 'io', doing: 'write a new job to', path: path ?? home.path, errno });
}

export function takeBack(home: Home, id: JobId, draft: Pick<Draft, 'name' | 'project'>): void {
  attemptQuietly(() => {
    const title = jobNameOf(draft);
    if (title) withdrawClaims(home, title, id);
    // with retries: a `kill` may write a request into it right now
    rmSync(home.job(id).dir, { recursive: true, force: true, maxRetries: 3, retryDelay: 5 });
    unmarkLive(home, id);
  });
}

/**
 * Starting a job: make its directory, write down what to run, start a detached supervisor. The id is printed only
 * when spec and owner are durable. The launcher does not wait for the supervisor to boot.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { makeDirectory } from '../base/directories.ts';
import { errnoOf, fail, ok, type Result } from '../base/failure.ts';
import { createLog, createNameless, syncDir, writeAtomic } from '../base/files.ts';
import { readRecord } from '../base/records.ts';
import type { Home, JobPaths } from '../job/home.ts';
import { claimId } from '../job/ids.ts';
import type { JobId, Spec } from '../job/job.ts';
import { markLive, unmarkLive } from '../job/markers.ts';
import { titleOf, withdrawClaims } from '../job/names.ts';
import {
  claimOwner,
  prepareExit,
  readExit,
  readOwner,
  readState,
  reserveEnd,
  writeScript,
  writeSpec,
} from '../job/store.ts';
import { jobEnvironment, ownEnvironment } from './environment.ts';
import { makeFifo } from './fifo.ts';
import { takeName } from './holder.ts';
import { identify, isHeld, thisPlace } from './identity.ts';
import { prepareShim } from './shim.ts';
import { markerOf } from './tree.ts';

/** What the command line decides; the rest of the spec comes from here. */
export type Draft = Omit<Spec, 'v' | 'id' | 'createdAt' | 'createdMonotonicMs' | 'bootId' | 'machine'> & {
  /** The script of `run -`; its path takes the place that `script.at` names. */
  scriptBytes?: Uint8Array;
};

/** The built supervisor, beside the built command line. */
const SUPERVISOR = join(__dirname, 'supervisor.js');

/**
 * Closes what the caller left open above 2 (`exec 200>lock; flock 200; bgjob run …`): libuv closes only the low ones up
 * to the first gap, and a lock or a pipe of the caller would live on for hours. What Node opened closes itself.
 */
function closeInherited(): void {
  if (!fs.existsSync('/proc/self/fdinfo')) return;
  const O_CLOEXEC = 0o2000000;
  for (const name of fs.readdirSync('/proc/self/fdinfo')) {
    const fd = Number(name);
    const info = fd <= 2 ? undefined : readRecord(`/proc/self/fdinfo/${fd}`);
    const flags = info?.kind === 'text' ? /^flags:\s*(\d+)/m.exec(info.text) : null;
    if (flags && (Number.parseInt(flags[1]!, 8) & O_CLOEXEC) === 0) fs.closeSync(fd);
  }
}

/** The job's environment as a descriptor: a kept file, or one without a name that nothing can leave behind. */
function storeEnvironment(job: JobPaths, environment: string[], keep: boolean): number {
  const text = JSON.stringify(environment);
  if (!keep) return createNameless(`${job.env}.tmp`, text);
  writeAtomic(job.env, text);
  return fs.openSync(job.env, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
}

/** The files that the job cannot run without: a disk that is full by then is told by `run`, and not by a job that failed. */
function prepareFiles(job: JobPaths, { split }: Pick<Spec, 'split'>): void {
  // it may be there: a reader who is early notes in it how far it came
  makeDirectory(dirname(job.log));
  for (const log of split ? [job.log, job.err] : [job.log]) fs.closeSync(createLog(log));
  prepareExit(job, 1);
  reserveEnd(job);
  prepareShim(job);
}

async function startSupervisor(
  home: Home,
  id: JobId,
  environmentFd: number,
  aliveFd: number,
): Promise<Result<{ child: ChildProcess; pid: number }>> {
  // loaded here alone: most commands start nothing, and it is a tenth of a Node start
  const { spawn } = require('node:child_process') as typeof import('node:child_process');
  // argv0: `pkill node` and `pkill -f "npm test"` must not hit it, not even while it boots
  const child = spawn(process.execPath, [SUPERVISOR, home.path, String(id)], {
    argv0: `bgjob[${id}]`,
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', environmentFd, aliveFd],
    // named, because spawn otherwise copies it from the caller: every supervisor would write coverage
    env: { ...ownEnvironment(process.env), NODE_V8_COVERAGE: undefined },
  });
  child.unref();
  if (child.pid !== undefined) return ok({ child, pid: child.pid });
  const [error] = await once(child, 'error');
  return fail({ code: 'not-started', id, errno: errnoOf(error) });
}

/**
 * Writes down who owns the job, durably. The supervisor does the same for itself, with the same identity: whoever
 * comes first. If this cannot be written, the supervisor is stopped, unless it has already done so and goes on.
 */
async function confirmOwner(
  job: JobPaths,
  { child, pid }: { child: ChildProcess; pid: number },
): Promise<void> {
  try {
    const identity = identify(pid);
    // gone already: then it has claimed for itself, or there is nothing to own
    if (identity) claimOwner(job, { generation: 1, identity });
    else syncDir(job.dir);
  } catch (thrown) {
    if (readOwner(job).kind !== 'absent') return;
    // our own child, not yet reaped: its pid cannot be another's
    child.ref();
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL'))
      await once(child, 'exit');
    // it may have claimed for itself meanwhile, and even started the job: that goes on then, with an adopter
    if (!isHeld(job.alive) && readState(job).kind === 'absent' && !readExit(job, 1)) throw thrown;
  }
}

/** Everything from the directory to the durable owner, for an id that is claimed. */
async function startJob(home: Home, id: JobId, { scriptBytes, ...draft }: Draft): Promise<Result<void>> {
  const job = home.job(id);
  const argv = draft.script ? draft.argv.with(draft.script.at, job.script) : draft.argv;
  // the marker first: a job that runs is never missing from the list
  markLive(home, id);
  const fifo = makeFifo(home, id);
  const { bootId, machine } = thisPlace();
  const createdMonotonicMs = systemClock.monotonic();
  let environmentFd: number;
  try {
    if (scriptBytes) writeScript(job, scriptBytes);
    const createdAt = systemClock.now();
    writeSpec(job, { v: 1, id, ...draft, argv, createdAt, createdMonotonicMs, bootId, machine });
    environmentFd = storeEnvironment(
      job,
      jobEnvironment(process.env, draft.env, markerOf(home, id)),
      draft.keepEnv,
    );
    prepareFiles(job, draft);
    // the directory's own name; before the start, because a job that runs is not taken back if this fails
    syncDir(home.jobs);
  } catch (thrown) {
    await fifo;
    throw thrown;
  }
  const made = await fifo;
  if (!made.ok) return made;
  closeInherited();
  // read and write: held from the fork on, by the supervisor's copy, without waiting for a reader
  const aliveFd = fs.openSync(job.alive, fs.constants.O_RDWR | fs.constants.O_NOFOLLOW);
  let started: Awaited<ReturnType<typeof startSupervisor>>;
  try {
    // after spec and FIFO: whoever reads the claim finds a job that is about to start
    const title = titleOf(draft);
    const named = title ? await takeName(home, title, id) : ok(undefined);
    if (!named.ok) return named;
    started = await startSupervisor(home, id, environmentFd, aliveFd);
  } finally {
    fs.closeSync(aliveFd);
    fs.closeSync(environmentFd);
  }
  if (!started.ok) return started;
  await confirmOwner(job, started.value);
  return ok(undefined);
}

/** Starts a job and returns its id, or leaves nothing: also where a live job of this project has its name. */
export async function launch(home: Home, draft: Draft): Promise<Result<JobId>> {
  let id: JobId | undefined;
  try {
    id = claimId(home);
    const started = await startJob(home, id, draft);
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
function takeBack(home: Home, id: JobId, draft: Draft): void {
  try {
    const title = titleOf(draft);
    if (title) withdrawClaims(home, title, id);
    // again if somebody asks it to stop just now
    fs.rmSync(home.job(id).dir, { recursive: true, force: true, maxRetries: 3, retryDelay: 5 });
    unmarkLive(home, id);
  } catch (thrown) {
    errnoOf(thrown);
  }
}

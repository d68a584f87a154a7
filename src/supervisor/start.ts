/**
 * How a supervisor starts its job: it makes the job's files durable, repeats the checks of `run`, reads
 * requests to stop, starts the shim, and learns of the end through the shim's socket.
 */
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, closeSync, constants, existsSync, fstatSync, readFileSync, statSync } from 'node:fs';
import type { Socket } from 'node:net';
import { systemClock } from '../base/clock.ts';
import { syncDir } from '../base/fs/atomic-write.ts';
import { openLog } from '../base/fs/open-file.ts';
import { readAt } from '../base/fs/read-record.ts';
import { attemptQuietly, describeThrown, errnoOf, isSystemError, systemError } from '../base/result.ts';
import { withSlot } from '../engine/launch/environment.ts';
import { openInput, openStdinEnd, renewStdin } from '../engine/launch/job-stdin.ts';
import { parseEnvironment, readStoredEnvironment } from '../engine/launch/stored-environment.ts';
import { batchTokenOf } from '../engine/observe/process-tree.ts';
import { ioPriorityWords } from '../engine/os/io-priority.ts';
import { describeStartError, interpreterTrouble, presentProgram } from '../engine/os/programs.ts';
import { isOrderable } from '../engine/shim/batch-shim.ts';
import { type GroupEntry, openRecords, shimCall } from '../engine/shim/shim.ts';
import { enterGroup, groupName, memoryWay } from '../engine/usage/control-group.ts';
import { openUsage } from '../engine/usage/usage-file.ts';
import { EXIT } from '../job/failure.ts';
import type { JobPaths } from '../job/home/paths.ts';
import { type Found, flushExit } from '../job/home/records.ts';
import { addLogNote } from '../job/log/log-note.ts';
import { whyUnable } from '../job/needs.ts';
import { isSendable, type Spec } from '../job/spec.ts';
import { adopterCall } from './adopt.ts';
import { finishAfterEnd } from './after-end.ts';
import { recordCrash } from './crash.ts';
import { startNextJob } from './next-job.ts';
import { dequeue, writeHeading } from './requeue.ts';
import { batchShimFor, type Order } from './shim/batch-shim.ts';
import type { Supervision } from './supervision.ts';

const ENVIRONMENT_FD = 3;
const ORPHAN_POLL_MS = 100;

/** Where a FIFO, a link, a directory or a socket is. */
const NO_FILE = ['EFTYPE', 'ENXIO', 'ELOOP', 'EISDIR'];

export function startJob(supervision: Supervision): void {
  supervision.startNextJob = (slot) => startNextJob(supervision, slot);
  supervision.onEnded = () => finishAfterEnd(supervision);
  const why = whyUnable(supervision.spec);
  if (why !== null) {
    fail(supervision, why);
    return;
  }
  try {
    const environment = readEnvironment(supervision);
    if (environment.kind !== 'read') {
      const why = environment.kind === 'absent' ? 'it is gone' : environment.why;
      failWithNote(supervision, `its environment cannot be read: ${why}`);
      return;
    }
    begin(supervision, environment.value, prepare(supervision));
  } catch (thrown) {
    failBecause(supervision, thrown);
  }
}

/** Starts the job if it was not stopped meanwhile. Closes `outFds`, unless a shim of a batch opens them. */
function begin(supervision: Supervision, environment: string[], outFds: number[], mayOrder = true): void {
  let isOrdered = false;
  try {
    // a job that was stopped before its start is never started
    supervision.readRequests();
    if (supervision.status.phase !== 'starting') return;
    const spec = withPresentProgram(supervision.job, supervision.spec, environment);
    const refusal = refusalOf(spec, environment);
    if (refusal) fail(supervision, refusal.why, refusal.code);
    else if (mayOrder && orderShim(supervision, spec, environment, outFds)) isOrdered = true;
    else startShim(supervision, spec, environment, outFds);
  } finally {
    if (!isOrdered) for (const fd of outFds) closeSync(fd);
  }
}

function failBecause(supervision: Supervision, thrown: unknown): void {
  const { what = 'could not be prepared' } = thrown as { what?: string };
  if (isSystemError(thrown)) fail(supervision, `${what} (${describeStartError(thrown)})`);
  // a shim runs: an adopter continues
  else if (supervision.status.phase !== 'starting') throw thrown;
  else {
    recordCrash(supervision, thrown);
    failWithNote(supervision, `unexpected error of its supervisor: ${describeThrown(thrown)}`);
  }
}

/** That of a queued job is in its queue, any other is inherited. */
function readEnvironment({ home, spec, owner }: Supervision): Found<string[]> {
  const found = spec.placement === null ? inheritedEnvironment() : readStoredEnvironment(home, spec);
  return found.kind === 'read' ? { kind: 'read', value: withSlot(found.value, owner.slot) } : found;
}

function inheritedEnvironment(): Found<string[]> {
  const bytes = Buffer.alloc(fstatSync(ENVIRONMENT_FD).size);
  // from offset 0: the launcher, which wrote it, shares the offset
  readAt(ENVIRONMENT_FD, bytes, 0);
  closeSync(ENVIRONMENT_FD);
  const parsed = parseEnvironment(bytes.toString('utf8'));
  return parsed.ok ? { kind: 'read', value: parsed.value } : { kind: 'unreadable', why: parsed.why };
}

/** A failure that `run` could not see coming: its reason goes into the log too. */
function failWithNote(supervision: Supervision, why: string): void {
  addLogNote(supervision.job, `could not be started: ${why}`);
  fail(supervision, why);
}

function fail(supervision: Supervision, why: string, code: number = EXIT.bgjob): void {
  supervision.dispatch({ type: 'start-failed', at: systemClock.now(), why, code });
}

/**
 * Makes the files of the launcher durable. Returns log, log of stderr, record and exit status of the shim.
 */
function prepare(supervision: Supervision): number[] {
  const { job, attempt, spec } = supervision;
  const logFds = [job.log, spec.split ? job.err : job.log].map(openToWrite);
  // for a queued job nothing must be durable: no user was told of its start, and after a power cut it waits
  // again
  if (spec.placement === null) {
    flushExit(job, attempt);
    syncDir(job.dir);
  }
  // the stdin holder of an earlier attempt must not read the input of this one
  if (spec.placement !== null && isSendable(spec)) renewStdin(job);
  if (attempt > 1) writeHeading(supervision, logFds[0]!);
  return [...logFds, ...openRecords(job, attempt)];
}

function openToWrite(path: string): number {
  try {
    return openLog(path);
  } catch (thrown) {
    const errno = errnoOf(thrown);
    const code = NO_FILE.includes(errno) ? 'EFTYPE' : errno;
    throw Object.assign(new Error(code), { code, what: `cannot write its log ${path}` });
  }
}

/** Why the job cannot start: something changed since the checks of `run`. */
function refusalOf({ cwd, argv }: Spec, environment: string[]): { why: string; code: number } | undefined {
  const [program = ''] = argv;
  const enter = `cannot enter ${cwd}`;
  const checks: [path: string, what: string][] = [
    [cwd, enter],
    [program, `cannot execute ${program}`],
  ];
  for (const [path, what] of checks) {
    try {
      const isDirectory = statSync(path).isDirectory();
      // the kernel would speak of a permission
      if (isDirectory !== (what === enter)) throw systemError(isDirectory ? 'EISDIR' : 'ENOTDIR', path);
      accessSync(path, constants.X_OK);
    } catch (thrown) {
      const errno = errnoOf(thrown);
      const code = what === enter ? EXIT.bgjob : errno === 'ENOENT' ? EXIT.notFound : EXIT.notExecutable;
      return { why: `${what} (${errno})`, code };
    }
  }
  const path = environment.findLast((entry) => entry.startsWith('PATH='))?.slice(5);
  const trouble = interpreterTrouble(program, path, cwd);
  if (!trouble) return undefined;
  const isAbsent = trouble.code === 'command-not-found';
  const errno = isAbsent ? 'ENOENT' : trouble.why === 'directory' ? 'EISDIR' : 'EACCES';
  return {
    why: `cannot execute ${program}: its #! line needs ${trouble.interpreter} (${errno})`,
    code: isAbsent ? EXIT.notFound : EXIT.notExecutable,
  };
}

/** Whether bgjob chose the shell: for a line, and for a script without `#!`. */
const isShellOurs = (job: JobPaths, { line, script }: Spec): boolean =>
  line !== null ||
  (script !== null && attemptQuietly(() => !readFileSync(job.script, 'latin1').startsWith('#!')) === true);

/** With the present path of its program, if that has moved since the job or its schedule was added. */
function withPresentProgram(job: JobPaths, spec: Spec, environment: string[]): Spec {
  const [program = '', ...words] = spec.argv;
  if (existsSync(program)) return spec;
  return { ...spec, argv: [presentProgram(spec, isShellOurs(job, spec), environment) ?? program, ...words] };
}

/** Has the shim of its batch start a plain job; false: that cannot be done. */
function orderShim(supervision: Supervision, spec: Spec, environment: string[], outFds: number[]): boolean {
  const { home, job, aliveFd, attempt, owner } = supervision;
  const { placement, cwd, id, argv } = spec;
  if (attempt > 1 || placement === null || !isOrderable(spec)) return false;
  const shim = batchShimFor({
    ...{ environment, cwd, placement, call: adopterCall(supervision), token: batchTokenOf(home) },
    underUmask: (act) => underUmask(spec, act),
  });
  const usageFd = shim && openUsage(job, attempt);
  if (!shim || usageFd === undefined) return false;
  const [logFd, , recordFd, exitFd] = outFds as [number, number, number, number];
  const [at, monotonicMs] = [systemClock.now(), systemClock.monotonic()];
  const order: Order = {
    ...{ id, slot: owner.slot, argv, aliveFd, recordFd, logFd, exitFd, usageFd, alive: job.alive },
    onRefused: () => {
      closeSync(usageFd);
      supervision.isOrdered = false;
      supervision.shimPid = undefined;
      try {
        begin(supervision, environment, outFds, false);
      } catch (thrown) {
        failBecause(supervision, thrown);
      }
    },
    onStarted: () => {
      supervision.isOrdered = false;
      for (const fd of [...outFds, usageFd]) if (fd !== recordFd) closeSync(fd);
      supervision.onEnded = () => finishAfterEnd(supervision, () => shim.release(order));
      publishStart(supervision, at, monotonicMs);
    },
    onStatus: (code) => {
      supervision.reportedExit = { code, at: systemClock.now(), isCertain: true };
      supervision.shimPid = undefined;
      supervision.checkMain();
    },
    onShimEnd: () => endShim(supervision),
  };
  supervision.isOrdered = true;
  // from here on: the signal that tells of its stop may come before the report of the start
  supervision.shimPid = shim.pid;
  shim.order(order);
  return true;
}

function startShim(supervision: Supervision, spec: Spec, environment: string[], outFds: number[]): void {
  const { job, attempt } = supervision;
  const inputFd = openInput(job, spec);
  const usageFd = openUsage(job, attempt);
  supervision.stdinFd = isSendable(spec) ? openStdinEnd(job) : undefined;
  // before the spawn, because a short job has ended when that returns
  const [at, monotonicMs] = [systemClock.now(), systemClock.monotonic()];
  let child: ReturnType<typeof spawn>;
  try {
    const entry = groupEntry(supervision, environment);
    const call = shimCall(adopterCall(supervision), job, attempt, spec, environment, undefined, entry);
    // this process may have inherited another job's I/O priority
    const [program, ...words] = [...ioPriorityWords(spec.placement?.ioPriority ?? null), call.program];
    child = underUmask(spec, () =>
      spawn(program!, [...words, ...call.args], {
        cwd: spec.cwd,
        detached: true,
        env: call.environment,
        stdio: [inputFd ?? 'ignore', usageFd ?? 'ignore', 'ignore', 'pipe', supervision.aliveFd, ...outFds],
      }),
    );
  } catch (thrown) {
    // spawn throws E2BIG and the like; errors of fork and exec come as an event
    fail(supervision, `could not be started (${describeStartError(thrown)})`);
    return;
  } finally {
    for (const fd of [inputFd, usageFd]) if (fd !== undefined) closeSync(fd);
  }
  if (child.pid === undefined) {
    child.once('error', (error) => fail(supervision, `could not be started (${errnoOf(error)})`));
    return;
  }
  supervision.shimPid = child.pid;
  const socket = child.stdio[3] as Socket;
  supervision.onEnded = () =>
    finishAfterEnd(supervision, () => {
      socket.end('ok\n');
      socket.resume();
    });
  socket.on('data', (line: Buffer) => {
    const [code, recorded] = line.toString().trim().split(' ');
    const isCertain = spec.pty === null || recorded !== undefined;
    supervision.reportedExit = { code: Number.parseInt(code!, 10), at: systemClock.now(), isCertain };
    // exit.N holds the same status durably
    supervision.checkMain();
    // if the leader of the terminal was killed, only we see the end of the job
    if (spec.pty !== null) watchOrphan(supervision);
  });
  socket.on('error', () => {});
  child.once('exit', () => endShim(supervision));
  publishStart(supervision, at, monotonicMs);
}

function publishStart(supervision: Supervision, at: number, monotonicMs: number): void {
  supervision.dispatch({ type: 'started', at, monotonicMs });
  // a `kill` before this publication found no process to signal
  supervision.readRequests();
  dequeue(supervision);
}

function endShim(supervision: Supervision): void {
  supervision.shimPid = undefined;
  supervision.shimEnded = true;
  supervision.checkMain();
  watchOrphan(supervision);
}

/** How a job with --memory enters a control group; undefined: there is none, and samples are compared. */
function groupEntry({ home, attempt, spec }: Supervision, environment: string[]): GroupEntry | undefined {
  if (spec.memory === null) return undefined;
  const variables = Object.fromEntries(
    environment.map((entry) => [entry.split('=', 1)[0]!, entry.slice(entry.indexOf('=') + 1)]),
  );
  const runs = ([program, ...words]: string[]) =>
    spawnSync(program!, [...words, 'true'], { env: variables, stdio: 'ignore', timeout: 5000 }).status === 0;
  return enterGroup(memoryWay(variables), groupName(home, spec.id, attempt), spec.memory, runs);
}

/** For a job without a queue, ours is the right one. */
function underUmask<T>({ placement }: Spec, act: () => T): T {
  if (placement === null) return act();
  const before = process.umask(placement.umask);
  try {
    return act();
  } finally {
    process.umask(before);
  }
}

function watchOrphan(supervision: Supervision): void {
  if (supervision.isOver) return;
  setTimeout(() => {
    supervision.checkMain();
    watchOrphan(supervision);
  }, ORPHAN_POLL_MS);
}

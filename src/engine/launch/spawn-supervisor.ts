/**
 * From a job that may start to its supervisor: the steps that a launcher and the admission of a queued job
 * share. Neither waits until the supervisor has booted.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { syncDir } from '../../base/fs/atomic-write.ts';
import { makeDirectory } from '../../base/fs/directories.ts';
import { createLog } from '../../base/fs/open-file.ts';
import { readRecord } from '../../base/fs/read-record.ts';
import { errnoOf } from '../../base/result.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import {
  claimOwner,
  type Owner,
  prepareExit,
  readExit,
  readOwnerOf,
  readState,
  reserveEnd,
} from '../../job/home/records.ts';
import type { JobId, Spec } from '../../job/spec.ts';
import { missingPart, nodeProgram, SUPERVISOR } from '../os/own-program.ts';
import { identify, isLocked } from '../os/process-identity.ts';
import { prepareShim } from '../shim/shim-record.ts';
import { ownEnvironment } from './environment.ts';

/**
 * At its start Node (libuv) sets close-on-exec for these and for all above them up to the first gap. A read of
 * each would cost half a millisecond.
 */
const HIGHEST_COVERED = 15;

/**
 * Closes the other descriptors that the caller left open (`exec 200>lock; flock 200; bgjob run …`): a lock or
 * a pipe of the caller would stay open for hours. Descriptors of Node close on exec.
 */
export function closeInherited(): void {
  if (!existsSync('/proc/self/fdinfo')) return;
  const O_CLOEXEC = 0o2000000;
  for (const name of readdirSync('/proc/self/fdinfo')) {
    const fd = Number(name);
    const info = fd <= HIGHEST_COVERED ? undefined : readRecord(`/proc/self/fdinfo/${fd}`);
    const flags = info?.kind === 'text' ? /^flags:\s*(\d+)/m.exec(info.text) : null;
    if (flags && (Number.parseInt(flags[1]!, 8) & O_CLOEXEC) === 0) closeSync(fd);
  }
}

/**
 * Creates the files without which an attempt of a job cannot run. So `run` reports a full disk, not a job
 * that failed. Files that exist are from an earlier attempt, or from a process that was killed before the
 * start.
 */
export function prepareFiles(job: JobPaths, { split }: Pick<Spec, 'split'>, attempt: number): void {
  // it may exist: an early `tail --new` stores its cursor there
  makeDirectory(dirname(job.log));
  for (const log of split ? [job.log, job.err] : [job.log]) ignoreExisting(() => closeSync(createLog(log)));
  prepareRoom(job, attempt);
  ignoreExisting(() => reserveEnd(job));
  ignoreExisting(() => prepareShim(job));
}

export const prepareRoom = (job: JobPaths, attempt: number): void =>
  ignoreExisting(() => prepareExit(job, attempt));

function ignoreExisting(make: () => void): void {
  try {
    make();
  } catch (thrown) {
    if (errnoOf(thrown) !== 'EEXIST') throw thrown;
  }
}

/** A shell line that runs a command again each time a signal ends it, up to 1000 times. */
export const RESTART_LOOP = 'while "$@"; [ $? -gt 128 ] && [ $((n=n+1)) -lt 1000 ]; do :; done';

/**
 * Spawns a process of ours that outlives this one. `title`: null for a shell, because busybox picks its applet
 * by the name. `fds` are its descriptors from 3 on.
 */
export function spawnDetached(
  title: string | number | null,
  program: string,
  args: string[],
  fds: (number | 'ignore')[],
): ChildProcess {
  // loaded only here: most commands start nothing, and it is a tenth of a Node start
  const { spawn } = require('node:child_process') as typeof import('node:child_process');
  const child = spawn(program, args, {
    // `pkill node` and `pkill -f "npm test"` must not hit it, not even while it boots
    argv0: title === null ? 'sh' : `bgjob[${title}]`,
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', ...fds],
    // undefined: spawn would copy it from the caller, and each supervisor would write coverage files
    env: { ...ownEnvironment(process.env), NODE_V8_COVERAGE: undefined },
  });
  child.unref();
  return child;
}

export async function startSupervisor(
  home: Home,
  id: JobId,
  { generation, slot }: Pick<Owner, 'generation' | 'slot'>,
  fds: { environmentFd: number | 'ignore'; aliveFd: number },
): Promise<Result<{ child: ChildProcess; pid: number }>> {
  // Node would end with an error that no process reads, and the job would be lost
  const missing = missingPart();
  if (missing !== undefined) return fail({ code: 'program-gone', path: missing });
  const args = [
    SUPERVISOR,
    home.path,
    String(id),
    String(generation),
    ...(slot === null ? [] : [String(slot)]),
  ];
  const child = spawnDetached(id, nodeProgram(), args, [fds.environmentFd, fds.aliveFd]);
  if (child.pid !== undefined) return ok({ child, pid: child.pid });
  const [error] = await once(child, 'error');
  return fail({ code: 'not-started', id, errno: errnoOf(error) });
}

/**
 * Records the owner of the job durably. The supervisor does the same for itself with the same identity;
 * either may be first. If this cannot be written, the supervisor is killed, unless it has recorded itself
 * already.
 */
export async function confirmOwner(
  job: JobPaths,
  { generation, slot }: Pick<Owner, 'generation' | 'slot'>,
  { child, pid }: { child: ChildProcess; pid: number },
): Promise<void> {
  try {
    const identity = identify(pid);
    // gone already: then it has recorded itself, or there is nothing to own
    if (identity) claimOwner(job, { generation, identity, slot });
    else syncDir(job.dir);
  } catch (thrown) {
    if (readOwnerOf(job, generation).kind !== 'absent') return;
    // our child, not yet reaped: its pid cannot be reused
    child.ref();
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL'))
      await once(child, 'exit');
    // it may have recorded itself meanwhile, and even started the job: then an adopter goes on
    if (!isLocked(job.alive) && readState(job).kind === 'absent' && !readExit(job, 1)) throw thrown;
  }
}

/**
 * The stdin of a job: nothing, a file, a copy of the stdin of `run`, or the FIFO `stdin` into which `send`
 * writes. A process of the shim, the holder, keeps that FIFO open (see engine/shim/shim.sh), until it gets a
 * byte through `stdin.end`, or no process of ours is left to send one.
 */
import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync } from 'node:fs';
import { sleepSync } from '../../base/clock.ts';
import { removeQuietly, writeAll } from '../../base/fs/atomic-write.ts';
import { createExclusive, openRegular } from '../../base/fs/open-file.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import { attemptQuietly, errnoOf, systemError } from '../../base/result.ts';
import { ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import { isSendable, type JobId, type Spec } from '../../job/spec.ts';
import { isDeadState, readStat } from '../os/process-identity.ts';
import { requireTool } from '../os/programs.ts';
import { makeFifoAt } from './alive-fifo.ts';

const { O_RDONLY, O_WRONLY, O_NONBLOCK, O_NOFOLLOW } = constants;

/** Opens the file that a job reads; undefined if it reads none. Throws system errors. */
export function openInput(job: JobPaths, { stdin }: Pick<Spec, 'stdin'>): number | undefined {
  if (stdin?.kind === 'kept') return openRegular(job.input, O_RDONLY);
  if (stdin?.kind !== 'file') return undefined;
  // without blocking: a FIFO may have replaced the file
  const fd = openSync(stdin.path, O_RDONLY | O_NONBLOCK);
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw systemError('EINVAL', stdin.path);
}

/** Makes the FIFOs of a job that starts at once, if its stdin is held open. */
export async function makeStdin(home: Home, id: JobId, spec: Pick<Spec, 'stdin'>): Promise<Result<void>> {
  if (!isSendable(spec)) return ok(undefined);
  const { stdin, stdinEnd } = home.job(id);
  const made = await makeFifoAt(home, stdin);
  return made.ok ? makeFifoAt(home, stdinEnd) : made;
}

/**
 * Makes the FIFOs again, which only the owner may do: a process that has the old ones open has no part in
 * this attempt. Throws system errors.
 */
export function renewStdin({ stdin, stdinEnd }: JobPaths): void {
  const { spawnSync } = require('node:child_process') as typeof import('node:child_process');
  for (const path of [stdin, stdinEnd]) removeQuietly(path);
  const words = ['-m', '600', stdin, stdinEnd];
  const { status } = spawnSync(requireTool('mkfifo'), words, { stdio: 'ignore', env: {} });
  if (status !== 0) throw systemError('EIO', 'mkfifo');
}

/**
 * Opens `stdin.end` for writing. While the descriptor is open the holder lives, even if shim and watcher are
 * killed. Undefined if the FIFO is gone.
 */
export function openStdinEnd({ stdinEnd }: JobPaths): number | undefined {
  // an open for writing needs a reader; this one is closed again, or it would be taken for the holder
  const reader = attemptQuietly(() => openSync(stdinEnd, O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
  if (reader === undefined) return undefined;
  try {
    return attemptQuietly(() => openSync(stdinEnd, O_WRONLY | O_NONBLOCK | O_NOFOLLOW));
  } finally {
    closeSync(reader);
  }
}

const PIECE_BYTES = 2 ** 20;
const COPY = /^input\.(\d+)\.(\d+)$/;

/**
 * Copies the input of a descriptor, up to its end, into a file of the cache that belongs to no job yet;
 * returns its path. It removes copies whose process was killed. Throws system errors.
 */
export function copyInput(home: Home, fd: number): string {
  for (const name of namesIn(home.cache)) {
    const [, pid, startTicks] = COPY.exec(name) ?? [];
    const stat = pid === undefined ? undefined : readStat(Number(pid));
    const isInUse = stat && stat.startTicks === Number(startTicks) && !isDeadState(stat.state);
    if (pid !== undefined && !isInUse) removeQuietly(`${home.cache}/${name}`);
  }
  const path = `${home.cache}/input.${process.pid}.${readStat(process.pid)?.startTicks ?? 0}`;
  removeQuietly(path);
  const copy = createExclusive(path);
  try {
    for (const piece of piecesOf(fd)) writeAll(copy, piece);
    fsyncSync(copy);
    return path;
  } catch (thrown) {
    removeQuietly(path);
    throw thrown;
  } finally {
    closeSync(copy);
  }
}

function* piecesOf(fd: number): Generator<Uint8Array> {
  const room = Buffer.allocUnsafe(PIECE_BYTES);
  for (;;) {
    let got: number;
    try {
      got = readSync(fd, room);
    } catch (thrown) {
      const errno = errnoOf(thrown);
      if (errno === 'EOF') return;
      if (errno !== 'EAGAIN') throw thrown;
      // the pipe is non-blocking, and empty
      sleepSync(5);
      continue;
    }
    if (got === 0) return;
    yield room.subarray(0, got);
  }
}

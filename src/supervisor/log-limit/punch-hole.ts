/**
 * Punches a hole into a log with `fallocate` of util-linux: the range needs no disk space any more, and
 * offsets stay. fallocate gets a marker of no job: it opens the log for writing, and a stop would take it for
 * a process of the job.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { ignoreSystemError } from '../../base/result.ts';
import { envMarkerOf } from '../../engine/observe/process-tree.ts';
import { findTool } from '../../engine/os/programs.ts';
import type { Home } from '../../job/home/home.ts';

/** `unsupported`: this file system or machine has no holes; `failed`: try again. */
type Punched = 'done' | 'unsupported' | 'failed';

/** That of busybox has no option for holes. */
const CANNOT = /not supported|unsupported|unrecognized|invalid option|usage/i;

const LOG_FD = 3;

/** `open` opens the log for cutting. */
export async function punch(home: Home, open: () => number, from: number, to: number): Promise<Punched> {
  const fallocate = findTool('fallocate');
  if (fallocate === undefined) return 'unsupported';
  const args = ['-p', '-o', String(from), '-l', String(to - from), `/proc/self/fd/${LOG_FD}`];
  const env = { ...envMarkerOf(home, 0), BGJOB_TOKEN: 'none', LC_ALL: 'C' };
  let fd: number | undefined;
  try {
    // by descriptor, because the job may have replaced its log by a link
    fd = open();
    const child = spawn(fallocate, args, { cwd: '/', env, stdio: ['ignore', 'ignore', 'pipe', fd] });
    const errorText = readErrors(child);
    const [code] = await once(child, 'exit');
    if (code === 0) return 'done';
    return CANNOT.test(await errorText) ? 'unsupported' : 'failed';
  } catch (thrown) {
    // no process could be started
    ignoreSystemError(thrown);
    return 'failed';
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

const readErrors = ({ stderr }: ChildProcess): Promise<string> =>
  new Promise((resolve) => {
    let text = '';
    stderr?.on('data', (bytes: Buffer) => {
      text += bytes;
    });
    stderr?.on('error', () => {});
    if (stderr) stderr.on('close', () => resolve(text));
    else resolve(text);
  });

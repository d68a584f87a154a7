/**
 * Punching a hole into a log with `fallocate` of util-linux: the range goes from the disk, and no offset moves. It carries a marker
 * that is nobody's, because it opens the log for writing, and a sweep would take it for a process of the job.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { ignoreSystemError } from '../../base/result.ts';
import { envMarkerOf } from '../../engine/observe/process-tree.ts';
import { findTool } from '../../engine/os/programs.ts';
import type { Home } from '../../job/home/home.ts';

/** `unsupported`: this file system or this machine cannot; `failed`: not this time. */
export type Punched = 'done' | 'unsupported' | 'failed';

/** What fallocate says where it cannot at all; busybox has one without holes. */
const CANNOT = /not supported|unsupported|unrecognized|invalid option|usage/i;

/** Where fallocate has the log. */
const LOG_FD = 3;

/** Takes the bytes from `from` up to `to` off the disk; `open` opens the log to be cut. */
export async function punch(home: Home, open: () => number, from: number, to: number): Promise<Punched> {
  const fallocate = findTool('fallocate');
  if (fallocate === undefined) return 'unsupported';
  const args = ['-p', '-o', String(from), '-l', String(to - from), `/proc/self/fd/${LOG_FD}`];
  const env = { ...envMarkerOf(home, 0), BGJOB_TOKEN: 'none', LC_ALL: 'C' };
  let fd: number | undefined;
  try {
    // by descriptor: a path would be followed, and the job may have put a link in the place of its log
    fd = open();
    const child = spawn(fallocate, args, { cwd: '/', env, stdio: ['ignore', 'ignore', 'pipe', fd] });
    const said = textOf(child);
    const [code] = await once(child, 'exit');
    if (code === 0) return 'done';
    return CANNOT.test(await said) ? 'unsupported' : 'failed';
  } catch (thrown) {
    // no process to be had just now
    ignoreSystemError(thrown);
    return 'failed';
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** What a child says on stderr, once that is closed. */
const textOf = ({ stderr }: ChildProcess): Promise<string> =>
  new Promise((resolve) => {
    let text = '';
    stderr?.on('data', (bytes: Buffer) => {
      text += bytes;
    });
    stderr?.on('error', () => {});
    if (stderr) stderr.on('close', () => resolve(text));
    else resolve(text);
  });

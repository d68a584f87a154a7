/**
 * Notices that the reader of stdout is gone while nothing is written. Of a socket the kernel says so without
 * a byte (`Output.isReaderGone`). Of a pipe it says so to poll(2), which Node does not offer: GNU `tail -f`
 * polls its stdout, and dies of SIGPIPE then. Without GNU tail the next line finds it out.
 */
import { fstatSync } from 'node:fs';
import { attemptQuietly } from '../../base/result.ts';
import { findTool } from '../../engine/os/programs.ts';

/** If this process is killed, tail ends after so many seconds. */
const KILLED_S = '2';

/** Calls `onGone` when the reader of a pipe is gone. Returns a function that stops that. */
export function watchReader(onGone: () => void): () => void {
  const tail = attemptQuietly(() => fstatSync(1).isFIFO()) ? findTool('tail') : undefined;
  if (!tail || process.platform !== 'linux') return () => {};
  const { spawn } = require('node:child_process') as typeof import('node:child_process');
  const child = spawn(tail, ['-f', `--pid=${process.pid}`, '-s', KILLED_S, '/dev/null'], {
    stdio: ['ignore', 1, 'ignore'],
    cwd: '/',
    env: {},
  });
  child.on('error', () => {});
  child.on('exit', (_, signal) => {
    if (signal === 'SIGPIPE') onGone();
  });
  return () => {
    child.removeAllListeners('exit');
    child.kill();
  };
}

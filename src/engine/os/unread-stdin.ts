/**
 * Whether stdin holds input that nothing has read. It takes not a byte: the input may be meant for a later
 * reader of the same stdin, such as the loop around this call. If it cannot be known, the answer is no.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { ignoreSystemError } from '../../base/result.ts';
import { HAS_PROC } from './process-identity.ts';
import { findTool, runTool } from './programs.ts';

export function hasUnreadStdin(): boolean {
  try {
    const stat = fstatSync(0);
    if (stat.isFile()) return stat.size > 0 && stdinOffset() === 0;
    if (!stat.isFIFO()) return false;
    // outside of Linux the size of a pipe is the number of bytes in it
    return HAS_PROC ? isPipeFilled() : stat.size > 0;
  } catch (thrown) {
    ignoreSystemError(thrown);
    return false;
  }
}

function stdinOffset(): number | undefined {
  const words = ['-a', '-p', String(process.pid), '-d', '0', '-Fo'];
  return parseOffset(HAS_PROC ? readFileSync('/proc/self/fdinfo/0', 'utf8') : runTool('lsof', words));
}

/** Finds the line `pos: 38122` of Linux, or `o0t38122` of lsof. */
export function parseOffset(text: string): number | undefined {
  const offset = /^(?:pos:\s+|o0t)(\d+)$/m.exec(text)?.[1];
  return offset === undefined ? undefined : Number(offset);
}

/** Bash calls a pipe without writers readable, too. So we are a writer while it looks. */
function isPipeFilled(): boolean {
  const bash = findTool('bash');
  if (bash === undefined) return false;
  const { O_WRONLY, O_NONBLOCK } = constants;
  const writer = openSync('/proc/self/fd/0', O_WRONLY | O_NONBLOCK);
  try {
    const words = ['--norc', '-c', 'read -t 0'];
    return spawnSync(bash, words, { stdio: ['inherit', 'ignore', 'ignore'], env: {} }).status === 0;
  } finally {
    closeSync(writer);
  }
}

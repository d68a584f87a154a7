/**
 * Whether something stands on stdin that nobody has read. Not a byte is taken: what is there may be meant for whoever reads the same
 * stdin after this call, such as the loop around it. Where that cannot be known, the answer is no.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { ignoreSystemError } from '../../base/result.ts';
import { HAS_PROC } from './process-identity.ts';
import { findTool } from './programs.ts';

/** A file that nobody has begun to read, or a pipe with something in it. */
export function hasUnreadStdin(): boolean {
  try {
    const stat = fstatSync(0);
    if (stat.isFile()) return stat.size > 0 && stdinOffset() === 0;
    if (!stat.isFIFO()) return false;
    // but for Linux the size of a pipe is what is in it
    return HAS_PROC ? isPipeFilled() : stat.size > 0;
  } catch (thrown) {
    ignoreSystemError(thrown);
    return false;
  }
}

/** How far stdin, a file, was read; undefined where that is not known. */
function stdinOffset(): number | undefined {
  return parseOffset(HAS_PROC ? readFileSync('/proc/self/fdinfo/0', 'utf8') : askLsof());
}

/** A line `pos: 38122` of Linux, or `o0t38122` of lsof, among others. */
export function parseOffset(text: string): number | undefined {
  const offset = /^(?:pos:\s+|o0t)(\d+)$/m.exec(text)?.[1];
  return offset === undefined ? undefined : Number(offset);
}

function askLsof(): string {
  const lsof = findTool('lsof');
  if (lsof === undefined) return '';
  const words = ['-a', '-p', String(process.pid), '-d', '0', '-Fo'];
  return spawnSync(lsof, words, { encoding: 'utf8' }).stdout ?? '';
}

/** At the end of a pipe whose writers are gone bash finds it readable, too: unless there is a writer, and that is us. */
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

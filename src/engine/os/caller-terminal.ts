/**
 * The terminal from which a job was started: found when that happens, and rung when it has ended, if it is still the same one. By then
 * `/dev/pts/3` may be another window, or somebody else's: it is the same as long as the leader of that session lives and has it.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, writeSync } from 'node:fs';
import { readRecord } from '../../base/fs/read-record.ts';
import { errnoOf, ignoreSystemError } from '../../base/result.ts';
import type { CallerTerminal } from '../../job/spec.ts';
import { identify, isAlive } from './process-identity.ts';

/** The session of a process and the terminal of that, from `/proc/PID/stat`; device 0: none. */
function sessionOf(pid: number | 'self'): { leader: number; device: number } | undefined {
  const stat = readRecord(`/proc/${pid}/stat`);
  if (stat.kind !== 'text') return undefined;
  const fields = stat.text.slice(stat.text.lastIndexOf(')') + 2).split(' ');
  return { leader: Number(fields[3]), device: Number(fields[4]) };
}

/** The name of a pseudo terminal (major 136) or a console (4, up to 63); undefined for others. */
function pathOf(device: number): string | undefined {
  const major = (device >> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >> 12) & 0xfff00);
  if (major === 136) return `/dev/pts/${minor}`;
  return major === 4 && minor < 64 ? `/dev/tty${minor}` : undefined;
}

/** The terminal of this process; null if it has none, or one that cannot be told again later. */
export function callerTerminal(env: NodeJS.ProcessEnv): CallerTerminal | null {
  const own = sessionOf('self');
  const path = own && pathOf(own.device);
  if (path === undefined || !(own!.leader > 0)) return null;
  const { leader, device } = own!;
  const who = identify(leader);
  if (!who || sessionOf(leader)?.device !== device || !isOurs(path, device)) return null;
  return { path, device, leader: who, type: env['TERM'] ?? '' };
}

/** Whether that device is there, under this name, and belongs to this user. */
function isOurs(path: string, device: number): boolean {
  try {
    const stat = lstatSync(path);
    return stat.isCharacterDevice() && stat.rdev === device && stat.uid === process.geteuid!();
  } catch (thrown) {
    ignoreSystemError(thrown);
    return false;
  }
}

/** Terminals that would show a sequence which they do not know. */
const SIMPLE = /^(|dumb|linux|vt\d+|ansi|cons25|unknown)$/;
const LONGEST = 200;

/** OSC 9 (a notification, where the terminal knows it) and the bell. What is no plain letter stays outside. */
function sequence(type: string, text: string): string {
  const plain = text.replace(/[^ -~]/g, '?').slice(0, LONGEST);
  // the word before it: `9;4;` and its like are commands in some terminals
  return SIMPLE.test(type) ? '\x07' : `\x1b]9;bgjob: ${plain}\x07\x07`;
}

const { O_WRONLY, O_NOCTTY, O_NONBLOCK, O_NOFOLLOW } = constants;

/** Rings it; the reason if that is not possible. Never waits, not for a terminal that was stopped (Ctrl-S) either. */
export function ring({ path, device, leader, type }: CallerTerminal, text: string): string | undefined {
  const gone = `${path} is not the same terminal any more`;
  if (!isOurs(path, device)) return gone;
  let terminal: number;
  try {
    terminal = openSync(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
  } catch (thrown) {
    return `${path} cannot be opened (${errnoOf(thrown)})`;
  }
  try {
    const stat = fstatSync(terminal);
    if (!stat.isCharacterDevice() || stat.rdev !== device || stat.uid !== process.geteuid!()) return gone;
    // asked when it is open: from here on the name may be given to another, and this is still the one of that session
    if (isAlive(leader) !== 'alive' || sessionOf(leader.pid)?.device !== device) return gone;
    writeSync(terminal, sequence(type, text));
    return undefined;
  } catch (thrown) {
    const errno = errnoOf(thrown);
    return errno === 'EAGAIN' ? `${path} is stopped (Ctrl-S)` : `${path} takes nothing (${errno})`;
  } finally {
    closeSync(terminal);
  }
}

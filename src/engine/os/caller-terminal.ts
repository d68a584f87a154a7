/**
 * The terminal from which a job was started. It is found at the start, and rung after the end if it is still
 * the same one: by then `/dev/pts/3` may belong to another window or user. It is the same as long as the
 * leader of its session lives and has that device.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, type Stats, writeSync } from 'node:fs';
import { readText } from '../../base/fs/read-record.ts';
import { attemptQuietly, errnoOf } from '../../base/result.ts';
import type { CallerTerminal } from '../../job/spec.ts';
import { identify, isAlive } from './process-identity.ts';

/** The session of a process and its terminal, from `/proc/PID/stat`; device 0 means no terminal. */
function sessionOf(pid: number | 'self'): { leader: number; device: number } | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === '') return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { leader: Number(fields[3]), device: Number(fields[4]) };
}

/** The path of a pseudo terminal (major 136) or a console (major 4, up to 63); undefined for others. */
function pathOf(device: number): string | undefined {
  const major = (device >> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >> 12) & 0xfff00);
  if (major === 136) return `/dev/pts/${minor}`;
  return major === 4 && minor < 64 ? `/dev/tty${minor}` : undefined;
}

export function callerTerminal(env: NodeJS.ProcessEnv): CallerTerminal | null {
  const own = sessionOf('self');
  const path = own && pathOf(own.device);
  if (path === undefined || !(own!.leader > 0)) return null;
  const { leader, device } = own!;
  const identity = identify(leader);
  if (!identity || sessionOf(leader)?.device !== device || !isOurs(path, device)) return null;
  return { path, device, leader: identity, type: env['TERM'] ?? '' };
}

const isOurs = (path: string, device: number): boolean =>
  isDevice(
    attemptQuietly(() => lstatSync(path)),
    device,
  );

const isDevice = (stat: Stats | undefined, device: number): boolean =>
  stat?.isCharacterDevice() === true && stat.rdev === device && stat.uid === process.geteuid!();

/** Terminals that print an unknown sequence as text. */
const SIMPLE = /^(|dumb|linux|vt\d+|ansi|cons25|unknown)$/;
const MAX_TEXT = 200;

/** OSC 9 (a notification, where the terminal knows it) and the bell. Only printable ASCII gets in. */
function sequence(type: string, text: string): string {
  const plain = text.replace(/[^ -~]/g, '?').slice(0, MAX_TEXT);
  // `bgjob:` stands first because `9;4;` and its like are commands in some terminals
  return SIMPLE.test(type) ? '\x07' : `\x1b]9;bgjob: ${plain}\x07\x07`;
}

const { O_WRONLY, O_NOCTTY, O_NONBLOCK, O_NOFOLLOW } = constants;

/** Rings the terminal; returns the reason if it cannot. Never blocks, not even on one stopped by Ctrl-S. */
export function ringTerminal(
  { path, device, leader, type }: CallerTerminal,
  text: string,
): string | undefined {
  const gone = `${path} is not the same terminal any more`;
  if (!isOurs(path, device)) return gone;
  let terminal: number;
  try {
    terminal = openSync(path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
  } catch (thrown) {
    return `${path} cannot be opened (${errnoOf(thrown)})`;
  }
  try {
    if (!isDevice(fstatSync(terminal), device)) return gone;
    // checked after the open: the path may be given to another terminal now, but this descriptor cannot
    // change
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

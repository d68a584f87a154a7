/**
 * A shell whose program comes on its standard input, and the handshake that says that it runs: only a line with
 * our nonce is `ready`. What a login prints before that is dropped. Nothing is written to the program before,
 * so a shell may read ahead.
 */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { callAfter } from '../../base/clock.ts';
import type { FarSession, TargetError } from './engine.ts';

/** How an attempt ended that was never `ready`. */
export interface NotReady {
  how: 'not-started' | 'ended' | 'silent';
  /** The end of what it wrote. */
  stdout: string;
  stderr: string;
}

/** A start file that runs `read` eats the first line. */
const FIRST_LINES = '# bgjob: a program for sh\n#\n:\n';
/** So much of an output is kept, to be shown. */
const KEPT = 8192;
/** A connection that does not end when its input does is ended. */
const CLOSE_MS = 2000;

const lastLine = (text: string): string =>
  text
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .at(-1) ?? '';

/** How the lines begin that ssh prints at LogLevel=VERBOSE when there is no trouble. */
const NOISE = [
  'Authenticated to ',
  'Authenticating to ',
  'Bytes per second: ',
  'Connecting to ',
  'Connection established',
  'OpenSSH_',
  'Pseudo-terminal',
  'Remote: ',
  'Server accepts key',
  'Transferred: ',
  'Warning: Permanently added',
  'debug',
];
const isNoise = (line: string): boolean =>
  NOISE.some((start) => line.startsWith(start)) || /^Connection to \S+ closed\.$/.test(line);

const withoutNoise = (stderr: string): string =>
  stderr
    .split(/[\r\n]+/)
    .filter((line) => !isNoise(line))
    .join('\n');

/** The line that tells most. */
export function lastWords(stderr: string, stdout = ''): string {
  return lastLine(withoutNoise(stderr)) || lastLine(stdout);
}

export class ShellSession implements FarSession {
  hello = '';
  stderr = '';
  readonly ended: Promise<string>;
  private pending: Buffer[] = [];
  private listener: ((bytes: Buffer) => void) | undefined;

  private constructor(readonly child: ChildProcess) {
    child.stdin!.on('error', () => {});
    child.stdout!.on('error', () => {});
    child.stderr!.on('data', (bytes: Buffer) => {
      this.stderr = (this.stderr + bytes.toString('utf8')).slice(-KEPT);
    });
    this.ended = new Promise((resolve) => {
      child.on('error', () => resolve(''));
      child.on('close', () => resolve(lastWords(this.stderr)));
      // a process that it left may have its output open
      child.on('exit', () => setTimeout(() => resolve(lastWords(this.stderr)), CLOSE_MS).unref());
    });
  }

  /** Resolves when the program is ready; else throws what `judge` makes of it. */
  static open(
    child: ChildProcess,
    program: string,
    readyMs: number,
    judge: (end: NotReady) => TargetError,
  ): Promise<ShellSession> {
    const session = new ShellSession(child);
    const nonce = randomBytes(12).toString('hex');
    const line = new RegExp(`\\n${nonce} ready ?([^\\n]*)\\n`);
    return new Promise((resolve, reject) => {
      let seen = '';
      let isDecided = false;
      const decide = (how?: NotReady['how']) => {
        if (isDecided) return;
        isDecided = true;
        cancel();
        if (how === undefined) return resolve(session);
        session.close(0);
        reject(judge({ how, stdout: seen.slice(-KEPT), stderr: session.stderr }));
      };
      const cancel = callAfter(readyMs, () => decide('silent'));
      child.on('error', () => decide('not-started'));
      child.on('close', () => decide('ended'));
      child.stdout!.on('data', (bytes: Buffer) => {
        if (isDecided) return session.deliver(bytes);
        // latin1: one character per byte, so that what follows can be cut off
        seen += bytes.toString('latin1');
        const match = line.exec(seen);
        if (match) {
          session.hello = Buffer.from(match[1]!, 'latin1').toString('utf8');
          const rest = Buffer.from(seen.slice(match.index + match[0].length), 'latin1');
          if (rest.length > 0) session.deliver(rest);
          decide();
        } else if (seen.length > 2 * KEPT) {
          seen = seen.slice(-KEPT);
        }
      });
      child.stdin!.write(`${FIRST_LINES}far_nonce=${nonce}\n${program}\n`);
    });
  }

  private deliver(bytes: Buffer): void {
    if (this.listener) this.listener(bytes);
    else this.pending.push(bytes);
  }

  onData(listener: (bytes: Buffer) => void): void {
    this.listener = listener;
    for (const bytes of this.pending.splice(0)) listener(bytes);
  }

  write(text: string | Uint8Array): void {
    if (this.child.stdin!.writable) this.child.stdin!.write(text);
  }

  close(afterMs = CLOSE_MS): void {
    this.child.stdin!.end();
    const { child } = this;
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const term = setTimeout(() => child.kill('SIGTERM'), afterMs);
    const kill = setTimeout(() => child.kill('SIGKILL'), afterMs + CLOSE_MS);
    child.once('exit', () => {
      clearTimeout(term);
      clearTimeout(kill);
    });
  }
}

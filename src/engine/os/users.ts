/** Users by name, for messages: Node knows only the user of the process. */
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { attemptQuietly } from '../../base/result.ts';
import { findTool, runTool } from './programs.ts';

/** The name of a user; `user 1001` for one that this machine does not know, as often in containers. */
export function userName(uid: number): string {
  const entries = attemptQuietly(() => readFileSync('/etc/passwd', 'utf8')) ?? '';
  const local = entries
    .split('\n')
    .map((entry) => entry.split(':'))
    .find(([, , id]) => id === String(uid))?.[0];
  // users of a directory service, and of macOS
  const named = local ?? (findTool('id') === undefined ? '' : runTool('id', ['-un', String(uid)]).trim());
  return named && named !== String(uid) ? named : `user ${uid}`;
}

/** The caller's directory by the user database, whatever `HOME` says; undefined: it has no entry there. */
export const ownDirectory = (): string | undefined => attemptQuietly(() => userInfo())?.homedir;

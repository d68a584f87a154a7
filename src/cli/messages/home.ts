/** Messages about a home that cannot be used: whose it is, and which line helps. */
import { accessSync, constants } from 'node:fs';
import { dirname, join } from 'node:path';
import { ownerOf } from '../../base/fs/directories.ts';
import { attemptQuietly, succeeds } from '../../base/result.ts';
import { safe } from '../../base/text/sanitize.ts';
import { ownDirectory, userName } from '../../engine/os/users.ts';
import type { Failure } from '../../job/failure.ts';
import { type MessageAndHint, typed } from './usage.ts';

/** A home that the caller can write: below its directory in the user database, whatever HOME says. */
function writableHome(refused: string): string {
  const own = ownDirectory();
  const home = own === undefined ? refused : join(own, '.bgjob');
  const isWritable = home !== refused && succeeds(() => accessSync(own!, constants.W_OK));
  // in a container USER may be unset
  return isWritable ? typed(home) : '/tmp/bgjob-$(id -u)';
}
export function unwritable(refused: string): string {
  const own = process.geteuid!();
  const line = `export BGJOB_HOME=${writableHome(refused)}`;
  const caller = process.env['SUDO_UID'];
  // sudo passes no variable on
  if (caller !== undefined && own !== 0 && caller !== String(own))
    return (
      `sudo -u ${typed(userName(own))} env BGJOB_HOME=/tmp/bgjob-${own} bgjob ..., ` +
      `or in a shell of that user: ${line}`
    );
  return `set BGJOB_HOME to a directory that you can write: ${line}`;
}

/** A home of another user. The line that helps depends on who calls, and on whose directory it is. */
function foreignMessage(place: string, home: string, owner: number): MessageAndHint {
  const own = process.geteuid!();
  const message =
    `${safe(place)} belongs to another user (${safe(userName(owner))}), ` +
    `and this call runs as ${safe(userName(own))}`;
  if (own === 0) return [message, hintForRoot(home, owner)];
  const isRoots = owner === 0 && attemptQuietly(() => ownerOf(dirname(home))) === own;
  return [
    message,
    isRoots
      ? `if no job of root runs there: sudo chown -R ${own} ${typed(home)}; else export BGJOB_HOME=${typed(`${home}-${own}`)}`
      : unwritable(home),
  ];
}

/** With sudo and su HOME and BGJOB_HOME may be those of another user. */
function hintForRoot(home: string, owner: number): string {
  const line = `export BGJOB_HOME=${writableHome(home)}`;
  const { SUDO_UID, BGJOB_HOME } = process.env;
  if (SUDO_UID === undefined) return line;
  const same = SUDO_UID === String(owner) ? 'the same without sudo; or for jobs of root: ' : '';
  const call = BGJOB_HOME ? 'sudo -H env -u BGJOB_HOME bgjob ...' : 'sudo -H bgjob ...';
  return `${same}${call}, or in a shell of root: ${line}`;
}

export function homeMessage({
  home,
  trouble,
  room,
  owner,
}: Extract<Failure, { code: 'home-refused' }>): MessageAndHint {
  const place = room === undefined ? home : `${home}/${room}`;
  const path = safe(place);
  const look = `ls -ld ${typed(place)}`;
  const away = unwritable(home);
  const messages: Record<typeof trouble, MessageAndHint> = {
    'symbolic-link': [
      `${path} is a symbolic link; it must be a directory that belongs to you`,
      room === undefined ? `export BGJOB_HOME=$(realpath ${typed(home)})` : look,
    ],
    'not-a-directory': [`${path} is not a directory`, room === undefined ? away : look],
    foreign:
      owner === undefined ? [`${path} belongs to another user`, away] : foreignMessage(place, home, owner),
    'in-users-home': [
      `HOME belongs to ${safe(userName(owner!))}, but this call runs as root: ` +
        `with a ${path} of root, ${safe(userName(owner!))} could not use bgjob; nothing was done`,
      hintForRoot(home, owner!),
    ],
    'open-to-others': [`other users can write ${path}`, `chmod go-w ${typed(place)}`],
    'no-fifos': [`the file system of ${path} has no FIFOs, which bgjob needs`, away],
    'not-utf-8': [`the path ${path} is not UTF-8`, away],
    'in-use': [
      `${path} holds files that are not bgjob's; bgjob needs a directory of its own`,
      `export BGJOB_HOME=${typed(home === '/' ? '/.bgjob' : `${home}/.bgjob`)}`,
    ],
    damaged: [
      `${path} is damaged: its file "format" or "token" is not as bgjob wrote it`,
      `ls -la ${typed(place)}`,
    ],
  };
  return messages[trouble];
}

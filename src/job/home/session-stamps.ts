/**
 * The files of a session beside its ends (session-index.ts), in `sessions/s.ID/`. They save the hooks work,
 * and decide of no end: without them the hooks do more. The line of sh in cli/hook/hook.sh reads `stamp`,
 * `stop` and `later`.
 *
 *     stamp    a time: every end that `ended/` got before it was told to the session, or is not for it
 *     stop     a time: every job that `live/` got before it was considered at the end of a turn
 *     later    empty: an end of another session is to be told when it is an hour old
 *     prompt   when the user gave the last prompt while a job ran, milliseconds
 *     said.N   at the end of a turn it was told of jobs that run, N the last; its text: the prompt
 *
 * A time is that of the file, because sh compares two files. The file system gives it, as it gives that of
 * `ended/`: the clock of this process runs ahead of it by some milliseconds.
 */
import { renameSync } from 'node:fs';
import { claim, createFile, removeQuietly, touch, writeHint } from '../../base/fs/atomic-write.ts';
import { highestNumber, listNumbers } from '../../base/fs/generation-claim.ts';
import { readText } from '../../base/fs/read-record.ts';
import { attemptQuietly } from '../../base/result.ts';
import type { Session } from '../session.ts';
import type { JobId } from '../spec.ts';
import type { Home } from './home.ts';
import { makeSessionFolder } from './session-index.ts';

/** A stamp of this moment: it counts when it is set. */
export interface Stamp {
  /** False: the home cannot be written. */
  isMade: boolean;
  set(): void;
  drop(): void;
}

/** Call it before the first look at the folder. Does nothing in a home that cannot be written. */
export function takeStamp(home: Home, session: Session, name: 'stamp' | 'stop'): Stamp {
  const made = attemptQuietly(() => {
    const path = `${makeSessionFolder(home, session)}/${name}`;
    const own = `${path}.${process.pid}.tmp`;
    // left by a killed process of this pid
    removeQuietly(own);
    createFile(own, '', 'none');
    return { path, own };
  });
  const drop = (): void => {
    if (made) removeQuietly(made.own);
  };
  const set = (): void => {
    if (made) attemptQuietly(() => renameSync(made.own, made.path));
    drop();
  };
  return { isMade: made !== undefined, set, drop };
}

/** After this the line of sh starts Node at the next event. */
export function dropStamps(home: Home, session: Session): void {
  for (const name of ['stamp', 'stop']) removeQuietly(pathOf(home, session, name));
}

const pathOf = (home: Home, session: Session, name: string): string => `${home.session(session.id)}/${name}`;

export function markLater(home: Home, session: Session, isDue: boolean): void {
  const path = pathOf(home, session, 'later');
  if (isDue) attemptQuietly(() => touch(path));
  else removeQuietly(path);
}

export function recordPrompt(home: Home, session: Session, at: number): void {
  attemptQuietly(() => writeHint(`${makeSessionFolder(home, session)}/prompt`, `${at}\n`));
}

/** 0: there is no record, so no job ran at the last prompt. */
export const readPrompt = (home: Home, session: Session): number =>
  Number(readText(pathOf(home, session, 'prompt'))) || 0;

const ID_DIGITS = 15;

/** The highest job that a hook has named at the end of a turn, and the prompt of that turn. */
export function readSaid(home: Home, session: Session): { upTo: JobId; prompt: string } {
  const upTo = highestNumber(home.session(session.id), 'said', ID_DIGITS);
  return { upTo, prompt: readText(pathOf(home, session, `said.${upTo}`)) };
}

/** False: another hook of the same event says it, or the home cannot be written: each turn would hear it. */
export function claimSaid(home: Home, session: Session, upTo: JobId, prompt: string): boolean {
  const folder = home.session(session.id);
  const before = listNumbers(folder, 'said', ID_DIGITS).filter((number) => number < upTo);
  const isFirst = attemptQuietly(() =>
    claim(`${makeSessionFolder(home, session)}/said.${upTo}`, prompt, 'none'),
  );
  for (const number of before) removeQuietly(`${folder}/said.${number}`);
  return isFirst === true;
}

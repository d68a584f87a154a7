/**
 * The session index: `sessions/s.ID/42` is an empty marker of an end of that session of which it was not
 * told yet. It saves reading the records of all ended jobs. The process that publishes the end makes the
 * marker, and the process that told the session removes it. It is a hint: the marker `told` of the job
 * decides. gc removes folders of sessions that are over.
 */
import { statSync } from 'node:fs';
import { removeQuietly, touch } from '../../base/fs/atomic-write.ts';
import { makeOwnDirectory, removeEmptyDirectory } from '../../base/fs/directories.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import { attemptQuietly } from '../../base/result.ts';
import type { Session } from '../session.ts';
import type { JobId } from '../spec.ts';
import type { Home } from './home.ts';
import { parseId } from './ids.ts';

/** The folder of a session, made if there is none. Throws system errors. */
export function makeSessionFolder(home: Home, { id }: Session): string {
  makeOwnDirectory(home.sessions);
  const folder = home.session(id);
  makeOwnDirectory(folder);
  return folder;
}

/** If it cannot be written, the end is found by its marker in `ended`. */
export function indexSessionEnd(home: Home, session: Session, id: JobId): void {
  attemptQuietly(() => touch(`${makeSessionFolder(home, session)}/${id}`));
}

const idsIn = (folder: string): JobId[] => namesIn(folder).flatMap((name) => parseId(name) ?? []);

export const listSessionEnds = (home: Home, { id }: Session): JobId[] => idsIn(home.session(id));

/** The ends of which all other sessions were not told yet; null: all sessions. */
export function listForeignEnds(home: Home, session: Session | null): Set<JobId> {
  const others = namesIn(home.sessions).filter((name) => name !== `s.${session?.id}`);
  return new Set(others.flatMap((name) => idsIn(`${home.sessions}/${name}`)));
}

export const dropSessionEnd = (home: Home, session: Session, id: JobId): void =>
  removeQuietly(`${home.session(session.id)}/${id}`);

/** Removes the markers of jobs that are gone, and the folders that have been as they are since `before`. */
export function pruneSessions(home: Home, before: number, isGone: (id: JobId) => boolean): void {
  for (const name of namesIn(home.sessions)) {
    const folder = `${home.sessions}/${name}`;
    for (const entry of namesIn(folder)) {
      const id = parseId(entry);
      if (id !== undefined && isGone(id)) removeQuietly(`${folder}/${entry}`);
    }
    const stat = statSync(folder, { throwIfNoEntry: false });
    if (!stat?.isDirectory() || stat.mtimeMs >= before) continue;
    const others = namesIn(folder).filter((entry) => parseId(entry) === undefined);
    for (const entry of others) removeQuietly(`${folder}/${entry}`);
    removeEmptyDirectory(folder);
  }
}

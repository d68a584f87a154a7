/** Waiting jobs by the names of their entries alone: with 10,000 of them, nothing else is made of each. */
import { namesIn } from '../../base/fs/read-record.ts';
import type { Home } from '../home/home.ts';
import { listedNames } from '../home/name-index.ts';
import type { QueuePaths } from '../home/paths.ts';
import type { JobId } from '../spec.ts';
import { foldersOf, listQueues } from './queue-files.ts';
import { idOfEntry, projectOfEntry } from './queue-order.ts';

const DOT = 46;
const mayBeEntry = (name: string): boolean => name.charCodeAt(6) === DOT && name.charCodeAt(22) === DOT;

/** In the order in which the jobs start. */
export function entryNames(queue: QueuePaths): string[] {
  const folders = foldersOf(queue).map((folder) => namesIn(folder));
  const names = folders.length === 1 ? folders[0]! : folders.flat();
  // a single folder, which most queues have, is often read in order already
  const isSorted = folders.length === 1 && names.every((name, n) => n === 0 || names[n - 1]! < name);
  if (!isSorted) names.sort();
  return names.every(mayBeEntry) ? names : names.filter(mayBeEntry);
}

/**
 * The same for a list, without the jobs `started`, which may still have an entry. One look at all names as one
 * text costs a fifth of a look at each of 10,000.
 */
export function listedEntries(home: Home, queue: QueuePaths, started: ReadonlySet<JobId>): string[] {
  const folders = foldersOf(queue).map((folder) => listedNames(home, folder));
  const full = folders.filter(({ length }) => length > 0);
  const sorted = full.length > 1 ? full.flat().sort() : (full[0] ?? []);
  const names = sorted.every(mayBeEntry) ? sorted : sorted.filter(mayBeEntry);
  const text = started.size === 0 ? '' : names.join('/');
  const hasEntry = [...started].some((id) => text.includes(`.${String(id).padStart(15, '0')}.`));
  return hasEntry ? names.filter((name) => !started.has(idOfEntry(name))) : names;
}

/** `isWanted` decides by the key of the project. */
export function queuedIds(home: Home, isWanted: (key: string) => boolean = () => true): JobId[] {
  const ids = new Set<JobId>();
  for (const name of listQueues(home))
    for (const entry of entryNames(home.queue(name)))
      if (isWanted(projectOfEntry(entry))) ids.add(idOfEntry(entry));
  return [...ids];
}

/**
 * The job index: two folders of empty markers that save reading every record. `live/42` exists from before
 * the start until after the end; then the owner renames it to `ended/TIME.42.PROJECT`. What is shown comes
 * from the job's records, never from the index. gc repairs what a killed owner or a power cut left.
 */
import { renameSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { removeQuietly, touch } from '../../base/fs/atomic-write.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import { errnoOf } from '../../base/result.ts';
import type { JobId, Spec } from '../spec.ts';
import type { Home } from './home.ts';
import { parseId } from './ids.ts';
import { indexSessionEnd } from './session-index.ts';

interface EndedJob {
  id: JobId;
  endedAt: number;
  project: string;
  file: string;
}

/** A short key of a project's path (FNV-1a, 52 bits). Two projects may share a key, so the spec decides. */
export function projectKey(project: string): string {
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let n = 0; n < project.length; n++) {
    low = Math.imul(low ^ project.charCodeAt(n), 0x01000193) >>> 0;
    high = Math.imul(high ^ low, 0x85ebca6b) >>> 0;
  }
  return low.toString(36) + high.toString(36);
}

export const markLive = (home: Home, id: JobId): void => touch(`${home.live}/${id}`);
export const unmarkLive = (home: Home, id: JobId): void => removeQuietly(`${home.live}/${id}`);

export const listLive = (home: Home): JobId[] => namesIn(home.live).flatMap((name) => parseId(name) ?? []);

const timeText = (at: number): string => Math.round(at).toString().padStart(14, '0');

export function markEnded(
  home: Home,
  { id, project, session }: Pick<Spec, 'id' | 'project' | 'session'>,
  endedAt: number,
): void {
  // first: a hook looks at its session when `ended` has changed
  if (session !== null) indexSessionEnd(home, session, id);
  const file = `${home.ended}/${timeText(endedAt)}.${id}.${projectKey(project)}`;
  try {
    renameSync(`${home.live}/${id}`, file);
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT') throw thrown;
    touch(file);
  }
}

export const unmarkEnded = (mark: EndedJob): void => removeQuietly(mark.file);

const ENDED_NAME = /^\d{14}\.[1-9]\d{0,14}\.[0-9a-z]+$/;

export const isEndedName = (name: string): boolean => ENDED_NAME.test(name);

/** The names of all markers of ended jobs, in the order of their ends: many are counted, and few are opened. */
export const endedNames = (home: Home): string[] => namesIn(home.ended).filter(isEndedName).sort();

export const idTextOfName = (name: string): string => name.slice(15, name.indexOf('.', 15));

export const idOfName = (name: string): JobId | undefined => parseId(idTextOfName(name));

export const timeOfName = (name: string): number => Number(name.slice(0, 14));

export const projectOfName = (name: string): string => name.slice(name.indexOf('.', 15) + 1);

/** The wall clock may be off by this much, milliseconds, before its times are ignored for the order. */
const SLACK_MS = 3_600_000;

/**
 * The names of at most `most` wanted jobs that ended at `since` or later, the latest first; ends in the
 * future last. `names` are in order.
 */
export function newestNames(
  names: string[],
  most: number,
  since: number,
  isWanted: (name: string) => boolean = () => true,
): string[] {
  // the time has a fixed width: sorted names are sorted times
  const least = timeText(since);
  // jobs that ended while the clock was wrong must not hide those that ended since
  const future = timeText(systemClock.now() + SLACK_MS);
  const recent: string[] = [];
  const ahead: string[] = [];
  for (let at = names.length - 1; at >= 0 && recent.length < most; at--) {
    const name = names[at]!;
    if (name < least) break;
    if (isWanted(name)) (name < future ? recent : ahead).push(name);
  }
  return [...recent, ...ahead].slice(0, most);
}

/** The latest end first. */
export function listEnded(home: Home): EndedJob[] {
  return newestNames(endedNames(home), Number.POSITIVE_INFINITY, 0).map((name) => {
    const [endedAt, id, project] = [Number(name.slice(0, 14)), idOfName(name)!, projectOfName(name)];
    return { id, endedAt, project, file: `${home.ended}/${name}` };
  });
}

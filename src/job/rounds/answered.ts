/**
 * Which ends a `wait --queue` or `wait --all` has told, on disk. A round is what one such call answers for; its record is written when
 * all of its ends were told. The highest id that was answered for is in the name of the record, and the highest name counts: two
 * callers at once can only raise it. The verdict is in the record, so that gc between two calls changes nothing.
 *
 *     rounds/since               what had ended when this home first met a version that knows rounds
 *     rounds/KEY/all.UPTO        the last answered round of a project; KEY is a short hash of it, or `-`: of all projects
 *     rounds/KEY/queue.NAME.UPTO the last answered round of its jobs in a queue
 *     rounds/KEY/removed         see removed-jobs.ts
 *
 * Functions that write throw system errors.
 */
import { existsSync } from 'node:fs';
import { sealed } from '../../base/checksum.ts';
import { claim, removeQuietly, writeShared } from '../../base/fs/atomic-write.ts';
import { makeDirectory, requireDirectory } from '../../base/fs/directories.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import * as is from '../../base/schema.ts';
import type { Home } from '../home/home.ts';
import { projectKey } from '../home/job-index.ts';
import { readShaped } from '../home/records.ts';
import { isQueue } from '../queue/queue-files.ts';
import type { JobId } from '../spec.ts';
import { type IdRanges, idRangesSchema, isInRanges } from './id-ranges.ts';

/** Whose round it is: of a project (null: of all) and its jobs in a queue (null: in any, or in none). */
export interface RoundOwner {
  project: string | null;
  queue: string | null;
}

/** Up to which id the ends are answered for; those in `open` are not. */
const boundsFields = { upTo: is.count, open: idRangesSchema };
export type Bounds = { upTo: JobId; open: IdRanges };

/** Whether the end of a job was answered for. */
export const isEndAnswered = ({ upTo, open }: Bounds, id: JobId): boolean =>
  id <= upTo && !isInRanges(open, id);

const answeredSchema = is.object({
  v: is.version(1),
  project: is.nullable(is.text),
  queue: is.nullable(is.text),
  from: is.count,
  ...boundsFields,
  /** The jobs of the round. */
  jobs: idRangesSchema,
  /** How many failures counted, and the first of them by id. */
  failed: is.count,
  first: is.nullable(is.object({ id: is.count, code: is.upTo(255), by: is.literal('job', 'bgjob') })),
  at: is.time,
});
export type AnsweredRound = Omit<is.Shaped<typeof answeredSchema>, 'v'>;

const sinceSchema = is.object({ v: is.version(1), ...boundsFields });

// ---- where -----------------------------------------------------------------------------------------------

const sinceFile = (home: Home): string => `${home.rounds}/since`;
/** The folder of a project's rounds; null: of those of all projects. */
export const roundsFolder = (home: Home, project: string | null): string =>
  `${home.rounds}/${project === null ? '-' : projectKey(project)}`;
const stemOf = ({ queue }: RoundOwner): string => (queue === null ? 'all' : `queue.${queue}`);

/** Makes the folder of a project's rounds. */
export function makeRoundsFolder(home: Home, project: string | null): string {
  const folder = roundsFolder(home, project);
  for (const path of [home.rounds, folder]) {
    makeDirectory(path);
    requireDirectory(path, true);
  }
  return folder;
}

/** The records of this owner, the highest first. */
function recordsOf(folder: string, owner: RoundOwner): { name: string; upTo: JobId }[] {
  const stem = `${stemOf(owner)}.`;
  return namesIn(folder)
    .filter((name) => name.startsWith(stem) && /^\d{1,15}$/.test(name.slice(stem.length)))
    .map((name) => ({ name, upTo: Number(name.slice(stem.length)) }))
    .sort((a, b) => b.upTo - a.upTo);
}

// ---- the last answered round -----------------------------------------------------------------------------

/** The last round that was answered; undefined if none was, or its record is damaged: then the same jobs are told once more. */
export function readAnsweredRound(home: Home, owner: RoundOwner): AnsweredRound | undefined {
  const folder = roundsFolder(home, owner.project);
  for (const { name } of recordsOf(folder, owner)) {
    const found = readShaped(`${folder}/${name}`, name, answeredSchema);
    // two projects may share a key
    if (found.kind === 'read' && found.value.project === owner.project && found.value.queue === owner.queue)
      return found.value;
  }
  return undefined;
}

/** Notes that a round was answered. One that reaches less far than another's, written meanwhile, changes nothing. */
export function writeAnsweredRound(home: Home, round: AnsweredRound): void {
  const folder = makeRoundsFolder(home, round.project);
  writeShared(`${folder}/${stemOf(round)}.${round.upTo}`, sealed({ v: 1, ...round }));
  for (const { name, upTo } of recordsOf(folder, round))
    if (upTo < round.upTo) removeQuietly(`${folder}/${name}`);
}

// ---- what ended before ----------------------------------------------------------------------------------

/** Notes that all ends so far, but those of `open`, count as answered; only the first such note counts. */
export function claimSince(home: Home, bounds: Bounds): void {
  makeDirectory(home.rounds);
  requireDirectory(home.rounds, true);
  claim(sinceFile(home), sealed({ v: 1, ...bounds }));
}

/** What had ended by then; undefined if nobody noted it yet. Where the note is damaged nothing counts as answered. */
export function readSince(home: Home): Bounds | undefined {
  const found = readShaped(sinceFile(home), 'since', sinceSchema);
  if (found.kind === 'absent') return undefined;
  return found.kind === 'read' ? found.value : { upTo: 0, open: [] };
}

// ---- what nobody needs any more --------------------------------------------------------------------------

const RECORD = /^(?:all|queue\.(.+))\.(\d{1,15})$/;

/**
 * Removes the records of rounds whose jobs are all gone, and whose queue, or project, is gone as well: nobody asks for them again.
 * `lowest`: the lowest id that has a directory.
 */
export function pruneAnsweredRounds(home: Home, lowest: JobId): void {
  for (const key of namesIn(home.rounds)) {
    const folder = `${home.rounds}/${key}`;
    for (const name of namesIn(folder)) {
      const [, queue, upTo] = RECORD.exec(name) ?? [];
      if (upTo === undefined || Number(upTo) >= lowest) continue;
      const isGone = queue === undefined ? isProjectGone(`${folder}/${name}`) : !isQueue(home, queue);
      if (isGone) removeQuietly(`${folder}/${name}`);
    }
  }
}

function isProjectGone(path: string): boolean {
  const found = readShaped(path, path, answeredSchema);
  return found.kind === 'read' && found.value.project !== null && !existsSync(found.value.project);
}

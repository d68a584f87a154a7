/**
 * Answered rounds of `wait --queue` and `wait --all`. A round is the set of jobs that one call reports. Its
 * record is written when all ends are reported. The name of the record has the highest id of the round, and
 * the highest name counts, so that two calls at once can only raise it. The record has the verdict, so that
 * gc between two calls changes nothing.
 *
 *     rounds/since               the ends from before this home knew rounds
 *     rounds/KEY/all.UPTO        the last answered round of a project
 *     rounds/KEY/queue.NAME.UPTO the last answered round of its jobs in a queue
 *     rounds/KEY/…:ID.UPTO       the same of the jobs of a session; no queue has a colon in its name
 *     rounds/KEY/removed         see removed-jobs.ts
 *
 * KEY is a short hash of the project's path, or `-` for all projects. Functions that write throw system
 * errors.
 */
import { existsSync } from 'node:fs';
import { withChecksum } from '../../base/checksum.ts';
import { systemClock } from '../../base/clock.ts';
import { claim, removeQuietly, writeShared } from '../../base/fs/atomic-write.ts';
import { makeOwnDirectory } from '../../base/fs/directories.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import * as is from '../../base/schema.ts';
import type { Home } from '../home/home.ts';
import { projectKey } from '../home/job-index.ts';
import { readChecked, readValid } from '../home/records.ts';
import { isQueue } from '../queue/queue-files.ts';
import type { JobId } from '../spec.ts';
import { type IdRanges, idRangesSchema, isInRanges } from './id-ranges.ts';

/** What a round is about: a project (null: all), a queue (null: any or none), a session (null: any or none). */
export interface RoundKey {
  project: string | null;
  queue: string | null;
  /** As `--session=` names it. */
  session: string | null;
}

/** The ends up to `upTo` are reported, except those in `open`. */
const boundsFields = { upTo: is.count, open: idRangesSchema };
export type Bounds = { upTo: JobId; open: IdRanges };

export const isEndAnswered = ({ upTo, open }: Bounds, id: JobId): boolean =>
  id <= upTo && !isInRanges(open, id);

const answeredSchema = is.object({
  v: is.version(1),
  project: is.nullable(is.text),
  queue: is.nullable(is.text),
  session: is.since(is.nullable(is.text), null),
  from: is.count,
  ...boundsFields,
  jobs: idRangesSchema,
  /** How many failures count, and the one with the lowest id. */
  failed: is.count,
  first: is.nullable(is.object({ id: is.count, code: is.upTo(255), by: is.literal('job', 'bgjob') })),
  at: is.time,
});
export type AnsweredRound = Omit<is.SchemaType<typeof answeredSchema>, 'v'>;

const sinceSchema = is.object({ v: is.version(1), ...boundsFields });

// ---- paths -----------------------------------------------------------------------------------------------

const sinceFile = (home: Home): string => `${home.rounds}/since`;
/** Null: all projects. */
export const roundsFolder = (home: Home, project: string | null): string =>
  `${home.rounds}/${project === null ? '-' : projectKey(project)}`;
const stemOf = ({ queue, session }: RoundKey): string =>
  (queue === null ? 'all' : `queue.${queue}`) + (session === null ? '' : `:${session}`);

export function makeRoundsFolder(home: Home, project: string | null): string {
  const folder = roundsFolder(home, project);
  makeOwnDirectory(home.rounds);
  makeOwnDirectory(folder);
  return folder;
}

/** The highest first. */
function recordsOf(folder: string, owner: RoundKey): { name: string; upTo: JobId }[] {
  const stem = `${stemOf(owner)}.`;
  return namesIn(folder)
    .filter((name) => name.startsWith(stem) && /^\d{1,15}$/.test(name.slice(stem.length)))
    .map((name) => ({ name, upTo: Number(name.slice(stem.length)) }))
    .sort((a, b) => b.upTo - a.upTo);
}

// ---- the last answered round -----------------------------------------------------------------------------

/** Undefined if there is none, or its record is damaged: then its jobs are reported again. */
export function readAnsweredRound(home: Home, owner: RoundKey): AnsweredRound | undefined {
  const folder = roundsFolder(home, owner.project);
  for (const { name } of recordsOf(folder, owner)) {
    const found = readValid(`${folder}/${name}`, answeredSchema);
    // two projects may share a key
    if (found && isOf(found, owner)) return found;
  }
  return undefined;
}

const isOf = (round: AnsweredRound, { project, queue, session }: RoundKey): boolean =>
  round.project === project && round.queue === queue && round.session === session;

/** If another process recorded a higher one meanwhile, this changes nothing. */
export function writeAnsweredRound(home: Home, round: AnsweredRound): void {
  const folder = makeRoundsFolder(home, round.project);
  writeShared(`${folder}/${stemOf(round)}.${round.upTo}`, withChecksum({ v: 1, ...round }));
  for (const { name, upTo } of recordsOf(folder, round))
    if (upTo < round.upTo) removeQuietly(`${folder}/${name}`);
}

// ---- ends from before ------------------------------------------------------------------------------------

/** All ends so far, except those of `open`, count as reported. Only the first such record counts. */
export function claimSince(home: Home, bounds: Bounds): void {
  makeOwnDirectory(home.rounds);
  claim(sinceFile(home), withChecksum({ v: 1, ...bounds }));
}

/** If it is damaged, no end counts as reported. */
export function readSince(home: Home): Bounds | undefined {
  const found = readChecked(sinceFile(home), 'since', sinceSchema);
  if (found.kind === 'absent') return undefined;
  return found.kind === 'read' ? found.value : { upTo: 0, open: [] };
}

/** So long the failures of removed jobs are stored, milliseconds. */
export const STORED_MS = 30 * 86_400_000;

// ---- removal ---------------------------------------------------------------------------------------------

const RECORD = /^(?:all|queue\.([^:]+))(:.+)?\.(\d{1,15})$/;

/**
 * Removes the records of rounds whose jobs (below `lowest`) are all gone, if the queue or project is gone,
 * too. A session tells nobody that it is over: its records go when no removed failure can be as old.
 */
export function pruneAnsweredRounds(home: Home, lowest: JobId): void {
  for (const key of namesIn(home.rounds)) {
    const folder = `${home.rounds}/${key}`;
    for (const name of namesIn(folder)) {
      const [, queue, session, upTo] = RECORD.exec(name) ?? [];
      if (upTo === undefined || Number(upTo) >= lowest) continue;
      const isGone =
        session !== undefined
          ? isOver(`${folder}/${name}`)
          : queue === undefined
            ? isProjectGone(`${folder}/${name}`)
            : !isQueue(home, queue);
      if (isGone) removeQuietly(`${folder}/${name}`);
    }
  }
}

/** Whether the record of a session is older than all failures that `removed` names. */
const isOver = (path: string): boolean =>
  systemClock.now() - (readValid(path, answeredSchema)?.at ?? 0) > STORED_MS;

function isProjectGone(path: string): boolean {
  const project = readValid(path, answeredSchema)?.project ?? null;
  return project !== null && !existsSync(project);
}

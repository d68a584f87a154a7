/**
 * Job templates on disk. A schedule or a trigger is a directory with a record, which is complete when the
 * directory gets its name; claims, so that no time or delivery starts two jobs; and a journal of what was
 * started, or was not, and why. Functions that write throw system errors.
 */
import { existsSync, renameSync, statSync } from 'node:fs';
import { withChecksum } from '../../base/checksum.ts';
import { claim, removeQuietly, syncDir, touch, writeAtomic } from '../../base/fs/atomic-write.ts';
import {
  inspectDirectory,
  makeDirectory,
  makeOwnDirectory,
  requireDirectory,
} from '../../base/fs/directories.ts';
import { appendEntry, lacksEntries, readEntries } from '../../base/fs/journal.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import { errnoOf } from '../../base/result.ts';
import * as is from '../../base/schema.ts';
import type { Home } from '../home/home.ts';
import type { TemplatePaths } from '../home/paths.ts';
import { isName } from '../home/project.ts';
import { type Found, readChecked, readValid } from '../home/records.ts';
import { discard, emptyTrash } from '../home/trash.ts';
import { type Identity, identitySchema } from '../identity.ts';
import { draftSchema, type JobId } from '../spec.ts';

export const templateFields = {
  v: is.version(1),
  name: is.text,
  draft: draftSchema,
  /** What the program that starts its jobs must know beyond 0.6.0; see job/needs.ts. */
  needs: is.since(is.listOf(is.text), []),
  /** The queue of its jobs; null: they start at once. */
  queue: is.nullable(is.text),
  /** All variables (`NAME=value`) of its jobs, except those that each start adds. */
  environment: is.listOf(is.text),
  /** The namespaces and confinement in which it was added, in that boot. Its jobs start in no others. */
  world: is.text,
  /** The part of these that is valid in other boots; null: a record from before 0.9. */
  place: is.since(is.nullable(is.text), null),
  bootId: is.text,
  umask: is.upTo(0o777),
  createdAt: is.time,
};

const templateSchema = is.object(templateFields);
export type JobTemplate = is.SchemaType<typeof templateSchema>;

/** The sorted names of the templates in a folder. */
export const listTemplates = (folder: string): string[] =>
  namesIn(folder)
    .filter((name) => isName(name) && inspectDirectory(`${folder}/${name}`) === 'ours')
    .sort();

export function readTemplate<T extends JobTemplate>(
  paths: TemplatePaths,
  name: string,
  schema: is.Schema<T>,
): Found<T> {
  const read = readChecked(paths.record, 'record.json', schema);
  if (read.kind !== 'read') return read;
  const why = contradictionIn(read.value, name);
  return why === undefined ? read : { kind: 'unreadable', why: `record.json: ${why}` };
}

/** What the types of its fields allow, and no program has written. */
function contradictionIn({ name, queue, draft }: JobTemplate, expected: string): string | undefined {
  if (name !== expected) return `it is of "${name}"`;
  if (draft.argv.length === 0) return 'argv is empty';
  if (draft.script !== null && draft.script.at >= draft.argv.length) return 'the script is no word of argv';
  return queue === null || isName(queue) ? undefined : 'queue is not a name';
}

/** Complete and durable; false if the name is taken. */
export function addTemplate(home: Home, folder: string, paths: TemplatePaths, record: object): boolean {
  const isFirst = makeOwnDirectory(folder);
  const hidden = `${paths.dir}~${process.pid}`;
  discard(home, hidden, 'starter');
  makeDirectory(hidden);
  try {
    writeAtomic(`${hidden}/record.json`, withChecksum(record));
    // renaming to a directory with files fails
    renameSync(hidden, paths.dir);
  } catch (thrown) {
    discard(home, hidden, 'starter');
    emptyTrash(home);
    if (['ENOTEMPTY', 'EEXIST'].includes(errnoOf(thrown))) return false;
    throw thrown;
  }
  syncDir(folder);
  if (isFirst) syncDir(home.path);
  return true;
}

/** False if another process did. */
export function removeTemplate(home: Home, paths: TemplatePaths): boolean {
  const removed = discard(home, paths.dir, 'starter');
  emptyTrash(home);
  return removed;
}

export const isTemplatePaused = (paths: TemplatePaths): boolean => existsSync(paths.paused);
export function setTemplatePaused(paths: TemplatePaths, paused: boolean): void {
  requireDirectory(paths.dir, true);
  if (paused) touch(paths.paused);
  else removeQuietly(paths.paused);
  syncDir(paths.dir);
}

// ---- claims ----------------------------------------------------------------------------------------------

const claimSchema = is.object({ v: is.version(1), job: is.count, identity: identitySchema });

interface StartClaim {
  key: string;
  generation: number;
  job: JobId;
  by: Identity;
}

const CLAIM = /^at\.([0-9a-z]{1,64})\.(\d{1,9})$/;

/**
 * Claims the start of a job; false if another process did. `generation` is above 1 if an earlier claimer died
 * before the start.
 */
export const claimStart = (paths: TemplatePaths, { key, generation, job, by }: StartClaim): boolean =>
  claim(paths.claim(key, generation), withChecksum({ v: 1, job, identity: by }));

export function listClaimed(paths: TemplatePaths): Map<string, number> {
  const claimed = new Map<string, number>();
  for (const name of namesIn(paths.dir)) {
    const [, key, generation] = CLAIM.exec(name) ?? [];
    if (key !== undefined) claimed.set(key, Math.max(claimed.get(key) ?? 0, Number(generation)));
  }
  return claimed;
}

export function readClaim(paths: TemplatePaths, key: string, generation: number): StartClaim | undefined {
  const read = readValid(paths.claim(key, generation), claimSchema);
  return read && { key, generation, job: read.job, by: read.identity };
}

export function forgetClaim(paths: TemplatePaths, key: string, generation: number): void {
  for (let one = generation; one > 0; one--) removeQuietly(paths.claim(key, one));
}

export const claimedAt = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** A time has a number for its key, a delivery a hash of 64 digits. */
const TIME = /^\d{1,16}$/;

/** A claim without an event; `claim` undefined: it cannot be read. */
export interface UnnotedClaim {
  key: string;
  generation: number;
  claim: StartClaim | undefined;
}

/**
 * The claims that have none of the events: the process that made one is starting its job, was killed before it
 * wrote the event, or could not write it.
 */
export function unnotedClaims(paths: TemplatePaths, events: TemplateEvent[]): UnnotedClaim[] {
  const own = events.filter(({ by }) => by !== 'hand');
  const times = new Set(own.map(({ at }) => String(at)));
  const jobs = new Set(own.map(({ job }) => job));
  // the events of older claims may have been in the part of the journal that is gone
  const oldest = lacksEntries(paths.history) ? own[0] : undefined;
  const [oldestAt, oldestNotedAt] = [oldest?.at ?? 0, oldest?.notedAt ?? 0];
  return [...listClaimed(paths)].flatMap(([key, generation]) => {
    const isOver = TIME.test(key)
      ? times.has(key) || Number(key) < oldestAt
      : claimedAt(paths.claim(key, generation)) < oldestNotedAt;
    const claim = isOver ? undefined : readClaim(paths, key, generation);
    // all events of a delivery that was claimed name its job
    return isOver || (claim && !TIME.test(key) && jobs.has(claim.job)) ? [] : { key, generation, claim };
  });
}

// ---- the journal -----------------------------------------------------------------------------------------

const eventSchema = is.object({
  /** The time for which it was due, or at which it came. */
  at: is.time,
  until: is.nullable(is.time),
  times: is.count,
  did: is.literal('started', 'skipped', 'missed', 'failed'),
  why: is.nullable(is.text),
  job: is.nullable(is.count),
  by: is.literal('time', 'catch-up', 'hand', 'delivery'),
  notedAt: is.time,
  /** The id that the sender gave the delivery. */
  delivery: is.since(is.nullable(is.text), null),
});
export type TemplateEvent = is.SchemaType<typeof eventSchema>;

type NewEvent = Omit<TemplateEvent, 'delivery'> & Partial<Pick<TemplateEvent, 'delivery'>>;

export function appendEvent(paths: TemplatePaths, event: NewEvent): void {
  const until = event.until === event.at ? null : event.until;
  appendEntry(paths.history, { ...event, until });
}
export const readEvents = (paths: TemplatePaths): TemplateEvent[] => readEntries(paths.history, eventSchema);

/**
 * The time up to which every time of a schedule has an event or a claim; at least when it was added, at most
 * `now`.
 */
export function recordedUntil(paths: TemplatePaths, createdAt: number, now: number): number {
  const noted = readEvents(paths)
    .filter(({ by }) => by !== 'hand')
    .map(({ at, until }) => until ?? at);
  const claimed = [...listClaimed(paths).keys()].map(Number);
  const ends = [...noted, ...claimed].filter((at) => at <= now);
  return Math.max(Math.min(createdAt, now), ...ends);
}

export const NO_SCHEDULER = 'no scheduler ran';
export const SCHEDULER_ENDED = 'the scheduler ended while it started it';

/**
 * The last two jobs of each schedule and trigger, and those without an event. The newest may still run; then the
 * one before is the last result.
 */
export function lastStarted(home: Home): Set<JobId> {
  const ids = new Set<JobId>();
  for (const folder of [home.schedules, home.triggers])
    for (const name of listTemplates(folder)) {
      const paths = folder === home.schedules ? home.schedule(name) : home.trigger(name);
      const events = readEvents(paths);
      for (const id of events.flatMap(({ job }) => job ?? []).slice(-2)) ids.add(id);
      // it has no event yet, and what became of its claim is read from the job
      for (const { claim } of unnotedClaims(paths, events)) if (claim) ids.add(claim.job);
    }
  return ids;
}

/**
 * What starts jobs by itself, a schedule or a trigger, on disk: a directory with a record, which is complete when the directory gets
 * its name; claims, so that nothing is started twice for one time or delivery; and a journal of what was started, or was not,
 * and why. Functions that write throw system errors.
 */
import { existsSync, renameSync } from 'node:fs';
import { sealed } from '../../base/checksum.ts';
import { claim, removeQuietly, syncDir, touch, writeAtomic } from '../../base/fs/atomic-write.ts';
import { inspectDirectory, makeDirectory, requireDirectory } from '../../base/fs/directories.ts';
import { appendEntry, readEntries } from '../../base/fs/journal.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import { errnoOf } from '../../base/result.ts';
import * as is from '../../base/schema.ts';
import type { Home } from '../home/home.ts';
import type { TemplatePaths } from '../home/paths.ts';
import { isName } from '../home/project.ts';
import { type Found, readShaped } from '../home/records.ts';
import { discard, emptyTrash } from '../home/trash.ts';
import { type Identity, identitySchema } from '../identity.ts';
import { draftSchema, type JobId } from '../spec.ts';

/** What both have in common: the job that is started again and again. */
export const templateFields = {
  v: is.version(1),
  name: is.text,
  draft: draftSchema,
  /** What the program that starts its jobs must know beyond what 0.6.0 knew, the first with schedules; see job/needs.ts. */
  needs: is.since(is.listOf(is.text), []),
  /** The queue in which its jobs wait; null: they start at once. */
  queue: is.nullable(is.text),
  /** `NAME=value` of all variables of its jobs, but those that each start adds. */
  environment: is.listOf(is.text),
  /** The namespaces and the confinement in which it was added (of that boot): its jobs are started in no others. */
  world: is.text,
  /** The same as far as it means something in another boot; null: a record of before 0.9. */
  place: is.since(is.nullable(is.text), null),
  bootId: is.text,
  umask: is.upTo(0o777),
  createdAt: is.time,
};

const templateSchema = is.object(templateFields);
export type JobTemplate = is.Shaped<typeof templateSchema>;

/** Names in order; what is no directory of ours, or has no such name, is none. */
export const listTemplates = (folder: string): string[] =>
  namesIn(folder)
    .filter((name) => isName(name) && inspectDirectory(`${folder}/${name}`) === 'ours')
    .sort();

export const readTemplate = <T>(paths: TemplatePaths, shape: is.Schema<T>): Found<T> =>
  readShaped(paths.record, 'record.json', shape);

/** Makes one, complete and durable under its name; false if there is one of that name. */
export function addTemplate(home: Home, folder: string, paths: TemplatePaths, record: object): boolean {
  const isFirst = makeDirectory(folder);
  requireDirectory(folder, true);
  const hidden = `${paths.dir}~${process.pid}`;
  discard(home, hidden, 'starter');
  makeDirectory(hidden);
  try {
    writeAtomic(`${hidden}/record.json`, sealed(record));
    // onto a directory that is there, and holds a record, this is refused
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

/** Removes one with all that it noted; false if somebody else did. */
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

/** That somebody is about to start, or started, `job` for a key: a time, or a delivery. */
export interface StartClaim {
  key: string;
  generation: number;
  job: JobId;
  by: Identity;
}

const CLAIM = /^at\.([0-9a-z]{1,64})\.(\d{1,9})$/;

/** Who claims a key first starts its job; false if somebody did. `generation`: above 1 after one who died before he started it. */
export const claimStart = (paths: TemplatePaths, { key, generation, job, by }: StartClaim): boolean =>
  claim(paths.claim(key, generation), sealed({ v: 1, job, identity: by }));

/** The highest generation of each key that is claimed; `job` 0: it cannot be read. */
export function listClaimed(paths: TemplatePaths): Map<string, number> {
  const claimed = new Map<string, number>();
  for (const name of namesIn(paths.dir)) {
    const [, key, generation] = CLAIM.exec(name) ?? [];
    if (key !== undefined) claimed.set(key, Math.max(claimed.get(key) ?? 0, Number(generation)));
  }
  return claimed;
}

export function readClaim(paths: TemplatePaths, key: string, generation: number): StartClaim | undefined {
  const read = readShaped(paths.claim(key, generation), 'claim', claimSchema);
  return read.kind === 'read' ? { key, generation, job: read.value.job, by: read.value.identity } : undefined;
}

export function forgetClaim(paths: TemplatePaths, key: string, generation: number): void {
  for (let one = generation; one > 0; one--) removeQuietly(paths.claim(key, one));
}

// ---- the journal -----------------------------------------------------------------------------------------

export const eventSchema = is.object({
  /** For which time it was due, or when it came. */
  at: is.time,
  /** Of several times in a row the last. */
  until: is.nullable(is.time),
  times: is.count,
  did: is.literal('started', 'skipped', 'missed', 'failed'),
  why: is.nullable(is.text),
  job: is.nullable(is.count),
  by: is.literal('time', 'catch-up', 'hand', 'delivery'),
  notedAt: is.time,
  /** What the sender calls the delivery. */
  delivery: is.since(is.nullable(is.text), null),
});
/** One thing that a schedule or trigger did, or did not do. */
export type TemplateEvent = is.Shaped<typeof eventSchema>;

/** As it is noted: of a schedule without a delivery. */
type NewEvent = Omit<TemplateEvent, 'delivery'> & Partial<Pick<TemplateEvent, 'delivery'>>;

export function noteEvent(paths: TemplatePaths, event: NewEvent): void {
  const until = event.until === event.at ? null : event.until;
  appendEntry(paths.history, { ...event, until });
}
export const readEvents = (paths: TemplatePaths): TemplateEvent[] => readEntries(paths.history, eventSchema);

/** Up to then, and not after `now`, every time of a schedule that was added at `createdAt` has a word, or a claim: a word to come. */
export function notedUntil(paths: TemplatePaths, createdAt: number, now: number): number {
  const noted = readEvents(paths)
    .filter(({ by }) => by !== 'hand')
    .map(({ at, until }) => until ?? at);
  const claimed = [...listClaimed(paths).keys()].map(Number);
  const ends = [...noted, ...claimed].filter((at) => at <= now);
  return Math.max(Math.min(createdAt, now), ...ends);
}

/** Why a time was missed: the machine was off, or nothing had called bgjob since it was started. */
export const NOBODY = 'no scheduler ran';

/** The last two jobs that each schedule and trigger started: the newest may still run, and the one before tells the last result. */
export function lastStarted(home: Home): Set<JobId> {
  const ids = new Set<JobId>();
  for (const folder of [home.schedules, home.triggers])
    for (const name of listTemplates(folder)) {
      const paths = folder === home.schedules ? home.schedule(name) : home.trigger(name);
      const jobs = readEvents(paths).flatMap(({ job }) => job ?? []);
      for (const id of jobs.slice(-2)) ids.add(id);
    }
  return ids;
}

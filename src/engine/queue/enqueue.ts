/**
 * Putting jobs into a queue. Everything of a job is durable before its entry is made, and only then is its id told: whoever is
 * killed on the way leaves nothing that would ever start. A batch is revealed by one rename: all of it waits, or nothing.
 */
import { closeSync, constants, existsSync, openSync, renameSync, rmSync } from 'node:fs';
import { sealed } from '../../base/checksum.ts';
import { attempt, removeQuietly, syncDir, writeAtomic, writeUnflushed } from '../../base/fs/atomic-write.ts';
import { errnoOf } from '../../base/result.ts';
import { type Failure, fail, ok, type Result } from '../../job/failure.ts';
import { admitNeeds, type Home } from '../../job/home/home.ts';
import { claimId, claimIds } from '../../job/home/ids.ts';
import { titleOf } from '../../job/home/name-claims.ts';
import type { QueuePaths } from '../../job/home/paths.ts';
import { writeSpec } from '../../job/home/records.ts';
import { needsOf } from '../../job/needs.ts';
import {
  addEntry,
  addHiddenEntry,
  hideBatch,
  makeQueue,
  readSlots,
  revealBatch,
  writeSlots,
} from '../../job/queue/queue-files.ts';
import { entryName } from '../../job/queue/queue-order.ts';
import type { JobId, Placement } from '../../job/spec.ts';
import { makeFifo } from '../launch/alive-fifo.ts';
import { jobEnvironment } from '../launch/environment.ts';
import { type Draft, environmentOf, type MayStart, specOf, takeBack, writeParts } from '../launch/launch.ts';
import { environmentText } from '../launch/stored-environment.ts';
import { beginRounds } from '../observe/begin-rounds.ts';
import { takeName } from '../observe/name-owner.ts';
import { ioPriority } from '../os/io-priority.ts';
import { findTool } from '../os/programs.ts';
import { thisSandbox } from './confinement.ts';

/** A draft of a job that waits; what is known of this process alone is added here. */
export type QueuedDraft = Draft & { placement: Placement };

/** What the command line decides of a placement. */
export type PlacementWish = Pick<Placement, 'queue' | 'priority' | 'notBefore' | 'after'>;

export const placementOf = (wish: PlacementWish): Placement => ({
  ...wish,
  ...thisSandbox(),
  umask: process.umask(),
  ioPriority: ioPriority(),
  batch: null,
});

const ioFailure = (home: Home, thrown: unknown): { ok: false; failure: Failure } =>
  fail({ code: 'io', doing: 'write a new job to', path: home.path, errno: errnoOf(thrown) });

/** Puts a job into its queue and returns its id; fails, and leaves nothing, also where a live job of this project has its name. */
export async function enqueue(
  home: Home,
  draft: QueuedDraft,
  mayStart: MayStart = () => ok(undefined),
): Promise<Result<JobId>> {
  let id: JobId | undefined;
  try {
    beginRounds(home);
    const queue = makeQueue(home, draft.placement.queue);
    if (needsOf(draft).length > 0) admitNeeds(home);
    id = claimId(home);
    const may = mayStart(id);
    const added = may.ok ? await addJob(home, queue, id, draft) : may;
    if (added.ok) return ok(id);
    takeBack(home, id, draft);
    return added;
  } catch (thrown) {
    if (id !== undefined) takeBack(home, id, draft);
    return ioFailure(home, thrown);
  }
}

async function addJob(home: Home, queue: QueuePaths, id: JobId, draft: QueuedDraft): Promise<Result<void>> {
  const job = home.job(id);
  const title = titleOf(draft);
  // a name is claimed by whoever holds the FIFO of a job that has a spec and is not started yet
  const made = title ? await makeFifo(home, id) : ok(undefined);
  if (!made.ok) return made;
  const aliveFd = title && openSync(job.alive, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    writeParts(job, draft);
    writeSpec(job, specOf(job, id, draft));
    writeAtomic(job.env, environmentText(environmentOf(draft, job)));
    syncDir(home.jobs);
    const named = title ? await takeName(home, title, id) : ok(undefined);
    if (!named.ok) return named;
    addEntry(queue, entryName(id, draft.project, draft.placement));
    return ok(undefined);
  } finally {
    if (aliveFd !== undefined) closeSync(aliveFd);
  }
}

/** Sets how many jobs of a queue run at once, if that is not so already. */
export function setSlots(home: Home, name: string, slots: number): Result<void> {
  const queue = home.queue(name);
  if (existsSync(queue.slots) && readSlots(queue) === slots) return ok(undefined);
  return attempt('write', queue.dir, () => writeSlots(makeQueue(home, name), slots));
}

/** So many are written before others get their turn: a signal, the progress on a terminal. */
const PORTION = 100;

/**
 * Puts all of them into their queue, which is that of the first, in one go; returns their ids, in order; null if `abort` fired before:
 * then there is none. `told` hears how many are written.
 */
export async function enqueueBatch(
  home: Home,
  drafts: QueuedDraft[],
  abort: AbortSignal,
  told: (done: number) => void = () => {},
): Promise<Result<JobId[] | null>> {
  const ids: JobId[] = [];
  const { placement } = drafts[0]!;
  const queue = home.queue(placement.queue);
  const names: string[] = [];
  const held: number[] = [];
  let hidden = '';
  const write = (id: JobId): void => {
    const draft = drafts[ids.length]!;
    ids.push(id);
    const first = ids[0]!;
    if (hidden === '') {
      hidden = hideBatch(queue, first);
      writeAtomic(queue.environment(first), environmentText(jobEnvironment(process.env, drafts[0]!)));
    }
    const own = { ...draft, placement: { ...draft.placement, batch: first } };
    const job = home.job(id);
    const { spec } = job;
    // as a whole or not at all: whoever is killed here leaves a directory that is no job, and none that is unreadable
    writeUnflushed(`${spec}.tmp`, sealed(specOf(job, id, own)));
    renameSync(`${spec}.tmp`, spec);
    names.push(entryName(id, draft.project, own.placement));
    addHiddenEntry(hidden, names, names.length - 1);
  };
  const undo = (): void => {
    const first = ids[0];
    // the entries first: without them nobody starts anything
    for (const folder of first === undefined ? [] : [hidden, queue.batch(first)])
      rmSync(folder, { recursive: true, force: true });
    if (first !== undefined) removeQuietly(queue.environment(first));
    for (const [n, id] of ids.entries()) takeBack(home, id, drafts[n]!);
  };
  try {
    beginRounds(home);
    makeQueue(home, placement.queue);
    if (drafts.some((draft) => needsOf(draft).length > 0)) admitNeeds(home);
    while (ids.length < drafts.length && !abort.aborted) {
      const begun = ids.length;
      claimIds(home, Math.min(PORTION, drafts.length - begun), write);
      for (let n = begun; n < ids.length; n++) {
        const named = await claimBatchName(home, ids[n]!, drafts[n]!, held);
        if (named.ok) continue;
        undo();
        return named;
      }
      told(ids.length);
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (abort.aborted) {
      undo();
      return ok(null);
    }
    flush(home, ids);
    revealBatch(queue, hidden, ids[0]!);
    return ok(ids);
  } catch (thrown) {
    undo();
    return ioFailure(home, thrown);
  } finally {
    for (const fd of held) closeSync(fd);
  }
}

/** Claims the name of a job that is written and not revealed yet. It is held until then by its FIFO, a descriptor in `held`. */
async function claimBatchName(
  home: Home,
  id: JobId,
  draft: QueuedDraft,
  held: number[],
): Promise<Result<void>> {
  const title = titleOf(draft);
  if (!title) return ok(undefined);
  const made = await makeFifo(home, id);
  if (!made.ok) return made;
  held.push(openSync(home.job(id).alive, constants.O_RDWR | constants.O_NOFOLLOW));
  return takeName(home, title, id);
}

/** Makes all of it durable with one flush of the file system; one by one where there is no program for that. */
function flush(home: Home, ids: JobId[]): void {
  const sync = findTool('sync');
  const { spawnSync } = require('node:child_process') as typeof import('node:child_process');
  if (sync && spawnSync(sync, ['-f', home.path], { stdio: 'ignore', env: {} }).status === 0) return;
  for (const id of ids) {
    const { spec, dir } = home.job(id);
    syncDir(spec);
    syncDir(dir);
  }
  syncDir(home.jobs);
}

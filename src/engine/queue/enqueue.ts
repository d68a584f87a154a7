/**
 * Puts jobs into a queue. All records of a job are durable before its entry is made, and only then its id is
 * printed: a process killed on the way leaves nothing that would ever start. A batch is revealed by one
 * rename: either all of it waits, or nothing.
 */
import { closeSync, existsSync, renameSync, rmSync } from 'node:fs';
import { listWithChecksum, withChecksum } from '../../base/checksum.ts';
import { attempt, createFile, removeQuietly, syncDir, writeAtomic } from '../../base/fs/atomic-write.ts';
import { ok, type Result } from '../../job/failure.ts';
import { admitNeeds, admitSlurm, admitTargets, type Home } from '../../job/home/home.ts';
import { claimIds } from '../../job/home/ids.ts';
import { jobNameOf } from '../../job/home/name-claims.ts';
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
import { entryName, NO_QUEUE } from '../../job/queue/queue-order.ts';
import type { JobId, Placement } from '../../job/spec.ts';
import { type Target, targetSandbox } from '../../job/target.ts';
import { claimTarget, markTargetJob, writeAgent } from '../../job/targets/target-records.ts';
import { lockAlive, makeFifo } from '../launch/alive-fifo.ts';
import { isTargetHere, thisSandbox, thisTargetAdded } from '../launch/confinement.ts';
import {
  addJob,
  type Draft,
  environmentOf,
  type MayStart,
  notWritten,
  specOf,
  takeBack,
  writeParts,
} from '../launch/launch.ts';
import { requireTools } from '../launch/required-tools.ts';
import { beginRounds } from '../observe/begin-rounds.ts';
import { takeName } from '../observe/name-owner.ts';
import { ioPriority } from '../os/io-priority.ts';
import { findTool } from '../os/programs.ts';

export type QueuedDraft = Draft & { placement: Placement };

export type PlacementOptions = Pick<Placement, 'queue' | 'priority' | 'notBefore' | 'after'>;

export const placementOf = (chosen: PlacementOptions): Placement => ({
  ...chosen,
  ...thisSandbox(),
  umask: process.umask(),
  ioPriority: ioPriority(),
  batch: null,
});

/** Queues a job and returns its id. On failure, also if a live job has the name, it leaves nothing behind. */
export function enqueue(home: Home, draft: QueuedDraft, mayStart?: MayStart): Promise<Result<JobId>> {
  let settled = draft;
  return addJob(
    home,
    draft,
    mayStart,
    (id) => addToQueue(home, id, settled),
    () => {
      [settled] = prepareQueue(home, [draft]) as [QueuedDraft];
    },
  );
}

/** The wish of the call, or none in the queue without slots: a job on a target always waits for its service. */
export const placementFor = (target: Target | null, chosen: PlacementOptions | null): Placement | null =>
  chosen === null && target === null
    ? null
    : placementOf(chosen ?? { queue: NO_QUEUE, priority: 0, notBefore: null, after: [] });

/** Returns the drafts; those of a target with its key, which the service of these namespaces has. */
function prepareQueue(home: Home, drafts: QueuedDraft[]): QueuedDraft[] {
  makeQueue(home, drafts[0]!.placement.queue);
  if (drafts.some((draft) => needsOf(draft).length > 0)) admitNeeds(home);
  // all of a batch have the same target
  const given = drafts[0]!.target;
  if (given === null) return drafts;
  (given.slurm ? admitSlurm : admitTargets)(home);
  const target = claimTarget(home, given, thisTargetAdded(), isTargetHere);
  writeAgent(home, target, process.env);
  const sandbox = targetSandbox(target);
  return drafts.map((draft) => ({ ...draft, target, placement: { ...draft.placement, ...sandbox } }));
}

async function addToQueue(home: Home, id: JobId, draft: QueuedDraft): Promise<Result<void>> {
  const job = home.job(id);
  const title = jobNameOf(draft);
  // a claim of a name counts only while the FIFO of a job with a spec is locked
  const made = title ? await makeFifo(home, id) : ok(undefined);
  if (!made.ok) return made;
  const aliveFd = title && lockAlive(job);
  try {
    writeParts(job, draft);
    writeSpec(job, specOf(job, id, draft));
    writeAtomic(job.env, listWithChecksum(environmentOf(draft, job)));
    syncDir(home.jobs);
    const named = title ? await takeName(home, title, id) : ok(undefined);
    if (named.ok && draft.target) markTargetJob(home, draft.target, id, thisTargetAdded);
    if (named.ok) addEntry(home.queue(draft.placement.queue), entryName(id, draft.project, draft.placement));
    return named;
  } finally {
    if (aliveFd !== undefined) closeSync(aliveFd);
  }
}

export function setSlots(home: Home, name: string, slots: number): Result<void> {
  const queue = home.queue(name);
  if (existsSync(queue.slots) && readSlots(queue) === slots) return ok(undefined);
  return attempt('write', queue.dir, () => writeSlots(makeQueue(home, name), slots));
}

/** How many jobs are written before the event loop gets its turn, for signals and progress. */
const GROUP_SIZE = 100;

/**
 * Puts all jobs into the queue of the first one in one step. Returns their ids in order, or null if `abort`
 * fired before: then nothing is queued. `onProgress` gets the number of jobs written so far.
 */
export async function enqueueBatch(
  home: Home,
  given: QueuedDraft[],
  abort: AbortSignal,
  onProgress: (done: number) => void,
): Promise<Result<JobId[] | null>> {
  const equipped = requireTools(given[0]!);
  if (!equipped.ok) return equipped;
  let drafts = given;
  const ids: JobId[] = [];
  const queue = home.queue(drafts[0]!.placement.queue);
  const names: string[] = [];
  const aliveFds: number[] = [];
  let hidden = '';
  const write = (id: JobId): void => {
    const draft = drafts[ids.length]!;
    ids.push(id);
    const first = ids[0]!;
    if (hidden === '') {
      hidden = hideBatch(queue, first);
      writeAtomic(queue.environment(first), listWithChecksum(drafts[0]!.environment));
    }
    const own = { ...draft, placement: { ...draft.placement, batch: first } };
    const job = home.job(id);
    const { spec } = job;
    // whole or not at all: a process killed here leaves a directory that is no job, not an unreadable one
    createFile(`${spec}.tmp`, withChecksum(specOf(job, id, own)), 'none');
    renameSync(`${spec}.tmp`, spec);
    if (own.target) markTargetJob(home, own.target, id, thisTargetAdded);
    names.push(entryName(id, draft.project, own.placement));
    addHiddenEntry(hidden, names, names.length - 1);
  };
  const undo = (): void => {
    const first = ids[0];
    // the entries first: without them no process starts a job
    for (const folder of first === undefined ? [] : [hidden, queue.batch(first)])
      rmSync(folder, { recursive: true, force: true });
    if (first !== undefined) removeQuietly(queue.environment(first));
    for (const [n, id] of ids.entries()) takeBack(home, id, drafts[n]!);
  };
  try {
    beginRounds(home);
    drafts = prepareQueue(home, drafts);
    while (ids.length < drafts.length && !abort.aborted) {
      const begun = ids.length;
      claimIds(home, Math.min(GROUP_SIZE, drafts.length - begun), write);
      for (let n = begun; n < ids.length; n++) {
        const named = await claimBatchName(home, ids[n]!, drafts[n]!, aliveFds);
        if (named.ok) continue;
        undo();
        return named;
      }
      onProgress(ids.length);
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
    return notWritten(home, thrown);
  } finally {
    for (const fd of aliveFds) closeSync(fd);
  }
}

/** Claims the name of a job that is not revealed yet. Until then `aliveFds` locks its FIFO. */
async function claimBatchName(
  home: Home,
  id: JobId,
  draft: QueuedDraft,
  aliveFds: number[],
): Promise<Result<void>> {
  const title = jobNameOf(draft);
  if (!title) return ok(undefined);
  const made = await makeFifo(home, id);
  if (!made.ok) return made;
  aliveFds.push(lockAlive(home.job(id)));
  return takeName(home, title, id);
}

/** Makes all of it durable with one flush of the file system; one by one if there is no `sync` program. */
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

/**
 * Removing a queue. It is renamed away, looked at again, and put back if somebody has added a job at that instant: the rename is
 * atomic, and who adds one either did so before, and is seen, or makes the queue anew. Who is killed in between leaves it aside;
 * the next gc, or change of a queue, puts it back or deletes it.
 */
import { existsSync, renameSync, rmdirSync } from 'node:fs';
import { syncDir } from '../../base/fs/atomic-write.ts';
import { emptyDirectory, inspectDirectory } from '../../base/fs/directories.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import { errnoOf } from '../../base/result.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { QueuePaths } from '../../job/home/paths.ts';
import { listAdmissions } from '../../job/queue/admissions.ts';
import { listEntries, makeQueue, stampQueue } from '../../job/queue/queue-files.ts';
import { idOfEntry } from '../../job/queue/queue-order.ts';
import { identify, isLocked } from '../os/process-identity.ts';

/** A queue that was renamed away: no name of a queue looks like this. */
const RENAMED_AWAY = /^(.+)~(\d{1,15})$/;

interface Use {
  running: number;
  waiting: number;
  /** Somebody is about to add a batch. */
  adding: boolean;
}

function useOf(home: Home, queue: QueuePaths): Use {
  const starts = listAdmissions(queue).map(({ id }) => id);
  const running = new Set(starts.filter((id) => id > 0 && isLocked(home.job(id).alive)));
  const waiting = listEntries(queue).filter(({ name }) => !running.has(idOfEntry(name)));
  return {
    running: running.size,
    waiting: waiting.length,
    adding: namesIn(queue.dir).some((name) => name.startsWith('new.')),
  };
}

const isUsed = ({ running, waiting, adding }: Use): boolean => running > 0 || waiting > 0 || adding;

/** Removes a queue; fails, and leaves it as it is, while jobs run or wait in it. Throws system errors. */
export function dropQueue(home: Home, name: string): Result<void> {
  const queue = home.queue(name);
  // something else stands there: nobody knows who waits
  if (!['ours', 'absent'].includes(inspectDirectory(queue.waiting)))
    throw Object.assign(new Error(queue.waiting), { code: 'ENOTDIR' });
  const inUse = ({ running, waiting }: Use) => fail({ code: 'queue-in-use', name, running, waiting });
  const before = useOf(home, queue);
  if (isUsed(before)) return inUse(before);
  const aside = new QueuePaths(`${queue.dir}~${process.pid}`);
  renameSync(queue.dir, aside.dir);
  syncDir(home.queues);
  const after = useOf(home, aside);
  if (isUsed(after)) {
    putBack(home, name, aside);
    return inUse(after);
  }
  discard(aside);
  return ok(undefined);
}

/** Where it was made anew meanwhile, what it held goes there. */
function putBack(home: Home, name: string, aside: QueuePaths): void {
  const queue = home.queue(name);
  try {
    renameSync(aside.dir, queue.dir);
  } catch (thrown) {
    if (!['ENOTEMPTY', 'EEXIST'].includes(errnoOf(thrown))) throw thrown;
    makeQueue(home, name);
    for (const entry of namesIn(aside.waiting))
      renameSync(`${aside.waiting}/${entry}`, `${queue.waiting}/${entry}`);
    for (const one of namesIn(aside.dir))
      if (one !== 'waiting' && !existsSync(`${queue.dir}/${one}`))
        renameSync(`${aside.dir}/${one}`, `${queue.dir}/${one}`);
    syncDir(queue.waiting);
    syncDir(queue.dir);
    discard(aside);
  }
  syncDir(home.queues);
  stampQueue(queue);
}

function discard({ dir }: QueuePaths): void {
  emptyDirectory(dir);
  rmdirSync(dir);
}

/** Brings to an end what was killed while it removed a queue. Throws system errors. */
export function settleDropped(home: Home): void {
  for (const folder of namesIn(home.queues)) {
    const [, name, pid] = RENAMED_AWAY.exec(folder) ?? [];
    const aside = new QueuePaths(`${home.queues}/${folder}`);
    if (name === undefined || inspectDirectory(aside.dir) !== 'ours') continue;
    // whoever removes it is at it
    if (identify(Number(pid))) continue;
    if (isUsed(useOf(home, aside))) putBack(home, name, aside);
    else discard(aside);
  }
}

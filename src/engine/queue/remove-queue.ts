/**
 * Removes a queue. The queue is renamed away, checked again, and put back if a job was added just then. The
 * rename is atomic: a process that adds a job either did so before, which is seen, or makes the queue anew.
 * If a removal is killed half-way, the next gc or the next change of a queue finishes it.
 */
import { existsSync, renameSync, rmdirSync } from 'node:fs';
import { syncDir } from '../../base/fs/atomic-write.ts';
import { emptyDirectory, inspectDirectory, makeDirectory } from '../../base/fs/directories.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import { errnoOf, systemError } from '../../base/result.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { QueuePaths } from '../../job/home/paths.ts';
import { foldersOf, listEntries, makeQueue, stampQueue } from '../../job/queue/queue-files.ts';
import { idOfEntry } from '../../job/queue/queue-order.ts';
import { admittedIn } from '../observe/unended.ts';
import { identify } from '../os/process-identity.ts';

/** The folder of a queue that was renamed away: no queue can have such a name. */
const RENAMED_AWAY = /^(.+)~(\d{1,15})$/;

/** How many jobs run and wait in a queue; undefined if it is not in use. */
function useOf(home: Home, queue: QueuePaths): { running: number; waiting: number } | undefined {
  const admitted = admittedIn(home, queue);
  const running = admitted.size;
  const waiting = listEntries(queue).filter(({ name }) => !admitted.has(idOfEntry(name))).length;
  // a process is about to add a batch
  const adding = namesIn(queue.dir).some((name) => name.startsWith('new.'));
  return running > 0 || waiting > 0 || adding ? { running, waiting } : undefined;
}

/** Removes a queue; fails and changes nothing while jobs run or wait in it. Throws system errors. */
export function removeQueue(home: Home, name: string): Result<void> {
  const queue = home.queue(name);
  // something else has that name: it cannot be known which jobs wait
  if (!['ours', 'absent'].includes(inspectDirectory(queue.waiting)))
    throw systemError('ENOTDIR', queue.waiting);
  const before = useOf(home, queue);
  if (before) return fail({ code: 'queue-in-use', name, ...before });
  const renamed = new QueuePaths(`${queue.dir}~${process.pid}`);
  renameSync(queue.dir, renamed.dir);
  syncDir(home.queues);
  const after = useOf(home, renamed);
  if (after) {
    putBack(home, name, renamed);
    return fail({ code: 'queue-in-use', name, ...after });
  }
  deleteFolder(renamed);
  return ok(undefined);
}

/** If the queue was made anew meanwhile, its content is moved there. */
function putBack(home: Home, name: string, renamed: QueuePaths): void {
  const queue = home.queue(name);
  try {
    renameSync(renamed.dir, queue.dir);
  } catch (thrown) {
    if (!['ENOTEMPTY', 'EEXIST'].includes(errnoOf(thrown))) throw thrown;
    makeQueue(home, name);
    if (existsSync(renamed.changed)) makeDirectory(queue.changed);
    for (const folder of ['waiting', 'changed'] as const)
      for (const entry of namesIn(renamed[folder]))
        renameSync(`${renamed[folder]}/${entry}`, `${queue[folder]}/${entry}`);
    for (const one of namesIn(renamed.dir))
      if (one !== 'waiting' && one !== 'changed' && !existsSync(`${queue.dir}/${one}`))
        renameSync(`${renamed.dir}/${one}`, `${queue.dir}/${one}`);
    for (const folder of foldersOf(queue)) syncDir(folder);
    syncDir(queue.dir);
    deleteFolder(renamed);
  }
  syncDir(home.queues);
  stampQueue(queue);
}

function deleteFolder({ dir }: QueuePaths): void {
  emptyDirectory(dir);
  rmdirSync(dir);
}

/** Finishes removals whose process was killed. Throws system errors. */
export function finishRemovals(home: Home): void {
  for (const folder of namesIn(home.queues)) {
    const [, name, pid] = RENAMED_AWAY.exec(folder) ?? [];
    const renamed = new QueuePaths(`${home.queues}/${folder}`);
    if (name === undefined || inspectDirectory(renamed.dir) !== 'ours') continue;
    // its process is still at work
    if (identify(Number(pid))) continue;
    if (useOf(home, renamed)) putBack(home, name, renamed);
    else deleteFolder(renamed);
  }
}

/**
 * What every command does in passing: a queue whose processes were all killed is moved on by the next command, whatever it is. It
 * costs those nothing that meet no queue, and little where somebody sees to it.
 */
import * as fs from 'node:fs';
import { errnoOf } from '../base/failure.ts';
import type { Home } from '../job/home.ts';
import { NO_QUEUE } from '../job/queue.ts';
import { foldersOf, isPaused, listQueues, readSlots } from '../job/queues.ts';
import { listStarts } from '../job/starts.ts';
import { attendQueue } from './admission.ts';
import { isHeld } from './identity.ts';
import { hasKeeper } from './keepers.ts';
import { thisSandboxKey } from './sandbox.ts';

function isEmpty(folder: string): boolean {
  // not readdir: there may be 10,000
  const dir = fs.opendirSync(folder);
  try {
    return dir.readSync() === null;
  } finally {
    dir.closeSync();
  }
}

/** Whether jobs wait in a queue, and nobody in this sandbox will see to it. */
export function isLeft(home: Home, name: string): boolean {
  const queue = home.queue(name);
  if (isPaused(queue) || foldersOf(queue).every(isEmpty)) return false;
  const key = thisSandboxKey();
  if (hasKeeper(queue, key)) return false;
  // where there is no end of slots, jobs that run say nothing of those that wait
  if (name === NO_QUEUE) return true;
  const running = listStarts(queue).filter(({ id }) => id > 0 && isHeld(home.job(id).alive));
  const isFull = new Set(running.map(({ id }) => id)).size >= readSlots(queue);
  return !isFull || running.every(({ sandbox }) => sandbox !== key);
}

/** Moves on what nobody else will. What goes wrong is not the caller's. */
export async function attendLeft(home: Home): Promise<void> {
  try {
    for (const name of listQueues(home)) if (isLeft(home, name)) await attendQueue(home, name);
  } catch (thrown) {
    errnoOf(thrown);
  }
}

/**
 * After the end of a queued job: the next of its queue. This process takes it itself; an adopter, which lives below the shim of a
 * dead supervisor's job, starts a fresh one. The watcher of the job that ended is told only then: if we are killed on the way, its
 * adopter moves the queue on.
 */
import * as fs from 'node:fs';
import { errnoOf } from '../base/failure.ts';
import type { Home } from '../job/home.ts';
import { claimOwner, highestGeneration } from '../job/store.ts';
import { type Admitted, attend, starterOf } from '../process/admission.ts';
import { identify } from '../process/identity.ts';
import { Line } from '../process/line.ts';
import { type Starter, Supervision } from './supervision.ts';

/** What this process knows of each queue. */
const lines = new Map<string, Line>();

/** Moves the queue of a job on that ended. A failure is no reason not to tell the end: the next command does what is left. */
export async function moveOn({ home, spec, mayTake, start }: Supervision): Promise<void> {
  const name = spec.placement?.queue;
  if (name === undefined) return;
  const line = lines.get(name) ?? new Line(home, name);
  lines.set(name, line);
  try {
    if (!mayTake) return await attend(line, starterOf(home, true));
    await attend(line, { start: async (admitted) => take(home, admitted, start), most: 1, handedOn: true });
    // what is free beside it is for processes that have to be started
    await attend(line);
  } catch (thrown) {
    errnoOf(thrown);
  }
}

/** Becomes the owner of a job whose FIFO this process holds, and starts it. */
function take(home: Home, { spec, aliveFd }: Admitted, start: Starter): void {
  const job = home.job(spec.id);
  const owner = { generation: highestGeneration(job) + 1, identity: identify(process.pid)! };
  let isClaimed = false;
  try {
    isClaimed = claimOwner(job, owner);
  } finally {
    if (!isClaimed) fs.closeSync(aliveFd);
  }
  if (!isClaimed) return;
  process.title = `bgjob[${spec.id}]`;
  start(new Supervision(home, spec, owner, { isClaimed, aliveFd, start }));
}

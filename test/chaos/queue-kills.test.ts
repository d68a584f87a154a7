/** Every process of bgjob killed at any instant while jobs go through a queue: none twice, none lost, never more than the slots. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Rig, rigTest } from '../rig/rig.ts';
import { rounds } from '../rig/rounds.ts';
import { inParallel, seededChance } from './death.ts';
import {
  assertIdle,
  Book,
  isGivenUp,
  killAtRandom,
  type Role,
  setSlots,
  untilEnded,
  type Victim,
} from './queues.ts';

/** Adds the jobs, each by a call that is made again if it was killed; the ids that were told. */
async function addAll(rig: Rig, book: Book, count: number): Promise<Set<number>> {
  const told = new Set<number>();
  await inParallel(count, 3, async (n) => {
    for (let code = -1; code !== 0; ) {
      const command = book.command('sleep 0.0$(($$ % 10))', n % 7);
      const answer = await rig.bgjob(['run', '-Q', 'q', '--', ...command]);
      ({ code } = answer);
      assert.ok(code === 0 || code === 137, `run: ${code} ${answer.stderr}`);
      if (answer.stdout !== '') told.add(Number(answer.stdout));
    }
  });
  return told;
}

/** The jobs that wait in the queue; one whose launcher was killed before that is none. */
const waitingIds = (rig: Rig): number[] =>
  fs.readdirSync(join(rig.home, 'queues', 'q', 'waiting')).map((name) => Number(name.split('.')[1]));

function assertKept(jobs: any[], book: Book, killed: Victim[], slots: number): void {
  const shims = new Set(killed.filter(({ role }) => role === 'shim').map(({ id }) => id));
  const { starts } = book;
  for (const job of jobs) {
    const times = starts.filter((id) => id === job.id).length;
    assert.ok(times <= 1, `job ${job.id} was started ${times} times`);
    if (isGivenUp(job, killed)) continue;
    if (job.state === 'lost') {
      assert.ok(shims.has(job.id), `lost without reason: ${JSON.stringify(job)}`);
      continue;
    }
    assert.deepEqual([job.state, times], ['exited', 1], JSON.stringify(job));
    assert.equal(job.exitCode, Number(job.command[2]), JSON.stringify(job));
  }
  // of a job without owner and shim nobody knows when it is over
  const unowned = new Set(jobs.flatMap(({ id, reason }) => (/supervisor and shim/.test(reason) ? [id] : [])));
  const most = book.most((id) => !unowned.has(id));
  assert.ok(most <= slots, `${most} ran at once in ${slots} slots`);
  if (unowned.size === 0 && shims.size === 0) assert.deepEqual(book.clashes, [], 'no two in one slot');
}

async function round(rig: Rig, count: number, slots: number, roles: Role[]): Promise<void> {
  const chance = seededChance(`queue of ${slots}, ${roles.join(' ')}`);
  const book = new Book(rig);
  await setSlots(rig, 'q', slots);
  let isOver = false;
  const killing = killAtRandom(rig, book, chance, roles, 60, () => !isOver);
  let jobs: any[];
  try {
    const told = await addAll(rig, book, count);
    // in this order: what waits no more was started
    const ids = new Set([...told, ...waitingIds(rig), ...book.starts]);
    jobs = await untilEnded(rig, [...ids]);
  } finally {
    isOver = true;
  }
  const killed = await killing;
  assertKept(jobs, book, killed, slots);
  await assertIdle(rig);
  console.log(roles.map((who) => `${who} ${killed.filter(({ role }) => role === who).length}`).join(', '));
}

const ALL: Role[] = ['owner', 'shim', 'watcher', 'adopter', 'keeper', 'launcher'];
for (const slots of [1, 2, 3])
  rigTest(`everybody is killed: ${slots} slots`, (rig) => round(rig, rounds(8, 40), slots, ALL));

rigTest('supervisors and adopters alone are killed: every code is kept', (rig) =>
  round(rig, rounds(8, 40), 2, ['owner', 'adopter', 'launcher']),
);

/** Retries while supervisors are killed: never more attempts than were asked for, never two at once, each told. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Rig, rigTest } from '../rig/rig.ts';
import { rounds } from '../rig/rounds.ts';
import { until } from '../rig/until.ts';
import { seededChance } from './death.ts';
import {
  assertIdle,
  Book,
  isGivenUp,
  killAtRandom,
  type Role,
  setSlots,
  slain,
  untilEnded,
} from './queues.ts';

async function run(rig: Rig, book: Book, words: string[], body: string, code: number): Promise<number> {
  return rig.run(['--retry', '2', ...words, '--', ...book.command(body, code)]);
}

rigTest('at once, and not again when it succeeds', async (rig) => {
  const book = new Book(rig);
  const words = ['--backoff', '0'];
  const bad = await run(rig, book, [...words, '-Q', 'q'], ':', 4);
  const good = await run(rig, book, [...words, '-Q', 'q'], ':', 0);
  const free = await run(rig, book, words, ':', 5);
  // no command moves it on
  await until(
    () => book.starts.length,
    (count) => count === 7,
    'seven starts',
  );
  const jobs = await untilEnded(rig, [bad, good, free]);
  assert.deepEqual(
    jobs.map(({ exitCode, attempts }) => [exitCode, attempts]),
    [
      [4, 3],
      [0, 1],
      [5, 3],
    ],
  );
  assert.match(rig.log(bad), /^\[bgjob: attempt 2 of 3, after it exited 4\]\n\[bgjob: attempt 3 of 3/);
  await assertIdle(rig);
});

rigTest('with a backoff that doubles', async (rig) => {
  const book = new Book(rig);
  const id = await run(rig, book, ['-Q', 'q', '--backoff', '200ms'], ':', 4);
  const [job] = await untilEnded(rig, [id]);
  assert.deepEqual(book.starts, [id, id, id]);
  const tookMs = Date.parse(job.endedAt) - Date.parse(job.createdAt);
  assert.ok(tookMs >= 600, `${tookMs} ms`);
  await assertIdle(rig);
});

rigTest('others take the slot between two attempts; cancelled between two attempts', async (rig) => {
  const book = new Book(rig);
  const gate = join(rig.dir, 'gate');
  const body = `until [ -e '${gate}' ]; do sleep 0.01; done`;
  const id = await run(rig, book, ['-Q', 'q', '--backoff', '1h'], body, 4);
  const other = await rig.run(['-Q', 'q', '--', ...book.command()]);
  fs.writeFileSync(gate, '');
  await untilEnded(rig, [other]);
  await rig.untilState(id, 'queued');
  assert.deepEqual(book.starts, [id, other]);
  const { code, stdout } = await rig.bgjob(['kill', String(id)]);
  assert.deepEqual([code, stdout.startsWith(`${id} cancelled`)], [0, true]);
  assert.deepEqual(book.starts, [id, other]);
  await assertIdle(rig);
});

async function killed(rig: Rig, slots: number, roles: Role[]): Promise<void> {
  const chance = seededChance(`retries in ${slots} slots`);
  const book = new Book(rig);
  await setSlots(rig, 'q', slots);
  const calls = Array.from({ length: rounds(4, 12) }, (_, n) =>
    run(rig, book, ['-Q', 'q', '--backoff', n % 2 === 0 ? '0' : '100ms'], 'sleep 0.05', n % 4),
  );
  const ids = (await Promise.all(calls)).sort((a, b) => a - b);
  let isOver = false;
  const killing = killAtRandom(rig, book, chance, roles, 60, () => !isOver);
  let jobs: any[];
  try {
    jobs = await untilEnded(rig, ids);
  } finally {
    isOver = true;
  }
  const victims = await killing;
  console.log(`${victims.length} killed`);
  const { starts } = book;
  for (const job of jobs) {
    const code = Number(job.command[2]);
    const times = starts.filter((id) => id === job.id).length;
    if (isGivenUp(job, victims)) continue;
    assert.deepEqual([job.state, job.exitCode], ['exited', code], JSON.stringify(job));
    assert.equal(times, code === 0 ? 1 : 3, `starts of ${JSON.stringify(job)}`);
    assert.equal(job.attempts, times);
  }
  assert.ok(book.most() <= slots);
  assert.deepEqual(book.clashes, [], 'no two in one slot');
  await assertIdle(rig);
}

for (const slots of [1, 3])
  rigTest(`supervisors are killed, ${slots} slots: as many attempts as were asked for`, (rig) =>
    killed(rig, slots, ['owner', 'adopter', 'keeper']),
  );

rigTest('all processes of an attempt are killed at once: lost, and not run again', async (rig) => {
  const book = new Book(rig);
  const id = await run(rig, book, ['-Q', 'q', '--backoff', '0'], 'exec sleep 1000', 4);
  const next = await rig.run(['-Q', 'q', '--', ...book.command()]);
  await until(
    () => book.starts.length,
    (count) => count === 1,
  );
  const main = await until(
    () => rig.shimRecord(id),
    ({ main }) => main !== undefined,
  );
  for (const pid of [main.watcher!, rig.ownerPid(id), main.shim!, main.main!]) slain(pid);
  const jobs = await untilEnded(rig, [id, next]);
  assert.deepEqual(
    jobs.map(({ state, attempts }) => [state, attempts]),
    [
      ['lost', 1],
      ['exited', 1],
    ],
  );
  assert.deepEqual(book.starts, [id, next]);
  await assertIdle(rig);
});

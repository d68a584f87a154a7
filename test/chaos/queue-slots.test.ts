/** The slots of a queue: never more, never idle for long, whatever lies there and whoever dies at the moment of a start. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Rig, rigTest } from '../rig/rig.ts';
import { rounds } from '../rig/rounds.ts';
import { until } from '../rig/until.ts';
import { inParallel, pass, seededChance } from './death.ts';
import { assertIdle, Book, jobsOf, killAtRandom, machinery, setSlots, slain, untilEnded } from './queues.ts';

const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);

const run = (rig: Rig, book: Book, words: string[], body?: string): Promise<number> =>
  rig.run(['-Q', 'q', ...words, '--', ...book.command(body)]);

/** What was left by others, or by us long ago, where a program with lock files would wait for it or believe it. */
function plantOld(rig: Rig): void {
  const queue = join(rig.home, 'queues', 'q');
  const old = new Date(Date.now() - 60_000);
  const future = new Date(Date.now() + 3_600_000);
  for (const [name, at] of [
    ['lock', old],
    ['slots.lock', future],
    ['q.lock', old],
  ] as const) {
    fs.mkdirSync(join(queue, name));
    fs.utimesSync(join(queue, name), at, at);
  }
  // admissions of jobs that never were, ended long ago, or are no jobs
  for (const [n, target] of [
    [7, '9999.x'],
    [8, 'no job'],
    [9, '/etc/passwd'],
    [10, '../../jobs/1'],
  ] as const)
    fs.symlinkSync(target, join(queue, `start.${n}`));
  fs.writeFileSync(join(queue, 'start.11'), '1\n');
}

rigTest('one slot, many that wait: whoever is about to start the next is killed', async (rig) => {
  const chance = seededChance('the starter dies');
  const book = new Book(rig);
  const count = rounds(4, 8);
  await run(rig, book, [], 'sleep 0.2');
  plantOld(rig);
  for (const _ of range(count - 1)) await run(rig, book, [], 'sleep 0.2');
  for (let ended = 0; ended < count; ) {
    // in the instants around an end: who supervises the one takes the other, or starts somebody for it
    const begun = ended;
    ended = await until(
      () => book.ends.length,
      (count) => count > begun,
      `the end of another than ${book.ends}`,
    );
    await pass(chance() * 40);
    for (const { pid, role } of machinery(rig))
      if (role === 'owner' || role === 'adopter' || role === 'keeper') slain(pid);
    // all processes of the next job may have been killed at once
    await rig.bgjob(['ls']);
  }
  const jobs = await untilEnded(rig, range(count));
  assert.deepEqual(
    jobs.map(({ state }) => state),
    range(count).map(() => 'exited'),
  );
  assert.deepEqual(book.starts, range(count), 'each once, in order');
  assert.equal(book.most(), 1);
  for (const name of ['lock', 'slots.lock', 'q.lock']) fs.rmdirSync(join(rig.home, 'queues', 'q', name));
  await assertIdle(rig);
});

rigTest('after the death of a supervisor the queue goes on without a command', async (rig) => {
  const book = new Book(rig);
  const gate = join(rig.dir, 'gate');
  await run(rig, book, [], `until [ -e '${gate}' ]; do sleep 0.01; done`);
  for (const _ of range(3)) await run(rig, book, [], 'sleep 0.2');
  await until(
    () => book.starts.length,
    (count) => count === 1,
  );
  const owner = machinery(rig).find(({ role }) => role === 'owner')!;
  process.kill(owner.pid, 'SIGKILL');
  fs.writeFileSync(gate, '');
  // no command is called from here on: the book is not the program's
  await until(
    () => book.ends,
    (ends) => ends.length === 4,
    'all four',
  );
  assert.deepEqual(book.starts, range(4));
  await assertIdle(rig);
});

rigTest(
  'whoever is about to start the next is killed, one at a time: the queue goes on without a command',
  async (rig) => {
    const chance = seededChance('one starter dies');
    const book = new Book(rig);
    const count = rounds(5, 12);
    for (const _ of range(count)) await run(rig, book, [], 'sleep 0.1');
    let isOver = false;
    const killing = killAtRandom(rig, book, chance, ['owner', 'adopter'], 120, () => !isOver);
    try {
      await until(
        () => book.ends,
        (ends) => ends.length === count,
        'all of them',
      );
    } finally {
      isOver = true;
    }
    console.log(`${(await killing).length} killed`);
    assert.deepEqual(book.starts, range(count), 'each once, in order');
    assert.equal(book.most(), 1);
    await assertIdle(rig);
  },
);

rigTest('many at once into one queue: each once, and the slots are kept', async (rig) => {
  const book = new Book(rig);
  const count = rounds(15, 50);
  await setSlots(rig, 'q', 3);
  await inParallel(count, count, async () => {
    await run(rig, book, [], ':');
  });
  await untilEnded(rig, range(count));
  assert.deepEqual(
    [...book.starts].sort((a, b) => a - b),
    range(count),
  );
  assert.ok(book.most() <= 3);
  assert.deepEqual(book.clashes, [], 'no two in one slot');
  await assertIdle(rig);
});

rigTest('priority, then the order in which they came', async (rig) => {
  const book = new Book(rig);
  const gate = join(rig.dir, 'gate');
  await run(rig, book, [], `until [ -e '${gate}' ]; do sleep 0.01; done`);
  for (const priority of [0, 0, 5, -1, 5, 0]) await run(rig, book, ['--priority', String(priority)]);
  fs.writeFileSync(gate, '');
  await untilEnded(rig, range(7));
  assert.deepEqual(book.starts, [1, 4, 6, 2, 3, 7, 5]);
  await assertIdle(rig);
});

rigTest('more and fewer slots while it runs', async (rig) => {
  const book = new Book(rig);
  for (const _ of range(4)) await run(rig, book, [], 'exec sleep 1000');
  await until(
    () => book.starts.length,
    (count) => count === 1,
  );
  await setSlots(rig, 'q', 3);
  await run(rig, book, [], 'exec sleep 1000');
  await until(
    () => book.starts.length,
    (count) => count === 3,
    'three at once',
  );
  // their supervisors say so a moment later
  for (const id of [1, 2, 3]) await rig.untilState(id, 'running');
  // fewer: nobody is stopped, and nobody is started while more run than may
  await setSlots(rig, 'q', 1);
  await run(rig, book, [], 'exec sleep 1000');
  await rig.bgjob(['kill', '1', '2', '--now']);
  const states = (await jobsOf(rig, range(6))).map(({ state }) => state);
  assert.deepEqual(states, ['killed', 'killed', 'running', 'queued', 'queued', 'queued']);
  await rig.bgjob(['kill', '3', '--now']);
  await until(
    () => book.starts,
    (starts) => starts.includes(4),
    'the next one',
  );
  // two at once may write in any order
  assert.deepEqual(book.starts.slice(0, 3).sort(), [1, 2, 3]);
  assert.deepEqual(book.starts.slice(3), [4]);
  await rig.bgjob(['kill', '5', '6', '4', '--now']);
  await assertIdle(rig);
});

rigTest('paused: nobody is started, and what runs goes on; then the queue goes on', async (rig) => {
  const book = new Book(rig);
  const gate = join(rig.dir, 'gate');
  await run(rig, book, [], `until [ -e '${gate}' ]; do sleep 0.01; done`);
  for (const _ of range(2)) await run(rig, book, []);
  const paused = join(rig.home, 'queues', 'q', 'paused');
  fs.writeFileSync(paused, '');
  await run(rig, book, []);
  fs.writeFileSync(gate, '');
  // a barrier: who supervised the first has looked for the next and left
  await until(
    () => machinery(rig).length,
    (count) => count === 0,
    'nobody is left',
  );
  assert.deepEqual([book.starts, book.ends], [[1], [1]]);
  const states = (await jobsOf(rig, range(4))).map(({ state }) => state);
  assert.deepEqual(states, ['exited', 'queued', 'queued', 'queued']);
  fs.unlinkSync(paused);
  // the next command moves it on
  await rig.bgjob(['ls']);
  await until(
    () => book.ends,
    (ends) => ends.length === 4,
    'all four',
  );
  assert.deepEqual(book.starts, range(4));
  await assertIdle(rig);
});

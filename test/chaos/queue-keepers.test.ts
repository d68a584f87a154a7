/**
 * What no end in the queue itself moves on: a time, a job of another queue or of none. A keeper stays for
 * that, whoever kills it.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { parentOf } from '../rig/processes.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { readJson, slay } from './death.ts';
import { assertIdle, Book, machinery, setSlots, type Victim } from './queues.ts';

/** The keepers and the shells that start them again. */
const keepersOf = (rig: Rig): Victim[] => machinery(rig).filter(({ role }) => role === 'keeper');

/**
 * The process that has the claim, once there is one below its shell. Others that came at once may still be
 * about to leave.
 */
async function untilKept(rig: Rig, but = 0): Promise<{ shell: number; keeper: number }> {
  const findKeeper = (): number | undefined => {
    const pids = keepersOf(rig).map(({ pid }) => pid);
    const claimed = claims(rig);
    return pids.find((pid) => pid !== but && pids.includes(parentOf(pid)) && claimed.includes(String(pid)));
  };
  const keeper = await until(findKeeper, (found) => found !== undefined, 'a keeper');
  return { shell: parentOf(keeper!), keeper: keeper! };
}

/** The pids that are on record as keepers. */
const claims = (rig: Rig): string[] =>
  fs.readdirSync(join(rig.home, 'queues')).flatMap((queue) => {
    const dir = join(rig.home, 'queues', queue);
    const kept = fs.readdirSync(dir).filter((name) => name.startsWith('kept.'));
    return kept.flatMap((name) => {
      try {
        return [fs.readlinkSync(join(dir, name)).split('.')[0]!];
      } catch {
        // a dead one's, which has just been followed by the next
        return [];
      }
    });
  });

/** No command is called: the book is not the program's. */
const untilStarted = (book: Book, ...ids: number[]): Promise<unknown> =>
  until(
    () => book.starts,
    (starts) => ids.every((id) => starts.includes(id)),
    `starts of ${ids}`,
  );

/** `begun`: before the call. */
const notBefore = async (rig: Rig, id: number, ms: number, begun: number): Promise<void> => {
  const { startedAt } = await rig.show(id);
  const { notBefore } = readJson(rig.file(id, 'spec.json')).placement;
  const started = Date.parse(startedAt);
  assert.ok(started >= notBefore, `job ${id} started ${notBefore - started} ms too early`);
  assert.ok(notBefore >= begun + ms, `the time of job ${id} is ${begun + ms - notBefore} ms too early`);
};

/**
 * A job whose time does not come in this test: for it somebody keeps, all the time, because there are slots
 * enough.
 */
async function addLate(rig: Rig, book: Book, words = ['-Q', 'q']): Promise<number> {
  if (words.length > 0) await setSlots(rig, 'q', 20);
  return rig.run([...words, '--delay', '1h', '--', ...book.command()]);
}

/** Another one of the same queue is started at its time, and whoever keeps is still that one. */
async function assertServed(rig: Rig, book: Book, words: string[], keeper: number): Promise<number> {
  const begun = Date.now();
  const soon = await rig.run([...words, '--delay', '300ms', '--', ...book.command()]);
  await untilStarted(book, soon);
  await notBefore(rig, soon, 300, begun);
  assert.deepEqual(claims(rig), [String(keeper)]);
  return soon;
}

/** They are cancelled, and nothing of ours stays. */
async function assertLeft(rig: Rig, ids: number[]): Promise<void> {
  const { code, stderr } = await rig.bgjob(['kill', ...ids.map(String)]);
  assert.equal(code, 0, stderr);
  await assertIdle(rig);
}

rigTest('a time alone: with and without a queue, each at its own, and nobody is left', async (rig) => {
  const book = new Book(rig);
  const begun = Date.now();
  const ids: number[] = [];
  for (const words of [
    ['--delay', '1s'],
    ['-Q', 'q', '--delay', '700ms'],
    ['-Q', 'q', '--delay', '1500ms'],
  ])
    ids.push(await rig.run([...words, '--', ...book.command()]));
  await untilStarted(book, ...ids);
  for (const [n, ms] of [1000, 700, 1500].entries()) await notBefore(rig, ids[n]!, ms, begun);
  await assertIdle(rig);
});

rigTest('a job of no queue, one of another, and one that waits there itself', async (rig) => {
  const book = new Book(rig);
  const gate = join(rig.dir, 'gate');
  const free = await rig.run(['--', ...book.command(`until [ -e '${gate}' ]; do sleep 0.01; done`)]);
  const first = await rig.run(['-Q', 'a', '--after', String(free), '--', ...book.command()]);
  const second = await rig.run(['-Q', 'b', '--after', String(first), '--', ...book.command()]);
  const third = await rig.run(['--after', String(second), '--', ...book.command()]);
  for (const id of [first, second, third]) assert.equal((await rig.show(id)).state, 'queued');
  // its supervisor may be slow
  await untilStarted(book, free);
  assert.deepEqual(book.starts, [free]);
  fs.writeFileSync(gate, '');
  await untilStarted(book, first, second, third);
  assert.deepEqual(book.starts, [free, first, second, third]);
  for (const [id, before] of [
    [first, free],
    [second, first],
    [third, second],
  ] as const) {
    const waited = Date.parse((await rig.show(id)).startedAt) - Date.parse((await rig.show(before)).endedAt);
    assert.ok(waited >= 0, `job ${id} started ${-waited} ms before the end of ${before}`);
  }
  await assertIdle(rig);
});

rigTest('the keeper is killed: its shell brings it back', async (rig) => {
  const book = new Book(rig);
  const id = await addLate(rig, book);
  const { keeper } = await untilKept(rig);
  await slay(keeper);
  const next = await untilKept(rig, keeper);
  assert.notEqual(next.keeper, keeper);
  await assertServed(rig, book, ['-Q', 'q'], next.keeper);
  await assertLeft(rig, [id]);
});

rigTest('its shell is killed: the keeper itself goes on', async (rig) => {
  const book = new Book(rig);
  const id = await addLate(rig, book, []);
  const { shell, keeper } = await untilKept(rig);
  await slay(shell);
  await assertServed(rig, book, [], keeper);
  await assertLeft(rig, [id]);
});

rigTest('both are killed: the next command brings one back', async (rig) => {
  const book = new Book(rig);
  const id = await addLate(rig, book, []);
  const { shell, keeper } = await untilKept(rig);
  await slay(shell);
  await slay(keeper);
  await until(
    () => machinery(rig).length,
    (count) => count === 0,
  );
  assert.equal((await rig.show(id)).state, 'queued');
  await assertServed(rig, book, [], (await untilKept(rig)).keeper);
  await assertLeft(rig, [id]);
});

rigTest('one keeper for many, however many come at once', async (rig) => {
  const book = new Book(rig);
  const late = await Promise.all([1, 2, 3, 4, 5, 6].map(() => addLate(rig, book)));
  const { keeper } = await untilKept(rig);
  assert.equal(claims(rig).length, 1);
  const soon = await Promise.all(
    [1, 2, 3, 4].map((n) => rig.run(['-Q', 'q', '--delay', `${200 + 100 * n}ms`, '--', ...book.command()])),
  );
  await untilStarted(book, ...soon);
  assert.deepEqual([...book.starts].sort(), soon.sort(), 'each once');
  assert.deepEqual(claims(rig), [String(keeper)]);
  await assertLeft(rig, late);
});

rigTest('a shorter time that comes later counts', async (rig) => {
  const book = new Book(rig);
  const late = await addLate(rig, book);
  const { keeper } = await untilKept(rig);
  await assertServed(rig, book, ['-Q', 'q'], keeper);
  await assertLeft(rig, [late]);
});

rigTest('waiters are woken by the start and the end', async (rig) => {
  const book = new Book(rig);
  const begun = Date.now();
  const id = await rig.run(['--delay', '1s', '--', ...book.command(':', 7)]);
  const { code } = await rig.bgjob(['wait', String(id)]);
  assert.equal(code, 7);
  await notBefore(rig, id, 1000, begun);
  await assertIdle(rig);
});

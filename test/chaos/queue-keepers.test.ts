/** What no end in the queue itself moves on: a time, a job of another queue or of none. A keeper stays for that, whoever kills it. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { parentOf } from '../rig/processes.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { readJson, slay } from './death.ts';
import { assertIdle, Book, machinery, type Victim } from './queues.ts';

/** The keepers and the shells that start them again. */
const keepersOf = (rig: Rig): Victim[] => machinery(rig).filter(({ role }) => role === 'keeper');

/** The keeper itself, once it keeps: below its shell. */
async function untilKept(rig: Rig, but = 0): Promise<{ shell: number; keeper: number }> {
  const pids = await until(
    () => keepersOf(rig).map(({ pid }) => pid),
    (found) =>
      found.some((pid) => pid !== but && found.includes(parentOf(pid)) && claims(rig).includes(String(pid))),
    'a keeper',
  );
  const keeper = pids.find((pid) => pids.includes(parentOf(pid)))!;
  return { shell: parentOf(keeper), keeper };
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

const notBefore = async (rig: Rig, id: number, ms: number): Promise<void> => {
  const { createdAt, startedAt } = await rig.show(id);
  const { notBefore } = readJson(rig.file(id, 'spec.json')).placement;
  const started = Date.parse(startedAt);
  assert.ok(started >= notBefore, `job ${id} started ${notBefore - started} ms too early`);
  // counted from before the record was written
  const waited = started - Date.parse(createdAt);
  assert.ok(waited > ms - 500 && waited < ms + 3000, `job ${id} waited ${waited} ms`);
};

rigTest('a time alone: with and without a queue, each at its own, and nobody is left', async (rig) => {
  const book = new Book(rig);
  const ids: number[] = [];
  for (const words of [
    ['--delay', '1s'],
    ['-Q', 'q', '--delay', '700ms'],
    ['-Q', 'q', '--delay', '1500ms'],
  ])
    ids.push(await rig.run([...words, '--', ...book.command()]));
  await untilStarted(book, ...ids);
  for (const [n, ms] of [1000, 700, 1500].entries()) await notBefore(rig, ids[n]!, ms);
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
    assert.ok(waited < 1500, `job ${id} started ${waited} ms after the end of ${before}`);
  }
  await assertIdle(rig);
});

rigTest('the keeper is killed: its shell brings it back', async (rig) => {
  const book = new Book(rig);
  const id = await rig.run(['-Q', 'q', '--delay', '2s', '--', ...book.command()]);
  const { keeper } = await untilKept(rig);
  await slay(keeper);
  const next = await untilKept(rig, keeper);
  assert.notEqual(next.keeper, keeper);
  await untilStarted(book, id);
  await notBefore(rig, id, 2000);
  await assertIdle(rig);
});

rigTest('its shell is killed: the keeper itself goes on', async (rig) => {
  const book = new Book(rig);
  const id = await rig.run(['--delay', '2s', '--', ...book.command()]);
  const { shell } = await untilKept(rig);
  await slay(shell);
  await untilStarted(book, id);
  await notBefore(rig, id, 2000);
  await assertIdle(rig);
});

rigTest('both are killed: the next command brings one back', async (rig) => {
  const book = new Book(rig);
  const id = await rig.run(['--delay', '2s', '--', ...book.command()]);
  const { shell, keeper } = await untilKept(rig);
  await slay(shell);
  await slay(keeper);
  await until(
    () => machinery(rig).length,
    (count) => count === 0,
  );
  assert.equal((await rig.show(id)).state, 'queued');
  await untilKept(rig);
  await untilStarted(book, id);
  await assertIdle(rig);
});

rigTest('one keeper for many, however many come at once', async (rig) => {
  const book = new Book(rig);
  const calls = Array.from({ length: 12 }, (_, n) =>
    rig.run(['-Q', 'q', '--delay', `${2 + n / 10}s`, '--', ...book.command()]),
  );
  const ids = await Promise.all(calls);
  await untilKept(rig);
  assert.equal(claims(rig).length, 1);
  await untilStarted(book, ...ids);
  assert.equal(book.starts.length, 12);
  await assertIdle(rig);
});

rigTest('a shorter time that comes later counts', async (rig) => {
  const book = new Book(rig);
  await rig.run(['-Q', 'q', '--delay', '1h', '--', ...book.command()]);
  await untilKept(rig);
  const soon = await rig.run(['-Q', 'q', '--delay', '500ms', '--', ...book.command()]);
  await untilStarted(book, soon);
  await notBefore(rig, soon, 500);
  await rig.bgjob(['kill', '1']);
  await assertIdle(rig);
});

rigTest('waiters are woken by the start and the end', async (rig) => {
  const book = new Book(rig);
  const id = await rig.run(['--delay', '1s', '--', ...book.command(':', 7)]);
  const { code } = await rig.bgjob(['wait', String(id)]);
  assert.equal(code, 7);
  await notBefore(rig, id, 1000);
  await assertIdle(rig);
});

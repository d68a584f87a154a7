/** Dependencies: who waits for another starts when that succeeded, and is skipped when it never will; the reason is told. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { readJson } from './death.ts';
import { assertIdle, Book, jobsOf, machinery, slain, untilEnded } from './queues.ts';

const run = (rig: Rig, book: Book, words: string[], body = ':', code = 0): Promise<number> =>
  rig.run([...words, '--', ...book.command(body, code)]);

/** State and reason of each, in the order of their ids. */
const endsOf = async (rig: Rig, ids: number[]): Promise<(string | null)[][]> =>
  (await untilEnded(rig, ids)).map(({ state, reason }) => [state, reason]);

rigTest('a chain through two queues and none, in order; a failure skips all behind it', async (rig) => {
  const book = new Book(rig);
  const ids = [await run(rig, book, ['-Q', 'a'], 'sleep 0.3')];
  for (const words of [['-Q', 'a'], ['-Q', 'b'], []])
    ids.push(await run(rig, book, [...words, '--after', String(ids.at(-1))]));
  ids.push(await run(rig, book, ['-Q', 'b', '--after', String(ids.at(-1))], ':', 3));
  for (const words of [['-Q', 'a'], ['-Q', 'b'], []])
    ids.push(await run(rig, book, [...words, '--after', String(ids.at(-1))]));
  const any = await run(rig, book, ['-Q', 'a', '--after-any', String(ids.at(-1))]);
  assert.deepEqual(await endsOf(rig, [...ids, any]), [
    ...[1, 2, 3, 4].map(() => ['exited', null]),
    ['exited', null],
    ['skipped', 'job 5 exited 3'],
    ['skipped', 'job 6 was skipped'],
    ['skipped', 'job 7 was skipped'],
    ['exited', null],
  ]);
  assert.deepEqual(book.starts, [1, 2, 3, 4, 5, any]);
  const wait = await rig.bgjob(['wait', '8']);
  assert.equal(wait.code, 1);
  assert.match(wait.stdout, /8 skipped \(job 7 was skipped\)/);
  await assertIdle(rig);
});

rigTest('a diamond: the last one waits for both sides', async (rig) => {
  const book = new Book(rig);
  const top = await run(rig, book, ['-Q', 'q'], 'sleep 0.2');
  const left = await run(rig, book, ['--after', String(top)], 'sleep 0.3');
  const right = await run(rig, book, ['-Q', 'q', '--after', String(top)], 'sleep 0.1');
  const bottom = await run(rig, book, ['-Q', 'q', '--after', `${left},${right}`]);
  await untilEnded(rig, [top, left, right, bottom]);
  assert.equal(book.starts[0], top);
  assert.equal(book.starts.at(-1), bottom);
  assert.deepEqual(book.ends.slice(0, -1).sort(), [top, left, right]);
  await assertIdle(rig);
});

rigTest('of what is over already: at once, or skipped at once', async (rig) => {
  const book = new Book(rig);
  const good = await rig.runOut(['--', 'true']);
  const bad = await rig.runOut(['--', 'false']);
  const after = await run(rig, book, ['--after', String(good)]);
  const skipped = await run(rig, book, ['-Q', 'q', '--after', `${good},${bad}`]);
  const any = await run(rig, book, ['-Q', 'q', '--after-any', String(bad)]);
  assert.deepEqual(await endsOf(rig, [after, skipped, any]), [
    ['exited', null],
    ['skipped', `job ${bad} exited 1`],
    ['exited', null],
  ]);
  await assertIdle(rig);
});

rigTest(
  'of a lost job: everything of it killed at once; nobody knows, and both kinds are skipped',
  async (rig) => {
    const book = new Book(rig);
    const lost = await run(rig, book, ['-Q', 'q'], 'sleep 1000');
    await until(
      () => book.starts.length,
      (count) => count === 1,
    );
    const after = await run(rig, book, ['-Q', 'q', '--after', String(lost)]);
    const any = await run(rig, book, ['-Q', 'q', '--after-any', String(lost)]);
    const next = await run(rig, book, ['-Q', 'q']);
    // the watcher first, who would replace the others
    const all = machinery(rig).filter(({ id }) => id === lost);
    for (const role of ['watcher', 'owner', 'shim'])
      for (const one of all) if (one.role === role) slain(one.pid);
    slain(rig.shimRecord(lost).main!);
    assert.deepEqual(await endsOf(rig, [lost, after, any, next]), [
      ['lost', 'supervisor and shim were killed'],
      ['skipped', `job ${lost} was lost`],
      ['skipped', `job ${lost} was lost`],
      ['exited', null],
    ]);
    await rig.bgjob(['kill', String(lost)]);
    await assertIdle(rig);
  },
);

rigTest(
  'of one that was cancelled, or removed by hand; one that waits and is removed itself',
  async (rig) => {
    const book = new Book(rig);
    const first = await run(rig, book, ['-Q', 'q'], 'exec sleep 1000');
    const waits = await run(rig, book, ['-Q', 'q']);
    const after = await run(rig, book, ['-Q', 'q', '--after', String(waits)]);
    const free = await run(rig, book, ['--after', String(waits)]);
    const any = await run(rig, book, ['--after-any', String(waits)]);
    const gone = await rig.runOut(['--', 'true']);
    const behind = await run(rig, book, ['-Q', 'q', '--after-any', String(gone), '--delay', '1ms']);
    const removed = await run(rig, book, ['-Q', 'q']);
    assert.equal((await rig.bgjob(['kill', String(waits)])).code, 0);
    // what is in no queue is not held up by one that is full
    assert.deepEqual(await endsOf(rig, [waits, free, any]), [
      ['cancelled', 'kill (SIGTERM)'],
      ['skipped', `job ${waits} was cancelled`],
      ['exited', null],
    ]);
    for (const id of [gone, removed]) fs.rmSync(rig.file(id, '.'), { recursive: true });
    await rig.bgjob(['kill', '--now', String(first)]);
    assert.deepEqual(await endsOf(rig, [after, behind]), [
      ['skipped', `job ${waits} was cancelled`],
      ['skipped', `job ${gone} was removed`],
    ]);
    assert.deepEqual(book.starts, [first, any]);
    await assertIdle(rig);
  },
);

rigTest('a retry is no end: who waits for a job waits for its last attempt', async (rig) => {
  const book = new Book(rig);
  const tries = `echo x >>'${rig.dir}/tries'; [ $(wc -l <'${rig.dir}/tries') = 3 ] || exit 9`;
  const id = await run(rig, book, ['-Q', 'q', '--retry', '2', '--backoff', '100ms'], tries);
  const after = await run(rig, book, ['-Q', 'q', '--after', String(id)]);
  const jobs = await untilEnded(rig, [id, after]);
  assert.deepEqual(
    jobs.map(({ state, attempts }) => [state, attempts]),
    [
      ['exited', 3],
      ['exited', 1],
    ],
  );
  assert.deepEqual(book.starts, [id, id, id, after]);
  assert.equal((await jobsOf(rig, [id]))[0].exitCode, 0);
  await assertIdle(rig);
});

rigTest(
  'one that waits for the job before it keeps its turn: those behind it do not overtake it',
  async (rig) => {
    const book = new Book(rig);
    const gate = join(rig.dir, 'gate');
    const first = await run(rig, book, ['-Q', 'q'], `until [ -e '${gate}' ]; do sleep 0.01; done`);
    const second = await run(rig, book, ['-Q', 'q', '--after', String(first)]);
    // its time has not come: it holds nothing up
    const later = await run(rig, book, ['-Q', 'q', '--after', String(second), '--delay', '1h']);
    const third = await run(rig, book, ['-Q', 'q']);
    fs.writeFileSync(gate, '');
    await untilEnded(rig, [first, second, third]);
    assert.deepEqual(book.starts, [first, second, third]);
    await rig.bgjob(['kill', String(later)]);
    await assertIdle(rig);
  },
);

rigTest('one that waits for the last job of its own queue: no command moves it on', async (rig) => {
  const book = new Book(rig);
  for (const [n, words] of [
    ['-Q', 'q'],
    ['--delay', '1ms'],
  ].entries()) {
    const gate = join(rig.dir, `gate.${n}`);
    const first = await run(rig, book, words, `until [ -e '${gate}' ]; do sleep 0.01; done`, 4);
    const own = n === 0 ? words : [];
    const any = await run(rig, book, [...own, '--after-any', String(first)]);
    const skipped = await run(rig, book, [...own, '--after', String(first)]);
    fs.writeFileSync(gate, '');
    await until(
      () => book.starts.includes(any),
      (started) => started,
      'the start of what waits for any end',
    );
    await until(
      () => readJson(rig.file(skipped, 'state.json'))?.status.outcome?.kind,
      (kind) => kind === 'skipped',
      'the end of what waits for a success',
    );
    await rig.bgjob(['wait', String(any)]);
    await assertIdle(rig);
  }
});

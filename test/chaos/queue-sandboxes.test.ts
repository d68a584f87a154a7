/** Where a queued job may run: never outside the confinement in which it was added; each confinement gets its turn. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { cannotUnshare, inPidNamespace } from '../rig/namespaces.ts';
import { type Answer, BGJOB, type CallOptions, type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { assertIdle, Book, machinery, slain, untilEnded } from './queues.ts';

/** `bgjob ARGS` behind other words: `nice -n 5`. */
const within = (rig: Rig, words: string[], args: string[], options?: CallOptions): Promise<Answer> =>
  rig.start(words[0]!, [...words.slice(1), process.execPath, '--', BGJOB, ...args], options).answer;

const NICE = ['nice', '-n', '5'];
/** What `nice` says in a job behind NICE, and in one that is not: the suite itself may run behind one. */
const OWN_NICE = getPriority();
const NICE_SAYS = `${Math.min(19, OWN_NICE + 5)}\n`;
const PLAIN_SAYS = `${OWN_NICE}\n`;
const PLAIN = ['env'];
const LIMITED = ['sh', '-c', 'ulimit -n 100; exec "$@"', 'sh'];

async function add(rig: Rig, words: string[], args: string[], options?: CallOptions): Promise<number> {
  const { code, stdout, stderr } = await within(rig, words, ['run', ...args], options);
  assert.equal(code, 0, stderr);
  return Number(stdout);
}

/** What a job says of its own confinement. */
const SAYS =
  'echo "$(nice) $(ulimit -Hn) $(umask) $PWD $OWN"; for n in mnt net uts user; do readlink /proc/self/ns/$n; done';

rigTest('each job in its own confinement, with its own umask, directory and environment', async (rig) => {
  const book = new Book(rig);
  const gate = join(rig.dir, 'gate');
  await rig.run(['-Q', 'q', '--', ...book.command(`until [ -e '${gate}' ]; do sleep 0.01; done`)]);
  const below = join(rig.project, 'below');
  fs.mkdirSync(below);
  const masked = ['sh', '-c', 'umask 027; exec "$@"', 'sh'];
  const places: [string[], CallOptions][] = [
    [PLAIN, { env: { OWN: 'one' } }],
    [NICE, { env: { OWN: 'two' }, cwd: below }],
    [LIMITED, { env: { OWN: 'three' } }],
    [[...NICE, ...LIMITED], { env: { OWN: 'four' } }],
    [masked, { env: { OWN: 'five' }, cwd: below }],
    ...(cannotUnshare() ? [] : [[['unshare', '--uts'], { env: { OWN: 'six' } }] as [string[], CallOptions]]),
  ];
  const ids: number[] = [];
  const expected: string[] = [];
  for (const [words, options] of places) {
    ids.push(await add(rig, words, ['-Q', 'q', '--', '/bin/sh', '-c', SAYS], options));
    const { stdout } = await rig.start(words[0]!, [...words.slice(1), '/bin/sh', '-c', SAYS], options).answer;
    expected.push(stdout);
  }
  fs.writeFileSync(gate, '');
  // no command is called: each is started by its own
  await until(
    () => ids.map((id) => fs.existsSync(rig.file(id, 'out/log')) && rig.log(id).split('\n').length),
    (lines) => lines.every((count) => count === 6),
    'all of them',
  );
  for (const [n, id] of ids.entries()) {
    // a namespace that was made for one call is another each time
    const [said, told] = [rig.log(id), expected[n]!].map((text) =>
      n === 5 ? text.replace(/^uts:.*$/m, 'uts') : text,
    );
    assert.equal(said, told);
  }
  if (ids.length > 5)
    assert.notEqual(/uts:.*/.exec(rig.log(ids[5]!))![0], /uts:.*/.exec(rig.log(ids[0]!))![0]);
  await untilEnded(rig, ids);
  await assertIdle(rig);
});

rigTest('two confinements in one slot: both get their turn, in order, by their keepers', async (rig) => {
  const book = new Book(rig);
  const ids: number[] = [];
  for (let n = 0; n < 8; n++)
    ids.push(await add(rig, n % 2 ? NICE : PLAIN, ['-Q', 'q', '--', ...book.command('sleep 0.1; nice')]));
  await until(
    () => book.ends,
    (ends) => ends.length === 8,
    'all eight',
  );
  assert.deepEqual(book.starts, ids);
  assert.equal(book.most(), 1);
  for (const [n, id] of ids.entries()) assert.equal(rig.log(id), n % 2 ? NICE_SAYS : PLAIN_SAYS);
  await assertIdle(rig);
});

rigTest('who waits for a job of the same queue in another confinement', async (rig) => {
  const book = new Book(rig);
  const first = await add(rig, NICE, ['-Q', 'q', '--', ...book.command('sleep 0.5')]);
  const second = await add(rig, PLAIN, ['-Q', 'q', '--after', String(first), '--', ...book.command('nice')]);
  await until(
    () => book.ends,
    (ends) => ends.length === 2,
    'both',
  );
  assert.deepEqual(book.starts, [first, second]);
  assert.equal(rig.log(second), PLAIN_SAYS);
  await assertIdle(rig);
});

rigTest('all processes of one are killed: others pass it by; a command inside moves it on', async (rig) => {
  const book = new Book(rig);
  await rig.run(['-Q', 'q', '--', ...book.command('exec sleep 1000')]);
  const nice = await add(rig, NICE, ['-Q', 'q', '--', ...book.command('nice')]);
  const plain = await rig.run(['-Q', 'q', '--', ...book.command('nice')]);
  await until(
    () => machinery(rig).filter(({ role }) => role === 'keeper').length,
    (count) => count === 2,
    'the keeper',
  );
  // the shells first
  const keepers = () => machinery(rig).filter(({ role }) => role === 'keeper');
  await until(
    () => keepers().map(({ pid }) => slain(pid)),
    (killed) => killed.length === 0,
    'no keeper',
  );
  await rig.bgjob(['kill', '1', '--now']);
  await untilEnded(rig, [plain]);
  assert.equal((await rig.show(nice)).state, 'queued');
  assert.ok(!book.starts.includes(nice));
  assert.equal((await within(rig, NICE, ['ls'])).code, 0);
  await until(
    () => book.ends,
    (ends) => ends.includes(nice),
    'the one that was passed by',
  );
  assert.deepEqual([rig.log(nice), rig.log(plain)], [NICE_SAYS, PLAIN_SAYS]);
  await assertIdle(rig);
});

rigTest(
  'a namespace that ends takes its supervisors along; its jobs wait and are never run outside',
  async (rig) => {
    const book = new Book(rig);
    await rig.run(['-Q', 'q', '--', ...book.command('exec sleep 1000')]);
    const inner = await add(rig, inPidNamespace(), ['-Q', 'q', '--', ...book.command()]);
    const plain = await rig.run(['-Q', 'q', '--', ...book.command()]);
    await rig.bgjob(['kill', '1', '--now']);
    await untilEnded(rig, [plain]);
    assert.equal((await rig.show(inner)).state, 'queued');
    assert.equal((await rig.bgjob(['kill', String(inner)])).code, 0);
    assert.equal((await rig.show(inner)).state, 'cancelled');
    assert.deepEqual(book.starts, [1, plain]);
    await assertIdle(rig);
  },
  { skip: cannotUnshare() },
);

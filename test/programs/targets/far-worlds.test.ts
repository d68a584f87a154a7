/** Far sides of other kinds: each program that may be sh there, busybox alone, no perl and no python, no /proc. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Following } from '../../../src/engine/targets/engine.ts';
import { controlProgram } from '../../../src/engine/targets/far-program.ts';
import { LocalTransport } from '../../../src/engine/targets/transport.ts';
import { BURNT_MS, SH_BURN } from '../../rig/burn.ts';
import { Far, Gathered } from '../../rig/far.ts';
import { missing } from '../../rig/needs.ts';
import { withoutProc } from '../../rig/noproc.ts';
import { isRunning } from '../../rig/processes.ts';
import { TEST_MS, until } from '../../rig/until.ts';

/** A machine in which these words start each program. */
class World extends LocalTransport {
  constructor(
    private readonly words: string[],
    env: Record<string, string>,
  ) {
    super(env);
  }
  protected override start(argv: string[]) {
    return super.start([...this.words, ...argv]);
  }
}

/** Its file; '': it is not there. */
const place = (program: string): string => {
  const path = `/usr/bin/${program}`;
  return fs.existsSync(path) ? fs.realpathSync(path) : '';
};

/** The first file takes the place of the others. */
const bound = (file: string, ...others: string[]): string[] => {
  const there = [...new Set(others.map(place))].filter((path) => path !== '');
  const mounts = there.map((path) => `mount --bind '${file}' '${path}' || exit 70`);
  return ['unshare', '-m', 'sh', '-c', [...mounts, 'exec "$@"'].join('\n'), 'sh'];
};

const TOOLS = ['awk', 'cat', 'date', 'dd', 'grep', 'head', 'kill', 'ls', 'mkdir', 'mv', 'rm', 'rmdir'];
const MORE = ['sed', 'sleep', 'sort', 'tail', 'uname', 'wc', 'id', 'tr', 'ps', 'setsid', 'printf', 'yes'];

const WORLDS: [name: string, needs: string[], words: (dir: string) => string[] | undefined][] = [
  ['bash is sh', ['bash'], () => bound(place('bash'), 'sh')],
  ['mksh is sh', ['mksh'], () => bound(place('mksh'), 'sh')],
  ['busybox is sh', ['busybox'], () => bound(place('busybox'), 'sh')],
  [
    'busybox is all there is',
    ['busybox'],
    () => bound(place('busybox'), 'sh', ...TOOLS, ...MORE, 'perl', 'python3'),
  ],
  ['perl and python3 do not run', [], () => bound('/dev/null', 'perl', 'python3')],
  ['there is no /proc and no setsid', ['ps', 'gcc', 'perl'], (dir) => withoutProc(join(dir, 'world'))],
];

for (const [name, needs, wordsOf] of WORLDS) {
  const skip = missing('unshare', ...needs) || (process.getuid!() !== 0 && 'mounts need root');
  test(`a far side where ${name}`, { timeout: TEST_MS, skip }, async (context) => {
    const dir = fs.mkdtempSync(join(tmpdir(), 'bgjob-world-'));
    const words = wordsOf(dir);
    if (!words) {
      fs.rmSync(dir, { recursive: true });
      return context.skip('such a world cannot be made here');
    }
    const far = new Far({ grades: ['perl'] }, {}, ({ env }) => new World(words, env));
    try {
      await assertWorks(far, !name.includes('/proc'));
    } finally {
      for (const uid of await far.engine.find()) await far.engine.stop(uid, 'KILL', 0);
      far.clear();
      fs.rmSync(dir, { recursive: true, force: true });
    }
  });
}

/** What a shell leaves of the program is no request: the first answer is that of the first request. */
async function assertFirstAnswer(far: Far): Promise<void> {
  const program = controlProgram({ client: 'laptop', folder: null }, ['perl'], false);
  const session = await far.transportOf(far).open(program, TEST_MS);
  let answer = '';
  session.onData((bytes) => {
    answer += bytes.toString();
  });
  session.write('T\n');
  await until(
    () => answer,
    (text) => text.includes('t\n.\n'),
    'the answer',
  );
  assert.equal(answer, 't\n.\n');
  session.close();
}

async function assertWorks(far: Far, hasProc: boolean): Promise<void> {
  const { engine } = far;
  await assertFirstAnswer(far);
  const told = new Gathered();
  const stream = await engine.follow(told);
  try {
    await assertArrives(far, told, stream);
  } finally {
    stream.close();
  }
  await assertLimits(far, hasProc);
  assert.deepEqual(await engine.remove(await engine.find()), []);
  assert.equal(fs.existsSync(join(far.home, '.bgjob-far')), false, 'nothing is left there');
}

async function assertArrives(far: Far, told: Gathered, stream: Following): Promise<void> {
  const { engine } = far;
  const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, n) => (n * 31 + (n >> 9)) % 256));
  const big = far.job(['cat'], { stdin: bytes });
  const odd = ['', "it's", '\\n %b $HOME', 'two\nlines\n', 'ä€\u0001'];
  const text = far.job(['printf', '[%s]', ...odd], { env: ['LINES=a\nb', 'odd.name=1'], split: true });
  stream.watch([
    { uid: big.uid, out: 0, err: null },
    { uid: text.uid, out: 0, err: 0 },
  ]);
  for (const job of [big, text]) await far.start(job);
  await until(
    () => told.ends.length,
    (ends) => ends === 2,
  );
  assert.ok(told.logs.get(big.uid)!.equals(bytes));
  assert.equal(told.text(text.uid), odd.map((word) => `[${word}]`).join(''));
  assert.deepEqual(
    told.ends.map(({ status }) => status),
    [0, 0],
    await far.log(text.uid, 'err'),
  );
  assert.ok((await engine.read(big.uid, 'out', 131_071, 5000)).equals(bytes.subarray(131_071, 136_071)));
}

async function assertLimits(far: Far, hasProc: boolean): Promise<void> {
  const { engine } = far;
  // without /proc it cannot see what it has used
  const { status, usage } = await far.end(await far.start(far.sh(`${hasProc ? SH_BURN : ':'}; exit 3`)));
  assert.deepEqual([status, usage?.from], [3, 'shim']);
  assert.ok(usage!.cpuMs! >= (hasProc ? BURNT_MS : 0), JSON.stringify(usage));

  const tree = await far.start(
    far.sh('sh -c \'trap "" TERM; echo $$; while :; do sleep 1; done\' & sleep 1000 & echo $$; wait'),
  );
  const log = await until(
    () => far.log(tree),
    (lines) => lines.split('\n').length === 3,
  );
  const { signalled, unseen } = await engine.stop(tree, 'TERM', 100);
  assert.ok(signalled >= 3, `${signalled}`);
  assert.deepEqual(unseen, hasProc ? null : { why: 'environments', count: 0 });
  assert.deepEqual([(await far.end(tree)).status, (await far.end(tree)).afterStop], [143, true]);
  for (const pid of log.trim().split('\n').map(Number)) assert.equal(isRunning(pid), false);

  const late = await far.start(far.sh('exec sleep 1000', { timeoutMs: 200, graceMs: 100 }));
  assert.equal((await far.end(late)).limit, 'timeout');
  const loud = await far.start(far.sh('exec yes', { maxLogBytes: 65_536, graceMs: 1000 }));
  assert.equal((await far.end(loud)).limit, 'max-log');
  assert.equal((await far.end(await far.start(far.sh('kill -s KILL $$')))).status, 137);
}

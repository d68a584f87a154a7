/**
 * An old and a new bgjob share a home: each adds jobs to the same queue, lists them and stops them, while
 * supervisors of both are killed.
 * Each job runs once, with the options that it was given, and has its true code. Both programs read the list,
 * until the first job that
 * an old supervisor could not start as it is meant: from then on the old program refuses the home in its own
 * words.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { buildOld, cannotBuild, type OldVersion } from '../rig/old-version.ts';
import { type Answer, type Rig, withRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { inParallel } from './death.ts';
import type { Part, Round, Row } from './part.ts';
import { assertIdle, Book, isGivenUp, killAtRandom, setSlots, untilEnded, type Victim } from './queues.ts';

const OLD: OldVersion = '0.6.0';
const REFUSED = /was written by a newer bgjob \(format 3, this one knows 2\)/;

type Chance = () => number;
type Caller = 'old' | 'new';
const pick = <T>(chance: Chance, from: readonly T[]): T => from[Math.floor(chance() * from.length)]!;

/** What a job is given; `n` is a number of its own. What came of it stands in files that bear that number. */
interface Kind {
  words(rig: Rig, n: number): string[];
  /** What it reads. */
  input?: (n: number) => string;
  /** What it does. */
  body: (rig: Rig, n: number) => string;
  /** How often it runs, if it fails. */
  attempts?: number;
  /** A spec of this kind names what its starter must know. */
  isNeeding?: boolean;
}

const fileOf = (rig: Rig, n: number): string => join(rig.dir, `made.${n}`);
const made = (rig: Rig, n: number): string => {
  try {
    return fs.readFileSync(fileOf(rig, n), 'utf8');
  } catch {
    return '';
  }
};

/** Each writes its number, by the option that is tried. */
const KINDS: Record<string, Kind> = {
  plain: { words: () => [], body: (rig, n) => `echo ${n} >>${fileOf(rig, n)}` },
  'a variable': {
    words: (_, n) => ['-e', `NUMBER=${n}`],
    body: (rig, n) => `echo $NUMBER >>${fileOf(rig, n)}`,
  },
  'a time to wait for': {
    words: () => ['--delay', '150ms'],
    body: (rig, n) => `echo ${n} >>${fileOf(rig, n)}`,
  },
  'a retry': {
    words: () => ['--retry', '1', '--backoff', '0'],
    // by the second attempt alone
    body: (rig, n) => `[ ! -e first.${n} ] || echo ${n} >>${fileOf(rig, n)}; : >first.${n}`,
    attempts: 2,
  },
  'two logs': {
    words: () => ['--split', '--max-log', '64k'],
    body: (rig, n) => `echo out; echo ${n} >&2; cat "$BGJOB_HOME/jobs/$BGJOB_ID/out/err" >>${fileOf(rig, n)}`,
  },
  'a word for stdin': {
    words: () => ['--stdin', '-'],
    input: (n) => `${n}\n`,
    body: (rig, n) => `cat >>${fileOf(rig, n)}`,
    isNeeding: true,
  },
  'a terminal': {
    words: () => ['--pty'],
    body: (rig, n) => `[ ! -t 0 ] || [ ! -t 1 ] || echo ${n} >>${fileOf(rig, n)}`,
    isNeeding: true,
  },
  'a command at its end': {
    words: (rig, n) => ['--on-exit', `echo ${n} >>${fileOf(rig, n)}`],
    body: () => ':',
    isNeeding: true,
  },
};

interface Job {
  id: number;
  n: number;
  kind: string;
  code: number;
  by: Caller;
}

class Shared {
  readonly rig: Rig;
  readonly book: Book;
  readonly jobs: Job[] = [];
  /** Jobs that somebody stopped. */
  readonly stopped = new Set<number>();
  refusals = 0;
  private readonly program: string;
  private readonly chance: Chance;

  constructor(rig: Rig, program: string, chance: Chance) {
    [this.rig, this.program, this.chance] = [rig, program, chance];
    this.book = new Book(rig);
  }

  /** Calls one of the two; undefined: the old one, which says that it cannot read this home any more. */
  async call(by: Caller, args: string[], input = ''): Promise<Answer | undefined> {
    const { rig } = this;
    const answer =
      by === 'new'
        ? await rig.bgjob(args, { input })
        : await rig.start(process.execPath, ['--', this.program, ...args], { input }).answer;
    assert.doesNotMatch(
      answer.stderr,
      /bug in bgjob|^ +at |node:internal|Error:/m,
      `${by} ${args.join(' ')}`,
    );
    if (by === 'new' || answer.code !== 125 || !REFUSED.test(answer.stderr)) return answer;
    assert.equal(fs.readFileSync(join(rig.home, 'format'), 'utf8'), '3\n');
    this.refusals++;
    return undefined;
  }

  /** One adds a job; if the old one does not, the new one does. */
  async add(n: number, kinds: string[]): Promise<void> {
    const { rig, chance } = this;
    const kind = pick(chance, kinds);
    const { words, input, body } = KINDS[kind]!;
    const code = 1 + Math.floor(chance() * 90);
    const isQueued = chance() < 0.85;
    const queue = isQueued ? ['-Q', 'q', ...(chance() < 0.3 ? ['--priority', '1'] : [])] : [];
    // these are of queues
    if (!isQueued && /retry|time/.test(kind)) queue.push('-Q', 'other');
    const command = this.book.command(`${body(rig, n)}; sleep 0.0${Math.floor(chance() * 10)}`, code);
    const args = ['run', ...queue, ...words(rig, n), '--', ...command];
    for (const by of [pick(chance, ['old', 'new'] as const), 'new'] as const) {
      const answer = await this.call(by, args, input?.(n));
      if (answer === undefined) continue;
      assert.equal(answer.code, 0, `${by} ${args.join(' ')}: ${answer.stderr}`);
      this.jobs.push({ id: Number(answer.stdout), n, kind, code, by });
      return;
    }
  }

  /** Everybody who can read the home reads every job in it. */
  async list(by: Caller): Promise<void> {
    const known = this.jobs.map(({ id }) => id);
    const answer = await this.call(by, ['ls', '-a', '-n', '100000', '--json']);
    if (answer === undefined) return;
    assert.equal(answer.code, 0, `${by} ls: ${answer.stderr}`);
    const listed = answer.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    const bad = listed.filter(
      (job) => job.state === 'unreadable' || (job.state === 'lost' && !isUnborn(job)),
    );
    assert.deepEqual(bad, [], `${by} ls`);
    const ids = new Set(listed.map(({ id }) => id));
    // the old one reads two folders in the wrong order
    const missing = known.filter((id) => !ids.has(id));
    assert.ok(by === 'old' || missing.length === 0, `${by} ls without ${missing}`);
  }

  /** Somebody stops a job. */
  async kill(by: Caller): Promise<void> {
    if (this.jobs.length === 0) return;
    const { id } = pick(this.chance, this.jobs);
    this.stopped.add(id);
    const answer = await this.call(by, ['kill', '--now', String(id)]);
    assert.ok(answer === undefined || answer.code === 0, `${by} kill ${id}: ${answer?.stderr}`);
  }
}

/** One home; how many were killed, and how often the old program refused. */
async function share(rig: Rig, program: string, { whole, chance }: Round, isNeeding: boolean) {
  const shared = new Shared(rig, program, chance);
  const slots = 1 + Math.floor(chance() * 3);
  await setSlots(rig, 'q', slots);
  const kinds = Object.keys(KINDS).filter((kind) => isNeeding || KINDS[kind]!.isNeeding !== true);
  let isOver = false;
  const killing = killAtRandom(rig, shared.book, chance, ['owner', 'adopter'], 150, () => !isOver);
  try {
    await inParallel(whole ? 16 : 8, 3, async (n) => {
      await shared.add(n, kinds);
      const by = pick(chance, ['old', 'new'] as const);
      if (chance() < 0.5) await shared.list(by);
      if (chance() < 0.1) await shared.kill(by);
    });
    const ended = await untilEnded(
      rig,
      shared.jobs.map(({ id }) => id).sort((a, b) => a - b),
    );
    isOver = true;
    const killed = await killing;
    for (const job of shared.jobs)
      await judge(
        shared,
        job,
        ended.find(({ id }) => id === job.id),
        killed,
      );
    const most = shared.book.most((id) => shared.jobs.some((job) => job.id === id && isIn(rig, id, 'q')));
    assert.ok(most <= slots || shared.stopped.size > 0, `${most} ran at once in ${slots} slots`);
    await shared.list('old');
    await shared.list('new');
    await assertIdle(rig, (id) => isLeft(rig, id, killed));
    return { killed: killed.length, refusals: shared.refusals, jobs: shared.jobs.length };
  } finally {
    isOver = true;
    await killing;
  }
}

const isIn = (rig: Rig, id: number, queue: string): boolean =>
  JSON.parse(fs.readFileSync(rig.file(id, 'spec.json'), 'utf8')).placement?.queue === queue;

/** A job of no queue whose supervisor was killed before it started the job: no other process starts it. */
const isUnborn = ({ queue, state, reason }: any): boolean =>
  // the old program says "was killed"
  queue === null &&
  state === 'lost' &&
  /^its supervisor (ended|was killed) before it started the job$/.test(reason);

/**
 * An old process that ran before the home got the new format starts old supervisors, which refuse that format
 * and end. It counts three of them as failed. This version does not count them.
 */
const isGivenUpByOld = (rig: Rig, { id, state, reason }: any): boolean =>
  state === 'start-failed' &&
  /^3 supervisors in a row /.test(reason) &&
  fs.readFileSync(join(rig.home, 'format'), 'utf8') === '3\n' &&
  ownersOf(rig, id).at(-1)!.knows === undefined;

/**
 * The last owner of a job is an old supervisor that was killed. In a home of the new format it has no
 * successor, because the old adopter refuses that format. The shim has recorded the code, and no process is
 * left for a retry, for --on-exit, or to remove the environment.
 */
const isLeft = (rig: Rig, id: number, killed: Victim[]): boolean =>
  fs.readFileSync(join(rig.home, 'format'), 'utf8') === '3\n' &&
  killed.some((victim) => victim.id === id) &&
  ownersOf(rig, id).at(-1)!.knows === undefined;

/** The records of the owners of a job, the first one first; those of 0.6.0 do not say what they know. */
const ownersOf = (rig: Rig, id: number): any[] =>
  fs
    .readdirSync(rig.file(id, '.'))
    .flatMap((name) => /^owner\.(\d+)$/.exec(name)?.[1] ?? [])
    .sort((a, b) => Number(a) - Number(b))
    .map((number) => JSON.parse(fs.readFileSync(rig.file(id, `owner.${number}`), 'utf8')));

/** What became of a job: it ran as often as it may, as it was asked for, and its code is known. */
async function judge(shared: Shared, job: Job, shown: any, killed: Victim[]): Promise<void> {
  const { rig, book, stopped } = shared;
  const { id, n, kind, code } = job;
  const { attempts = 1 } = KINDS[kind]!;
  const starts = book.starts.filter((one) => one === id).length;
  const whole = JSON.stringify({ ...job, starts, made: made(rig, n), shown });
  assert.ok(starts <= attempts, `started too often: ${whole}`);
  if (isGivenUpByOld(rig, shown) || isGivenUp(shown, killed)) return;
  if (isUnborn(shown)) {
    // an old supervisor that boots when the home has just got the new format ends by itself
    const isRefused = job.by === 'old' && fs.readFileSync(join(rig.home, 'format'), 'utf8') === '3\n';
    assert.ok(starts === 0 && (isRefused || killed.some((victim) => victim.id === id)), whole);
    return;
  }
  if (stopped.has(id)) {
    assert.ok(['cancelled', 'killed', 'exited'].includes(shown.state), whole);
    return;
  }
  if (isLeft(rig, id, killed)) {
    assert.deepEqual([shown.state, shown.exitCode], ['exited', code], whole);
    return;
  }
  assert.deepEqual([shown.state, shown.exitCode, starts], ['exited', code, attempts], whole);
  await until(
    () => made(rig, n),
    (text) => text === `${n}\n`,
    `what its option does: ${whole}`,
  );
}

export const twoVersions: Part = {
  name: 'two versions',
  skip: () => cannotBuild(OLD),
  async run(round: Round): Promise<Row[]> {
    const program = buildOld(OLD);
    const count = round.whole ? 20 : 2;
    const sum = { jobs: 0, killed: 0, refusals: 0 };
    for (let n = 0; n < count; n++) {
      const told = await withRig((rig) => share(rig, program, round, n % 2 === 1));
      for (const key of ['jobs', 'killed', 'refusals'] as const) sum[key] += told[key];
    }
    return [
      { what: `homes of ${OLD} and this version`, figure: String(count) },
      { what: 'jobs in them, each run once and as it was meant', figure: String(sum.jobs) },
      { what: 'supervisors killed', figure: String(sum.killed) },
      { what: 'refusals of the old program, where it had to', figure: String(sum.refusals) },
    ];
  },
};

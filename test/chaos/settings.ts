/**
 * In which settings processes of bgjob are killed at their calls: what is traced, what was killed before, and
 * how it is judged.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { Rig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { slay } from './death.ts';
import { type Point, runTraced, type Traced } from './stopper.ts';
import { assertNewId, assertNothingLeft, assertTrue, assertWhole, Broken, Witness } from './truth.ts';

/** A home in which one round follows the other, as in a user's. */
export class Lane {
  readonly rig: Rig;
  readonly chance: () => number;
  private highest = 0;
  constructor(rig: Rig, chance: () => number) {
    this.rig = rig;
    this.chance = chance;
  }
  code(): number {
    return 1 + Math.floor(this.chance() * 120);
  }
  /**
   * After a round that failed: whatever runs is ended, and the next one is in a home that this one has not
   * spoilt.
   */
  renew(): void {
    this.rig.killAll();
    this.rig.home = join(fs.mkdtempSync(join(this.rig.dir, 'next-')), 'home');
    this.rig.env['BGJOB_HOME'] = this.rig.home;
    this.highest = 0;
  }
  /** Notes an id that this home gave. */
  gave(id: number | undefined): void {
    this.highest = assertNewId(this.rig, id, this.highest);
  }
}

/** A round: what was traced, and how the job ended. */
export interface Told {
  traced: Traced;
  end: string;
}

export interface Setting {
  name: string;
  /** In a home of its own, which nobody has used. */
  fresh: boolean;
  /** Who is killed before. */
  before: Point[];
  /** Whose calls are the cells of the matrix. */
  roles: string[];
  round(lane: Lane, plan: Point[]): Promise<Told>;
}

export const point = (role: string, call: string, n: number, when: Point['when']): Point => ({
  role,
  call,
  n,
  when,
});
/** It is never reached: behind the last kill of a plan the tracer leaves, and sees nothing more. */
export const NEVER = point('nobody', 'exec -', 1, 'before');
/** Once the job runs and that is published. */
export const SUPERVISOR_DIES = point('supervisor', 'fsync jobs/N', 2, 'after');

/** It is stopped when it has written so much. */
const STOPPED = ['--max-log', '64k', '--on-max-log', 'kill', '--grace', '2s'];
/** Once it is published that the signal of a stop is about to be sent. */
const STOP_BEGINS = point('supervisor', 'fsync jobs/N', 4, 'after');

export const killedIn = ({ hits }: Traced): string[] => hits.map(({ role }) => role);

/** `bgjob run WORDS -- sh -c LINE`, or with `script` by `bgjob run -`. */
export function launching(
  words: string[],
  body: string,
  { by = 'itself', script = false }: { by?: Witness['by']; script?: boolean } = {},
): Setting['round'] {
  return async (lane, plan) => {
    const { rig } = lane;
    const witness = new Witness(rig, lane.code(), by);
    const line = witness.line(body);
    const args = script ? ['run', ...words, '-'] : ['run', ...words, '--', '/bin/sh', '-c', line];
    const traced = await runTraced(rig, 'launcher', plan, args, script ? { input: line } : {});
    lane.gave(witness.findId(rig));
    const killed = killedIn(traced);
    // mkfifo is a part of the launcher: without it there is no job
    const isRefused = traced.answer.code === 125 && killed.includes('mkfifo');
    if (!killed.includes('launcher') && !isRefused && traced.answer.code !== 0)
      throw new Broken('everything goes on', `run: ${traced.answer.code} ${traced.answer.stderr}`);
    const end = await assertTrue(rig, witness, { killed, printed: traced.answer.stdout });
    return { traced, end };
  };
}

/**
 * A job whose handler of TERM runs a program of its own: nobody signals that, however often who stops the job
 * is replaced.
 */
const cleaningUp =
  (words: string[]): Setting['round'] =>
  async (lane, plan) => {
    const { rig } = lane;
    const file = join(fs.mkdtempSync(join(rig.dir, 'clean-up-')), 'program');
    const program = `trap 'echo >${file}.signalled' TERM INT HUP; sleep 0.5; sleep 0.5; echo >${file}.cleaned`;
    fs.writeFileSync(file, program);
    // it is stopped once its handler stands
    const body = `trap "echo >${file}.handler; sh ${file}; over=1" TERM; head -c 300000 /dev/zero; while [ -z "$over" ]; do sleep 0.05; done`;
    const told = await launching(words, body, { by: 'stop' })(lane, plan);
    const [job] = await rig.json(['ls', '-a', '-n', '1']);
    const is = (what: string) => fs.existsSync(`${file}.${what}`);
    // where KILL was needed the grace was over
    if (is('signalled') || (is('handler') && !is('cleaned') && job?.forced === 0))
      throw new Broken('a stop lets a job clean up', `killed ${killedIn(told.traced).join(', ')}`);
    return told;
  };

/** The same in a home that has seen one job: what is compiled then is kept. */
const second =
  (round: Setting['round']): Setting['round'] =>
  async (lane, plan) => {
    lane.gave(await lane.rig.runOut(['true']));
    return round(lane, plan);
  };

/** A job that runs until it is killed, with a child. */
async function runStubborn(lane: Lane, words: string[] = []): Promise<number> {
  const witness = new Witness(lane.rig, lane.code());
  const line = witness.line('sleep 1000 & exec sleep 1000');
  const id = await lane.rig.run([...words, '--', '/bin/sh', '-c', line]);
  lane.gave(id);
  await until(
    () => witness.started,
    (started) => started,
    'the job',
  );
  return id;
}

async function assertKilled(rig: Rig, id: number, state: string): Promise<string> {
  const again = await rig.bgjob(['kill', String(id)]);
  const show = await rig.show(id);
  if (again.code !== 0 || show.state !== state)
    throw new Broken('everything goes on', `kill: ${again.code} ${again.stderr} ${JSON.stringify(show)}`);
  await assertNothingLeft(rig);
  await assertWhole(rig);
  return show.state;
}

async function kill(lane: Lane, plan: Point[]): Promise<Told> {
  const id = await runStubborn(lane);
  const traced = await runTraced(lane.rig, 'killer', plan, ['kill', String(id)]);
  return { traced, end: await assertKilled(lane.rig, id, 'killed') };
}

async function killLost(lane: Lane, plan: Point[]): Promise<Told> {
  const { rig } = lane;
  const id = await runStubborn(lane);
  const { shim, watcher } = rig.shimRecord(id);
  for (const pid of [watcher!, rig.ownerPid(id), shim!]) await slay(pid);
  const traced = await runTraced(rig, 'sweeper', plan, ['kill', String(id)]);
  return { traced, end: await assertKilled(rig, id, 'lost') };
}

async function replace(lane: Lane, plan: Point[]): Promise<Told> {
  const { rig } = lane;
  const before = await runStubborn(lane, ['-n', 'web', '--replace']);
  const witness = new Witness(rig, lane.code());
  const words = ['run', '-n', 'web', '--replace', '--', '/bin/sh', '-c', witness.line(':')];
  const traced = await runTraced(rig, 'replacer', plan, words);
  lane.gave(witness.findId(rig));
  // it may have got no further than this
  await rig.bgjob(['kill', '--now', String(before)]);
  const printed = traced.answer.stdout;
  return { traced, end: await assertTrue(rig, witness, { killed: killedIn(traced), printed }) };
}

async function wait(lane: Lane, plan: Point[]): Promise<Told> {
  const { rig } = lane;
  const witness = new Witness(rig, lane.code());
  const id = await rig.run(['--', '/bin/sh', '-c', witness.line('echo out; sleep 0.3')]);
  lane.gave(id);
  const traced = await runTraced(rig, 'waiter', plan, ['wait', String(id)]);
  const end = await assertTrue(rig, witness, { killed: killedIn(traced), printed: `${id}\n` });
  return { traced, end };
}

async function read(lane: Lane, plan: Point[]): Promise<Told> {
  const { rig } = lane;
  const witness = new Witness(rig, lane.code());
  const id = await rig.run(['--wait', '--', '/bin/sh', '-c', witness.line('echo out')]).catch(() => 0);
  const ended = witness.findId(rig)!;
  assert.equal(id, 0, 'run --wait ends with the code of the job');
  lane.gave(ended);
  const traced = await runTraced(rig, 'reader', plan, ['tail', '--new', String(ended)]);
  const again = await rig.bgjob(['tail', '--new', String(ended)]);
  if (again.code !== 0 || /unreadable/.test(again.stderr))
    throw new Broken('everything goes on', `tail --new: ${JSON.stringify(again)}`);
  const end = await assertTrue(rig, witness, { killed: killedIn(traced), printed: `${ended}\n` });
  return { traced, end };
}

/** Three jobs, two of them with names; the newest is never removed. */
async function collect(lane: Lane, plan: Point[]): Promise<Told> {
  const { rig } = lane;
  const words = [['-n', 'one', '--keep-env'], ['-n', 'two', '--split'], []];
  const witnesses = words.map(() => new Witness(rig, lane.code()));
  for (const [n, witness] of witnesses.entries()) {
    await rig.bgjob(['run', ...words[n]!, '--wait', '--', '/bin/sh', '-c', witness.line('echo out')]);
    lane.gave(witness.findId(rig));
  }
  await assertNothingLeft(rig);
  const traced = await runTraced(rig, 'gc', plan, ['gc', '--ended']);
  const listed = await assertWhole(rig);
  for (const { id, state, exitCode } of listed)
    if (state !== 'exited' || exitCode !== witnesses[id - 1]!.code)
      throw new Broken('no exit code is lost', `after gc: ${id} ${state} ${exitCode}`);
  lane.gave(await rig.run(['--', 'true']));
  if (!listed.some(({ id }) => id === 3)) throw new Broken('everything goes on', 'gc removed the newest job');
  const again = await rig.bgjob(['gc', '--ended']);
  await assertNothingLeft(rig);
  const last = await rig.bgjob(['gc', '--ended']);
  const left = [again.code, last.code, ...['jobs', 'trash', 'ended', 'live', 'names'].map(namesIn)];
  function namesIn(folder: string): number {
    const path = join(rig.home, folder);
    return fs.existsSync(path) ? fs.readdirSync(path).length : 0;
  }
  if (left.join() !== '0,0,1,0,1,0,0')
    throw new Broken('everything goes on', `a second gc leaves ${left.join()}`);
  return { traced, end: 'exited' };
}

const RUN = ['-n', 'web', '--split', '--keep-env', '--max-log', '64k'];
const LOUD = 'echo out; head -c 300000 /dev/zero; sleep 0.2';
const SHIMS = ['shim', 'watcher', 'job'];

/** A setting; in the lane's home and with nobody killed before unless said otherwise. */
export const setting = (
  name: string,
  roles: string[],
  round: Setting['round'],
  { fresh = false, before = [] }: Partial<Setting> = {},
): Setting => ({ name, roles, round, fresh, before });

export const SETTINGS: Setting[] = [
  setting(
    'the first run of a home',
    ['launcher', 'mkfifo', "launcher's fork"],
    launching(['-n', 'web'], ':'),
    {
      fresh: true,
    },
  ),
  setting('the second run of a home', ['launcher'], second(launching([], ':')), { fresh: true }),
  setting(
    'run',
    ['launcher', "launcher's fork", 'supervisor', "supervisor's fork", 'fallocate', ...SHIMS],
    launching(RUN, LOUD),
  ),
  setting('run -', ['launcher'], launching([], ':', { script: true })),
  setting('a time limit', ['supervisor'], launching(['--timeout', '300ms'], ':', { by: 'timeout' })),
  setting('an adopted job', ['adopter', "adopter's fork", ...SHIMS], launching(RUN, `sleep 0.5; ${LOUD}`), {
    before: [SUPERVISOR_DIES],
  }),
  setting(
    'an adopted job with a time limit',
    ['adopter'],
    launching(['--timeout', '1s'], ':', { by: 'timeout' }),
    {
      before: [SUPERVISOR_DIES],
    },
  ),
  setting('a job that cleans up', ['supervisor'], cleaningUp(STOPPED)),
  setting('an adopted job that cleans up', ['adopter'], cleaningUp(STOPPED), {
    before: [STOP_BEGINS],
  }),
  setting('an adopted job whose adopter dies', ['adopter', 'watcher'], launching([], 'sleep 0.8'), {
    before: [SUPERVISOR_DIES, point('adopter', 'fsync jobs/N', 2, 'after')],
  }),
  setting('a job that nobody watches', SHIMS, launching([], 'sleep 0.5'), {
    before: [SUPERVISOR_DIES, point('watcher', 'fork -', 1, 'before')],
  }),
  setting('wait', ['waiter'], wait),
  setting('kill', ['killer', 'supervisor'], kill),
  setting('kill of what a lost job left', ['sweeper'], killLost),
  setting('run --replace', ['replacer'], replace),
  setting('tail --new', ['reader'], read),
  setting('gc', ['gc'], collect, { fresh: true }),
];

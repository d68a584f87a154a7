/** The settings of the crash matrix in which jobs wait: what is traced there, and what has to be true of the queue afterwards. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { Rig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { isLive } from './death.ts';
import {
  killedIn,
  type Lane,
  launching,
  NEVER,
  point,
  type Setting,
  SUPERVISOR_DIES,
  setting,
  type Told,
} from './settings.ts';
import { type Point, runTraced, type Traced } from './stopper.ts';
import { assertNothingLeft, assertTrue, assertWhole, Broken, Witness } from './truth.ts';

/** One for each round, told apart by a number: the tracer calls them alike. */
const queueOf = (lane: Lane): string => `q${Math.floor(lane.chance() * 1e9)}x`;

const wordsOf = (words: string[], line: string): string[] => ['run', ...words, '--', '/bin/sh', '-c', line];

/** A job that runs until the gate is opened. */
class Gate {
  private readonly path: string;
  constructor(rig: Rig) {
    this.path = join(fs.mkdtempSync(join(rig.dir, 'gate-')), 'open');
  }
  get line(): string {
    return `until [ -e '${this.path}' ]; do sleep 0.01; done`;
  }
  open(): void {
    fs.writeFileSync(this.path, '');
  }
}

/**
 * When no process lives any more, the next command moves the queue on. A job may be lost on the way, or wait
 * in a paused queue.
 */
async function untilStarted(rig: Rig, witness: Witness, id: number, queue: string): Promise<void> {
  const isPaused = () => fs.existsSync(join(rig.home, 'queues', queue, 'paused'));
  await until(
    async () => {
      if (witness.started) return true;
      const job = await rig.show(id);
      return !isLive(job) || (job.state === 'queued' && isPaused());
    },
    (started) => started,
    'the start of the job',
    60_000,
  );
}

/** No environment of a job that ended, no batch, no marker. */
async function assertEmpty(rig: Rig, queue: string): Promise<void> {
  const dir = join(rig.home, 'queues', queue);
  await rig.bgjob(['ls']);
  const waiting = fs.existsSync(join(dir, 'waiting')) ? fs.readdirSync(join(dir, 'waiting')) : [];
  const files = fs.existsSync(dir) ? fs.readdirSync(dir).filter((name) => /^(env|batch)\./.test(name)) : [];
  if (waiting.length + files.length > 0)
    throw new Broken('everything goes on', `left in the queue: ${[...waiting, ...files]}`);
  for (const { id, state } of await assertWhole(rig))
    if (state !== 'lost' && state !== 'starting' && fs.existsSync(rig.file(id, 'env.json')))
      throw new Broken('everything goes on', `the environment of ${id} (${state})`);
}

/** A job of a paused queue that has run does not wait. */
async function resume(rig: Rig, queue: string, witness: Witness, id: number): Promise<void> {
  const { started } = witness;
  const { state } = await rig.show(id);
  if (started && state === 'queued') throw new Broken('everything goes on', `${id} ran, and is ${state}`);
  await rig.bgjob(['queue', 'resume', queue]);
}

/**
 * Adds two to one slot, the first one traced; it ends when the second waits. `pauses`: the queue is paused just
 * before its process is killed, and later resumed.
 */
function following(words: string[], { mostStarts = 1, pauses = false } = {}): Setting['round'] {
  return async (lane, plan) => {
    const { rig } = lane;
    const [gate, queue] = [new Gate(rig), queueOf(lane)];
    const [first, second] = [new Witness(rig, lane.code()), new Witness(rig, lane.code())];
    const [runs, overlap] = ['runs', 'overlap'].map((name) => join(rig.dir, `${queue}.${name}`));
    const body = `echo >'${runs}'; ${gate.line}; rm '${runs}'`;
    const look = () => rig.bgjob(['queue', 'pause', queue]);
    const points = pauses ? plan.map((point) => (point === NEVER ? point : { ...point, look })) : plan;
    const tracing = runTraced(rig, 'launcher', points, wordsOf(['-Q', queue, ...words], first.line(body)));
    const id = await until(
      () => first.findId(rig),
      (id) => id !== undefined,
      'the first job',
      60_000,
    );
    await untilStarted(rig, first, id!, queue);
    const line = second.line(`[ ! -e '${runs}' ] || echo >'${overlap}'; ${gate.line}`);
    const printed = await rig.run(['-Q', queue, '--', '/bin/sh', '-c', line]);
    // somebody waits for it, and moves the queue on if that were possible
    await rig.bgjob(['wait', String(printed), '--timeout', '300ms']);
    // one that does not wait is let on: what its first line sees is what counts
    if ((await rig.show(printed)).state !== 'queued') await untilStarted(rig, second, printed, queue);
    gate.open();
    const traced = await tracing;
    lane.gave(first.findId(rig));
    lane.gave(printed);
    if (pauses) await resume(rig, queue, second, printed);
    const killed = killedIn(traced);
    const end = await assertTrue(rig, first, { killed, printed: '', mostStarts });
    const next = await assertTrue(rig, second, { killed, printed: `${printed}\n` });
    // of one without shim and supervisor nobody knows when it is over
    if (fs.existsSync(overlap!) && end !== 'lost')
      throw new Broken('no more run than there are slots', `${end}, ${next}`);
    await assertEmpty(rig, queue);
    return { traced, end: `${end}, ${next}` };
  };
}

/** Adds one behind another that runs meanwhile; the launcher of the second is traced. */
async function intoBusy(lane: Lane, plan: Point[]): Promise<Told> {
  const { rig } = lane;
  const [gate, queue] = [new Gate(rig), queueOf(lane)];
  const witness = new Witness(rig, lane.code());
  lane.gave(await rig.run(['-Q', queue, '--', '/bin/sh', '-c', gate.line]));
  const traced = await runTraced(rig, 'launcher', plan, wordsOf(['-Q', queue], witness.line(':')));
  if (witness.started) throw new Broken('no more run than there are slots', 'it started beside the other');
  gate.open();
  lane.gave(witness.findId(rig));
  await assertNothingLeft(rig);
  const printed = traced.answer.stdout;
  const end = await assertTrue(rig, witness, { killed: killedIn(traced), printed });
  await assertEmpty(rig, queue);
  return { traced, end };
}

/** A launching round in a queue of its own, and nothing is left in it. */
const launchingIn =
  (words: (queue: string) => string[], body = ':'): Setting['round'] =>
  async (lane, plan) => {
    const queue = queueOf(lane);
    const told = await launching(words(queue), body)(lane, plan);
    await assertEmpty(lane.rig, queue);
    return told;
  };

/** One that waits is cancelled, or never started; the one before it goes on. */
async function cancel(lane: Lane, plan: Point[]): Promise<Told> {
  const { rig } = lane;
  const [gate, queue] = [new Gate(rig), queueOf(lane)];
  const witness = new Witness(rig, lane.code());
  lane.gave(await rig.run(['-Q', queue, '--', '/bin/sh', '-c', gate.line]));
  const id = await rig.run(['-Q', queue, '--', '/bin/sh', '-c', witness.line(':')]);
  lane.gave(id);
  const traced = await runTraced(rig, 'canceller', plan, ['kill', String(id)]);
  const again = await rig.bgjob(['kill', String(id)]);
  gate.open();
  const { state } = await rig.show(id);
  if (again.code !== 0 || state !== 'cancelled' || witness.started)
    throw new Broken('everything goes on', `kill: ${again.code} ${again.stderr} ${state}`);
  await assertNothingLeft(rig);
  await assertEmpty(rig, queue);
  return { traced, end: state };
}

/** What waits for a failed one is skipped, whoever dies on the way. */
async function skip(lane: Lane, plan: Point[]): Promise<Told> {
  const { rig } = lane;
  const queue = queueOf(lane);
  const bad = await rig.runOut(['--', 'false']);
  lane.gave(bad);
  const witness = new Witness(rig, lane.code());
  const words = wordsOf(['-Q', queue, '--after', String(bad)], witness.line(':'));
  const traced: Traced = await runTraced(rig, 'skipper', plan, words);
  const id = witness.findId(rig);
  lane.gave(id);
  const { stdout } = traced.answer;
  await rig.bgjob(['ls']);
  const job = id === undefined ? undefined : await rig.show(id);
  // one that is not in the queue yet counts as starting for a while
  const isUnborn = stdout === '' && (job === undefined || job.state === 'starting');
  if (witness.started || (!isUnborn && job?.state !== 'skipped'))
    throw new Broken('everything goes on', `${JSON.stringify(job)} ${stdout}`);
  await assertNothingLeft(rig);
  await assertEmpty(rig, queue);
  return { traced, end: isUnborn ? 'unborn' : job.state };
}

/** The first attempt fails, and is followed by a second. */
async function retry(lane: Lane, plan: Point[]): Promise<Told> {
  const { rig } = lane;
  const queue = queueOf(lane);
  const witness = new Witness(rig, lane.code());
  const words = ['-Q', queue, '--retry', '1', '--backoff', '0'];
  const traced = await runTraced(rig, 'launcher', plan, wordsOf(words, witness.line(':')));
  lane.gave(witness.findId(rig));
  const killed = killedIn(traced);
  const end = await assertTrue(rig, witness, { killed, printed: traced.answer.stdout, mostStarts: 2 });
  if (end === 'exited' && witness.starts !== 2)
    throw new Broken('everything goes on', `${witness.starts} attempts of 2`);
  await assertEmpty(rig, queue);
  return { traced, end };
}

export const QUEUE_SETTINGS: Setting[] = [
  setting(
    'run into an empty queue',
    ['launcher', "launcher's fork", 'supervisor', "supervisor's fork"],
    launchingIn((queue) => ['-Q', queue]),
  ),
  setting('run into a busy queue', ['launcher'], intoBusy),
  setting('the next of a queue', ['supervisor', "supervisor's fork"], following([])),
  setting('the next of a paused queue', ['supervisor'], following([], { pauses: true })),
  setting('the next of a queue, by an adopter', ['adopter', "adopter's fork"], following([]), {
    before: [SUPERVISOR_DIES],
  }),
  setting(
    'a time to wait for',
    ['launcher', 'keeper', "keeper's fork", 'keeper shell'],
    launchingIn((queue) => ['-Q', queue, '--delay', '300ms']),
  ),
  setting(
    'a keeper that is brought back',
    ['keeper', 'keeper shell'],
    launchingIn((queue) => ['-Q', queue, '--delay', '600ms']),
    {
      before: [point('keeper', 'symlink queues/qNx/kept.*', 1, 'after')],
    },
  ),
  setting('kill of one that waits', ['canceller'], cancel),
  setting('one that is skipped', ['skipper'], skip),
  setting('a retry', ['supervisor', "supervisor's fork"], retry),
];

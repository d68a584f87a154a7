/**
 * The crash matrix: every process of bgjob, killed just before and just after every call by which it publishes something. The
 * calls are not listed here: each setting is run once under the tracer, and what it does is the matrix.
 */
import { withRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { BATCH_SETTINGS } from './batchsettings.ts';
import { CRON_SETTINGS } from './cronsettings.ts';
import { inParallel } from './death.ts';
import type { Part, Round, Row } from './part.ts';
import { QUEUE_SETTINGS } from './queuesettings.ts';
import { randomRound } from './randomly.ts';
import { Lane, NEVER, SETTINGS, type Setting, type Told } from './settings.ts';
import { cannotTrace, type Point } from './stopper.ts';
import { TRIGGER_SETTINGS } from './triggersettings.ts';

/** A process × publish point. */
export interface Cell {
  role: string;
  call: string;
  /** Where it was seen, and as its which. */
  seen: { setting: Setting; n: number; misses: number }[];
  hits: number;
  /** In a row. */
  misses: number;
}

const WIDTH = 3;
const WHOLE = { count: 1000, leastHits: 5 };
/** Rounds of the short run: those in which a process is killed at a call, and at random in each lane. */
const SHORT = { calls: 10, random: 1 };
const MOST_FAILURES = 20;
/** A call that is not made every time is tried so often in a row. */
const MOST_MISSES = 30;

/** Runs a round of a setting in the lane's home, or in one of its own. */
export const runRound = (lane: Lane, setting: Setting, plan: Point[]): Promise<Told> =>
  setting.fresh
    ? withRig((rig) => setting.round(new Lane(rig, lane.chance), plan), lane.rig.program)
    : setting.round(lane, plan);

/** Every setting once, with nobody killed but those before: the calls that were made are the cells. */
export async function findCells(lane: Lane, settings: Setting[], text = ''): Promise<Cell[]> {
  const cells = new Map<string, Cell>();
  for (const setting of settings) {
    // a used home is one in which this was done before: what is made once comes in the settings of a new one
    if (!setting.fresh) await runRound(lane, setting, setting.before);
    const { calls } = (await runRound(lane, setting, [...setting.before, NEVER])).traced;
    for (const { role, call, n, after } of calls) {
      // what is compiled is kept once for all calls: only in a new home is that seen again
      const isCompiled = call.endsWith(' cache/*') && !setting.fresh;
      if (!setting.roles.includes(role) || isCompiled || after < setting.before.length) continue;
      const key = `${role} ${call}`;
      if (!`${setting.name}: ${key}`.includes(text)) continue;
      const cell = cells.get(key) ?? { role, call, seen: [], hits: 0, misses: 0 };
      cells.set(key, cell);
      cell.seen.push({ setting, n, misses: 0 });
    }
  }
  return [...cells.values()];
}

/** One of those of which there is the least so far. */
function chooseLeast<T>(from: T[], amount: (one: T) => number, chance: () => number): T {
  const least = Math.min(...from.map(amount));
  const candidates = from.filter((one) => amount(one) === least);
  return candidates[Math.floor(chance() * candidates.length)]!;
}

/** Kills once in this cell; how the job ended, and whether the point was reached. */
async function strike(lane: Lane, cell: Cell): Promise<Told> {
  // a call that was made once by chance is not waited for if it is made elsewhere
  const source = chooseLeast(cell.seen, ({ misses }) => misses, lane.chance);
  const { setting, n } = source;
  const { role, call } = cell;
  const point: Point = { role, call, n, when: lane.chance() < 0.5 ? 'before' : 'after' };
  try {
    const told = await runRound(lane, setting, [...setting.before, point]);
    if (told.traced.hits.length > setting.before.length) {
      cell.hits++;
      cell.misses = 0;
    } else {
      cell.misses++;
      source.misses++;
    }
    return told;
  } catch (thrown) {
    throw new Error(`${setting.name}: killed ${role} ${point.when} ${call} (${n})`, { cause: thrown });
  }
}

/** Counts what goes wrong, and tells it: a run goes on, so that one sees all cells that fail, and not for ever. */
class Failures {
  private count = 0;
  /** The round's result; undefined if it failed. The next round must not trip over what it left. */
  async note<T>(lane: Lane, round: Promise<T>): Promise<T | undefined> {
    try {
      return await round;
    } catch (thrown) {
      console.error(thrown);
      this.count++;
      lane.renew();
      if (this.count >= MOST_FAILURES) this.raise();
      return undefined;
    }
  }
  raise(): void {
    if (this.count > 0) throw new Error(`${this.count} rounds failed`);
  }
}

/** At least `count` rounds, each in the cell that was hit the least; goes on until each has `leastHits`. Calls `ended` with each end. */
async function strikeAll(
  lanes: Lane[],
  cells: Cell[],
  { count, leastHits }: { count: number; leastHits: number },
  ended: (lane: Lane, round: Promise<{ end: string }>) => Promise<void>,
): Promise<void> {
  let done = 0;
  const isOver = () => done >= count && cells.every(({ hits }) => hits >= leastHits);
  await inParallel(lanes.length, lanes.length, async (n) => {
    const lane = lanes[n]!;
    while (!isOver()) {
      done++;
      const short = cells.filter(({ hits }) => hits < leastHits);
      const due = ({ hits, misses }: Cell) => hits + misses;
      const cell = chooseLeast(short.length > 0 ? short : cells, due, lane.chance);
      if (process.stderr.isTTY) process.stderr.write(`\r${done} rounds `);
      await ended(lane, strike(lane, cell));
      if (cell.misses > MOST_MISSES) throw new Error(`never reached: ${cell.role} ${cell.call}`);
    }
  });
}

const textOf = (ends: Map<string, number>): string =>
  [...ends].map(([end, count]) => `${end} ${count}`).join(', ');

/** The jobs whose launcher was killed are called starting for 30 s, and then lost. */
async function assertNoneStarting({ rig }: Lane): Promise<void> {
  await until(
    () => rig.json(['ls', '-a', '-n', '100000']),
    (jobs) => jobs.every(({ state }) => state !== 'starting'),
    'an end of every start',
    40_000,
  );
}

/** A third of the settings, others each time: to see what each does takes longer than the kills of a short run. */
function someOf(settings: Setting[], chance: () => number): Setting[] {
  const keyed = settings.map((one) => ({ one, key: chance() })).sort((a, b) => a.key - b.key);
  return keyed.slice(0, Math.ceil(settings.length / 3)).map(({ one }) => one);
}

async function runOn(
  lanes: Lane[],
  settings: Setting[],
  { whole, cell, short }: Pick<Round, 'whole' | 'cell'> & { short: typeof SHORT },
): Promise<Row[]> {
  // to see what a setting does takes longer than its kills
  const named = settings.filter(({ name }) => !cell?.includes(': ') || cell.startsWith(`${name}: `));
  const cells = await findCells(lanes[0]!, whole || cell ? named : someOf(named, lanes[0]!.chance), cell);
  if (cells.length === 0) throw new Error(`no cell of these: ${cell}`);
  const failures = new Failures();
  const ends = { call: new Map<string, number>(), random: new Map<string, number>() };
  const count = (kind: keyof typeof ends) => async (lane: Lane, round: Promise<{ end: string }>) => {
    const told = await failures.note(lane, round);
    if (told) ends[kind].set(told.end, (ends[kind].get(told.end) ?? 0) + 1);
  };
  const { leastHits } = WHOLE;
  const few = { count: cell ? 0 : short.calls, leastHits: cell ? leastHits : 0 };
  await strikeAll(lanes, cells, whole && !cell ? WHOLE : few, count('call'));
  await inParallel(lanes.length, lanes.length, async (n) => {
    for (let round = 0; !cell && round < (whole ? 100 : short.random); round++)
      await count('random')(lanes[n]!, randomRound(lanes[n]!));
    if (whole) await failures.note(lanes[n]!, assertNoneStarting(lanes[n]!));
  });
  failures.raise();
  const hits = cells.reduce((sum, cell) => sum + cell.hits, 0);
  return [
    ...(whole ? cells : []).map((cell) => ({
      what: `${cell.role.padEnd(17)} ${cell.call}`,
      figure: String(cell.hits),
    })),
    { what: 'process × publish point', figure: `${cells.length} cells, ${hits} kills` },
    { what: 'killed at a call', figure: textOf(ends.call) },
    { what: 'killed at random instants', figure: textOf(ends.random) },
  ];
}

/** With `count` lanes, each in a home of its own. */
async function withLanes<T>(
  count: number,
  chance: () => number,
  body: (lanes: Lane[]) => Promise<T>,
  lanes: Lane[] = [],
): Promise<T> {
  if (lanes.length === count) return body(lanes);
  return withRig((rig) => withLanes(count, chance, body, [...lanes, new Lane(rig, chance)]));
}

const matrixOf = (name: string, settings: Setting[], short = SHORT): Part => ({
  name,
  skip: cannotTrace,
  run: ({ whole, chance, cell }) =>
    withLanes(WIDTH, chance, (lanes) => runOn(lanes, settings, { whole, cell, short })),
});

export const matrix = matrixOf('crash matrix', SETTINGS);
/** The same where jobs start by themselves. */
export const cronMatrix = matrixOf('crash matrix of schedules', CRON_SETTINGS, { ...SHORT, calls: 9 });
export const triggerMatrix = matrixOf('crash matrix of triggers', TRIGGER_SETTINGS, { ...SHORT, calls: 9 });
/** The same where jobs wait for each other. */
export const queueMatrix = matrixOf('crash matrix of queues', QUEUE_SETTINGS);
/** The same where one shim runs one job after the other: a round has three jobs, and takes as long as three. */
export const batchMatrix = matrixOf('crash matrix of batches', BATCH_SETTINGS, { calls: 3, random: 0 });

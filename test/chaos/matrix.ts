/**
 * The crash matrix: every process of bgjob, killed just before and just after every call by which it publishes something. The
 * calls are not listed here: each setting is run once under the tracer, and what it does is the matrix.
 */
import { withRig } from '../rig/rig.ts';
import { inParallel } from './death.ts';
import type { Part, Round, Row } from './part.ts';
import { randomRound } from './randomly.ts';
import { Lane, SETTINGS, type Setting, type Told } from './settings.ts';
import { cannotTrace, type Point } from './stopper.ts';

/** A process × publish point. */
export interface Cell {
  role: string;
  call: string;
  /** Where it was seen, and as its which. */
  seen: { setting: Setting; n: number }[];
  hits: number;
  misses: number;
}

const WIDTH = 3;
const LEAST_HITS = 5;
/** A call that is not made every time is tried so often in a row. */
const MOST_MISSES = 30;

/** Runs a round of a setting in the lane's home, or in one of its own. */
export const runRound = (lane: Lane, setting: Setting, plan: Point[]): Promise<Told> =>
  setting.fresh
    ? withRig((rig) => setting.round(new Lane(rig, lane.chance), plan), lane.rig.program)
    : setting.round(lane, plan);

/** Every setting once, with nobody killed but those before: the calls that were made are the cells. */
export async function findCells(lane: Lane, settings: Setting[]): Promise<Cell[]> {
  const cells = new Map<string, Cell>();
  for (const setting of settings) {
    const { calls } = (await runRound(lane, setting, setting.before)).traced;
    for (const { role, call, n } of calls) {
      if (!setting.roles.includes(role)) continue;
      const key = `${role} ${call}`;
      const cell = cells.get(key) ?? { role, call, seen: [], hits: 0, misses: 0 };
      cells.set(key, cell);
      cell.seen.push({ setting, n });
    }
  }
  return [...cells.values()];
}

const choose = <T>(from: T[], chance: () => number): T => from[Math.floor(chance() * from.length)]!;

/** Kills once in this cell; how the job ended, and whether the point was reached. */
async function strike(lane: Lane, cell: Cell): Promise<Told> {
  const { setting, n } = choose(cell.seen, lane.chance);
  const { role, call } = cell;
  const point: Point = { role, call, n, when: lane.chance() < 0.5 ? 'before' : 'after' };
  try {
    const told = await runRound(lane, setting, [...setting.before, point]);
    if (told.traced.hits.length > setting.before.length) {
      cell.hits++;
      cell.misses = 0;
    } else cell.misses++;
    return told;
  } catch (thrown) {
    throw new Error(`${setting.name}: killed ${role} ${point.when} ${call} (${n})`, { cause: thrown });
  }
}

/** `count` rounds, each in the cell that was hit the least. */
async function strikeAll(lanes: Lane[], cells: Cell[], count: number): Promise<Map<string, number>> {
  const ends = new Map<string, number>();
  let done = 0;
  const isShort = () => cells.some(({ hits }) => hits < LEAST_HITS);
  await inParallel(lanes.length, lanes.length, async (n) => {
    const lane = lanes[n]!;
    while (done < count) {
      done++;
      const least = Math.min(...cells.map(({ hits, misses }) => hits + misses / 4));
      const cell = choose(
        cells.filter(({ hits, misses }) => hits + misses / 4 <= least),
        lane.chance,
      );
      const { end } = await strike(lane, cell);
      ends.set(end, (ends.get(end) ?? 0) + 1);
      if (cell.misses > MOST_MISSES) throw new Error(`never reached: ${cell.role} ${cell.call}`);
      // a whole run goes on until no cell is short
      if (done === count && count >= cells.length * LEAST_HITS && isShort()) count++;
    }
  });
  return ends;
}

const textOf = (ends: Map<string, number>): string =>
  [...ends].map(([end, count]) => `${end} ${count}`).join(', ');

async function run({ whole, chance }: Round): Promise<Row[]> {
  const rows: Row[] = [];
  const lanesOf = async (depth: number, lanes: Lane[]): Promise<void> => {
    if (depth > 0) return withRig((rig) => lanesOf(depth - 1, [...lanes, new Lane(rig, chance)]));
    const cells = await findCells(lanes[0]!, SETTINGS);
    const struck = await strikeAll(lanes, cells, whole ? cells.length * LEAST_HITS : 40);
    const random = new Map<string, number>();
    await inParallel(whole ? 300 : 20, WIDTH, async (n) => {
      const end = await randomRound(lanes[n % WIDTH]!);
      random.set(end, (random.get(end) ?? 0) + 1);
    });
    const total = cells.reduce((sum, { hits }) => sum + hits, 0);
    for (const { role, call, hits } of whole ? cells : [])
      rows.push({ what: `${role.padEnd(18)} ${call}`, figure: String(hits) });
    rows.push({ what: 'cells', figure: String(cells.length) });
    rows.push({ what: 'killed at a call', figure: `${total} times: ${textOf(struck)}` });
    rows.push({ what: 'killed at random instants', figure: textOf(random) });
  };
  await lanesOf(WIDTH, []);
  return rows;
}

export const matrix: Part = { name: 'crash matrix', skip: cannotTrace, run };

/**
 * The built program beside a damaged record: every verb answers in time, with a code of its table, and never
 * with a stack trace.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import type { Rig } from '../rig/rig.ts';
import { inParallel } from './death.ts';
import { type Mutation, mutate } from './mutate.ts';
import type { Target } from './records.ts';
import type { Specimens } from './specimens.ts';

/** What the ends of the specimens, the program itself and its table of codes may give. */
const CODES = [0, 1, 3, 75, 124, 125, 137, 143];
/** Nobody hangs; a busy machine is slow. */

/** Which are called; `id` is the job that is damaged. None of these ends a live job. */
const CALLS: ((id: string) => string[])[] = [
  () => ['ls', '-a', '-n', '50'],
  () => ['ls', '-a', '--json'],
  () => ['ls', '--unseen', '-a'],
  (id) => ['show', id],
  (id) => ['show', id, '--json'],
  (id) => ['status', id],
  (id) => ['path', id],
  (id) => ['tail', id],
  (id) => ['tail', id, '--new'],
  (id) => ['tail', id, '--grep', '9', '--since', '1m'],
  (id) => ['tail', id, '-f'],
  (id) => ['wait', id, '--timeout', '50ms'],
  (id) => ['wait', id, '--until', 'never', '--timeout', '50ms'],
  () => ['gc', '--dry-run', '--ended'],
  () => ['gc'],
  () => ['status', 'named'],
  () => ['run', '-n', 'new', '--replace', '-w', '--', 'true'],
  () => ['run', '-n', 'web', '--', 'false'],
];

/** Calls one verb after the other, each beside another damaged record; how many calls it made. */
export async function callVerbs(
  rig: Rig,
  { ended }: Specimens,
  draw: () => [Mutation, Target],
  rounds: number,
): Promise<number> {
  let calls = 0;
  for (let n = 0; n < rounds; n++) {
    const [{ what, bytes }, { path, id, name }] = draw();
    const before = fs.readFileSync(path);
    fs.writeFileSync(path, bytes);
    const chosen = [CALLS[n % CALLS.length]!, CALLS[(n * 7 + 3) % CALLS.length]!];
    // what ended may be killed without harm
    if (id !== undefined && ended.includes(id) && n % 4 === 0) chosen.push((ref) => ['kill', '--now', ref]);
    try {
      await inParallel(chosen.length, 2, async (k) => {
        const args = chosen[k]!(String(id ?? 1));
        const { code, stderr } = await rig.bgjob(args, {
          env: { BGJOB_MAX_WAIT: '100ms' },
        });
        const whole = `${args.join(' ')} beside ${name} of ${id}, ${what}: ${code} ${stderr}`;
        assert.ok(CODES.includes(code), whole);
        assert.doesNotMatch(stderr, /bug in bgjob|^ +at |node:internal|Error:/m, whole);
      });
    } finally {
      fs.writeFileSync(path, before);
    }
    calls += chosen.length;
  }
  return calls;
}

/**
 * Damages one job in a copy of the home, and has everything that ended removed: the damaged one stays, every
 * byte of it.
 */
export async function sweepDamaged(
  rig: Rig,
  targets: Target[],
  chance: () => number,
  rounds: number,
): Promise<number> {
  const ids = fs.readdirSync(`${rig.home}/jobs`).map(Number);
  const highest = Math.max(...ids);
  const records = targets.filter(({ id, name }) => id !== undefined && /^(spec|state)\.json$/.test(name));
  // in a copy they are unreadable as long as they run
  const live = (await rig.json(['ls', '-a', '--state', 'running'])).map((job) => job.id);
  // owners that leave still remove files, and cp fails where one goes before its turn
  for (const id of ids) if (!live.includes(id)) await rig.untilLeft(id);
  for (let n = 0; n < rounds; n++) {
    const copy = `${rig.dir}/copy${n}`;
    assert.equal(spawnSync('cp', ['-a', rig.home, copy]).status, 0);
    const { path, id } = records[Math.floor(chance() * records.length)]!;
    const dir = `${copy}/jobs/${id}`;
    // an ended job is told by its state alone
    const bytes = fs.readFileSync(path);
    const damaged =
      n % 2 === 0 ? bytes.subarray(0, bytes.length / 2) : mutate(bytes, chance, [], String).bytes;
    for (const name of ['spec.json', 'state.json']) fs.writeFileSync(`${dir}/${name}`, damaged);
    const before = listing(dir);
    const { code, stderr } = await rig.bgjob(['gc', '--ended'], { env: { BGJOB_HOME: copy } });
    assert.equal(code, 0, stderr);
    assert.deepEqual(listing(dir), before);
    const left = fs.readdirSync(`${copy}/jobs`).map(Number);
    assert.deepEqual(new Set(left), new Set([id, highest, ...live]));
    fs.rmSync(copy, { recursive: true });
  }
  return rounds;
}

const listing = (dir: string): string[] =>
  (fs.readdirSync(dir, { recursive: true }) as string[])
    .map((name) => {
      const stat = fs.lstatSync(`${dir}/${name}`);
      return `${name} ${stat.mode} ${stat.size} ${stat.mtimeMs}`;
    })
    .sort();

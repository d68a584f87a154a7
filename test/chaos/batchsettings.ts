/**
 * The setting of the crash matrix in which one shim runs the jobs of a batch: each point is reached for the
 * first, the second and the last job.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { until } from '../rig/until.ts';
import { killedIn, type Lane, type Setting, setting, type Told } from './settings.ts';
import { type Point, runTraced } from './stopper.ts';
import { assertNothingLeft, assertTrue, Broken, Witness } from './truth.ts';

const JOBS = 3;
const KILLED = 137;

/** Three jobs in one slot. A killed process costs the outcome of one job at most. */
async function runBatch(lane: Lane, plan: Point[]): Promise<Told> {
  const { rig } = lane;
  const queue = `q${Math.floor(lane.chance() * 1e9)}x`;
  const witnesses = Array.from({ length: JOBS }, () => new Witness(rig, lane.code()));
  const file = join(fs.mkdtempSync(join(rig.dir, 'batch-')), 'lines');
  fs.writeFileSync(file, witnesses.map((witness) => `${witness.line(':')}\n`).join(''));
  const words = ['run', '-Q', queue, '--slots', '1', '--batch', file];
  // as a shell has it: only then a line is plain
  const traced = await runTraced(rig, 'launcher', plan, words, { env: { PWD: rig.project } });
  const ids = witnesses.map((witness) => witness.findId(rig)!);
  for (const id of ids) lane.gave(id);
  if (traced.answer.stdout !== ids.map((id) => `${id}\n`).join(''))
    throw new Broken('an id that was printed is a job', `${traced.answer.stdout}: ${ids}`);
  // what waits when no process lives any more is moved on by the next command
  await until(
    async () => (await rig.json(['ls', '-a', '-n', '100000'])).filter(({ id }) => ids.includes(id)),
    (jobs) => jobs.every(({ state }) => state !== 'queued' && state !== 'starting'),
    'the start of all',
    60_000,
  );
  const roles = killedIn(traced);
  // which of the jobs was killed is found below
  const killed = roles.map((role) => (role === 'job' ? 'job, perhaps' : role));
  const ends: string[] = [];
  let codes = 0;
  for (const [n, witness] of witnesses.entries()) {
    ends.push(await assertTrue(rig, witness, { killed, printed: `${ids[n]}\n` }));
    const { exitCode } = await rig.show(ids[n]!);
    if (exitCode === witness.code) codes++;
    else if (ends[n] !== 'lost' && (exitCode !== KILLED || !roles.includes('job')))
      throw new Broken('no outcome is invented', `${ids[n]}: ${exitCode} instead of ${witness.code}`);
  }
  const mayCost = roles.some((role) => ['shim', 'job', "supervisor's fork"].includes(role));
  if (codes < JOBS - (mayCost ? 1 : 0))
    throw new Broken('no exit code is lost', `killed ${roles}: ${ends}, ${codes} as they were`);
  await assertNothingLeft(rig);
  return { traced, end: ends.join(', ') };
}

export const BATCH_SETTINGS: Setting[] = [
  setting('a batch', ['supervisor', "supervisor's fork", 'shim', 'watcher', 'job'], runBatch),
];

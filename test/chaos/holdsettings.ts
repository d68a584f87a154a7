/** Settings of the crash matrix around pauses and --on-exit. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { letterOf } from '../rig/processes.ts';
import type { Rig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import {
  killedIn,
  type Lane,
  launching,
  type Setting,
  SUPERVISOR_DIES,
  setting,
  type Told,
} from './settings.ts';
import { type Point, runTraced } from './stopper.ts';
import { assertNothingLeft, assertWhole, Broken, Witness } from './truth.ts';

/** Pauses a job, or lets it go on; then the same is asked once more, and has to be so. */
const holding =
  (verb: 'pause' | 'resume'): Setting['round'] =>
  async (lane, plan) => {
    const { rig } = lane;
    const witness = new Witness(rig, lane.code());
    const id = await rig.run(['--', '/bin/sh', '-c', witness.line('sleep 1000 & exec sleep 1000')]);
    lane.gave(id);
    await rig.untilState(id, 'running');
    if (verb === 'resume') await rig.bgjob(['pause', String(id)]);
    const traced = await runTraced(rig, 'holder', plan, [verb, String(id)]);
    const again = await rig.bgjob([verb, String(id)]);
    const { state } = await rig.show(id);
    const main = letterOf(rig.shimRecord(id).main!);
    const wanted = verb === 'pause' ? 'paused' : 'running';
    if (again.code !== 0 || state !== wanted || (main === 'T') !== (verb === 'pause'))
      throw new Broken('everything goes on', `${verb}: ${JSON.stringify(again)} ${state} ${main}`);
    const kill = await rig.bgjob(['kill', String(id)]);
    if (kill.code !== 0) throw new Broken('everything goes on', `kill: ${JSON.stringify(kill)}`);
    await assertNothingLeft(rig);
    await assertWhole(rig);
    return { traced, end: 'killed' };
  };

/** The line of --on-exit notes each of its runs. */
const noteOf = ({ dir }: Rig): string => `echo >>'${dir}'/hooked.$BGJOB_ID`;

/** Who runs the line, or is about to become that. */
const isOfHook = (role: string): boolean => role === 'hook' || role.endsWith("'s fork");

/** It has run once; or not at all, where the job or who runs it was killed. Never twice. */
async function assertOnce(rig: Rig, id: number, mayBeMissed: boolean): Promise<void> {
  const path = join(rig.dir, `hooked.${id}`);
  const runs = () => (fs.existsSync(path) ? fs.statSync(path).size : 0);
  const read = async () => (await rig.show(id)).onExit?.state;
  const ends = mayBeMissed ? ['exited', 'unseen', 'not-run', 'due', undefined] : ['exited'];
  const state = await until(read, (now) => ends.includes(now), `--on-exit of ${id}`);
  await assertNothingLeft(rig);
  if (runs() > 1 || (!mayBeMissed && runs() !== 1))
    throw new Broken('everything goes on', `--on-exit of ${id} ran ${runs()} times: ${state}`);
}

const hooking =
  (words: string[], body = 'sleep 0.05'): Setting['round'] =>
  async (lane, plan): Promise<Told> => {
    const { rig } = lane;
    const told = await launching([...words, '--on-exit', noteOf(rig)], body)(lane, plan);
    const id = Math.max(...fs.readdirSync(join(rig.home, 'jobs')).map(Number));
    await assertOnce(rig, id, told.end === 'lost' || killedIn(told.traced).some(isOfHook));
    return told;
  };

/** A job that waits is cancelled by a command that is killed, and then by one that is not. */
async function cancel(lane: Lane, plan: Point[]): Promise<Told> {
  const { rig } = lane;
  await rig.bgjob(['queue', 'pause', 'held']);
  const id = await rig.run(['-Q', 'held', '--on-exit', noteOf(rig), '--', 'true']);
  lane.gave(id);
  await rig.bgjob(['queue', 'pause', 'held']);
  const traced = await runTraced(rig, 'killer', plan, ['kill', String(id)]);
  await rig.bgjob(['kill', String(id)]);
  await rig.bgjob(['queue', 'resume', 'held']);
  const { state } = await rig.show(id);
  if (state !== 'cancelled' && state !== 'exited')
    throw new Broken('everything goes on', `cancelled: ${state}`);
  await assertOnce(rig, id, killedIn(traced).some(isOfHook));
  return { traced, end: state };
}

export const HOLD_SETTINGS: Setting[] = [
  setting('pause', ['holder', 'supervisor'], holding('pause')),
  setting('resume', ['holder', 'supervisor'], holding('resume')),
  setting('run --on-exit', ['supervisor', "supervisor's fork", 'hook'], hooking([])),
  setting('run --on-exit, adopted', ['adopter', 'hook'], hooking([], 'sleep 0.5; echo out; sleep 0.2'), {
    before: [SUPERVISOR_DIES],
  }),
  setting('run -Q --on-exit', ['supervisor', 'hook'], hooking(['-Q', 'own'])),
  setting('cancel', ['killer', 'hook'], cancel),
];

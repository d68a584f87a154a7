/**
 * Every truncation and thousands of mutations of every record of a home with jobs of all kinds. A damaged
 * record either reads as
 * it was or is told to be unreadable; nobody crashes, hangs or signals anything, and every other job is what
 * it was.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { withChecksum } from '../../src/base/checksum.ts';
import { isRunning } from '../rig/processes.ts';
import { type Rig, withRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { churn } from './churn.ts';
import { Gallery } from './gallery.ts';
import { type Mutation, mutate } from './mutate.ts';
import type { Part, Round, Row } from './part.ts';
import { Canary, makeSpecimens, type Specimens } from './specimens.ts';
import { callVerbs, sweepDamaged } from './verbs.ts';

/** Records of a job; the rest of its directory is what it wrote itself, or a marker without content. */
const RECORDS =
  /^(spec\.json|state\.json|owner\.\d+|exit\.1|shim|stop\.\w+|out\/(trimmed|times|cursors\/.+))$/;
/** Records that are sealed, or say the same twice: here damage is always found out. */
const GUARDED = /^(spec\.json|state\.json|owner\.\d+|exit\.1|stop\.\w+)$/;

export interface Target {
  path: string;
  /** The job whose record it is; undefined for the home's own. */
  id: number | undefined;
  name: string;
}

function targetsIn(home: string, ids: number[]): Target[] {
  const files = (dir: string): string[] =>
    (fs.readdirSync(dir, { recursive: true }) as string[]).filter((name) =>
      fs.lstatSync(join(dir, name)).isFile(),
    );
  const of = (dir: string, id?: number) => (name: string) => ({ path: join(dir, name), id, name });
  const jobs = ids.flatMap((id) => {
    const dir = join(home, 'jobs', String(id));
    return files(dir)
      .filter((name) => RECORDS.test(name))
      .map(of(dir, id));
  });
  const names = files(join(home, 'names')).map(of(join(home, 'names')));
  return [...jobs, ...names, ...['seq', 'format', 'token'].map(of(home))];
}

/** What became of the mutations. */
class Tally {
  truncations = 0;
  mutations = 0;
  unreadable = 0;
  harmless = 0;
  forged = 0;
  looks = 0;
  slowestMs = 0;

  rows(): Row[] {
    return [
      { what: 'truncations', figure: String(this.truncations) },
      { what: 'mutations', figure: String(this.mutations) },
      { what: 'told to be unreadable', figure: String(this.unreadable) },
      { what: 'read as it was', figure: String(this.harmless) },
      { what: 'forged with a right checksum, and believed', figure: String(this.forged) },
      { what: 'slowest look', figure: `${this.slowestMs.toFixed(0)} ms` },
    ];
  }
}

export const records: Part = {
  name: 'records',
  run: async (round) => [
    ...(await damageHome(round)),
    ...(await (round.whole ? churn(10_000, 60) : churn(300, 3))),
  ],
};

const damageHome = (round: Round): Promise<Row[]> =>
  withRig(async (rig) => {
    rig.damaged = true;
    const specimens = await makeSpecimens(rig);
    const canary = await Canary.start(`${rig.dir}/heard`);
    try {
      const rows = await damageAll(rig, round, specimens, canary);
      canary.assertUnharmed();
      await endSpecimens(rig, specimens);
      return rows;
    } finally {
      canary.close();
    }
  });

async function damageAll(
  rig: Rig,
  { whole, chance }: Round,
  specimens: Specimens,
  canary: Canary,
): Promise<Row[]> {
  const ids = [...specimens.ended, ...specimens.live.map(({ id }) => id)];
  const gallery = new Gallery(rig, ids);
  const targets = targetsIn(rig.home, ids);
  const tally = new Tally();
  const pids = [canary.pid, process.pid, process.ppid, 1];
  const damage = (mutation: Mutation, target: Target) => check(gallery, target, mutation, pids, tally);
  for (const target of targets) {
    const bytes = fs.readFileSync(target.path);
    // blanks at the end are room for what never came
    const length = bytes.toString('latin1').trimEnd().length + 1;
    for (let at = 0; at < length; at += whole ? 1 : 1 + Math.floor((chance() * length) / 3)) {
      await damage({ what: `truncated to ${at}`, bytes: bytes.subarray(0, at), forged: false }, target);
      tally.truncations++;
    }
  }
  const draw = (): [Mutation, Target] => {
    const target = targets[Math.floor(chance() * targets.length)]!;
    return [mutate(fs.readFileSync(target.path), chance, pids, reseal), target];
  };
  for (; tally.mutations < (whole ? 5000 : 80); tally.mutations++) await damage(...draw());
  await gallery.checkOthers(undefined, false, pids);
  const verbs = await callVerbs(rig, specimens, draw, whole ? 150 : 6);
  const swept = await sweepDamaged(rig, targets, chance, whole ? 12 : 1);
  return [
    { what: 'records', figure: String(targets.length) },
    ...tally.rows(),
    { what: 'calls of the built program beside a damaged record', figure: String(verbs) },
    { what: 'damaged jobs that gc --ended left alone', figure: String(swept) },
  ];
}

/** As the program writes it, whatever is in it. */
function reseal({ sum: _, ...record }: Record<string, unknown>): string {
  return withChecksum(record);
}

/** Puts the mutation in the place of the record, looks at everything, and puts the record back. */
async function check(
  gallery: Gallery,
  { path, id, name }: Target,
  { what, bytes, forged }: Mutation,
  pids: number[],
  tally: Tally,
): Promise<void> {
  const before = fs.readFileSync(path);
  fs.writeFileSync(path, bytes);
  const begun = performance.now();
  try {
    if (id !== undefined) {
      const view = gallery.look(id, name.startsWith('out/'));
      if (view.kind === 'unreadable') tally.unreadable++;
      else if (gallery.isAsBefore(view)) tally.harmless++;
      else if (forged || !GUARDED.test(name)) tally.forged++;
      else gallery.assertAsBefore(view);
      if (forged || name === 'shim') await gallery.assertHarmless(view, pids);
    }
    tally.slowestMs = Math.max(tally.slowestMs, performance.now() - begun);
    // seldom, and always after what concerns all
    if (id === undefined || tally.looks++ % 100 === 0) await gallery.checkOthers(id, forged, pids);
  } catch (thrown) {
    throw new Error(`job ${id}, ${name}, ${what}: ${bytes.toString('latin1').slice(0, 2000)}`, {
      cause: thrown,
    });
  } finally {
    fs.writeFileSync(path, before);
  }
}

/**
 * A live job goes on whatever was done to its records, and keeps its end; also where they are damaged now.
 */
async function endSpecimens(rig: Rig, { live }: Specimens): Promise<void> {
  for (const { id, puppet } of live) {
    fs.writeFileSync(rig.file(id, 'state.json'), 'damaged');
    fs.writeFileSync(rig.file(id, 'spec.json'), 'damaged');
    assert.equal((await rig.show(id)).state, 'unreadable');
    await puppet.exit(7);
    await until(
      () => isRunning(rig.ownerPid(id)),
      (running) => !running,
      `the end of the supervisor of ${id}`,
    );
    assert.equal((await rig.bgjob(['wait', String(id)])).code, 7, 'its supervisor knew better');
  }
}

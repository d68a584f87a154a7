/**
 * Every size of free space from nothing to enough, in memory and on ext4: a job is either started, and then its code is kept, or
 * refused without a trace. While the disk is full everything that reads, stops and removes works.
 */
import assert from 'node:assert/strict';
import {
  cannotMountImage,
  drain,
  drainInodes,
  fill,
  fillInodes,
  makeImage,
  onImage,
  onMount,
  pathsIn,
} from '../rig/mounts.ts';
import { processesNaming } from '../rig/processes.ts';
import { type Rig, withRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { readJson } from './death.ts';
import type { Part, Round } from './part.ts';

const STEP_KIB = 4;
/** Enough for a job with all that belongs to it. */
const ENOUGH_KIB = 48;
const ENOUGH_INODES = 36;

/** What there is little of, and how it is taken and given back. */
interface Shortage {
  unit: string;
  step: number;
  enough: number;
  fill(mounted: string, free: number): void;
  drain(mounted: string): void;
}
const bytes = (step: number): Shortage => ({ unit: 'KiB', step, enough: ENOUGH_KIB, fill, drain });
const inodes = (step: number): Shortage => ({
  unit: 'inodes',
  step,
  enough: ENOUGH_INODES,
  fill: fillInodes,
  drain: drainInodes,
});

interface Tally {
  refused: number;
  started: number;
  /** The least with which a job was started. */
  least: number;
}

/** What may be asked for, each needs other files. */
const FORMS: { options: string[]; input?: string }[] = [
  { options: ['--', 'sh', '-c', 'echo said; exit 3'] },
  { options: ['-n', 'web', '--split', '--', 'sh', '-c', 'exit 3'] },
  { options: ['--keep-env', '-e', `LONG=${'x'.repeat(9000)}`, '--', 'sh', '-c', 'exit 3'] },
  { options: ['-'], input: `# ${'x'.repeat(5000)}\nexit 3\n` },
];

/** All that is in the home, but the FIFOs that lie ready. */
const tracesIn = (rig: Rig) => pathsIn(rig.home)!.filter((path) => !path.startsWith('cache/fifo.'));

const untilQuiet = (mounted: string) =>
  until(
    () => processesNaming(mounted),
    (found) => found.length === 0,
    'the end of every supervisor',
  );

/** One try with so much room: started in full, or refused without a trace. */
async function tryWith(
  rig: Rig,
  mounted: string,
  { unit, fill, drain }: Shortage,
  free: number,
  { options, input }: (typeof FORMS)[number],
): Promise<boolean> {
  fill(mounted, free);
  const before = tracesIn(rig);
  const { code, stdout, stderr } = await rig.bgjob(['run', ...options], input === undefined ? {} : { input });
  const what = `${free} ${unit}, ${options[0]}: ${stdout}${stderr}`;
  if (code === 0) {
    assert.match(stdout, /^\d+\n$/, what);
    const id = Number(stdout);
    assert.equal((await rig.bgjob(['wait', String(id)])).code, 3, what);
    assert.equal((await rig.show(id)).state, 'exited', what);
    assert.equal((await rig.json(['ls', '-a'])).find((job) => job.id === id)?.exitCode, 3, what);
    drain(mounted);
    await until(
      () => readJson(rig.file(id, 'state.json'))?.status.phase,
      (phase) => phase === 'ended',
      `the state of a job that had ${what}`,
    );
    await untilQuiet(mounted);
    assert.equal((await rig.bgjob(['wait', String(id)])).code, 3, what);
  } else {
    assert.deepEqual([code, stdout], [125, ''], what);
    assert.match(stderr, /^bgjob: cannot .*: no space is left on the device\n {2}hint: /, what);
    await untilQuiet(mounted);
    assert.deepEqual(tracesIn(rig), before, what);
    drain(mounted);
  }
  return code === 0;
}

/** What is left free: everything from nothing to enough, step by step; without steps some of it. */
function sizesOf({ step, enough }: Shortage, whole: boolean, chance: () => number): number[] {
  const steps = Array.from({ length: Math.floor(enough / step) + 1 }, (_, n) => n * step);
  // those of the short round fall between nothing and enough, others each time
  return whole ? steps : [0, Math.floor((chance() * enough) / step) * step, enough];
}

async function sweep(
  rig: Rig,
  mounted: string,
  shortage: Shortage,
  { whole, chance }: Round,
): Promise<Tally> {
  const forms = whole ? FORMS : [FORMS[Math.floor(chance() * FORMS.length)]!];
  const tally: Tally = { refused: 0, started: 0, least: Number.POSITIVE_INFINITY };
  // what every home has in time: the folder of names, compiled code
  for (const name of ['first', 'second'])
    assert.equal((await rig.bgjob(['run', '-w', '-n', name, '--', 'true'])).code, 0);
  await untilQuiet(mounted);
  for (const form of forms) {
    for (const free of sizesOf(shortage, whole, chance)) {
      const started = await tryWith(rig, mounted, shortage, free, form);
      tally[started ? 'started' : 'refused']++;
      if (started) tally.least = Math.min(tally.least, free);
    }
  }
  assert.ok(tally.refused > 0 && tally.started > 0, JSON.stringify(tally));
  assert.equal((await rig.bgjob(['gc', '--ended'])).code, 0);
  return tally;
}

const told = ({ refused, started, least }: Tally, unit: string): string =>
  `${started} jobs started and their codes kept (from ${least} ${unit} on), ${refused} refused without a trace`;

export const disk: Part = {
  name: 'full disk',
  skip: cannotMountImage,
  async run(round) {
    const inMemory = withRig((rig) =>
      onMount(rig, 'mode=700,size=4m', (mounted) => sweep(rig, mounted, bytes(STEP_KIB), round)),
    );
    const onExt4 = withRig((rig) => {
      const image = `${rig.dir}/image`;
      makeImage(image, 12);
      return onImage(rig, image, '', (mounted) => sweep(rig, mounted, bytes(STEP_KIB), round));
    });
    const byInodes = withRig((rig) =>
      onMount(rig, 'mode=700,size=16m,nr_inodes=900', (mounted) => sweep(rig, mounted, inodes(3), round)),
    );
    const [memory, ext4, few] = await Promise.all([inMemory, onExt4, byInodes]);
    return [
      { what: 'every size of free space, in memory', figure: told(memory, 'KiB') },
      { what: 'every size of free space, on ext4', figure: told(ext4, 'KiB') },
      { what: 'every number of free inodes', figure: told(few, 'inodes') },
    ];
  },
};

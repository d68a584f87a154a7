/**
 * Every size of free space from nothing to enough, in memory and on ext4: a job is either started, and then its code is kept, or
 * refused without a trace. While the disk is full everything that reads, stops and removes works.
 */
import assert from 'node:assert/strict';
import { cannotMountImage, drain, fill, makeImage, onImage, onMount, pathsIn } from '../rig/mounts.ts';
import { processesNaming } from '../rig/processes.ts';
import { type Rig, withRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { readJson } from './death.ts';
import type { Part } from './part.ts';

const STEP_KIB = 4;
/** Enough for a job with all that belongs to it. */
const ENOUGH_KIB = 48;

interface Tally {
  refused: number;
  started: number;
  /** The least with which a job was started. */
  leastKib: number;
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
async function tryWith(rig: Rig, mounted: string, freeKib: number, form: (typeof FORMS)[number]) {
  const { options, input } = form;
  fill(mounted, freeKib);
  const before = tracesIn(rig);
  const { code, stdout, stderr } = await rig.bgjob(['run', ...options], input === undefined ? {} : { input });
  const what = `${freeKib} KiB, ${options[0]}: ${stdout}${stderr}`;
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

async function sweep(rig: Rig, mounted: string, stepKib: number, forms: typeof FORMS): Promise<Tally> {
  const tally: Tally = { refused: 0, started: 0, leastKib: Number.POSITIVE_INFINITY };
  // what every home has in time: the folder of names, compiled code
  assert.equal((await rig.bgjob(['run', '-w', '-n', 'first', '--', 'true'])).code, 0);
  await untilQuiet(mounted);
  for (const form of forms) {
    for (let freeKib = 0; freeKib <= ENOUGH_KIB; freeKib += stepKib) {
      const started = await tryWith(rig, mounted, freeKib, form);
      tally[started ? 'started' : 'refused']++;
      if (started) tally.leastKib = Math.min(tally.leastKib, freeKib);
    }
  }
  assert.ok(tally.refused > 0 && tally.started > 0, JSON.stringify(tally));
  assert.equal((await rig.bgjob(['gc', '--ended'])).code, 0);
  return tally;
}

const told = ({ refused, started, leastKib }: Tally): string =>
  `${started} jobs started and their codes kept (from ${leastKib} KiB on), ${refused} refused without a trace`;

export const disk: Part = {
  name: 'full disk',
  skip: cannotMountImage,
  async run({ whole }) {
    const forms = whole ? FORMS : FORMS.slice(0, 1);
    const stepKib = whole ? STEP_KIB : 2 * STEP_KIB;
    const inMemory = withRig((rig) =>
      onMount(rig, 'mode=700,size=4m', (mounted) => sweep(rig, mounted, stepKib, forms)),
    );
    const onExt4 = withRig((rig) => {
      const image = `${rig.dir}/image`;
      makeImage(image, 12);
      return onImage(rig, image, '', (mounted) => sweep(rig, mounted, stepKib, forms));
    });
    const [memory, ext4] = await Promise.all([inMemory, onExt4]);
    return [
      { what: 'every size of free space, in memory', figure: told(memory) },
      { what: 'every size of free space, on ext4', figure: told(ext4) },
    ];
  },
};

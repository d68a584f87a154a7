/**
 * A power cut: ext4 in a file, copied at some instants while jobs start and end, and each copy mounted as the machine would find it
 * after the cut. What `run`, `wait` and `gc` said before is there; nothing is empty, torn or given twice.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { cannotMountImage, makeImage, mounted, onImage, succeeds } from '../rig/mounts.ts';
import { type Rig, withRig } from '../rig/rig.ts';
import { inParallel, pass } from './death.ts';
import type { Part } from './part.ts';

/** Without the crutch that ext4 has for programs that forget to flush. */
const OPTIONS = 'noauto_da_alloc';

/** What bgjob has said so far. */
interface Said {
  /** `run` printed the id. */
  ids: Set<number>;
  /** `wait` returned this code. */
  codes: Map<number, number>;
  /** `gc` said that it is gone, or may be about to. */
  removed: Set<number>;
}

interface Found {
  cuts: number;
  ids: number;
  codes: number;
  claims: number;
}

const copyOf = ({ ids, codes, removed }: Said): Said => ({
  ids: new Set(ids),
  codes: new Map(codes),
  removed: new Set(removed),
});

/** Every file of the home that must be whole: records in JSON, and the small ones. */
function checkWhole(home: string): void {
  for (const path of fs.readdirSync(home, { recursive: true }) as string[]) {
    const text = () => fs.readFileSync(`${home}/${path}`, 'utf8');
    if (/\.json$|owner\.\d+$|claim\.\d+$/.test(path)) assert.doesNotThrow(() => JSON.parse(text()), path);
    if (path === 'format') assert.match(text(), /^[12]\n$/);
    if (path === 'token') assert.match(text(), /^[0-9a-f]{32}\n$/);
  }
}

/** What the machine finds after the cut, against what was said before it. */
async function checkCopy(rig: Rig, image: string, said: Said, found: Found): Promise<void> {
  const dir = `${image}.found`;
  fs.mkdirSync(dir);
  await mounted(image, dir, OPTIONS, async () => {
    const home = `${dir}/home`;
    checkWhole(home);
    const env = { BGJOB_HOME: home };
    const jobs = new Map<number, any>();
    for (const job of await rig.json(['ls', '-a', '-n', '100000'], { env })) jobs.set(job.id, job);
    for (const id of said.ids) {
      if (said.removed.has(id)) continue;
      assert.ok(jobs.has(id), `job ${id}, whose id was printed`);
      assert.notEqual(jobs.get(id).state, 'unreadable', `job ${id}`);
    }
    for (const [id, code] of said.codes)
      if (!said.removed.has(id)) assert.equal(jobs.get(id).exitCode, code, `the code of job ${id}`);
    found.claims += fs.existsSync(`${home}/names`) ? fs.readdirSync(`${home}/names`).length : 0;
    // an id that was printed is never given again, also one that gc removed
    const { code, stdout, stderr } = await rig.bgjob(['run', '-w', '--', 'true'], { env });
    assert.equal(code, 0, stderr);
    const next = Number(stdout.split('\n')[0]);
    assert.ok(next > Math.max(...said.ids), `${next} is given anew, after ${Math.max(...said.ids)}`);
  });
  found.cuts++;
  found.ids += said.ids.size;
  found.codes += said.codes.size;
}

/** How much was said. */
const answers = ({ ids, codes }: Said): number => ids.size + codes.size;

/** Copies the image as it is at this instant. */
function cut(image: string, copy: string): void {
  assert.ok(succeeds('cp', '--sparse=always', image, copy), 'cp');
}

async function startAndEnd(rig: Rig, n: number, said: Said): Promise<void> {
  const code = n % 7;
  const named = n % 3 === 0 ? ['-n', `job${n}`] : [];
  const id = await rig.run([...named, '--', 'sh', '-c', `echo ${n}; exit ${code}`]);
  said.ids.add(id);
  const waited = await rig.bgjob(['wait', String(id)]);
  assert.equal(waited.code, code);
  said.codes.set(id, code);
}

async function collectSome(rig: Rig, said: Said): Promise<void> {
  const candidates = [...said.codes.keys()].filter((id) => !said.removed.has(id));
  for (const id of candidates) said.removed.add(id);
  const [gone] = await rig.json(['gc', '--keep', '8']);
  for (const id of candidates) if (!gone.removed.includes(id)) said.removed.delete(id);
}

async function cutRound(rig: Rig, jobs: number, cuts: number, chance: () => number): Promise<Found> {
  const image = `${rig.dir}/image`;
  const found: Found = { cuts: 0, ids: 0, codes: 0, claims: 0 };
  // a journal that never wraps: while a copy is made nothing moves from it to its place
  makeImage(image, 200, 64);
  const copies: { copy: string; before: Said }[] = [];
  await onImage(rig, image, OPTIONS, async () => {
    const said: Said = { ids: new Set(), codes: new Map(), removed: new Set() };
    let over = false;
    // after so many answers: instants that the work comes to on a machine of any speed
    const due = Array.from({ length: cuts }, () => chance() * 2 * jobs).sort((a, b) => a - b);
    const cutter = async () => {
      for (const [n, at] of due.entries()) {
        while (!over && answers(said) < at) await pass(1 + chance() * 20);
        if (over) return;
        const copy = `${rig.dir}/copy.${n}`;
        const before = copyOf(said);
        cut(image, copy);
        copies.push({ copy, before });
      }
    };
    const work = inParallel(jobs, 3, async (n) => {
      await startAndEnd(rig, n, said);
      if (n % 20 === 19) await collectSome(rig, said);
    }).finally(() => {
      over = true;
    });
    await Promise.all([work, cutter()]);
    // and at once after the last answer
    const before = copyOf(said);
    cut(image, `${rig.dir}/copy.last`);
    copies.push({ copy: `${rig.dir}/copy.last`, before });
  });
  for (const { copy, before } of copies) {
    if (before.ids.size > 0) await checkCopy(rig, copy, before, found);
    fs.rmSync(copy);
    fs.rmSync(`${dirname(copy)}/${copy.split('/').at(-1)}.found`, { recursive: true, force: true });
  }
  return found;
}

export const powerCut: Part = {
  name: 'power cut',
  skip: cannotMountImage,
  async run({ whole, chance }) {
    const { cuts, ids, codes, claims } = await withRig((rig) =>
      cutRound(rig, whole ? 120 : 22, whole ? 20 : 2, chance),
    );
    return [
      { what: 'power cuts while jobs start and end', figure: String(cuts) },
      { what: 'ids that run had printed, all there', figure: String(ids) },
      { what: 'codes that wait had returned, all there', figure: String(codes) },
      { what: 'claims to names, none torn', figure: String(claims) },
    ];
  },
};

/**
 * Catches mutants. Each is built in a folder of its own, from a copy of this tree with its changes. Then the test that is named in
 * the list has to fail by an assertion, and to pass with the program as it is; or a round of the crash matrix has to be judged so.
 */
import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BGJOB, ROOT, withRig } from '../rig/rig.ts';
import { BATCH_SETTINGS } from './batchsettings.ts';
import { inParallel, seededChance } from './death.ts';
import { runRound } from './matrix.ts';
import {
  type Change,
  isRound,
  layerOf,
  MUTANTS,
  type Mutant,
  type NamedTest,
  type Round,
} from './mutants.ts';
import type { Part, Row } from './part.ts';
import { QUEUE_SETTINGS } from './queuesettings.ts';
import { Lane, SETTINGS, type Setting } from './settings.ts';
import { cannotTrace, type Point } from './stopper.ts';
import { Broken, impatiently } from './truth.ts';

const run = promisify(execFile);
/** So many mutants are built and tested at once. */
const WIDTH = 2;
/** It ends a test that hangs, milliseconds. */
const LIMIT_MS = 300_000;

/** What is built, or comes from elsewhere. */
const NOT_COPIED = ['.git', 'node_modules', 'dist', 'dist-test', 'man'];

/** Where the build puts a test or fixture, both relative to the root. */
const builtPath = (test: string): string =>
  join('dist-test', test.replaceAll('/', '.').replace(/\.ts$/, '.js'));

/** Builds a copy of this tree with these changes, calls `body` with its folder, and removes it. */
export async function withChanges<T>(changes: Change[], body: (dir: string) => Promise<T>): Promise<T> {
  const dir = fs.mkdtempSync(join(tmpdir(), 'bgjob-mutant-'));
  try {
    for (const name of fs.readdirSync(ROOT).filter((one) => !NOT_COPIED.includes(one)))
      fs.cpSync(join(ROOT, name), join(dir, name), { recursive: true });
    fs.symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
    for (const { file, from, to } of changes) {
      const path = join(dir, 'src', file);
      const parts = fs.readFileSync(path, 'utf8').split(from);
      if (parts.length !== 2)
        throw new Error(`${JSON.stringify(from)} stands ${parts.length - 1} times in ${file}`);
      fs.writeFileSync(path, parts.join(to));
    }
    await run(process.execPath, ['build.mjs'], { cwd: dir });
    return await body(dir);
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

type Verdict = { kind: 'passed' | 'asserted' } | { kind: 'other'; why: string };

/** Runs the named test in a built tree. */
async function runTest(dir: string, { test, name }: NamedTest): Promise<Verdict> {
  const suite = join(dir, builtPath('rig/suite.fixture.ts'));
  const node = [process.execPath, '--test', '--test-reporter=tap', `--test-name-pattern=${name.source}`];
  const words = ['--left', '5', '--', ...node, join(dir, builtPath(test))];
  const options = { cwd: dir, timeout: LIMIT_MS, maxBuffer: 1 << 28 };
  const said = await run(process.execPath, [suite, ...words], options).catch((thrown) => thrown);
  return judge(String(said.stdout), name);
}

/** What a report (TAP) says of the tests whose name matches. */
function judge(report: string, name: RegExp): Verdict {
  const told = report
    .split(/^(?=\s*(?:not )?ok \d+ - )/m)
    .map((text) => ({ text, line: /^\s*(not )?ok \d+ - (.*)/.exec(text) }))
    .filter(({ line }) => line && name.test(line[2]!.replace(/ # (SKIP|TODO).*/, '')));
  const failed = told.filter(({ line }) => line![1]);
  const other = (why: string): Verdict => ({ kind: 'other', why });
  if (told.length === 0) return other(`no test ${name}`);
  const skipped = told.find(({ line }) => line![2]!.includes(' # SKIP'));
  if (skipped) return other(skipped.line![2]!);
  if (failed.length === 0) return { kind: 'passed' };
  const [first] = failed;
  const error = /^\s*error: (?:\|-\n)?(.*(?:\n.*)?)/m.exec(first!.text)?.[1] ?? '';
  // a property that does not hold for all values is an assertion, too
  return /code: 'ERR_ASSERTION'|Property failed after/.test(first!.text)
    ? { kind: 'asserted' }
    : other(`it failed, but not by an assertion: ${error.replace(/\s+/g, ' ')}`);
}

/** The kills of a round in its setting, each in its turn. */
function planOf({ before }: Setting, { kill, unbroken }: Round, isBroken: boolean): Point[] {
  const last = isBroken ? kill : (unbroken ?? kill);
  return [...before, ...(last ? [last] : [])].map((point) => ({ ...point, inTurn: true }));
}

/** What the round says that this program breaks; undefined: nothing. */
async function findBroken(round: Round, program: string): Promise<Broken | undefined> {
  const settings = [...SETTINGS, ...QUEUE_SETTINGS, ...BATCH_SETTINGS];
  const setting = settings.find(({ name }) => name === round.setting)!;
  const plan = planOf(setting, round, program !== BGJOB);
  let broken: Broken | undefined;
  await withRig(async (rig) => {
    rig.damaged = true;
    const lane = new Lane(rig, seededChance(round.promised));
    try {
      const { hits } = (await runRound(lane, setting, plan)).traced;
      if (hits.length < plan.length) throw new Error(`${hits.length} kills of ${plan.length} were done`);
    } catch (thrown) {
      if (!(thrown instanceof Broken)) throw thrown;
      broken = thrown;
      rig.killAll();
    }
  }, program);
  return broken;
}

/** Why a mutant is not caught in its round; undefined: it is, and the program as it is passes. */
async function tryRound(round: Round, dir: string): Promise<string | undefined> {
  const found = await impatiently(() => findBroken(round, join(dir, 'bin', 'bgjob')));
  if (found?.promised !== round.promised) return `not caught: ${found?.message ?? 'the round passed'}`;
  const own = await findBroken(round, BGJOB);
  return own && `the program as it is: ${own.message}`;
}

/** Why a mutant is not caught by its test; undefined: it is, and the program as it is passes. */
async function tryTest(test: NamedTest, dir: string): Promise<string | undefined> {
  const [mutated, own] = [await runTest(dir, test), await runTest(ROOT, test)];
  if (own.kind !== 'passed')
    return `the program as it is: ${own.kind === 'other' ? own.why : 'it failed by an assertion'}`;
  if (mutated.kind === 'passed') return 'not caught: the test passed';
  return mutated.kind === 'other' ? `not caught: ${mutated.why}` : undefined;
}

/** Why a mutant is not caught as the list says; undefined: it is, each of so many times. */
export const tryMutant = ({ changes, by }: Mutant, times = 1): Promise<string | undefined> =>
  withChanges(changes, async (dir) => {
    for (let n = 1; n <= times; n++) {
      const why = await (isRound(by) ? tryRound(by, dir) : tryTest(by, dir));
      if (why !== undefined) return n === 1 ? why : `${why} (${n - 1} times it was caught)`;
    }
    return undefined;
  });

const catcherOf = ({ by }: Mutant): string =>
  isRound(by) ? `round "${by.setting}"` : `${by.test} ${by.name}`;

async function catchAll(): Promise<Row[]> {
  // for a closer look: those in whose row this stands, and each so often
  const wanted = new RegExp(process.env['BGJOB_TEST_MUTANT'] ?? '');
  const times = Number(process.env['BGJOB_TEST_TIMES'] ?? 1);
  const chosen = MUTANTS.filter((mutant) => wanted.test(`${mutant.what}: ${catcherOf(mutant)}`));
  const why = cannotTrace();
  const mutants = chosen.filter(({ by }) => why === false || !isRound(by));
  if (mutants.length < chosen.length) console.log(`  ${chosen.length - mutants.length} skipped: ${why}`);
  const caught = { 'npm test': 0, 'test:all': 0 };
  await inParallel(mutants.length, WIDTH, async (n) => {
    const mutant = mutants[n]!;
    const begun = performance.now();
    const missed = await tryMutant(mutant, times).catch((thrown: Error) => `error: ${thrown.message}`);
    const layer = layerOf(mutant);
    if (missed === undefined) caught[layer]++;
    const seconds = ((performance.now() - begun) / 1000).toFixed(0).padStart(3);
    const verdict = missed === undefined ? `caught  ${layer.padEnd(8)}` : 'MISSED          ';
    const reason = missed === undefined ? '' : `; ${missed.replace(/\s+/g, ' ').slice(0, 300)}`;
    console.log(`  ${verdict} ${seconds} s  ${mutant.what}: ${catcherOf(mutant)}${reason}`);
  });
  const all = caught['npm test'] + caught['test:all'];
  if (all < mutants.length)
    throw new Error(`${mutants.length - all} of ${mutants.length} mutants were not caught`);
  return [{ what: 'mutants caught', figure: `${all}, of which ${caught['npm test']} by npm test alone` }];
}

export const mutants: Part = { name: 'mutants', run: catchAll };

/**
 * The supervisor is killed at any instant: before it starts the job, while that runs, just after its end. A code that
 * the shim saw is kept, no code is invented, and nothing is shown as running that is not.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { processesNaming } from '../rig/processes.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import { rounds } from '../rig/rounds.ts';
import { until } from '../rig/until.ts';
import { inParallel, killIfItIsStillThat, pass, readJson, seededChance } from './death.ts';
import { NEVER } from './settings.ts';
import { cannotTrace, runTraced } from './stopper.ts';

const ROUNDS = rounds(24, 200);
const NEVER_STARTED = 'its supervisor ended before it started the job';

/**
 * When it is killed: once this has come true, and up to some milliseconds later. A job whose supervisor has to be alive then waits at a
 * gate, which is opened after the kill.
 */
const INSTANTS = [
  { what: 'its owner is known', isGated: true, laterMs: 60 },
  { what: 'its shim is written down', isGated: true, laterMs: 5 },
  { what: 'it runs', isGated: true, laterMs: 20 },
  { what: 'it runs, and ends when it likes', isGated: false, laterMs: 80 },
  { what: 'its status is written', isGated: false, laterMs: 12 },
] as const;

interface Round {
  id: number;
  code: number;
  instant: (typeof INSTANTS)[number];
}

const started = (rig: Rig, n: number): string => join(rig.dir, `started.${n}`);
const gate = (rig: Rig, n: number): string => join(rig.dir, `gate.${n}`);

/** Writes that it started, waits for its gate or lives for a moment, and ends with `code`. */
const jobOf = (rig: Rig, n: number, code: number, isGated: boolean): string[] => [
  '--',
  '/bin/sh',
  '-c',
  `echo >'${started(rig, n)}'; ${isGated ? `until [ -e '${gate(rig, n)}' ]; do sleep 0.02; done` : 'sleep 0.05'}; exit ${code}`,
];

/** Waits until the instant has come. */
function untilInstant(rig: Rig, n: number, { id, instant }: Round): Promise<unknown> {
  const isThere: Record<(typeof INSTANTS)[number]['what'], () => boolean> = {
    'its owner is known': () => true,
    'its shim is written down': () => fs.statSync(rig.file(id, 'shim')).size > 0,
    'it runs': () => fs.existsSync(started(rig, n)),
    'it runs, and ends when it likes': () => fs.existsSync(started(rig, n)),
    'its status is written': () => fs.statSync(rig.file(id, 'exit.1')).size > 0,
  };
  return until(
    () => safely(isThere[instant.what]),
    (there) => there,
    instant.what,
  );
}

/** What is not there yet is not so. */
function safely(holds: () => boolean): boolean {
  try {
    return holds();
  } catch {
    return false;
  }
}

/** The first owner, by its record, as soon as there is one: who it is and since when. */
async function firstOwner(rig: Rig, id: number): Promise<{ pid: number; startTicks: number }> {
  const owner = await until(
    () => readJson(rig.file(id, 'owner.1')),
    (record) => record !== undefined,
    `owner.1 of ${id}`,
  );
  return owner.identity;
}

rigTest(
  'supervisors killed at every instant: every code that was seen is kept, none is invented',
  async (rig) => {
    const chance = seededChance('supervisor killed');
    const all: Round[] = [];
    let killed = 0;
    await inParallel(ROUNDS, 4, async (n) => {
      const code = 1 + Math.floor(chance() * 120);
      const instant = INSTANTS[n % INSTANTS.length]!;
      const laterMs = n % 2 === 0 ? 0 : chance() * instant.laterMs;
      const id = await rig.run(jobOf(rig, n, code, instant.isGated));
      const owner = await firstOwner(rig, id);
      all[n] = { id, code, instant };
      await untilInstant(rig, n, all[n]);
      await pass(laterMs);
      const isKilled = killIfItIsStillThat(owner);
      // the job cannot end before its gate is opened, nor its supervisor before the job
      assert.ok(isKilled || !instant.isGated, `the supervisor of ${id} has left: ${instant.what}`);
      if (isKilled) killed++;
      fs.writeFileSync(gate(rig, n), '');
    });
    const { stdout } = await rig.bgjob(['wait', '--json', ...all.map(({ id }) => String(id))]);
    const ends = new Map(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        .map((end) => [end.id, end]),
    );
    const tally: Record<string, number> = {};
    for (const [n, { id, code, instant }] of all.entries()) {
      const end = ends.get(id);
      const what = `job ${id}, killed when ${instant.what}: ${JSON.stringify(end)}`;
      tally[end?.state] = (tally[end?.state] ?? 0) + 1;
      if (fs.existsSync(started(rig, n))) {
        assert.equal(end?.state, 'exited', what);
        assert.equal(end.exitCode, code, what);
        assert.equal(fs.readFileSync(rig.file(id, 'exit.1'), 'utf8').trim(), `${code}\n${code}`, what);
      } else {
        assert.equal(end?.state, 'lost', what);
        assert.equal(end.reason, NEVER_STARTED, what);
        assert.equal(end.exitCode, null, what);
        assert.equal(end.code, 125, what);
      }
    }
    console.log(`killed ${killed} of ${ROUNDS}:`, tally);
    const listed = await rig.json(['ls', '-a', '-n', '1000']);
    assert.equal(listed.length, ROUNDS);
    for (const job of listed) assert.equal(job.state, ends.get(job.id).state, `ls and wait on ${job.id}`);
    assert.deepEqual(await untilNothingIsLeft(rig), []);
  },
);

const untilNothingIsLeft = (rig: Rig) =>
  until(
    () => processesNaming(rig.home),
    (found) => found.length === 0,
    'no process of a job',
  );

rigTest(
  'a supervisor killed while it boots: lost, and no process of the job',
  async (rig) => {
    const words = ['run', '--', 'sleep', '1000'];
    // at the first of its own calls by which it says anything: what that is, is seen first
    const { calls } = await runTraced(rig, 'launcher', [NEVER], ['run', '--', 'true']);
    const first = calls.find(({ role }) => role === 'supervisor');
    assert.ok(first, 'a supervisor was seen');
    const traced = await runTraced(rig, 'launcher', [{ ...first, when: 'before' }], words);
    assert.equal(traced.answer.code, 0, traced.answer.stderr);
    assert.equal(traced.hits.length, 1, 'it was killed');
    assert.equal(rig.shimRecord(2).shim, undefined);
    const wait = await rig.bgjob(['wait', '2']);
    assert.equal(wait.code, 125);
    assert.equal(wait.stdout, `2 lost (${NEVER_STARTED})\n`);
    await until(
      () => processesNaming(rig.file(2, '')),
      (found) => found.length === 0,
      'no process of the job',
    );
    assert.match((await rig.bgjob(['kill', '2'])).stdout, /^2 already lost/);
  },
  { skip: cannotTrace() },
);

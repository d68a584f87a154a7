/**
 * Many jobs with known codes are stopped by several calls of `kill` at once, each of which takes all of them, while
 * calls and owners are killed or stopped at random instants. The last call is left alone: it must return, and then
 * each job has ended as it says itself.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Rig, withRig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { inParallel, killIfItIsStillThat, ownerOf, pass } from './death.ts';
import type { Part, Round, Row } from './part.ts';
import { assertNothingLeft, assertWhole } from './truth.ts';

const NEVER = 'while :; do read -t 1000 <> <(:); done';

interface Kind {
  /** A line of bash; `$out` is a file of the job's own, `$code` its code. */
  line: string;
  /** How it may end, as state and code. `isKilled`: with SIGKILL, which each job may get. */
  ends(job: Job): string[];
}

interface Job {
  id: number;
  kind: string;
  code: number;
  out: string;
}

const KINDS: Record<string, Kind> = {
  'obeys TERM': { line: NEVER, ends: () => ['killed 143'] },
  'is replaced': { line: 'exec sleep 1000', ends: () => ['killed 143'] },
  'cleans up': {
    // the program that cleans up is younger than TERM, and gets none
    line: `trap '/bin/sh -c "sleep 0.1; echo cleaned >>$out"; exit $code' TERM; ${NEVER}`,
    ends: ({ code }) => [`exited ${code}`],
  },
  'ignores TERM': { line: `trap 'echo TERM >>$out' TERM; ${NEVER}`, ends: () => [] },
  'ends by itself': {
    line: 'read -t 0.$code <> <(:); exit $code',
    ends: ({ code }) => [`exited ${code}`, 'killed 143'],
  },
  'leaves a daemon': { line: `setsid sleep 1000 & ${NEVER}`, ends: () => ['killed 143'] },
};

async function start(rig: Rig, n: number, chance: () => number): Promise<Job> {
  const kind = Object.keys(KINDS)[n % Object.keys(KINDS).length]!;
  const [code, out] = [10 + Math.floor(chance() * 80), join(rig.dir, `out.${n}`)];
  fs.writeFileSync(out, '');
  const line = `out=${out} code=${code}; export out code; echo ready >>$out; ${KINDS[kind]!.line}`;
  const id = await rig.run(['--', 'bash', '-c', line]);
  return { id, kind, code, out };
}

/** One home; how many were harmed. */
async function story(rig: Rig, { whole, chance }: Round): Promise<{ jobs: number; harmed: number }> {
  const jobs: Job[] = [];
  await inParallel(whole ? 18 : 12, 3, async (n) => void jobs.push(await start(rig, n, chance)));
  for (const { out } of jobs)
    await until(
      () => fs.readFileSync(out, 'utf8'),
      (text) => text.includes('ready'),
    );
  const words = jobs.map(({ id }) => String(id));
  const isHard = chance() < 0.3;
  let harmed = 0;
  const calls = Array.from({ length: 2 }, async (_, n) => {
    await pass(chance() * 300);
    const hard = isHard && n === 1 ? ['--now'] : ['--grace', '1500ms'];
    const call = rig.startBgjob(['kill', ...hard, ...words]);
    await pass(150 + chance() * 1500);
    const isStopped = chance() < 0.3;
    if (chance() < 0.7 && call.child.exitCode === null && call.child.kill(isStopped ? 'SIGSTOP' : 'SIGKILL'))
      harmed++;
    if (isStopped) {
      await pass(chance() * 6000);
      call.child.kill('SIGCONT');
    }
    return call.answer;
  });
  const deaths = jobs
    .filter(() => chance() < 0.3)
    .map(async ({ id }) => {
      await pass(chance() * 2500);
      if (killIfItIsStillThat(ownerOf(rig, id))) harmed++;
    });
  await pass(chance() * 1000);
  const last = await rig.bgjob(['kill', '--json', '--grace', '1500ms', ...words]);
  assert.equal(last.code, 0, `${last.stdout}${last.stderr}`);
  for (const { code, stderr } of await Promise.all(calls)) {
    assert.doesNotMatch(stderr, /bug in bgjob/);
    assert.ok(code === 0 || code > 128, `${code}: ${stderr}`);
  }
  await Promise.all(deaths);
  await assertNothingLeft(rig);
  const told = last.stdout.split('\n').filter(Boolean);
  const shown = await assertWhole(rig);
  for (const job of jobs) {
    const { state, exitCode, signal, forced } = shown.find(({ id }) => id === job.id);
    const said = told.map((text) => JSON.parse(text)).find(({ id }) => id === job.id);
    const text = fs.readFileSync(job.out, 'utf8');
    const written = Number.parseInt(fs.readFileSync(rig.file(job.id, 'exit.1'), 'utf8'), 10);
    const whole = JSON.stringify({ ...job, text, written, state, exitCode, signal, said, isHard, harmed });
    assert.equal(exitCode, written, whole);
    assert.deepEqual([said.state, said.exitCode], [state, exitCode], whole);
    // SIGKILL comes after the grace: on a busy machine, or if a call died just before it sent TERM
    const ends = [...KINDS[job.kind]!.ends(job), 'killed 137'];
    assert.ok(ends.includes(`${state} ${exitCode}`), whole);
    assert.equal(signal, state === 'killed' ? (exitCode === 137 ? 'SIGKILL' : 'SIGTERM') : null, whole);
    assert.ok(text.split('TERM').length <= 2, `a second TERM: ${whole}`);
    // a sweep with SIGKILL ends the program that cleans up before its parent, which then exits by itself
    const isSwept = isHard || harmed > 0 || forced > 0;
    if (state === 'exited' && job.kind === 'cleans up' && !isSwept) assert.match(text, /cleaned/, whole);
    if (!isSwept && job.kind === 'cleans up') assert.equal(state, 'exited', whole);
  }
  return { jobs: jobs.length, harmed };
}

export const killMany: Part = {
  name: 'kill of many',
  async run(round: Round): Promise<Row[]> {
    const count = round.whole ? 30 : 3;
    const sum = { jobs: 0, harmed: 0 };
    for (let n = 0; n < count; n++) {
      const told = await withRig((rig) => story(rig, round));
      for (const key of ['jobs', 'harmed'] as const) sum[key] += told[key];
    }
    return [
      { what: 'jobs stopped by three calls at once, each with its true end', figure: String(sum.jobs) },
      { what: 'calls and owners killed or stopped meanwhile', figure: String(sum.harmed) },
    ];
  },
};

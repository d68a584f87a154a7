/** Whoever calls `run` is killed at any instant. An id that was printed is a job that runs; what is half made breaks nothing. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Call, type Rig, rigTest } from '../rig/rig.ts';
import { rounds } from '../rig/rounds.ts';
import { until } from '../rig/until.ts';
import { inParallel, pass, seededChance } from './death.ts';

const started = (rig: Rig, n: number): string => join(rig.dir, `started.${n}`);

/** What `run` printed before it died: an id is printed whole or not at all. */
function printedId({ stdout }: { stdout: string }): number | undefined {
  if (stdout === '') return undefined;
  assert.match(stdout, /^\d+\n$/);
  return Number(stdout);
}

/** All jobs, as `ls --json` tells them. */
async function listAll(rig: Rig): Promise<{ jobs: any[] }> {
  const { code, stdout, stderr } = await rig.bgjob(['ls', '-a', '-n', '1000', '--json']);
  assert.equal(code, 0, stderr);
  const lines = stdout.split('\n').filter(Boolean);
  return { jobs: lines.map((line) => JSON.parse(line)) };
}

/** Every job is listed, none is shown as what it is not, and the next one runs. */
async function assertSound(rig: Rig, printed: Map<number, number>): Promise<void> {
  for (const [n, id] of printed) {
    const wait = await rig.bgjob(['wait', String(id)]);
    assert.equal(wait.code, 0, `job ${id} was printed: ${wait.stdout}${wait.stderr}`);
    assert.ok(fs.existsSync(started(rig, n)), `job ${id} was printed and did not run`);
  }
  // one whose launcher was killed before it printed the id may run, and its supervisor may be slow
  const { jobs } = await until(
    () => listAll(rig),
    ({ jobs }) => !jobs.some(({ state }) => state === 'running'),
    'the end of each job that was started',
  );
  const tally: Record<string, number> = {};
  for (const { state } of jobs) tally[state] = (tally[state] ?? 0) + 1;
  console.log(`${printed.size} printed;`, tally);
  for (const job of jobs) {
    // starting: a launch that was cut off counts as one under way for 30 s
    assert.ok(['exited', 'lost', 'starting'].includes(job.state), JSON.stringify(job));
    if (job.state === 'exited') assert.equal(job.exitCode, 0);
  }
  assert.equal((await rig.bgjob(['ls', '-a'])).code, 0);
  assert.equal((await rig.bgjob(['gc', '--dry-run'])).code, 0);
  const next = await rig.run(['--', 'true']);
  assert.equal((await rig.bgjob(['wait', String(next)])).code, 0);
}

const job = (rig: Rig, n: number): string[] => ['run', '--', '/bin/sh', '-c', `echo >'${started(rig, n)}'`];

async function killRounds(rig: Rig, count: number, act: (n: number) => Promise<Call>): Promise<void> {
  const printed = new Map<number, number>();
  await inParallel(count, 3, async (n) => {
    const id = printedId(await (await act(n)).answer);
    if (id !== undefined) printed.set(n, id);
  });
  await assertSound(rig, printed);
}

/** How long a launch takes here, on this machine, now: the instants are parts of that. */
async function launchMs(rig: Rig): Promise<number> {
  const begun = performance.now();
  await rig.bgjob(['run', '--', 'true']);
  return performance.now() - begun;
}

rigTest('the launcher is killed at any instant', async (rig) => {
  const chance = seededChance('launcher killed');
  const wholeMs = await launchMs(rig);
  await killRounds(rig, rounds(12, 60), async (n) => {
    const delayMs = chance() * wholeMs * 1.5;
    const call = rig.startBgjob(job(rig, n));
    await pass(delayMs);
    call.child.kill('SIGKILL');
    return call;
  });
});

function hasKilled(group: number): boolean {
  try {
    return process.kill(group, 'SIGKILL');
  } catch {
    return false;
  }
}

rigTest("the caller's whole process group is killed, as soon as the id is printed or before", async (rig) => {
  const chance = seededChance('process group killed');
  const wholeMs = await launchMs(rig);
  await killRounds(rig, rounds(8, 40), async (n) => {
    const early = n % 2 === 1;
    const delayMs = chance() * wholeMs * 1.5;
    const words = job(rig, n)
      .map((word) => `'${word.replaceAll("'", `'\\''`)}'`)
      .join(' ');
    // a session and group of its own, so that only it is killed
    const call = rig.start('setsid', ['bash', '-c', `bgjob ${words}; sleep 1000`]);
    if (early) await pass(delayMs);
    else
      await until(
        () => call.stdout(),
        (text) => text.endsWith('\n'),
        'the id',
      );
    // there may be no group yet
    await until(
      () => hasKilled(-call.child.pid!),
      (done) => done,
      'its group',
    );
    return call;
  });
});

/** Jobs that do not want to end: they ignore TERM, leave the session, shed marker or parent, or fork faster than one looks. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { missing } from '../rig/needs.ts';
import { isRunning, processesNaming } from '../rig/processes.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { pass, runPuppet, slay } from './death.ts';

rigTest(
  'a job that ignores TERM and has children in sessions of their own is gone after kill',
  async (rig) => {
    const puppet = await rig.puppet();
    const id = await runPuppet(rig, puppet);
    await puppet.ignore('SIGTERM');
    const pids = [await puppet.pid()];
    for (let n = 0; n < 3; n++)
      pids.push(await puppet.fork({ daemon: true, ignoring: ['TERM', 'HUP', 'INT'] }));
    pids.push(
      await puppet.fork({ ignoring: ['TERM'] }),
      await puppet.fork({ bare: true, ignoring: ['TERM'] }),
    );
    const { code, stdout } = await rig.bgjob(['kill', '--grace', '300ms', String(id)]);
    assert.equal(code, 0);
    assert.match(stdout, /^1 killed \(KILL, [\d.]+s\): 6 processes\n$/);
    assert.deepEqual(pids.filter(isRunning), []);
  },
);

rigTest('a job that is stopped notices a polite kill: it is continued', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet);
  const main = await puppet.pid();
  process.kill(main, 'SIGSTOP');
  const { code, stdout } = await rig.bgjob(['kill', String(id)]);
  assert.equal(code, 0);
  assert.match(stdout, /^1 killed \(TERM, /);
  assert.equal(isRunning(main), false);
});

/** Double fork, own session, the parent gone; then it says its pid and sleeps. */
const SHEDDING = `
for how in 'env -i' ''; do
  setsid /bin/sh -c "$how /bin/sh -c 'echo \\$\\$; exec sleep 1000' &" </dev/null &
done
wait
sleep 1000`;

rigTest('double-forked, one without environment, both with the log open: gone after kill', async (rig) => {
  const id = await rig.run(['--', '/bin/sh', '-c', SHEDDING]);
  const pids = (
    await until(
      () => (fs.existsSync(rig.file(id, 'out/log')) ? rig.log(id).trim().split('\n') : []),
      (lines) => lines.length === 2,
      'both daemons',
    )
  ).map(Number);
  assert.deepEqual(pids.map(isRunning), [true, true]);
  const { code, stdout } = await rig.bgjob(['kill', String(id)]);
  assert.equal(code, 0);
  assert.match(stdout, /^1 killed \(TERM, /);
  assert.deepEqual(pids.map(isRunning), [false, false]);
});

/** Each generation leaves the session, forks the next after 2 ms, and ends. */
const LEAPFROG = `
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv) {
  if (argc > 1) signal(SIGTERM, SIG_IGN);
  for (long n = 0; n < 5000; n++) {
    if (n % 50 == 0) {
      // the test is over: so are we
      int fd = open(getenv("BEAT"), O_CREAT | O_WRONLY | O_TRUNC, 0600);
      if (fd < 0) return 1;
      dprintf(fd, "%ld", n);
      close(fd);
    }
    pid_t pid = fork();
    if (pid > 0) _exit(0);
    if (pid < 0) return 1;
    setsid();
    usleep(2000);
  }
  return 0;
}`;

const skip = missing('gcc');
let compiled: string | undefined;

/** Each test has a copy under a name of its own, by which its processes are known. */
function buildLeapfrog(rig: Rig): string {
  if (compiled === undefined) {
    const dir = fs.mkdtempSync(join(tmpdir(), 'bgjob-leapfrog-'));
    process.once('exit', () => fs.rmSync(dir, { recursive: true, force: true }));
    compiled = join(dir, 'leapfrog');
    fs.writeFileSync(`${compiled}.c`, `#include <stdio.h>\n${LEAPFROG}`);
    execFileSync('gcc', ['-O1', '-o', compiled, `${compiled}.c`]);
  }
  const program = join(rig.dir, 'leapfrog');
  fs.copyFileSync(compiled, program);
  return program;
}

interface Leapfrog {
  id: number;
  /** How many generations there were, in fifties. */
  beats: () => number;
}

/** Starts it as a job. */
async function startLeapfrog(rig: Rig, options: string[], args: string[], prefix = ''): Promise<Leapfrog> {
  const program = buildLeapfrog(rig);
  const beat = join(rig.dir, 'beat');
  const line = `${prefix} '${program}' ${args.join(' ')}; sleep 1000`;
  const id = await rig.run([...options, '-e', `BEAT=${beat}`, '--', '/bin/sh', '-c', line]);
  return { id, beats: () => (fs.existsSync(beat) ? Number(fs.readFileSync(beat, 'utf8')) : 0) };
}

/** The same, and returns when it has leapt for a while. */
async function runLeapfrog(rig: Rig, options: string[], args: string[], prefix = ''): Promise<Leapfrog> {
  const leapfrog = await startLeapfrog(rig, options, args, prefix);
  await until(leapfrog.beats, (count) => count >= 50, 'some generations');
  return leapfrog;
}

/** Neither seen nor heard: a single look may fall between two generations, the beat of 50 of them may not. */
async function assertGone(rig: Rig, { beats }: Leapfrog): Promise<void> {
  const before = beats();
  for (let look = 0; look < 5; look++) {
    assert.deepEqual(processesNaming(join(rig.dir, 'leapfrog')), []);
    // time enough for fifty generations; on a machine where it is not, this sees less, and is right
    await pass(60);
  }
  assert.equal(beats(), before);
}

for (const [what, args] of [
  ['obeys TERM', []],
  ['ignores TERM', ['ignore']],
] as const) {
  rigTest(
    `a process that forks and exits every 2 ms and ${what} is gone after kill`,
    async (rig) => {
      const leapfrog = await runLeapfrog(rig, ['--grace', '500ms'], [...args]);
      const { code, stdout, stderr } = await rig.bgjob(['kill', '1']);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^1 killed \(/);
      await assertGone(rig, leapfrog);
    },
    { skip },
  );

  rigTest(
    `a process that forks and exits every 2 ms and ${what} is gone after --timeout`,
    async (rig) => {
      const leapfrog = await startLeapfrog(rig, ['--timeout', '1s', '--grace', '500ms'], [...args]);
      assert.equal((await rig.bgjob(['wait', '1'])).code, 124);
      await assertGone(rig, leapfrog);
    },
    { skip },
  );
}

rigTest(
  'a process that forks and exits every 2 ms without any marker, its output in the log, is gone after kill',
  async (rig) => {
    const leapfrog = await runLeapfrog(rig, ['--grace', '500ms'], [], 'env -i "BEAT=$BEAT"');
    const { code, stderr } = await rig.bgjob(['kill', '1']);
    assert.equal(code, 0, stderr);
    await assertGone(rig, leapfrog);
  },
  { skip },
);

rigTest(
  'a leapfrog that outlived supervisor, shim and watcher is gone after kill',
  async (rig) => {
    const leapfrog = await runLeapfrog(rig, [], []);
    const { id } = leapfrog;
    const { shim, watcher } = rig.shimRecord(id);
    await slay(watcher!);
    await slay(rig.ownerPid(id));
    await slay(shim!);
    const { code, stderr } = await rig.bgjob(['kill', '--now', String(id)]);
    assert.equal(code, 0, stderr);
    await assertGone(rig, leapfrog);
  },
  { skip },
);

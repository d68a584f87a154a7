/** Many at once: ids and codes stay right, many waiters all hear of the end, and jobs are killed as soon as they are started. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import type { Rig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { sleepsOn } from '../rig/waiters.ts';

/** So many calls of `run --follow` at once: as many ids, right exit codes, and nobody misses the last line. */
export async function runMany(rig: Rig, count: number): Promise<void> {
  fs.mkdirSync(`${rig.project}/answers`);
  const job = `sh -c "printf 'first\\nlast $n'; exit $n"`;
  const call = `bgjob run -f -t n$n -- ${job} >answers/$n 2>answers/$n.told; echo $? >>answers/$n`;
  const line = `for n in $(seq 0 ${count - 1}); do (${call}) & done; wait`;
  assert.equal((await rig.bash(line)).code, 0);
  const ids = [];
  for (let n = 0; n < count; n++) {
    const answer = fs.readFileSync(`${rig.project}/answers/${n}`, 'utf8');
    const told = fs.readFileSync(`${rig.project}/answers/${n}.told`, 'utf8');
    const id = Number.parseInt(told, 10);
    assert.equal(answer, `first\nlast ${n}\n${n}\n`);
    assert.match(told, new RegExp(`^${id}\n${id} exited ${n} `));
    ids.push(id);
  }
  assert.deepEqual(
    ids.sort((a, b) => a - b),
    Array.from({ length: count }, (_, n) => n + 1),
  );
  const jobs = await rig.json(['ls', '-a', '-n', String(count)]);
  assert.equal(jobs.length, count);
  for (const { tags, exitCode } of jobs) assert.equal(`n${exitCode}`, tags[0]);
  // the call may read the end before its supervisor takes the entry away
  await until(
    () => fs.readdirSync(`${rig.home}/live`),
    (names) => names.length === 0,
    'no live marker',
  );
}

const isWaiter = (pid: number): boolean => {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('\0wait\0');
  } catch {
    // it is gone
    return false;
  }
};

/** The calls of `wait` that sleep until a job's end. */
const waitersOn = (fifo: string): number =>
  fs.readdirSync('/proc').filter((name) => {
    const pid = Number(name);
    return Number.isInteger(pid) && isWaiter(pid) && sleepsOn(pid, fifo);
  }).length;

/** So many waiters on one job all return its code. */
export async function waitMany(rig: Rig, count: number): Promise<void> {
  const puppet = await rig.puppet();
  const id = await rig.run(['--', ...puppet.command]);
  await puppet.ready();
  const fifo = rig.file(id, 'alive');
  const line =
    `for n in $(seq ${count}); do bgjob wait 1 >/dev/null 2>&1 & pids+=($!); done; ` +
    `for pid in \${pids[@]}; do wait $pid; echo $?; done`;
  const waiters = rig.bash(line);
  await until(
    () => waitersOn(fifo),
    (waiters) => waiters === count,
    'all of them wait',
  );
  await puppet.exit(3);
  assert.equal((await waiters).stdout, '3\n'.repeat(count));
}

/** Two shells, each of which starts so many jobs and kills each of them at once. */
export async function killAtOnce(rig: Rig, count: number): Promise<void> {
  const line = `for n in $(seq ${count}); do bgjob kill $(bgjob run -- sleep 1000) || echo failed $?; done`;
  const [one, two] = await Promise.all([rig.bash(line), rig.bash(line)]);
  for (const { stdout, stderr } of [one, two]) {
    assert.match(
      stdout,
      new RegExp(`^(\\d+ (killed \\(TERM, .*|cancelled before it started)\\n){${count}}$`),
    );
    assert.equal(stderr, '');
  }
  for (const { state } of await rig.json(['ls', '-n', String(2 * count)]))
    assert.match(state, /^(killed|cancelled)$/);
}

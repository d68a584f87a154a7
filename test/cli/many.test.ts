/** Many at once: ids and codes stay right, and many waiters all hear of the end. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { openFiles } from '../rig/processes.ts';
import { rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

rigTest('200 runs at once: 200 ids, 200 right exit codes, and nobody misses the last line', async (rig) => {
  fs.mkdirSync(`${rig.project}/answers`);
  const job = `sh -c "printf 'first\\nlast $n'; exit $n"`;
  const call = `bgjob run -f -t n$n -- ${job} >answers/$n 2>/dev/null; echo $? >>answers/$n`;
  const line = `for n in $(seq 0 199); do (${call}) & done; wait`;
  assert.equal((await rig.bash(line)).code, 0);
  const ids = [];
  for (let n = 0; n < 200; n++) {
    const answer = fs.readFileSync(`${rig.project}/answers/${n}`, 'utf8');
    const id = Number.parseInt(answer, 10);
    assert.match(answer, new RegExp(`^${id}\nfirst\nlast ${n}\n${id} exited ${n} .*\n${n}\n$`));
    ids.push(id);
  }
  assert.deepEqual(
    ids.sort((a, b) => a - b),
    Array.from({ length: 200 }, (_, n) => n + 1),
  );
  const jobs = await rig.json(['ls', '-a', '-n', '200']);
  assert.equal(jobs.length, 200);
  for (const { tags, exitCode } of jobs) assert.equal(`n${exitCode}`, tags[0]);
  assert.deepEqual(fs.readdirSync(`${rig.home}/live`), []);
});

const waitersOn = (fifo: string): number =>
  fs.readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && openFiles(Number(pid)).includes(fifo)).length;

rigTest('200 waiters on one job: all return its code', async (rig) => {
  const puppet = await rig.puppet();
  const id = await rig.run(['--', ...puppet.command]);
  await puppet.ready();
  const fifo = rig.file(id, 'alive');
  const own = waitersOn(fifo);
  const line =
    'for n in $(seq 200); do bgjob wait 1 >/dev/null 2>&1 & pids+=($!); done; ' +
    `for pid in \${pids[@]}; do wait $pid; echo $?; done`;
  const waiters = rig.bash(line);
  await until(
    () => waitersOn(fifo),
    (count) => count === own + 200,
    '200 waiters',
    60_000,
  );
  await puppet.exit(3);
  assert.equal((await waiters).stdout, '3\n'.repeat(200));
});

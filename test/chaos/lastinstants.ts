/** What a job writes in its last instant is never missing; many at a time, because a busy machine opens the gaps. */
import assert from 'node:assert/strict';
import { rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { sleepsOn } from '../rig/waiters.ts';

/** A job that writes `last N`, with or without a line end, and exits 3 at once. */
const JOB = `sh -c "printf 'first\\nlast $n$end'; exit 3"`;
/** One round: sets `out`. */
const ROUNDS = [
  { way: 'run --wait', round: `out=$(bgjob run -w -- ${JOB} 2>&1)` },
  { way: 'run --until', round: `out=$(bgjob run --until "last $n" -- ${JOB} 2>&1) || out=$?` },
  { way: 'tail --follow', round: `out=$(bgjob tail -f $(bgjob run -- ${JOB}) 2>/dev/null)` },
];
const AT_A_TIME = 4;

/** So many rounds of each way, and so many jobs that end at once while four calls wait for them. */
export function testLastInstants(rounds: number, jobs: number): void {
  for (const { way, round } of ROUNDS)
    rigTest(`nothing is missing: ${way}`, async (rig) => {
      const check = `[[ "$out" == *"last $n"* ]] || echo "round $n: $out"`;
      const line = (from: number) =>
        `for n in $(seq ${from} ${AT_A_TIME} ${rounds}); do end=; ((n % 2)) && end='\\n'; ${round}; ${check}; done`;
      const answers = await Promise.all(Array.from({ length: AT_A_TIME }, (_, n) => rig.bash(line(n + 1))));
      for (const { code, stdout, stderr } of answers) assert.deepEqual([code, stdout, stderr], [0, '', '']);
      assert.equal((await rig.json(['ls', '-n', '200'])).length, rounds);
    });

  rigTest(`nothing is missing: wait, with ${jobs} jobs that end at once`, async (rig) => {
    // they all wait for a lock that the test holds
    const holder = rig.start('bash', ['-c', 'exec 9>gate; flock 9; echo held; exec sleep 1000']);
    await until(holder.stdout, (text) => text === 'held\n');
    const job = `sh -c 'exec 9<gate; flock -s 9; printf "first\\nlast $BGJOB_ID"; exit 3'`;
    const line = `for n in $(seq ${jobs / 4}); do bgjob run -- ${job}; done`;
    const groups = await Promise.all(Array.from({ length: 4 }, () => rig.bash(line)));
    const ids = groups.map(({ stdout }) => stdout.trim().split('\n'));
    const waits = ids.map((group) => rig.startBgjob(['wait', ...group]));
    await until(
      () =>
        waits.every(({ child }, n) =>
          ids[n]!.every((id) => sleepsOn(child.pid!, rig.file(Number(id), 'alive'))),
        ),
      (sleeps) => sleeps,
      'all are waited for',
    );
    holder.child.kill();
    for (const [n, { answer }] of waits.entries()) {
      const { code, stdout } = await answer;
      assert.equal(code, 3);
      for (const id of ids[n]!)
        assert.match(stdout, new RegExp(`^${id} exited 3 .*\\n\\| first\\n\\| last ${id}$`, 'm'));
    }
  });
}

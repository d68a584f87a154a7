/** What a job writes in its last instant is never missing: 500 rounds of each way to read it, four at a time. */
import assert from 'node:assert/strict';
import { rigTest } from '../rig/rig.ts';

/** One round: sets `out` and `code` of a job that writes `last N`, with or without a line end, and exits 3 at once. */
const JOB = `sh -c "printf 'first\\nlast $n$end'; exit 3"`;
const ROUNDS = {
  'run --follow': `out=$(bgjob run -f -- ${JOB} 2>/dev/null); code=$?`,
  'run --wait': `out=$(bgjob run -w -- ${JOB} 2>/dev/null); code=$?`,
  'tail --follow': `id=$(bgjob run -- ${JOB}); out=$(bgjob tail -f $id 2>/dev/null); bgjob status $id >/dev/null 2>&1; code=$?`,
  wait: `id=$(bgjob run -- ${JOB}); out=$(bgjob wait $id 2>/dev/null); code=$?`,
};

for (const [way, round] of Object.entries(ROUNDS)) {
  rigTest(
    `nothing is missing: ${way}`,
    async (rig) => {
      const check = `[[ "$out" == *"last $n"* && $code == 3 ]] || echo "round $n: $code: $out"`;
      const line = (from: number) =>
        `for n in $(seq ${from} 4 125); do end=; ((n % 2)) && end='\\n'; ${round}; ${check}; done`;
      const answers = await Promise.all(
        [1, 2, 3, 4].map((from) => rig.bash(line(from), { limitMs: 110_000 })),
      );
      for (const { code, stdout, stderr } of answers) assert.deepEqual([code, stdout, stderr], [0, '', '']);
      assert.equal((await rig.json(['ls', '-a', '-n', '200'])).length, 125);
    },
    { timeout: 200_000 },
  );
}

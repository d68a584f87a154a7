/** `kill $(bgjob run -- sleep 100)`: the kill comes before the supervisor is up, while it starts the job, or after. */
import assert from 'node:assert/strict';
import { rigTest } from '../rig/rig.ts';
import { rounds } from '../rig/rounds.ts';
import { inParallel, pass, seededChance, untilIdle } from './death.ts';

const ROUNDS = rounds(20, 100);

rigTest(
  'kill right after run, many times: killed or cancelled, nothing left, and no request is missed',
  async (rig) => {
    const chance = seededChance('kill at once');
    const tally: Record<string, number> = {};
    await inParallel(ROUNDS, 4, async (n) => {
      const delayMs = Math.floor(chance() * 60);
      const id = await rig.run(['--', 'sleep', '100']);
      // half at once; half at an instant around the start of the job
      if (n % 2 === 1) await pass(delayMs);
      const { code, stdout, stderr } = await rig.bgjob(['kill', String(id)]);
      assert.equal(code, 0, stderr);
      assert.match(
        stdout,
        new RegExp(`^${id} (killed \\(TERM, .+\\): 1 process|cancelled before it started)\n$`),
      );
      // a request that the owner missed would end in 137: the killer sweeps with KILL after grace + 2 s
      const status = await rig.bgjob(['status', String(id)]);
      const word = /^\d+ (killed SIGTERM|cancelled)/.exec(status.stdout)?.[1];
      assert.ok(word, status.stdout);
      assert.equal(status.code, word === 'cancelled' ? 1 : 143);
      tally[word] = (tally[word] ?? 0) + 1;
    });
    console.log(tally);
    await untilIdle(rig); // the owner goes a moment after it has told the end
  },
);

rigTest('the shell line of the issue', async (rig) => {
  const { code, stdout } = await rig.bash('bgjob kill $(bgjob run -- sleep 100)');
  assert.equal(code, 0);
  assert.match(stdout, /^1 (killed|cancelled)/);
});

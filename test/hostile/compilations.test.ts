/** Queues as they are used: shells that add to one at the same time. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { rigTest } from '../rig/rig.ts';

rigTest(
  'four shells add to one queue at once: every id once, each job ran once, never more than the slots',
  async (rig) => {
    const line = 'echo + $BGJOB_ID >>ran; sleep 0.02; echo - $BGJOB_ID >>ran';
    fs.writeFileSync(`${rig.project}/lines`, `${line}\n`.repeat(3));
    const one = `bgjob run -Q q --slots 3 -- sh -c '${line}'`;
    const shell = `set -e; for n in $(seq 5); do ${one}; done; bgjob run -Q q --batch lines`;
    const shells = await Promise.all(Array.from({ length: 4 }, () => rig.bash(shell)));
    const ids = shells.flatMap(({ code, stdout, stderr }) => {
      assert.equal(code, 0, stderr);
      return stdout.trim().split('\n').map(Number);
    });
    assert.deepEqual(
      ids.toSorted((a, b) => a - b),
      Array.from({ length: 32 }, (_, n) => n + 1),
    );
    assert.equal((await rig.bgjob(['wait', ...ids.map(String)])).code, 0);
    const signs = fs.readFileSync(`${rig.project}/ran`, 'utf8').trim().split('\n');
    let running = 0;
    for (const sign of signs) {
      running += sign.startsWith('+') ? 1 : -1;
      assert.ok(running >= 0 && running <= 3, signs.join(' '));
    }
    assert.deepEqual(
      signs.toSorted(),
      [...ids.map((id) => `+ ${id}`), ...ids.map((id) => `- ${id}`)].toSorted(),
    );
  },
);

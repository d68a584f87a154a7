/** A kill of a job on a terminal, at instants while it starts: it is stopped or never begins, and nothing of script is in its log. */
import assert from 'node:assert/strict';
import { rigTest } from '../rig/rig.ts';

rigTest('a kill at once after the start', async (rig) => {
  for (let n = 0; n < 15; n++) {
    const answer = await rig.bash(
      `id=$(bgjob run --pty --grace 1s -- sleep 1000); sleep 0.0${n}; bgjob kill $id; cat '${rig.home}/jobs/'$id/out/log`,
    );
    assert.match(
      answer.stdout,
      /^\d+ (killed \((TERM|KILL), .*|cancelled before it started)\n$/,
      answer.stderr,
    );
  }
});

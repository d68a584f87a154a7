/** Callers that hold locks when they start a job: the job must not hold them on. */
import assert from 'node:assert/strict';
import type { Rig } from './rig.ts';

/** Takes three locks and starts a job. */
export const LOCKING =
  'exec 9>lock9 20>lock20 200>lock200; flock -n 9; flock -n 20; flock -n 200; bgjob run -- sleep 1000';

/** Each of these lines takes the locks and starts a job; they are free when the line has ended and the job runs. */
export async function locksAreFree(rig: Rig, lines: string[]): Promise<void> {
  for (const [n, line] of lines.entries()) {
    const { code, stdout, stderr } = await rig.bash(line);
    assert.equal(code, 0, `${line}: ${stderr}`);
    // a terminal gets hints, too
    assert.match(stdout, new RegExp(`^${n + 1}\\r?\\n`), line);
    const free = 'for fd in 9 20 200; do flock -n lock$fd true || echo $fd; done';
    assert.equal((await rig.bash(free)).stdout, '', line);
    assert.equal((await rig.bgjob(['status', String(n + 1)])).code, 75, `${line}: it runs`);
  }
  const ids = lines.map((_, n) => String(n + 1));
  assert.equal((await rig.bgjob(['kill', '--now', ...ids])).code, 0);
}

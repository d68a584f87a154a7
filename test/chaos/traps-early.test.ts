/** Who looks at a job before its supervisor has started it: every verb answers, and the start of the job does not suffer. */
import assert from 'node:assert/strict';
import { type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { readJson } from './death.ts';

/** A job whose supervisor is stopped while it boots: it has started nothing yet. */
async function stoppedEarly(rig: Rig): Promise<{ id: number; owner: number }> {
  for (let id = 1; id <= 30; id++) {
    const call = rig.startBgjob(['run', '--split', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3']);
    const owner = await until(
      () => readJson(rig.file(id, 'owner.1'))?.identity.pid as number | undefined,
      (pid) => pid !== undefined,
      'an owner',
    );
    process.kill(owner!, 'SIGSTOP');
    await call.answer;
    if (rig.shimRecord(id).shim === undefined) return { id, owner: owner! };
    // on a busy machine that may come too late
    process.kill(owner!, 'SIGCONT');
    assert.equal((await rig.bgjob(['wait', String(id)])).code, 3);
  }
  throw new Error('no supervisor was stopped in time');
}

rigTest('readers that come before the start: the job starts, and they miss nothing', async (rig) => {
  const { id, owner } = await stoppedEarly(rig);
  const job = String(id);
  for (const words of [
    ['tail', '--new'],
    ['tail', '--new', '--err', '--reader', 'x'],
    ['show'],
    ['path'],
    ['tail'],
  ])
    assert.equal((await rig.bgjob([...words, job])).code, 0, words.join(' '));
  assert.equal((await rig.bgjob(['status', job])).code, 75);
  const follow = rig.startBgjob(['tail', '-f', job]);
  const wait = rig.startBgjob(['wait', '--until', 'out', job]);
  const grep = rig.startBgjob(['tail', '-f', '--grep', 'err', '--err', job]);
  process.kill(owner, 'SIGCONT');
  assert.equal((await rig.bgjob(['wait', job])).code, 3);
  assert.equal((await follow.answer).stdout, 'out\n');
  assert.equal((await wait.answer).code, 0);
  assert.equal((await grep.answer).stdout, 'err\n');
  assert.equal((await rig.bgjob(['tail', '--new', job])).stdout, 'out\n');
  assert.equal((await rig.bgjob(['tail', '--new', '--err', '--reader', 'x', job])).stdout, 'err\n');
});

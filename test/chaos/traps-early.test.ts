/** Who looks at a job before its supervisor has started it: every verb answers, and the start of the job does not suffer. */
import assert from 'node:assert/strict';
import { type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { childrenOf, halt, readJson } from './death.ts';

/** So many jobs at most are tried. */
const TRIES = 10;

/**
 * A job whose supervisor is stopped while it boots: it has started nothing yet. On a busy machine that may come too late; then the next
 * job is tried, and the last one is taken as it is: what is asked of it holds for it, too.
 */
async function stoppedEarly(rig: Rig): Promise<{ id: number; isEarly: boolean; letGo: () => void }> {
  for (let id = 1; ; id++) {
    const call = rig.startBgjob(['run', '--split', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3']);
    const owner = await until(
      () => readJson(rig.file(id, 'owner.1'))?.identity.pid as number | undefined,
      (pid) => pid !== undefined,
      'an owner',
    );
    const isHalted = await halt(owner!);
    // a shim that has not recorded itself yet starts the job, whatever becomes of its supervisor
    const isEarly = isHalted && childrenOf(owner!).length === 0 && rig.shimRecord(id).shim === undefined;
    const letGo = (): void => {
      if (isHalted) process.kill(owner!, 'SIGCONT');
    };
    await call.answer;
    if (isEarly || id === TRIES) return { id, isEarly, letGo };
    letGo();
    assert.equal((await rig.bgjob(['wait', String(id)])).code, 3);
  }
}

rigTest('readers that come before the start: the job starts, and they miss nothing', async (rig) => {
  const { id, isEarly, letGo } = await stoppedEarly(rig);
  const job = String(id);
  for (const words of [
    ['tail', '--new'],
    ['tail', '--new', '--err', '--reader', 'x'],
    ['show'],
    ['path'],
    ['tail'],
  ])
    assert.equal((await rig.bgjob([...words, job])).code, 0, words.join(' '));
  if (isEarly) assert.equal((await rig.bgjob(['status', job])).code, 75);
  const follow = rig.startBgjob(['tail', '-f', job]);
  const wait = rig.startBgjob(['wait', '--until', 'out', job]);
  const grep = rig.startBgjob(['tail', '-f', '--grep', 'err', '--err', job]);
  letGo();
  assert.equal((await rig.bgjob(['wait', job])).code, 3);
  assert.equal((await follow.answer).stdout, 'out\n');
  assert.equal((await wait.answer).code, 0);
  assert.equal((await grep.answer).stdout, 'err\n');
  if (isEarly) assert.equal((await rig.bgjob(['tail', '--new', job])).stdout, 'out\n');
  const err = await rig.bgjob(['tail', '--new', '--err', '--reader', 'x', job]);
  if (isEarly) assert.equal(err.stdout, 'err\n');
});

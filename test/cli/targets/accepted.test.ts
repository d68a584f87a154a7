/** `run --on` returns when the job is accepted there, or says why it is refused. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { Rig } from '../../rig/rig.ts';
import { type Box, boxTest } from '../../rig/target.ts';
import { until } from '../../rig/until.ts';

const onBox = (...words: string[]): string[] => ['run', '--on', 'box', ...words];

boxTest('a refusal is an error of the call; the job stays in the list', async (rig, box) => {
  box.cut();
  const ran = await rig.bgjob(onBox('--', 'true'));
  assert.deepEqual([ran.code, ran.stdout], [125, '']);
  assert.match(ran.stderr, /^bgjob: job 1 did not start: box: the host does not accept ssh .*refused\)$/m);
  assert.match(ran.stderr, /^ +hint: is sshd running there.* ssh gpu1$/m);
  assert.match((await rig.bgjob(['ls', '-a'])).stdout, /start-failed/);
  const json = await rig.bgjob(onBox('--json', '--', 'true'));
  assert.deepEqual([json.code, json.stdout], [125, '']);
  assert.equal(JSON.parse(json.stderr).error.code, 'not-started-there');
  const again = await rig.bgjob(['restart', '1']);
  assert.deepEqual([again.code, again.stdout], [125, '']);
  assert.match(again.stderr, /did not start: box: the host does not accept ssh/);
  box.mend();
  const gone = await rig.bgjob(onBox('-C', '/no/such', '--', 'true'));
  assert.deepEqual([gone.code, gone.stdout], [125, '']);
  assert.match(
    gone.stderr,
    /did not start: box: there is no directory \/no\/such\n +hint: nothing is copied there/,
  );
  const taken = await rig.bgjob(onBox('--json', '--', 'true'));
  assert.deepEqual([taken.code, JSON.parse(taken.stdout).accepted], [0, true]);
  assert.equal((await rig.bgjob(['restart', '1'])).code, 0);
});

boxTest('a call returns when the job is accepted, and not before', async (rig, box) => {
  box.hang();
  const call = rig.startBgjob(onBox('--', 'sleep', '1000'));
  await rig.untilState(1, 'starting');
  const more = rig.startBgjob(onBox('-n', 'more', '--', 'true'));
  const stateOfMore = async () => (await rig.json(['ls', '-a'])).find(({ name }) => name === 'more')?.state;
  await until(stateOfMore, (state) => state === 'starting', 'the second job starting');
  // a job of which others decide is not waited for
  for (const words of [
    ['-Q', 'far'],
    ['--delay', '1h'],
    ['--retry', '1'],
    ['--after', '1'],
  ]) {
    const ran = await rig.bgjob(onBox(...words, '--', 'true'));
    assert.equal(ran.code, 0, words.join(' '));
    assert.match(ran.stdout, /^\d+\n$/);
  }
  assert.equal((await rig.show(1)).state, 'starting');
  assert.equal(await stateOfMore(), 'starting');
  box.answer();
  const { code, stdout, stderr } = await call.answer;
  assert.deepEqual([code, stdout, stderr], [0, '1\n', '']);
  assert.equal((await rig.show(1)).state, 'running');
  assert.match((await more.answer).stdout, /^\d+\n$/);
  await rig.bgjob(['kill', '--all', '--now']);
});

boxTest('a job that waits for a slot of the target is not waited for', async (rig, box) => {
  box.config({ box: { engine: 'ssh', host: 'gpu1', slots: 1 } });
  const first = await rig.run(['--on', 'box', '--', 'sleep', '1000']);
  const second = await rig.bgjob(onBox('--json', '--', 'true'));
  const { id, accepted } = JSON.parse(second.stdout);
  assert.equal(accepted, null);
  assert.equal((await rig.show(id)).state, 'queued');
  await rig.bgjob(['kill', String(first), '--now']);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
});

boxTest('a target that has not answered in time is no refusal', async (rig, box) => {
  box.hang();
  const first = rig.startBgjob(onBox('--', 'true'));
  await rig.untilState(1, 'starting');
  // instead of 35 s
  const env = { BGJOB_MAX_WAIT: '1s' };
  const ran = await rig.bgjob(onBox('--', 'sh', '-c', 'exit 3'), { env });
  // the number is not certain: the service of the target is a job, too
  const late = /^(\d+)\n$/.exec(ran.stdout)?.[1] ?? '';
  assert.equal(ran.code, 0);
  assert.equal(
    ran.stderr,
    `box has not answered yet: it is not known whether job ${late} starts. Next: bgjob wait ${late}\n`,
  );
  const json = await rig.bgjob(onBox('--json', '--', 'true'), { env });
  const { id, accepted } = JSON.parse(json.stdout);
  assert.deepEqual([accepted, json.stderr], [false, '']);
  box.answer();
  assert.equal((await first.answer).code, 0);
  assert.equal((await rig.bgjob(['wait', late])).code, 3);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
});

/** A job there that notes each of its starts. */
const counted = (box: Box, code: number): string[] => {
  const starts = join(box.home, 'starts');
  return onBox('--', 'sh', '-c', `echo x >>${starts}; exit ${code}`);
};
async function ranOnce(rig: Rig, box: Box, code: number): Promise<void> {
  box.answer();
  assert.equal((await rig.bgjob(['wait', '1'])).code, code);
  assert.equal(fs.readFileSync(join(box.home, 'starts'), 'utf8'), 'x\n');
  assert.equal((await rig.json(['ls', '-a'])).filter(({ origin }) => origin === null).length, 1);
}

boxTest('an interrupt ends the call, and not the job', async (rig, box) => {
  box.hang();
  const call = rig.startBgjob(counted(box, 4));
  await rig.untilState(1, 'starting');
  // it has its handler when it waits
  await until(
    () =>
      Number(
        /^SigCgt:\s*(\w+)/m.exec(fs.readFileSync(`/proc/${call.child.pid}/status`, 'utf8'))![1]!.slice(-1),
      ),
    (caught) => (caught & 2) !== 0,
    'it catches SIGINT',
  );
  call.child.kill('SIGINT');
  const { stdout, stderr } = await call.answer;
  assert.equal(stdout, '1\n');
  assert.match(stderr, /^box has not answered yet: job 1 goes on. Next: bgjob wait 1 · bgjob kill 1\n/);
  await ranOnce(rig, box, 4);
});

boxTest('a call that is killed while it waits loses no job, and starts none twice', async (rig, box) => {
  box.hang();
  const call = rig.startBgjob(counted(box, 5));
  await rig.untilState(1, 'starting');
  call.child.kill('SIGKILL');
  await call.answer;
  await ranOnce(rig, box, 5);
});

boxTest('a service that is killed while a call waits is started again by the call', async (rig, box) => {
  box.hang();
  const call = rig.startBgjob(counted(box, 6));
  await rig.untilState(1, 'starting');
  await box.end();
  await rig.untilState(1, 'starting');
  box.answer();
  const { code, stdout } = await call.answer;
  assert.deepEqual([code, stdout], [0, '1\n']);
  assert.equal((await rig.bgjob(['wait', '1'])).code, 6);
  assert.equal(fs.readFileSync(join(box.home, 'starts'), 'utf8'), 'x\n');
});

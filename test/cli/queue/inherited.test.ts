/** What a process inherits and no record of a queue says elsewhere: the I/O priority, the personality. It is that of who queued the job. */
import assert from 'node:assert/strict';
import { missing } from '../../rig/needs.ts';
import { BGJOB, type Rig, rigTest } from '../../rig/rig.ts';

/** `bgjob ARGS` behind other words. */
async function addBehind(rig: Rig, words: string[], args: string[]): Promise<number> {
  const [program, ...rest] = [...words, process.execPath, '--', BGJOB, 'run', '-Q', 'q', '--', ...args];
  const { code, stdout, stderr } = await rig.start(program!, rest).answer;
  assert.equal(code, 0, stderr);
  return Number(stdout);
}

/** Adds a job that runs, and behind it one for each of these, each from behind its words; what each says. */
async function said(
  rig: Rig,
  places: string[][],
  says: string[],
): Promise<[expected: string, said: string][]> {
  const puppet = await rig.puppet();
  await rig.run(['-Q', 'q', '--', ...puppet.command]);
  const ids: number[] = [];
  for (const words of places) ids.push(await addBehind(rig, words, says));
  await puppet.ready();
  await puppet.exit(0);
  const all: [string, string][] = [];
  for (const [n, id] of ids.entries()) {
    assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
    const [program, ...rest] = [...places[n]!, ...says];
    all.push([(await rig.start(program!, rest).answer).stdout, rig.log(id)]);
  }
  return all;
}

const skip = missing('ionice') || missing('setarch');
const PLAIN = ['env'];

rigTest(
  'the I/O priority of a job is that of the call which queued it, whatever ran in its slot before',
  async (rig) => {
    const idle = ['ionice', '-c', '3'];
    const low = ['ionice', '-c', '2', '-n', '7'];
    for (const [expected, log] of await said(rig, [idle, PLAIN, low, idle, PLAIN], ['ionice']))
      assert.equal(log, expected);
    // the first of a queue, started by a process of another priority
    assert.equal((await rig.bgjob(['queue', 'pause', 'q'])).code, 0);
    const id = await addBehind(rig, idle, ['ionice']);
    const plain = await addBehind(rig, PLAIN, ['ionice']);
    assert.equal(
      (
        await rig.start('ionice', [
          '-c',
          '2',
          '-n',
          '6',
          process.execPath,
          '--',
          BGJOB,
          'queue',
          'resume',
          'q',
        ]).answer
      ).code,
      0,
    );
    for (const one of [id, plain]) assert.equal((await rig.bgjob(['wait', String(one)])).code, 0);
    assert.equal(rig.log(id), 'idle\n');
    assert.equal(rig.log(plain), (await rig.start('ionice', []).answer).stdout);
  },
  { skip },
);

rigTest(
  'a personality is a sandbox of its own',
  async (rig) => {
    const fixed = ['setarch', '-R'];
    for (const [expected, log] of await said(rig, [fixed, PLAIN, fixed], ['cat', '/proc/self/personality']))
      assert.equal(log, expected);
  },
  { skip },
);

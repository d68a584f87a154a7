/** What a newer bgjob wrote is refused politely by each verb, and stays as it is: a whole home, and a single job. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { killOwner, readJson, runPuppet, untilPublished } from '../../chaos/death.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';

const VERBS = [
  ['run', '--', 'true'],
  ['run', '-n', 'web', '--replace', '--', 'true'],
  ['ls'],
  ['ls', '--unseen', '-a'],
  ['status', '1'],
  ['show', '1'],
  ['path', '1'],
  ['tail', '1'],
  ['tail', '1', '--new'],
  ['tail', '-f', '1'],
  ['wait', '1'],
  ['wait', '--all'],
  ['kill', '1'],
  ['gc', '--ended'],
];

/** Everything but the cache, which any command may write. */
const filesOf = (rig: Rig): string[] =>
  (fs.readdirSync(rig.home, { recursive: true }) as string[])
    .filter((name) => !name.startsWith('cache'))
    .map((name) => `${name} ${fs.lstatSync(`${rig.home}/${name}`).mtimeMs}`)
    .sort();

rigTest(
  'a newer home: each verb says so, and how to get a newer bgjob; the job in it goes on',
  async (rig) => {
    const puppet = await rig.puppet();
    const id = await runPuppet(rig, puppet, ['-n', 'web']);
    fs.writeFileSync(`${rig.home}/format`, '7\n');
    const before = filesOf(rig);
    for (const args of VERBS) {
      const { code, stdout, stderr } = await rig.bgjob(args);
      assert.deepEqual([code, stdout], [125, ''], args.join(' '));
      assert.match(
        stderr,
        /^bgjob: .*home was written by a newer bgjob \(format 7, this one knows 6\)\n {2}hint: npm install -g bgjob@latest\n\[bgjob\] exit code 125\n$/,
      );
      const json = await rig.bgjob([args[0]!, '--json', ...args.slice(1)]);
      assert.equal(JSON.parse(json.stderr).error.code, 'home-newer');
    }
    assert.deepEqual(filesOf(rig), before);
    // an adopter boots in the newer home, as the supervisor of a job does that is just being started
    await killOwner(rig, id);
    await untilPublished(rig, id, 2);
    await puppet.exit(4);
    fs.writeFileSync(`${rig.home}/format`, '1\n');
    assert.equal((await rig.bgjob(['wait', String(id)])).code, 4);
  },
);

rigTest('a newer record: that job is unreadable and stays, and the others work', async (rig) => {
  rig.damaged = true;
  for (const line of ['exit 3', 'exit 4', 'true']) await rig.runOut([line]);
  for (const name of ['spec.json', 'state.json']) {
    const { sum: _, ...record } = readJson(rig.file(1, name));
    if (record.spec) record.spec.v = 3;
    fs.writeFileSync(rig.file(1, name), JSON.stringify({ ...record, v: 3 }));
  }
  const why = /1 unreadable \(spec\.json: it was written by a newer bgjob\)/;
  for (const verb of ['status', 'wait']) {
    const { code, stdout } = await rig.bgjob([verb, '1']);
    assert.equal(code, 125);
    assert.match(stdout, why);
  }
  const kill = await rig.bgjob(['kill', '1']);
  assert.equal(kill.code, 125);
  assert.match(kill.stderr, /newer bgjob; nothing was done\n {2}hint: bgjob show 1\n/);
  assert.match(
    (await rig.bgjob(['show', '1'])).stdout,
    /^state +unreadable \(spec\.json: it was written by/m,
  );
  assert.match((await rig.bgjob(['gc', '--ended'])).stdout, /^removed 1 job, /);
  assert.deepEqual(fs.readdirSync(`${rig.home}/jobs`).sort(), ['1', '3']);
});

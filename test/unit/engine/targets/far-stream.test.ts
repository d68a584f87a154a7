/** The log stream of a target in its three grades: the same bytes, in order, once; an end after all bytes. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BURNT_MS, SH_BURN } from '../../../rig/burn.ts';
import { Far, Gathered, USAGE_FILE } from '../../../rig/far.ts';
import { processesNaming } from '../../../rig/processes.ts';
import { TEST_MS, until } from '../../../rig/until.ts';

const isThere = (program: string): boolean => spawnSync(program, ['-c', '0']).error === undefined;

for (const grade of ['perl', 'python3', 'sh'] as const) {
  const skip = grade !== 'sh' && !isThere(grade) && `${grade} is missing (apt-get install ${grade})`;
  const streamTest = (name: string, run: (far: Far) => Promise<void>) =>
    test(`${grade}: ${name}`, { timeout: TEST_MS, skip }, async () => {
      // the python3 of a version manager needs more than the two folders
      const env = {
        PATH: process.env['PATH']!,
        ...(process.env['PYENV_ROOT'] ? { PYENV_ROOT: process.env['PYENV_ROOT'] } : {}),
      };
      const far = new Far({ grades: grade === 'sh' ? [] : [grade] }, env);
      try {
        await run(far);
      } finally {
        far.clear();
      }
    });

  streamTest('bytes of all kinds, both streams, ends after them', async (far) => {
    assert.equal((await far.engine.connect()).grade, grade);
    const told = new Gathered();
    const following = await far.engine.follow(told);
    assert.equal(following.grade, grade);
    const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, n) => (n * 31 + (n >> 9)) % 256));
    const big = far.job(['cat'], { stdin: bytes });
    const split = far.sh('printf "out\\nL x out 0 5\\n.\\n"; printf "err" >&2; exit 3', { split: true });
    following.watch([
      { uid: big.uid, out: 0, err: null },
      { uid: split.uid, out: 0, err: 0 },
    ]);
    for (const job of [big, split]) await far.start(job);
    await until(
      () => told.ends.length,
      (ends) => ends === 2,
    );
    assert.ok(told.logs.get(big.uid)!.equals(bytes));
    assert.equal(told.text(split.uid), 'out\nL x out 0 5\n.\n');
    assert.equal(told.text(`${split.uid}.err`), 'err');
    assert.equal(told.ends.find(({ uid }) => uid === split.uid)!.status, 3);
    await until(
      () => told.heartbeats,
      (beats) => beats > 0,
    );
    following.drop([big.uid, split.uid]);
    following.close();
    assert.equal(told.error, undefined, 'a stream that we close is not lost');
    await until(
      () => processesNaming(far.home).filter(({ command }) => command !== '/bin/sh'),
      (left) => left.length === 0,
      'the stream to be gone',
    );
  });

  streamTest('a line comes while the job runs; after a cut it goes on where it stopped', async (far) => {
    const gates = [far.gate(), far.gate()];
    const [first, second] = gates.map(({ path }) => path);
    const uid = await far.start(
      far.sh(`echo one; read x <'${first}'; echo two; read x <'${second}'; exit 4`),
    );
    const told = new Gathered();
    const stream = await far.engine.follow(told);
    stream.watch([{ uid, out: 0, err: null }]);
    await until(
      () => told.text(uid),
      (text) => text === 'one\n',
    );
    // the far end of the stream dies, as with its connection
    const [victim] = processesNaming(far.home).filter(({ command }) =>
      grade === 'sh' ? command === '/bin/sh' : command.startsWith(grade),
    );
    assert.ok(victim);
    if (grade === 'sh') stream.close();
    else process.kill(victim.pid, 'SIGKILL');
    if (grade !== 'sh') {
      await until(
        () => told.error,
        (error) => error !== undefined,
      );
      assert.equal(told.error!.kind, 'unreachable');
    }
    gates[0]!.open();
    await far.said(uid, 'two');
    const again = await far.engine.follow(told);
    again.watch([{ uid, out: 4, err: null }]);
    await until(
      () => told.text(uid),
      (text) => text === 'one\ntwo\n',
    );
    assert.equal(told.ends.length, 0);
    gates[1]!.open();
    await until(
      () => told.ends.length,
      (ends) => ends === 1,
    );
    assert.equal(told.ends[0]!.status, 4);
    again.close();
  });

  streamTest(
    'what a job cost comes with its end; a FIFO in the place of that file stops nothing',
    async (far) => {
      const burns = far.sh(`${SH_BURN}; exit 3`);
      const harms = far.sh(`file=${USAGE_FILE}; rm "$file" && mkfifo "$file" && exit 8`);
      const told = new Gathered();
      const stream = await far.engine.follow(told);
      stream.watch([burns, harms].map(({ uid }) => ({ uid, out: 0, err: null })));
      for (const job of [harms, burns]) await far.start(job);
      const ends = await until(
        () => told.ends,
        ({ length }) => length === 2,
      );
      stream.close();
      const endOf = ({ uid }: { uid: string }) => ends.find((end) => end.uid === uid)!;
      assert.deepEqual([endOf(harms).status, endOf(harms).usage], [8, null]);
      const { status, usage } = endOf(burns);
      assert.deepEqual([status, usage?.from], [3, 'shim']);
      assert.ok(usage!.cpuMs! >= BURNT_MS, JSON.stringify(usage));
    },
  );

  streamTest('a damaged end is not told', async (far) => {
    const uid = await far.start(far.sh('echo text; exit 1'));
    await far.end(uid);
    const path = join(far.root(), 'end', uid);
    const record = fs.readFileSync(path, 'utf8');
    fs.writeFileSync(path, record.replace(` ${uid} 1 `, ` ${uid} 0 `));
    const told = new Gathered();
    const stream = await far.engine.follow(told);
    stream.watch([{ uid, out: 0, err: null }]);
    await until(
      () => told.text(uid),
      (text) => text === 'text\n',
    );
    const beats = told.heartbeats;
    await until(
      () => told.heartbeats,
      (now) => now > beats + 1,
    );
    assert.deepEqual(told.ends, []);
    stream.close();
  });
}

/** A log that was moved away, or in whose place something else stands. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { Gate } from '../../rig/gate.ts';
import { rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

/** What is put where the log was. */
const OBSTACLES: [what: string, make: (path: string) => void][] = [
  ['a FIFO', (path) => execFileSync('mkfifo', [path])],
  ['a directory', (path) => fs.mkdirSync(path)],
  ['a link', (path) => fs.symlinkSync('/dev/null', path)],
];

for (const [what, obstruct] of OBSTACLES) {
  rigTest(`${what} where the log was: the next attempt fails to start, and its slot is free`, async (rig) => {
    const gate = new Gate(rig);
    const line = `${gate.line}; exit 5`;
    const id = await rig.run(['--queue', 'q', '--retry', '2', '--backoff', '10ms', line]);
    await rig.untilState(id, 'running');
    fs.unlinkSync(rig.file(id, 'out/log'));
    obstruct(rig.file(id, 'out/log'));
    gate.open();
    const { code, stdout } = await rig.bgjob(['wait', String(id)]);
    assert.equal(code, 125, stdout);
    assert.match(stdout, /cannot write its log .*\/out\/log: something that is no file stands there/);
    assert.equal((await rig.bgjob(['run', '--queue', 'q', '--wait', '--', 'true'])).code, 0);
  });
}

rigTest('a log that was removed between two attempts is made again', async (rig) => {
  const [first, second] = [new Gate(rig, 'first'), new Gate(rig, 'second')];
  const line = `echo "$BGJOB_ID says"; if [ -e again ]; then ${second.line}; else ${first.line}; touch again; exit 5; fi`;
  const id = await rig.run(['--queue', 'q', '--retry', '1', '--backoff', '10ms', line]);
  await until(
    () => rig.log(id),
    (text) => text === '1 says\n',
    'its words',
  );
  fs.unlinkSync(rig.file(id, 'out/log'));
  first.open();
  await until(
    () => (fs.existsSync(rig.file(id, 'out/log')) ? rig.log(id) : ''),
    (text) => text.endsWith('1 says\n'),
    'the second attempt',
  );
  second.open();
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
  assert.match(rig.log(id), /^\[bgjob: attempt 2 of 2.*\n1 says\n$/);
});

rigTest('a log that was moved away keeps its limit, and nobody says that the job is silent', async (rig) => {
  const puppet = await rig.puppet();
  const id = await rig.run(['--max-log', '1M', '--', ...puppet.command]);
  await puppet.ready();
  await puppet.print('before\n');
  await rig.untilState(id, 'running');
  const elsewhere = `${rig.dir}/elsewhere`;
  fs.renameSync(rig.file(id, 'out/log'), elsewhere);
  await puppet.print(`${'x'.repeat(99)}\n`.repeat(40_000));
  await until(
    () => fs.statSync(elsewhere).blocks * 512,
    (bytes) => bytes <= 2 ** 20,
    'the limit is kept',
  );
  assert.match(
    (await rig.bgjob(['tail', String(id)])).stderr,
    /the log of the job was moved away or removed/,
  );
  assert.match((await rig.bgjob(['show', String(id)])).stdout, /out\/log \(missing: moved away or removed\)/);
  // another file in its place is not the job's
  fs.writeFileSync(rig.file(id, 'out/log'), 'a stranger\n');
  assert.match(
    (await rig.bgjob(['tail', String(id)])).stderr,
    /the log of the job was moved away or removed/,
  );
  assert.match((await rig.bgjob(['show', String(id)])).stdout, /not the log of the job/);
  await puppet.exit(0);
  assert.match(
    (await rig.bgjob(['wait', String(id)])).stderr,
    /the log of the job was moved away or removed/,
  );
  fs.rmSync(elsewhere);
});

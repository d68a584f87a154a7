/** A log that was moved away, or in whose place something else stands. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { betweenOwners, killOwner, runPuppet } from '../../chaos/death.ts';
import { Gate } from '../../rig/gate.ts';
import { rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';
import { sleepsOn } from '../../rig/waiters.ts';

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
    assert.match(stdout, /cannot write its log .*\/out\/log: it is not a regular file/);
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

rigTest('the limit goes on where the log is, though its supervisor is killed', async (rig) => {
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet, ['--max-log', '1M']);
  const elsewhere = `${rig.dir}/elsewhere`;
  const stranger = 'a line of somebody else\n'.repeat(200_000);
  await betweenOwners(rig, id, 2, () => {
    fs.renameSync(rig.file(id, 'out/log'), elsewhere);
    fs.writeFileSync(rig.file(id, 'out/log'), stranger);
  });
  await puppet.print(`${'x'.repeat(99)}\n`.repeat(40_000));
  const isLimited = () =>
    until(
      () => fs.statSync(elsewhere).blocks * 512,
      (bytes) => bytes > 0 && bytes <= 2 ** 20,
      'the limit is kept',
    );
  await isLimited();
  // by now it is on record that the log is elsewhere
  await killOwner(rig, id, 3);
  await puppet.print(`${'x'.repeat(99)}\n`.repeat(40_000));
  await isLimited();
  await puppet.exit(0);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
  assert.equal(fs.readFileSync(rig.file(id, 'out/log'), 'utf8'), stranger);
});

rigTest('the log of an attempt whose predecessor lost its log has a limit', async (rig) => {
  const gate = new Gate(rig);
  const loud = 'head -c 4000000 /dev/zero | tr "\\0" x';
  const line = `if [ -e again ]; then ${loud}; ${gate.line}; else mv "$BGJOB_HOME/jobs/$BGJOB_ID/out/log" again; exit 5; fi`;
  const id = await rig.run(['--queue', 'q', '--retry', '1', '--backoff', '10ms', '--max-log', '1M', line]);
  await until(
    () => fs.statSync(rig.file(id, 'out/log'), { throwIfNoEntry: false }),
    (stat) => stat !== undefined && stat.size > 4_000_000 && stat.blocks * 512 <= 2 ** 20,
    'the limit is kept',
  );
  gate.open();
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
  assert.match((await rig.bgjob(['tail', String(id)])).stdout, /x/);
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

rigTest(
  'a job removes its log before its next attempt: who follows and who waits go on with that',
  async (rig) => {
    const [first, second] = [new Gate(rig, 'first'), new Gate(rig, 'second')];
    const remove = 'rm "$BGJOB_HOME/jobs/$BGJOB_ID/out/log"; echo after; touch again; exit 5';
    const line = `if [ -e again ]; then echo second; ${second.line}; echo READY; else echo first; ${first.line}; ${remove}; fi`;
    const id = await rig.run(['--queue', 'q', '--retry', '1', '--backoff', '0', line]);
    const following = rig.startBgjob(['tail', '-f', '--full', String(id)]);
    const waiting = rig.startBgjob(['wait', String(id), '--until', '^READY']);
    await until(following.stdout, (text) => text === 'first\n', 'the first attempt');
    for (const { child } of [following, waiting])
      await until(() => sleepsOn(child.pid!, rig.file(id, 'alive')), Boolean, 'a reader that waits');
    first.open();
    await until(following.stdout, (text) => text.endsWith('second\n'), 'the second attempt');
    second.open();
    const met = await waiting.answer;
    assert.equal(met.code, 0, met.stdout);
    const { stdout } = await following.answer;
    assert.match(stdout, /^first\nafter\n\[bgjob: attempt 2 of 2, .*\]\nsecond\nREADY\n$/);
  },
);

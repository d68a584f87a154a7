/** Somebody takes away or replaces the log of a running job: its outcome is kept, nothing hangs, and nothing outside is read or cut. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { processesNaming } from '../rig/processes.ts';
import { rigTest } from '../rig/rig.ts';
import { someOf } from '../rig/rounds.ts';
import { until } from '../rig/until.ts';
import { killOwner, runPuppet, seededChance } from './death.ts';

const SECRET = `${'a secret of somebody else\n'.repeat(20_000)}`;

/** What may become of a log; `outside` is a file of somebody else. */
const FATES: [what: string, act: (log: string, outside: string) => void][] = [
  ['is deleted', (log) => fs.unlinkSync(log)],
  ['is emptied', (log) => fs.truncateSync(log, 0)],
  [
    'is replaced by another file',
    (log) => {
      fs.unlinkSync(log);
      fs.writeFileSync(log, 'another\n');
    },
  ],
  [
    'becomes a FIFO',
    (log) => {
      fs.unlinkSync(log);
      execFileSync('mkfifo', [log]);
    },
  ],
  [
    'becomes a link',
    (log, outside) => {
      fs.unlinkSync(log);
      fs.symlinkSync(outside, log);
    },
  ],
  [
    'becomes a directory',
    (log) => {
      fs.unlinkSync(log);
      fs.mkdirSync(log);
    },
  ],
  [
    'goes with its folder',
    (log, outside) => {
      // at once: the supervisor may be about to make a file in it
      fs.renameSync(log.slice(0, log.lastIndexOf('/')), `${outside}.gone`);
      fs.rmSync(`${outside}.gone`, { recursive: true });
    },
  ],
];

/** With a limit or without; a short round takes one of the two for each fate, others each time. */
const chance = seededChance('log replaced');
const VARIANTS = [[], ['--max-log', '64k', '--split']];

for (const [what, act] of FATES) {
  for (const options of someOf(VARIANTS, 1, chance)) {
    const limited = options.length > 0 ? ', which has a limit' : '';
    rigTest(`the log of a running job ${what}${limited}`, async (rig) => {
      const outside = `${rig.dir}/outside`;
      fs.writeFileSync(outside, SECRET);
      const puppet = await rig.puppet();
      const id = await runPuppet(rig, puppet, options);
      await puppet.print('before\n');
      const following = rig.startBgjob(['tail', '-f', String(id)]);
      act(rig.file(id, 'out/log'), outside);
      await puppet.print('after\n');
      await puppet.print('x'.repeat(200_000));

      const calls = [
        ['tail', '1'],
        ['tail', '1', '--full'],
        ['tail', '1', '--new'],
        ['tail', '1', '--grep', 'secret'],
        ['wait', '1', '--until', 'secret', '--timeout', '300ms'],
        ['wait', '1', '--until-idle', '60s', '--timeout', '300ms'],
        ['show', '1'],
        ['ls'],
      ].map(async (args) => ({ args, ...(await rig.bgjob(args)) }));
      const said: string[] = [];
      for (const { args, code, stdout, stderr } of await Promise.all(calls)) {
        assert.notEqual(code, 137, `${args.join(' ')} hangs`);
        assert.doesNotMatch(stderr, /this is a bug/, args.join(' '));
        said.push(stdout, stderr);
      }
      await puppet.exit(6);
      assert.equal((await rig.bgjob(['wait', '1'])).code, 6);
      const followed = await following.answer;
      assert.notEqual(followed.code, 137, 'tail -f hangs');
      said.push(followed.stdout, followed.stderr);
      assert.ok(!said.join('').includes('secret of somebody'), said.join(''));
      assert.equal(fs.readFileSync(outside, 'utf8'), SECRET, 'nothing outside was cut');
      assert.equal((await rig.show(id)).exitCode, 6);
    });
  }
}

rigTest(
  'a log that is a link by now is not cut by the adopter, who does again what was recorded',
  async (rig) => {
    const outside = `${rig.dir}/outside`;
    fs.writeFileSync(outside, SECRET);
    const puppet = await rig.puppet();
    const id = await runPuppet(rig, puppet, ['--max-log', '64k']);
    await puppet.print('x'.repeat(300_000));
    await until(
      () => fs.existsSync(rig.file(id, 'out/trimmed')),
      (there) => there,
      'a cut',
    );
    const log = rig.file(id, 'out/log');
    fs.unlinkSync(log);
    fs.symlinkSync(outside, log);
    await killOwner(rig, id);
    await puppet.exit(6);
    assert.equal((await rig.bgjob(['wait', String(id)])).code, 6);
    await until(
      () => processesNaming(rig.dir),
      (found) => found.length === 0,
      'nobody left',
    );
    assert.equal(fs.readFileSync(outside, 'utf8'), SECRET);
  },
);

/**
 * A schedule or trigger of a newer bgjob: this one starts nothing for it, and says why; its service goes over
 * to a newer program.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { BGJOB, type Rig, ROOT, rigTest } from '../../rig/rig.ts';
import { untilEvents } from '../../rig/schedules.ts';
import { until } from '../../rig/until.ts';

/** As if a newer bgjob had added it: with a key that this one does not know. */
function makeNewer(rig: Rig, folder: string, name: string): void {
  const path = join(rig.home, folder, name, 'record.json');
  const record = { ...JSON.parse(fs.readFileSync(path, 'utf8')), sum: undefined, needs: ['timeTravel'] };
  fs.writeFileSync(`${path}.new`, JSON.stringify(record));
  fs.renameSync(`${path}.new`, path);
}

const WHY = 'a newer bgjob added it; this one does not know --time-travel';

rigTest('a schedule: nothing is started, in its time or by hand, and the journal says why', async (rig) => {
  assert.equal(
    (await rig.bgjob(['cron', 'add', '@every 1s', '-n', 'far', '--overlap', 'allow', 'true'])).code,
    0,
  );
  makeNewer(rig, 'schedules', 'far');
  const events = await untilEvents(rig, 'far', (all) => all.some(({ did }) => did === 'failed'));
  assert.equal(events.find(({ did }) => did === 'failed')!.why, WHY);
  const run = await rig.bgjob(['cron', 'run', 'far']);
  assert.equal(run.code, 125);
  assert.match(
    run.stderr,
    new RegExp(`far: ${WHY}; nothing was started\n {2}hint: npm install -g bgjob@latest`),
  );
  assert.equal((await rig.bgjob(['cron', 'rm', 'far'])).code, 0);
});

rigTest('a scheduler whose program was replaced goes over to the new one when it is needed', async (rig) => {
  const place = join(rig.dir, 'installed');
  fs.cpSync(join(ROOT, 'dist'), join(place, 'dist'), { recursive: true });
  fs.cpSync(join(ROOT, 'bin'), join(place, 'bin'), { recursive: true });
  fs.copyFileSync(join(ROOT, 'package.json'), join(place, 'package.json'));
  const add = ['cron', 'add', '0 0 29 2 *', '-n'];
  const installed = join(place, 'bin', 'bgjob');
  const added = await rig.start(process.execPath, ['--', installed, ...add, 'far', 'true']).answer;
  assert.equal(added.code, 0, added.stderr);
  const logOf = () =>
    rig
      .log(1)
      .split('\n')
      .filter((line) => line.includes('serves ')).length;
  assert.equal(logOf(), 1);

  // an update, and a plain schedule: the old program goes on
  const cli = join(place, 'dist', 'cli.js');
  fs.copyFileSync(cli, `${cli}.new`);
  fs.renameSync(`${cli}.new`, cli);
  assert.equal((await rig.start(process.execPath, ['--', BGJOB, ...add, 'plain', 'true']).answer).code, 0);
  assert.equal(logOf(), 1);
  // one that it does not know: a process of the new program serves all of them, as the same job
  makeNewer(rig, 'schedules', 'far');
  assert.equal((await rig.bgjob([...add, 'last', 'true'])).code, 0);
  await until(logOf, (times) => times === 2, 'a process of the new program');
  await rig.untilState(1, 'running');
  const own = (await rig.json(['ls', '-a'])).filter((job) => job.origin?.kind === 'own');
  assert.deepEqual(
    own.map(({ id, state }) => [id, state]),
    [[1, 'running']],
  );
  assert.equal((await rig.bgjob(['cron', 'rm', 'far', 'plain', 'last'])).code, 0);
});

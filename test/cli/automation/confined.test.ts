/** Schedules and triggers of a process that is confined: they are served by what is confined alike, and by nothing else. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { missing } from '../../rig/needs.ts';
import { type Answer, BGJOB, type Rig, rigTest } from '../../rig/rig.ts';
import { eventsOf, startedBy, untilEvents } from '../../rig/schedules.ts';
import { until } from '../../rig/until.ts';

/** `bgjob ARGS` of a process that can gain no privileges, as it is in a sandbox without namespaces. */
const confined = (rig: Rig, ...args: string[]): Promise<Answer> =>
  rig.start('setpriv', ['--no-new-privs', process.execPath, '--', BGJOB, ...args]).answer;

/** The services that live, and whether each can gain privileges. One serves before it is on record as running. */
async function services(rig: Rig): Promise<string[]> {
  const own = await until(
    async () => (await rig.json(['ls', '-a', '-n', '50'])).filter((job) => job.origin?.kind === 'own'),
    (jobs) => jobs.every(({ state }) => state !== 'starting'),
    'what becomes of the services',
  );
  return own
    .filter(({ state }) => state === 'running')
    .map(({ id }) => fs.readFileSync(`/proc/${rig.ownerPid(id)}/status`, 'utf8'))
    .map((status) => /^NoNewPrivs:\s*(\d)/m.exec(status)![1]!)
    .sort();
}

const SAYS = ['sh', '-c', 'grep NoNewPrivs /proc/self/status'];
const skip = missing('setpriv');

rigTest(
  'a schedule runs only where it was added, and each place has its scheduler',
  async (rig) => {
    const added = await confined(rig, 'cron', 'add', '@every 1s', '-n', 'inner', '--', ...SAYS);
    assert.equal(added.code, 0, added.stderr);
    await untilEvents(rig, 'inner', (all) => startedBy(all).length > 0);
    // commands outside start none for it
    assert.equal((await rig.bgjob(['ls'])).code, 0);
    assert.deepEqual(await services(rig), ['1']);
    assert.equal((await rig.bgjob(['cron', 'add', '@every 1s', '-n', 'outer', '--', ...SAYS])).code, 0);
    await untilEvents(rig, 'outer', (all) => startedBy(all).length > 0);
    assert.deepEqual(await services(rig), ['0', '1']);
    for (const [name, says] of [
      ['inner', 'NoNewPrivs:\t1\n'],
      ['outer', 'NoNewPrivs:\t0\n'],
    ] as const)
      for (const { job } of startedBy(await eventsOf(rig, name))) {
        await rig.bgjob(['wait', String(job)]);
        assert.equal(rig.log(job!), says, name);
      }
    assert.equal((await rig.bgjob(['cron', 'rm', 'inner', 'outer'])).code, 0);
  },
  { skip },
);

rigTest(
  'a scheduler that was killed is started again by no command that is confined otherwise',
  async (rig) => {
    assert.equal((await rig.bgjob(['cron', 'add', '0 0 29 2 *', '-n', 'far', 'true'])).code, 0);
    assert.deepEqual(await services(rig), ['0']);
    const [own] = (await rig.json(['ls', '-a'])).filter((job) => job.origin?.kind === 'own');
    assert.equal((await rig.bgjob(['kill', String(own.id)])).code, 0);
    // kill starts none; this would, were it confined as the schedule
    assert.equal((await confined(rig, 'ls')).code, 0);
    const { stdout } = await confined(rig, 'ls', '--json', '-a');
    assert.doesNotMatch(stdout, /"state":"(starting|running)"/);
    assert.equal((await rig.bgjob(['ls'])).code, 0);
    await rig.bgjob(['boot']);
    assert.deepEqual(await services(rig), ['0']);
    assert.equal((await rig.bgjob(['cron', 'rm', 'far'])).code, 0);
  },
  { skip },
);

rigTest(
  'a record that says it is of another boot counts where it was added, and nowhere else',
  async (rig) => {
    assert.equal((await confined(rig, 'cron', 'add', '0 0 29 2 *', '-n', 'inner', 'true')).code, 0);
    const path = join(rig.home, 'schedules', 'inner', 'record.json');
    const record = JSON.parse(fs.readFileSync(path, 'utf8'));
    fs.writeFileSync(
      path,
      JSON.stringify({ ...record, sum: undefined, bootId: 'another', world: 'another' }),
    );
    const boot = await rig.bgjob(['boot']);
    assert.doesNotMatch(boot.stdout, /inner/);
    assert.match((await confined(rig, 'boot')).stdout, /^schedules: inner \(job \d+\)\n$/);
    assert.deepEqual(await services(rig), ['1']);
    assert.equal((await rig.bgjob(['cron', 'rm', 'inner'])).code, 0);
  },
  { skip },
);

/** What a job starts in order to clean up is left alone until the grace ends, whatever stops the job. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { amend, ownerOf } from '../../chaos/death.ts';
import { Cleaner } from '../../rig/cleaner.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

interface Way {
  options?: string[];
  /** What the job does when it is ready. */
  before?: string;
  /** What stops it; nothing: its own limit. */
  stop?: (id: number) => string[];
  state: RegExp;
}
const WAYS: Record<string, Way> = {
  kill: { stop: (id) => ['kill', String(id)], state: /^exited$/ },
  'kill -s INT': { stop: (id) => ['kill', '-s', 'INT', String(id)], state: /^exited$/ },
  '--timeout': { options: ['--timeout', '1s'], state: /^timed-out$/ },
  '--idle-timeout': { options: ['--idle-timeout', '1s'], state: /^timed-out$/ },
  '--on-max-log kill': {
    options: ['--max-log', '100k', '--on-max-log', 'kill'],
    before: 'head -c 300000 /dev/zero | tr "\\0" "\\n"; echo ready',
    state: /^exited$/,
  },
  '--replace': {
    options: ['-n', 'web'],
    stop: () => ['run', '-n', 'web', '--replace', '--', 'true'],
    state: /^exited$/,
  },
  restart: { stop: (id) => ['restart', String(id)], state: /^exited$/ },
};

async function cleansUp(rig: Rig, { options = [], before, stop, state }: Way): Promise<void> {
  const cleaner = await Cleaner.start(rig, ['--grace', '1h', ...options], before);
  if (!stop && !cleaner.isReady) return;
  const call = stop && rig.startBgjob(stop(cleaner.id));
  await cleaner.untilCleaning();
  await Cleaner.untilLooked(ownerOf(rig, cleaner.id).pid);
  cleaner.letGo();
  const answer = await call?.answer;
  assert.equal(answer?.code ?? 0, 0, answer?.stderr);
  const job = await rig.untilState(cleaner.id, 'exited', 'timed-out', 'killed');
  assert.match(job.state, state);
  assert.deepEqual([job.exitCode, job.forced, cleaner.said], [7, 0, 'cleaning\ncleaned\n']);
}

for (const [name, way] of Object.entries(WAYS))
  rigTest(`${name}: the programs of the job's handler get no signal`, async (rig) => {
    await cleansUp(rig, way);
    // what `restart` started is like it
    for (const { id } of await rig.json(['ls'])) await rig.bgjob(['kill', '--now', String(id)]);
  });

rigTest('a second kill in the grace sends nothing, and --now ends it', async (rig) => {
  const cleaner = await Cleaner.start(rig, ['--grace', '1h']);
  const { id } = cleaner;
  const kills = [rig.startBgjob(['kill', String(id)])];
  await cleaner.untilCleaning();
  kills.push(rig.startBgjob(['kill', String(id)]));
  await Cleaner.untilLooked(ownerOf(rig, id).pid);
  assert.equal(cleaner.said, 'cleaning\n');
  kills.push(rig.startBgjob(['kill', '--now', String(id)]));
  for (const { answer } of kills) {
    const { code, stderr } = await answer;
    assert.equal(code, 0, stderr);
  }
  // the handler may see its program die, and exit, before KILL reaches it
  assert.match((await rig.show(id)).state, /^(killed|exited)$/);
  assert.doesNotMatch(cleaner.said, /signalled|cleaned/);
});

rigTest('two kills at once of what an ended job left: one signal, and one grace', async (rig) => {
  const cleaner = await Cleaner.start(rig, ['--grace', '1h'], '', true);
  const { id } = cleaner;
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
  const kills = [rig.startBgjob(['kill', String(id)])];
  await cleaner.untilCleaning();
  kills.push(rig.startBgjob(['kill', String(id)]));
  await Cleaner.untilLooked(kills[1]!.child.pid!);
  assert.equal(cleaner.said, 'cleaning\n');
  cleaner.letGo();
  for (const { answer } of kills) {
    const { code, stderr } = await answer;
    assert.equal(code, 0, stderr);
  }
  assert.equal(cleaner.said, 'cleaning\ncleaned\n');
  assert.deepEqual(
    fs.readdirSync(rig.file(id, '.')).filter((name) => name.startsWith('first')),
    [],
  );
});

rigTest(
  'where KILL was needed it is said, with the way out; where it was asked for it is not',
  async (rig) => {
    const stubborn = [
      '--',
      'bash',
      '-c',
      'trap : TERM; exec 3<> <(:); echo ready; while :; do read -rt 1000 -u 3; done',
    ];
    const needed =
      /\(1 process did not end within 0\.2s after TERM, and KILL was needed; --grace gives more time\)/;
    const isReady = (id: string) => rig.log(Number(id)) === 'ready\n';
    const start = async (...options: string[]) => {
      const id = String(await rig.run(['--grace', '200ms', ...options, ...stubborn]));
      await until(
        async () => isReady(id) || (await rig.show(Number(id))).state === 'timed-out',
        (holds) => holds,
        'a job that is ready',
      );
      return id;
    };
    const killed = await rig.bgjob(['kill', await start()]);
    assert.match(killed.stderr, needed);
    const now = await rig.bgjob(['kill', '--now', await start()]);
    assert.doesNotMatch(now.stderr, /KILL was needed/);
    await start('-n', 'web');
    const replaced = await rig.bgjob(['run', '-n', 'web', '--replace', '--', 'true']);
    assert.match(replaced.stderr, needed);
    const restarted = await rig.bgjob(['restart', await start()]);
    assert.match(restarted.stderr, needed);
    const limited = await start('--timeout', '1s');
    const timedOut = await rig.bgjob(['wait', limited]);
    // its time may be over before its first word
    if (isReady(limited)) assert.match(timedOut.stderr, needed);
    await rig.bgjob(['kill', '--all', '--now']);
  },
);

rigTest('a grace that was ended by hand is not told as 0s', async (rig) => {
  const id = await rig.run(['--', 'sleep', '1000']);
  await rig.bgjob(['kill', String(id)]);
  await rig.untilLeft(id);
  // the owner has sent KILL after the grace, and then read the request that ends it
  amend(rig.file(id, 'state.json'), (state) => {
    Object.assign(state, { forced: 1 });
    Object.assign(state.status.stop, { graceMs: 0 });
  });
  const { stderr } = await rig.bgjob(['wait', String(id)]);
  assert.match(
    stderr,
    /^\(1 process did not end after TERM, and KILL was needed; --grace gives more time\)$/m,
  );
});

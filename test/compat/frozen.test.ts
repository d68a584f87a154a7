/** Homes as released versions left them, frozen in `homes/VERSION`: this build must read them all. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { withChecksum } from '../../src/base/checksum.ts';
import { thisHost } from '../../src/engine/os/process-identity.ts';
import { type Rig, ROOT, rigTest } from '../rig/rig.ts';
import { eventsOf } from '../rig/schedules.ts';

const HOMES = join(ROOT, 'test/compat/homes');

/** Under umask 002 a checkout can be written by a group. */
function closeModes(home: string): void {
  fs.chmodSync(home, 0o700);
  for (const name of fs.readdirSync(home, { recursive: true }) as string[]) {
    const stat = fs.lstatSync(join(home, name));
    // a start is a link that leads nowhere
    if (!stat.isSymbolicLink()) fs.chmodSync(join(home, name), stat.isDirectory() ? 0o700 : 0o600);
  }
}

rigTest('0.1.0: every job has the outcome that it had', async (rig) => {
  fs.cpSync(join(HOMES, '0.1.0'), rig.home, { recursive: true });
  // git keeps no modes and no FIFOs
  closeModes(rig.home);
  const jobs = await rig.json(['ls', '-a', '-n', '100']);
  assert.deepEqual(
    jobs.map(({ id, state, exitCode, signal, reason }) => [id, state, exitCode, signal, reason]),
    [
      [6, 'elsewhere', null, null, 'it belongs to 0123456789abcdef0123456789abcdef'],
      [5, 'exited', 139, null, null],
      [4, 'timed-out', 143, null, '--timeout 0.1s'],
      [3, 'killed', 143, 'SIGTERM', 'kill (SIGTERM)'],
      [2, 'exited', 3, null, null],
      [1, 'exited', 0, null, null],
    ],
  );
  for (const [id, code] of [
    [1, 0],
    [2, 3],
    [3, 143],
    [4, 124],
    [5, 139],
    [6, 125],
  ])
    assert.equal((await rig.bgjob(['status', String(id)])).code, code, `job ${id}`);
  assert.equal((await rig.bgjob(['tail', '2'])).stdout, 'red\n');
  // a new job goes on with the ids
  assert.equal(await rig.run(['--', 'true']), 7);
  await rig.bgjob(['wait', '7']);
});

rigTest('0.2.0: names, cursors, a script, stderr apart, and what the limit of the log took', async (rig) => {
  fs.cpSync(join(HOMES, '0.2.0'), rig.home, { recursive: true });
  // git keeps no modes and no empty folders
  closeModes(rig.home);
  for (const name of ['live', 'trash', 'cache']) fs.mkdirSync(join(rig.home, name), { recursive: true });
  const jobs = await rig.json(['ls', '-a', '-n', '100']);
  assert.deepEqual(
    jobs.map(({ id, name, state, exitCode, signal, reason }) => [id, name, state, exitCode, signal, reason]),
    [
      [5, null, 'killed', 143, 'SIGTERM', '--max-log 64k'],
      [4, null, 'exited', 0, null, null],
      [3, null, 'exited', 0, null, null],
      [2, null, 'exited', 3, null, null],
      [1, 'web', 'exited', 0, null, null],
    ],
  );
  assert.match((await rig.bgjob(['tail', '1', '--new'])).stderr, /nothing new \| cursor 3/);
  assert.equal((await rig.bgjob(['tail', '2', '--err'])).stdout, 'err\n');
  assert.match((await rig.bgjob(['show', '3'])).stdout, /^command +- arg \(2 lines: echo script \$1/m);
  const { log } = jobs[1];
  assert.deepEqual([log.bytes, log.trimmedBytes > 0], [108_894, true]);
  assert.ok(!(await rig.bgjob(['tail', '4', '--full'])).stdout.includes('\0'));
  assert.equal((await rig.bgjob(['tail', '4', '-n', '1'])).stdout, '20000\n');
});

rigTest(
  '0.3.0: sealed records, one of them changed; an adopted job, and one that nobody saw through',
  async (rig) => {
    fs.cpSync(join(HOMES, '0.3.0'), rig.home, { recursive: true });
    closeModes(rig.home);
    const jobs = await rig.json(['ls', '-a', '-n', '100']);
    assert.deepEqual(
      jobs.map(({ id, name, state, exitCode, signal, reason }) => [
        id,
        name,
        state,
        exitCode,
        signal,
        reason,
      ]),
      [
        [6, null, 'exited', 0, null, null],
        [5, null, 'exited', 6, null, null],
        [4, null, 'unreadable', null, null, 'state.json: its checksum is wrong: it was changed'],
        [3, 'three', 'killed', 143, 'SIGTERM', 'kill (SIGTERM)'],
        [2, null, 'exited', 5, null, null],
        [1, null, 'exited', 3, null, null],
      ],
    );
    assert.deepEqual(
      jobs.map(({ attempts }) => attempts),
      [1, 1, null, 1, 1, 1],
    );
    assert.equal((await rig.bgjob(['tail', '2'])).stdout, 'two\n');
    assert.equal(await rig.run(['--', 'true']), 7);
    await rig.bgjob(['wait', '7']);
  },
);

rigTest('0.4.0: jobs that wait in a paused queue, one skipped, one that was run again', async (rig) => {
  fs.cpSync(join(HOMES, '0.4.0'), rig.home, { recursive: true, verbatimSymlinks: true });
  closeModes(rig.home);
  for (const name of ['live', 'trash', 'cache', 'queues/-/waiting', 'queues/api/waiting'])
    fs.mkdirSync(join(rig.home, name), { recursive: true });
  const ended = [
    [8, 'cancelled', null, 'kill (SIGTERM)', 1, 'api'],
    [3, 'exited', 4, null, 2, null],
    [2, 'skipped', null, 'job 1 exited 3', 1, null],
    [1, 'exited', 3, null, 1, 'api'],
  ];
  const told = async () => {
    const jobs = await rig.json(['ls', '-a', '-n', '100']);
    return jobs.map(({ id, state, exitCode, reason, attempts, queue }) => [
      ...[id, state, exitCode, reason, attempts, queue],
    ]);
  };
  // it is another machine that reads them
  const waiting = [10, 9, 7, 6, 5, 4];
  const jobs = await told();
  assert.deepEqual(
    jobs.filter(([id]) => !waiting.includes(id)),
    ended,
  );
  // and this is what it was there
  for (const id of waiting) {
    const path = rig.file(id, 'spec.json');
    const { sum: _, ...spec } = JSON.parse(fs.readFileSync(path, 'utf8'));
    fs.writeFileSync(path, withChecksum({ ...spec, machine: thisHost().machine }));
  }
  assert.deepEqual(await told(), [
    ...[10, 9].map((id) => [id, 'queued', null, 'the queue api is paused', 1, 'api']),
    ended[0],
    ...[7, 6, 5, 4].map((id) => [id, 'queued', null, 'the queue api is paused', 1, 'api']),
    ...ended.slice(1),
  ]);
  // moved to the front, then by priority, then by id
  assert.equal((await rig.bgjob(['ls', '-a', '-q', '--queue', 'api'])).stdout, '6\n5\n4\n7\n9\n10\n');
  const [queue] = await rig.json(['queue']);
  assert.deepEqual([queue.name, queue.slots, queue.waiting, queue.paused], ['api', 2, 6, true]);
  assert.match((await rig.bgjob(['show', '3'])).stdout, /^attempt 1 +2026-.*, exited 4 after 0.0\ds$/m);
  assert.equal((await rig.bgjob(['status', '4'])).code, 75);
  // the claim of its name is read, too: it is of another project
  const four = await rig.bgjob(['status', 'four'], { cwd: rig.dir });
  assert.equal(four.code, 125);
  assert.match(
    four.stderr,
    /^bgjob: no job "four" in this project; four #4 belongs to .*\n {2}hint: bgjob status 4\n/,
  );
  // no environment of a job that waits is kept when it does so no more
  assert.equal((await rig.bgjob(['kill', ...waiting.map(String)])).code, 0);
  assert.deepEqual(
    waiting.filter((id) => fs.existsSync(rig.file(id, 'env.json'))),
    [],
  );
  assert.deepEqual(fs.readdirSync(join(rig.home, 'queues/api')).sort(), [
    ...['paused', 'slots', 'stamp', 'start.1', 'waiting'],
  ]);
  assert.equal(await rig.run(['--', 'true']), 11);
  await rig.bgjob(['wait', '11']);
});

rigTest('0.5.0: a terminal, held and kept input, a line at the end, a pause, a restart', async (rig) => {
  fs.cpSync(join(HOMES, '0.5.0'), rig.home, { recursive: true, verbatimSymlinks: true });
  closeModes(rig.home);
  for (const name of ['live', 'trash', 'cache']) fs.mkdirSync(join(rig.home, name), { recursive: true });
  const jobs = await rig.json(['ls', '-a', '-n', '100']);
  assert.deepEqual(
    jobs.map(({ id, name, state, exitCode, reason, origin }) => [id, name, state, exitCode, reason, origin]),
    [
      [6, 'fed', 'exited', 0, null, null],
      [5, 'fed', 'exited', 0, null, null],
      [4, 'still', 'killed', 143, 'kill (SIGTERM)', null],
      [3, 'hook', 'exited', 4, null, null],
      [2, 'talk', 'exited', 0, null, null],
      [1, 'term', 'exited', 3, null, null],
    ],
  );
  assert.match((await rig.bgjob(['show', '1'])).stdout, /^stdin +a terminal of 120 x 40/m);
  assert.match((await rig.bgjob(['show', '2'])).stdout, /^stdin +open$/m);
  assert.equal((await rig.show(3)).onExit.exitCode, 0);
  assert.equal((await rig.bgjob(['tail', '2'])).stdout, 'hello\n');
  assert.match((await rig.bgjob(['send', '2', 'x'])).stderr, /job 2 exited 0; nothing was sent/);
  assert.equal((await rig.bgjob(['tail', '6'])).stdout, 'in\n');
  assert.equal(await rig.run(['--', 'true']), 7);
  await rig.bgjob(['wait', '7']);
});

/** Makes the records of live jobs those of this machine before its last start. */
function moveHere(rig: Rig, ids: number[]): void {
  const { machine } = thisHost();
  const reseal = (path: string, change: (record: any) => object) => {
    const { sum: _, ...record } = JSON.parse(fs.readFileSync(path, 'utf8'));
    fs.writeFileSync(path, withChecksum(change(record)));
  };
  for (const id of ids) {
    reseal(rig.file(id, 'spec.json'), (spec) => ({ ...spec, machine }));
    if (fs.existsSync(rig.file(id, 'owner.1')))
      reseal(rig.file(id, 'owner.1'), (owner) => ({ ...owner, identity: { ...owner.identity, machine } }));
  }
}

rigTest(
  '0.6.0: queues, a schedule, a trigger, a paused and a lost job, stderr apart, a terminal',
  async (rig) => {
    fs.cpSync(join(HOMES, '0.6.0'), rig.home, { recursive: true, verbatimSymlinks: true });
    closeModes(rig.home);
    // the catch-up of the schedule ends with a gc, and these jobs get older
    fs.writeFileSync(join(rig.home, 'config.json'), '{"retention":{"olderThan":"10000d"}}');
    // git keeps no empty folders
    for (const name of ['cache', 'trash', 'queues/-/waiting', 'queues/done/waiting'])
      fs.mkdirSync(join(rig.home, name), { recursive: true });
    const read = async () =>
      (await rig.json(['ls', '-a', '-n', '100'])).map(({ id, name, state, exitCode, queue, attempts }) => [
        ...[id, name, state, exitCode, queue, attempts],
      ]);
    const ended = [
      [15, 'hook', 'exited', 0, null, 1],
      [13, 'backup', 'exited', 0, null, 1],
      [8, null, 'exited', 1, 'done', 1],
      [7, null, 'exited', 0, 'done', 1],
      [4, 'hook', 'exited', 1, null, 1],
      [3, 'again', 'exited', 4, null, 2],
      [2, 'term', 'exited', 0, null, 1],
      [1, 'both', 'exited', 2, null, 1],
    ];
    // 5 lost all its processes, 6 was paused, 9 to 11 wait in a paused queue, 12 and 14 are scheduler and
    // listener
    const live = [5, 6, 9, 10, 11, 12, 14];
    const there = await read();
    assert.deepEqual(
      there.filter(([id]) => id <= 15 && !live.includes(id)),
      ended,
    );
    assert.deepEqual(
      there.filter(([id]) => live.includes(id)).map(([id, , state]) => [id, state]),
      live.map((id) => [id, 'elsewhere']).reverse(),
    );
    moveHere(rig, live);
    assert.deepEqual(
      (await read()).filter(([id]) => live.includes(id)).map(([id, name, state]) => [id, name, state]),
      [
        [14, 'listener-26539-1mkt', 'lost'],
        [12, 'scheduler-1mkt', 'lost'],
        [11, 'later', 'queued'],
        [10, null, 'queued'],
        [9, 'first', 'queued'],
        [6, 'still', 'lost'],
        [5, 'gone', 'lost'],
      ],
    );
    assert.equal((await rig.bgjob(['status', '6'])).code, 125);
    // the start is on record, the end is not: no time is made up for it, nor a length
    for (const id of [5, 6, 12, 14]) {
      const { startedAt, endedAt, durationMs } = await rig.show(id);
      assert.deepEqual([typeof startedAt, endedAt, durationMs], ['string', null, null], `job ${id}`);
    }
    assert.match((await rig.bgjob(['show', '5'])).stdout, /^ended +not known\ntook +not known$/m);
    // what was said apart, and in a terminal
    assert.equal((await rig.bgjob(['tail', '1', '--err'])).stdout, 'err\n');
    assert.equal((await rig.bgjob(['tail', '1'])).stdout, 'out\n');
    assert.equal((await rig.bgjob(['tail', '2'])).stdout, 'a terminal\n');
    assert.equal((await rig.show(4)).onExit.exitCode, 0);
    // the queues: by priority, then by id; what comes later is last
    const queues = await rig.json(['queue']);
    assert.deepEqual(
      queues.map(({ name, slots, waiting, state }) => [name, slots, waiting, state]),
      [
        ['api', 2, 3, 'paused'],
        ['done', 2, 0, 'idle'],
      ],
    );
    assert.equal((await rig.bgjob(['ls', '-a', '-q', '--queue', 'api'])).stdout, '10\n9\n11\n');
    // after a restart of the machine the next command starts what serves schedules and triggers
    const [backup, paused] = await rig.json(['cron', 'ls']);
    assert.deepEqual([backup.name, backup.expression, backup.catchUp], ['backup', '@daily', true]);
    assert.deepEqual([paused.name, paused.paused], ['paused', true]);
    const [event] = await eventsOf(rig, 'backup');
    assert.deepEqual([event!.did, event!.job, event!.by], ['started', 13, 'hand']);
    const [hook] = await rig.json(['trigger', 'ls']);
    assert.deepEqual([hook.name, hook.lastJob.id, hook.started], ['hook', 15, 1]);
    const own = (await rig.json(['ls', '-a'])).filter(({ origin }) => origin?.kind === 'own');
    assert.deepEqual(own.map(({ origin }) => origin.serves).sort(), [
      ...['schedules', 'schedules', 'triggers', 'triggers'],
    ]);
    assert.equal((await rig.bgjob(['cron', 'rm', 'backup', 'paused'])).code, 0);
    assert.equal((await rig.bgjob(['trigger', 'rm', 'hook'])).code, 0);
  },
);

rigTest(
  '0.6.0: what had ended counts as answered; what waits, and what is added, belongs to a round',
  async (rig) => {
    fs.cpSync(join(HOMES, '0.6.0'), rig.home, { recursive: true, verbatimSymlinks: true });
    closeModes(rig.home);
    // nothing starts by itself here
    for (const name of ['schedules', 'triggers']) fs.rmSync(join(rig.home, name), { recursive: true });
    for (const name of ['cache', 'trash', 'queues/-/waiting', 'queues/done/waiting'])
      fs.mkdirSync(join(rig.home, name), { recursive: true });
    moveHere(rig, [5, 6, 9, 10, 11, 12, 14]);
    // 8 failed there
    const before = await rig.bgjob(['wait', '-a', '--queue', 'done']);
    assert.deepEqual([before.code, before.stdout], [125, '']);
    assert.equal(await rig.run(['-Q', 'done', '--', 'true']), 16);
    const after = await rig.bgjob(['wait', '-a', '--queue', 'done']);
    assert.equal(after.code, 0);
    assert.match(after.stdout, /^16 exited 0 after [^\n]*\n$/);
    const waiting = await rig.json(['wait', '-a', '--queue', 'api', '--timeout', '0']);
    assert.deepEqual(
      waiting.map(({ id, result }) => [id, result]),
      [9, 10, 11].map((id) => [id, 'running']),
    );
    await rig.untilLeft(16);
  },
);

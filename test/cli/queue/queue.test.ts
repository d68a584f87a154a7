/** `bgjob queue`: slots, pause, resume, remove; and what the views say of jobs that wait. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { manyCalls } from '../../rig/manycalls.ts';
import type { Puppet } from '../../rig/puppet.ts';
import { type Answer, type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';
import { sleepsOn } from '../../rig/waiters.ts';

/** A job of a queue that runs, and is on record as running, until the test ends it. */
async function busy(rig: Rig, ...options: string[]): Promise<Puppet> {
  const puppet = await rig.puppet();
  const id = await rig.run([...options, '--', ...puppet.command]);
  await puppet.ready();
  await rig.untilState(id, 'running');
  return puppet;
}

type Tuple<T, N extends number, R extends T[] = []> = R['length'] extends N ? R : Tuple<T, N, [T, ...R]>;
const objectsIn = (text: string): any[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
const states = (jobs: any[]) => jobs.map(({ id, state }) => [id, state]);

rigTest('a row for each queue; more slots start what waits at once', async (rig) => {
  const none = await rig.bgjob(['queue']);
  assert.deepEqual([none.code, none.stdout], [0, '']);
  assert.match(none.stderr, /no queues yet: bgjob run -Q NAME/);
  const puppet = await busy(rig, '-Q', 'api');
  for (const _ of [2, 3]) await rig.run(['-Q', 'api', '--', 'true']);
  assert.deepEqual((await rig.bgjob(['queue', 'set', 'idle', '--slots', '7'])).code, 0);
  const { stdout, stderr } = await rig.bgjob(['queue']);
  const rows = stdout.split('\n');
  assert.match(rows[0]!, /^NAME +SLOTS +RUNNING +WAITING +STATE +NEXT$/);
  assert.match(rows[1]!, /^api +1 +1 +2 +busy +2 \([\d.ms]+\)$/);
  assert.match(rows[2]!, /^idle +7 +0 +0 +idle +-$/);
  assert.equal(stderr, '');
  const [api, idle] = await rig.json(['queue', 'list']);
  assert.deepEqual(
    [api.name, api.slots, api.running, api.waiting, api.state, api.paused, api.next.id, api.next.reason],
    ['api', 1, 1, 2, 'busy', false, 2, '#1 in line'],
  );
  assert.deepEqual([idle.state, idle.next], ['idle', null]);
  const set = await rig.bgjob(['queue', 'set', 'api', '--slots', '2']);
  assert.match(set.stdout, /^api: 2 slots; \d running, \d waiting\n$/);
  for (const id of ['2', '3']) assert.equal((await rig.bgjob(['wait', id])).code, 0);
  assert.equal((await rig.show(1)).state, 'running');
  await puppet.exit(0);
});

rigTest(
  'a paused queue starts nothing, and says so everywhere; resumed it starts what waits',
  async (rig) => {
    await rig.bgjob(['queue', 'set', 'api', '--slots', '1']);
    assert.match((await rig.bgjob(['queue', 'pause', 'api'])).stdout, /^api: 1 slot, paused; 0 running/);
    await rig.run(['-Q', 'api', '--', 'true']);
    assert.equal((await rig.bgjob(['status', '1'])).stdout, '1 queued (the queue api is paused)\n');
    assert.match((await rig.bgjob(['queue'])).stdout, /^api +1 +0 +1 +paused +1 \(/m);
    const ls = await rig.bgjob(['ls']);
    assert.match(ls.stdout, /^1 .* queued paused /m);
    assert.match(ls.stderr, /\(queue api is paused: bgjob queue resume api\)/);
    assert.match((await rig.bgjob(['show', '1'])).stdout, /^because +the queue api is paused$/m);
    assert.equal((await rig.show(1)).reason, 'the queue api is paused');
    assert.equal((await rig.bgjob(['queue', 'resume', 'api'])).code, 0);
    assert.equal((await rig.bgjob(['wait', '1'])).code, 0);
  },
);

rigTest('remove: refused while jobs run or wait, and then nothing is lost', async (rig) => {
  const puppet = await busy(rig, '-Q', 'api');
  await rig.run(['-Q', 'api', '--', 'true']);
  const both = await rig.bgjob(['queue', 'remove', 'api']);
  assert.equal(both.code, 125);
  assert.match(
    both.stderr,
    /api is in use: 1 job runs in it, 1 job waits there; nothing was removed\n {2}hint: bgjob wait -a --queue api/,
  );
  await puppet.exit(0);
  assert.equal((await rig.bgjob(['wait', '2'])).code, 0);
  assert.equal((await rig.bgjob(['queue', 'remove', 'api'])).stdout, 'api: removed\n');
  assert.deepEqual(fs.readdirSync(join(rig.home, 'queues')), []);
  // it is made again by its next job, and of the old one nothing counts
  assert.equal((await rig.bgjob(['run', '-w', '-Q', 'api', '--', 'true'])).code, 0);
});

rigTest('remove: a job that has ended is not in the way, however slow its supervisor is', async (rig) => {
  const puppet = await busy(rig, '-Q', 'api');
  // as its supervisor does until it has moved the queue on
  const alive = rig.file(1, 'alive');
  const lock = fs.openSync(alive, fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  await puppet.exit(0);
  assert.equal((await rig.bgjob(['wait', '1'])).code, 0);
  await rig.untilLeft(1);
  const call = rig.startBgjob(['queue', 'remove', 'api']);
  await until(
    () => sleepsOn(call.child.pid!, alive) || call.child.exitCode !== null,
    Boolean,
    'a call that waits for the supervisor',
  );
  fs.closeSync(lock);
  assert.deepEqual(await call.answer, { code: 0, stdout: 'api: removed\n', stderr: '' });
});

rigTest('remove: refused also where jobs only wait', async (rig) => {
  await rig.bgjob(['queue', 'set', 'api', '--slots', '1']);
  await rig.bgjob(['queue', 'pause', 'api']);
  await rig.run(['-Q', 'api', '--', 'true']);
  const refused = await rig.bgjob(['queue', 'remove', 'api']);
  assert.deepEqual([refused.code, refused.stdout], [125, '']);
  assert.match(refused.stderr, /api is in use: .*1 job waits there; nothing was removed/);
  assert.equal((await rig.bgjob(['queue', 'resume', 'api'])).code, 0);
  assert.equal((await rig.bgjob(['wait', '1'])).code, 0);
});

rigTest('remove against somebody who adds at the same instant: the job runs in any case', async (rig) => {
  const add = 'for n in 1 2 3 4 5 6 7 8 9 10; do bgjob run -Q api -- true || echo refused; done';
  const drop = 'for n in 1 2 3 4 5 6 7 8 9 10; do bgjob queue remove api >/dev/null 2>&1; done; true';
  const [added] = await Promise.all([rig.bash(add), rig.bash(drop), rig.bash(drop)]);
  assert.match(added.stdout, /^(\d+\n){10}$/, added.stdout + added.stderr);
  const ids = added.stdout.trim().split('\n');
  assert.equal((await rig.bgjob(['wait', ...ids])).code, 0);
});

rigTest('what cannot be meant is told, with the command to type', async (rig) => {
  await rig.run(['-w', '-Q', 'api', '--', 'true']).catch(() => {});
  const refused: [string[], RegExp][] = [
    [['queue', 'remove', 'nope'], /no queue "nope"; queues: api\n {2}hint: bgjob queue\n/],
    [['queue', 'pause', 'nope'], /no queue "nope"/],
    [['ls', '--queue', 'nope'], /no queue "nope"/],
    [['wait', '--queue', 'nope'], /no queue "nope"/],
    [['queue', 'remove', '-'], /no queue "-"/],
    [['queue', 'set', '-', '--slots', '1'], /"-" is not a name/],
    [['queue', 'set', '../api', '--slots', '1'], /is not a name/],
    [['queue', 'set', 'api', '--slots', '0'], /no job would ever start\n {2}hint: bgjob queue pause NAME/],
    [['queue', 'set', 'api'], /queue set needs --slots N\n {2}hint: bgjob queue set api --slots 2/],
    [['queue', 'pause'], /queue pause needs the NAME/],
    [['queue', 'pause', 'api', '--slots', '2'], /--slots needs queue set/],
    [['queue', 'halt', 'api'], /"halt" is none of list, set, pause, resume, remove/],
    [['wait', '--all', '--queue', 'api'], /--all and --queue cannot be used together/],
  ];
  const answers = await manyCalls(
    rig,
    refused.map(([args]) => args),
  );
  for (const [n, { code, stdout, stderr }] of answers.entries()) {
    const [args, message] = refused[n]!;
    assert.deepEqual([code, stdout], [125, ''], args.join(' '));
    assert.match(stderr, message);
  }
});

rigTest('ls: who runs, who is next, and for what; references and names of jobs that wait', async (rig) => {
  const puppet = await busy(rig, '-Q', 'api', '-n', 'first');
  await rig.run(['-Q', 'api', '--', 'true']);
  await rig.run(['-Q', 'api', '--priority', '5', '-n', 'soon', '-t', 'red', '--', 'true']);
  await rig.run(['--after', '1', '--', 'true']);
  await rig.run(['--delay', '1h', '--', 'true']);
  const asked = [
    ['ls', '--queue', 'api'],
    ['ls', '-q', '--queue', 'api'],
    ['ls', '--state', 'queued', '--json'],
    ['ls', '--json'],
    ['status', 'soon'],
    ['status', '@last'],
    ['ls', '--name', 'soon'],
    ['ls', '--tag', 'red'],
    ['status', 'nosuch'],
    ['show', 'soon'],
    ['show', '4'],
  ];
  const told = await manyCalls(rig, asked);
  const [ls, quiet, queued, all, soon, last, named, tagged, unknown, show, after] = told as Tuple<Answer, 11>;
  assert.deepEqual(
    ls.stdout.split('\n').map((line) => line.split(/ {2,}/).slice(0, 3).join(' ')),
    ['ID NAME STATE', '1 first running', '3 soon queued #1', '2 - queued #2', ''],
  );
  assert.equal(ls.stderr, '');
  assert.equal(quiet.stdout, '1\n3\n2\n');
  assert.deepEqual(states(objectsIn(queued.stdout)), [
    [5, 'queued'],
    [4, 'queued'],
    [3, 'queued'],
    [2, 'queued'],
  ]);
  assert.deepEqual(
    objectsIn(all.stdout).map(({ id, queue, reason }) => [
      id,
      queue,
      reason?.replace(/ \d\d:.*/, '') ?? null,
    ]),
    [
      [5, null, 'waits until'],
      [4, null, 'waits for job 1'],
      [3, 'api', '#1 in line'],
      [2, 'api', '#2 in line'],
      [1, 'api', null],
    ],
  );
  assert.equal(soon.stdout, 'soon 3 queued (#1 in line)\n');
  assert.match(last.stdout, /^5 queued \(waits until \d\d:\d\d:\d\d \((1h|5\dm)/);
  assert.match(named.stdout, /^3 +soon +queued #1/m);
  assert.match(tagged.stdout, /^3 +soon +queued #1/m);
  assert.match(
    unknown.stderr,
    /newest: #5 \(queued\), #4 \(queued\), soon #3 \(queued\), #2 \(queued\), first #1/,
  );
  assert.match(show.stdout, /^because +#1 in line\nqueue +api \(#1 in line\)\npriority +5$/m);
  assert.match(after.stdout, /^after +success of 1$/m);
  // only what waits elsewhere is not shown
  const elsewhere = join(rig.dir, 'elsewhere');
  fs.mkdirSync(elsewhere);
  const other = await rig.bgjob(['ls', '--queue', 'api'], { cwd: elsewhere });
  assert.match(other.stderr, /no such jobs here\n\(3 jobs of other projects: -a\)/);
  await rig.bgjob(['kill', '5']);
  // all of this project that live, those that wait too
  const wait = rig.startBgjob(['wait', '--all']);
  await until(
    () => sleepsOn(wait.child.pid!, rig.file(1, 'alive')),
    Boolean,
    'the waiter sleeps on the first',
  );
  await puppet.exit(0);
  const { code, stdout } = await wait.answer;
  assert.equal(code, 0);
  assert.deepEqual(stdout.match(/^(\w+ )?\d exited 0/gm)?.sort(), [
    ...['2 exited 0', '4 exited 0', 'first 1 exited 0', 'soon 3 exited 0'],
  ]);
});

rigTest('a list is bounded, says what it left out, and how to see that; a script gets all', async (rig) => {
  await rig.bgjob(['queue', 'set', 'api', '--slots', '1']);
  await rig.bgjob(['queue', 'pause', 'api']);
  for (const tag of [[], ['-t', 'half']]) {
    const words = ['run', '-Q', 'api', ...tag, '--batch', '-'];
    assert.equal((await rig.bgjob(words, { input: 'true\n'.repeat(6) })).code, 0);
  }
  const paused = 'queue api is paused: bgjob queue resume api)\n';
  const lists: [args: string[], rows: number, said: string][] = [
    [[], 10, `(2 more wait in api: bgjob ls --queue api; ${paused}`],
    [['-n', '1'], 1, `(11 more wait in api: bgjob ls --queue api; ${paused}`],
    [['--queue', 'api'], 12, `(${paused}`],
    [['--queue', 'api', '-n', '3'], 3, `(9 more wait in api: -n 12; ${paused}`],
    [['--state', 'queued'], 12, `(${paused}`],
    [['--tag', 'half'], 6, `(${paused}`],
    [['--tag', 'half', '-n', '2'], 2, `(4 more wait in api: -n 12; ${paused}`],
    [['--state', 'running'], 0, 'no such jobs here\n'],
  ];
  const scripts = [[], ['--queue', 'api']].flatMap((args) => [
    [...args, '-q'],
    [...args, '--json'],
  ]);
  const answers = await manyCalls(
    rig,
    [...lists.map(([args]) => args), ...scripts].map((args) => ['ls', ...args]),
  );
  for (const [n, [args, rows, said]] of lists.entries()) {
    const { stdout, stderr } = answers[n]!;
    assert.deepEqual(
      [(stdout.match(/^\d+ .* queued /gm) ?? []).length, stderr],
      [rows, said],
      args.join(' '),
    );
  }
  for (const { stdout } of answers.slice(lists.length)) assert.equal(stdout.match(/\n/g)!.length, 12);
  const all = (await rig.bgjob(['ls', '-q'])).stdout.trim().split('\n');
  assert.equal((await rig.bgjob(['kill', ...all])).code, 0);
});

rigTest('a name is held by the job that waits: refused, taken, replaced', async (rig) => {
  const puppet = await busy(rig, '-Q', 'api');
  await rig.run(['-n', 'web', '-Q', 'api', '--', 'true']);
  const taken = await rig.bgjob(['run', '-n', 'web', '--', 'true']);
  assert.equal(taken.code, 125);
  assert.match(taken.stderr, /web is queued as job 2/);
  assert.equal((await rig.bgjob(['run', '-n', 'web', '--reuse', '-Q', 'api', '--', 'true'])).stdout, '2\n');
  const replaced = await rig.bgjob([
    'run',
    '-n',
    'web',
    '--replace',
    '-Q',
    'api',
    '--',
    'sh',
    '-c',
    'exit 4',
  ]);
  assert.equal(replaced.code, 0);
  assert.match(replaced.stderr, /replaced web 2: cancelled before it started/);
  assert.equal((await rig.show(2)).state, 'cancelled');
  await puppet.exit(0);
  assert.equal((await rig.bgjob(['wait', 'web'])).code, 4);
});

rigTest(
  'kill: cancelled before it started, at once for many, and who waited for them is skipped',
  async (rig) => {
    const puppet = await busy(rig, '-Q', 'api');
    for (let n = 0; n < 4; n++) await rig.run(['-Q', 'api', '--', 'true']);
    await rig.run(['--after', '2', '--', 'true']);
    const [one] = await rig.json(['kill', '2']);
    assert.deepEqual(
      [one.id, one.state, one.result, one.processes, one.code],
      [2, 'cancelled', 'cancelled', 0, 0],
    );
    assert.equal(
      (await rig.bgjob(['kill', '2'])).stdout.replace(/ [\d.hms]+ ago/, ' T ago'),
      '2 already cancelled T ago\n',
    );
    const rest = await rig.bash('bgjob ls -q --state queued --queue api | xargs bgjob kill');
    assert.deepEqual(rest.stdout.split('\n').sort(), [
      '',
      ...[3, 4, 5].map((id) => `${id} cancelled before it started`),
    ]);
    const skipped = await rig.bgjob(['wait', '6']);
    assert.equal(skipped.code, 1);
    assert.match(skipped.stdout, /^6 skipped \(job 2 was cancelled\)/);
    assert.equal((await rig.bgjob(['wait', '3'])).code, 1);
    await puppet.exit(0);
  },
);

rigTest('wait --queue: what waits and runs in it, and the code of the first that failed', async (rig) => {
  const puppet = await busy(rig, '-Q', 'api');
  await rig.run(['-Q', 'api', '--', 'sh', '-c', 'exit 3']);
  await rig.run(['-Q', 'api', '--', 'true']);
  await rig.run(['-Q', 'other', '--', 'sh', '-c', 'exit 9']);
  const wait = rig.startBgjob(['wait', '--queue', 'api']);
  await until(
    () => sleepsOn(wait.child.pid!, rig.file(1, 'alive')),
    Boolean,
    'the waiter sleeps on the first',
  );
  await puppet.exit(0);
  const { code, stdout } = await wait.answer;
  assert.equal(code, 3);
  assert.deepEqual(stdout.match(/^\d exited \d/gm)?.sort(), ['1 exited 0', '2 exited 3', '3 exited 0']);
  await rig.bgjob(['wait', '4']);
});

rigTest('a retry: each attempt in show, and how many', async (rig) => {
  const id = await rig.run(['--retry', '1', '--backoff', '0.1s', '--', 'sh', '-c', 'exit 5']);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 5);
  const { stdout } = await rig.bgjob(['show', String(id)]);
  assert.match(stdout, /^attempt 1 +\d{4}-.*, exited 5 after [\d.hms]+$/m);
  assert.match(stdout, /^attempt +2 of 2$/m);
  assert.equal((await rig.show(id)).attempts, 2);
});

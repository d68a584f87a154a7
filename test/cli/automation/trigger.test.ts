/** `bgjob trigger`: a POST with the secret starts a job, once; what is shown, and what is not. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { bearer, send, signature } from '../../rig/http.ts';
import { manyCalls } from '../../rig/manycalls.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { addTrigger, eventsOf, listenersOf, recordOf, removeTriggers } from '../../rig/triggers.ts';
import { until } from '../../rig/until.ts';

/** More than a listener takes at once; it has room for 256 connections. */
const MANY = 120;
/** A job that writes its payload and what it knows of the delivery. */
const SHOW = 'cat "$BGJOB_PAYLOAD"; echo; env | grep -a ^BGJOB_ | grep -av TOKEN | sort';

async function logOf(rig: Rig, id: number): Promise<string> {
  await rig.bgjob(['wait', String(id)]);
  return rig.log(id);
}

rigTest(
  'add prints URL and secret; the job has payload, headers, and the chosen environment',
  async (rig) => {
    const { code, stdout, stderr } = await rig.bgjob(
      [
        'trigger',
        'add',
        'hook',
        '--header',
        'X-GitHub-Event,X-None',
        '--pass-env',
        'MINE',
        '-e',
        'SET=1',
        SHOW,
      ],
      { env: { MINE: 'passed', OTHER: 'not' } },
    );
    assert.equal(code, 0, stderr);
    const [url, secret] = stdout.trim().split('\n') as [string, string];
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/hook$/);
    assert.match(stderr, /the second line is the secret: it is shown this once/);
    assert.match(stderr, /with PATH HOME LANG MINE\n/);
    assert.ok(!stderr.includes(secret));
    const body = Buffer.from([0, 1, 2, 255, 10, 39, 34, 36, 40]);
    const { status, json, headers } = await send(url, {
      headers: {
        ...signature(secret, body),
        'X-GitHub-Delivery': 'd-1',
        'X-GitHub-Event': "it's $(id) `id`",
      },
      body,
    });
    assert.deepEqual([status, json, headers['content-type']], [202, { id: 2 }, 'application/json']);
    const log = await logOf(rig, 2);
    assert.ok(fs.readFileSync(rig.file(2, 'payload')).equals(body), 'byte for byte');
    assert.equal(fs.statSync(rig.file(2, 'payload')).mode & 0o777, 0o600);
    assert.deepEqual(
      log.split('\n').filter((line) => line.startsWith('BGJOB_')),
      [
        'BGJOB_DELIVERY=d-1',
        "BGJOB_HEADER_X_GITHUB_EVENT=it's $(id) `id`",
        'BGJOB_HEADER_X_NONE=',
        `BGJOB_HOME=${rig.home}`,
        'BGJOB_ID=2',
        `BGJOB_PAYLOAD=${rig.file(2, 'payload')}`,
        'BGJOB_TRIGGER=hook',
      ],
    );
    const job = await rig.show(2);
    assert.deepEqual([job.name, job.cwd, job.state, job.parent], ['hook', rig.project, 'exited', 1]);
    await addTrigger(rig, ['other', '--pass-env', 'MINE', '-e', 'SET=1', 'echo $MINE $OTHER. $SET'], {
      env: { MINE: 'passed', OTHER: 'not' },
    });
    const other = await rig.bgjob(['trigger', 'rotate', 'other']);
    const [otherUrl, otherSecret] = other.stdout.split('\n') as [string, string];
    assert.equal(new URL(otherUrl).port, new URL(url).port, 'one listener for both');
    assert.equal((await send(otherUrl, { headers: bearer(otherSecret) })).json.id, 3);
    assert.equal(await logOf(rig, 3), 'passed . 1\n');
    assert.ok(fs.existsSync(rig.file(3, 'payload')), 'an empty one, too');
    await removeTriggers(rig);
  },
);

rigTest('a restart gives the payload and what else was delivered to a new job', async (rig) => {
  const { url, secret } = await addTrigger(rig, ['hook', '--header', 'X-A', `${SHOW}; exit 3`]);
  const headers = { ...bearer(secret), 'Webhook-Id': 'w', 'X-A': 'a b' };
  assert.equal((await send(url, { headers, body: '{"a":1}' })).json.id, 2);
  const first = await logOf(rig, 2);
  assert.match(first, /^\{"a":1\}\nBGJOB_DELIVERY=w\nBGJOB_HEADER_X_A=a b\n/);
  assert.equal((await rig.bgjob(['restart', 'hook', '--wait'])).code, 3);
  const again = first.replaceAll('jobs/2/', 'jobs/3/').replace('BGJOB_ID=2', 'BGJOB_ID=3');
  assert.equal(rig.log(3), again);
  await removeTriggers(rig);
});

rigTest('every refusal has its status, and an unknown name is not told from a wrong secret', async (rig) => {
  const { url, secret } = await addTrigger(rig, ['hook', 'true']);
  const status = async (sent: Parameters<typeof send>[1], to = url) => (await send(to, sent)).status;
  const good = bearer(secret);
  const body = 'x'.repeat(25 * 2 ** 20);
  for (const method of ['GET', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'])
    for (const to of [url, `${url}x`]) {
      const { status, headers } = await send(to, { method, headers: good });
      assert.deepEqual([status, headers['allow']], [405, 'POST'], method);
    }
  assert.equal(await status({ headers: { ...good, Origin: 'http://127.0.0.1:1' } }), 403);
  assert.equal(await status({ headers: { ...good, Origin: 'null' } }), 403);
  for (const Host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:80', '127.0.0.2'])
    assert.equal(await status({ headers: { ...good, Host } }), 421, Host);
  assert.equal(await status({ headers: good, body: `${body}y` }), 413);
  assert.equal(
    await status({
      headers: { ...good, 'Transfer-Encoding': 'chunked', 'Content-Length': [] },
      body: `${body}y`,
    }),
    413,
    'without a length, too',
  );
  const id = 'i'.repeat(201);
  assert.equal(await status({ headers: { ...good, 'Idempotency-Key': id } }), 400);

  const wrong = [
    await send(url, { headers: bearer('0'.repeat(64)) }),
    await send(url, { headers: signature('wrong', 'a'), body: 'a' }),
    await send(url, { headers: signature(secret, 'a'), body: 'b' }),
    await send(url),
    await send(url, { headers: { Authorization: `Basic ${secret}` } }),
    await send(`${url}x`, { headers: good }),
    await send(`${url}x`, { headers: signature(secret, 'a'), body: 'a' }),
    await send(`${url}/y`, { headers: good }),
    await send(url.replace('hook', ''), { headers: good }),
    await send(url.replace('hook', '..%2fhook'), { headers: good }),
    await send(url.replace('hook', '~'), { headers: good }),
    await send(url.replace('hook', '%00'), { headers: good }),
  ];
  const told = wrong.map(({ status, text, headers: { date: _, ...rest } }) =>
    JSON.stringify([status, text, rest]),
  );
  assert.deepEqual([...new Set(told)].length, 1, told.join('\n'));
  assert.equal(wrong[0]!.status, 401);
  assert.ok(!wrong[0]!.text.includes('sha256'));

  assert.deepEqual(fs.readdirSync(join(rig.home, 'jobs')), ['1'], 'nothing was started');
  const refused = await eventsOf(rig, 'hook');
  assert.ok(
    refused.every(({ did, job }) => did === 'refused' && job === null),
    'and nobody can fill the journal',
  );
  assert.deepEqual(refused.map(({ why, times }) => [why.slice(0, 3), times]).sort(), [
    ['400', 1],
    // with the name of the trigger, and with others
    ['401', 1],
    ['401', 1],
    ['401', 1],
    ['401', 2],
    ['401', 7],
    ['403', 2],
    ['405', 6],
    ['405', 6],
    ['413', 2],
    ['421', 4],
  ]);
  assert.equal(await status({ headers: good, body }), 202, 'the largest there may be');
  assert.equal(await status({ headers: { ...good, Host: 'LOCALHOST' } }), 202);
  assert.equal(await status({ headers: good }, `${url}?a=b`), 202);
  assert.ok(!(await rig.bgjob(['tail', '1', '--full'])).stdout.includes(secret));
  await removeTriggers(rig);
});

rigTest('a delivery starts one job, whatever the sender calls it and however often it comes', async (rig) => {
  const { url, secret } = await addTrigger(rig, ['hook', 'true']);
  const again = (headers: Record<string, string>) =>
    send(url, { headers: { ...bearer(secret), ...headers } });
  let id = 1;
  for (const header of ['X-GitHub-Delivery', 'Idempotency-Key', 'Webhook-Id'])
    for (const value of ['72d3162e', '../../x', 'ä ö 🙂', '%00', "'"]) {
      const headers = { [header]: Buffer.from(`${header}${value}`).toString('latin1') };
      const first = await again(headers);
      assert.deepEqual([first.status, first.json], [202, { id: ++id }]);
      const second = await again(headers);
      assert.deepEqual([second.status, second.json.id], [409, id]);
    }
  const both = { 'Idempotency-Key': 'k', 'X-GitHub-Delivery': 'g' };
  assert.equal((await again(both)).status, 202);
  assert.equal((await again({ 'X-GitHub-Delivery': 'g' })).status, 409);
  assert.equal((await again({ 'Idempotency-Key': 'k' })).status, 202, "GitHub's counts");
  const [a, b] = [await again({}), await again({})];
  assert.deepEqual([a.status, b.status], [202, 202], 'what has no id is not known again');
  const many = await Promise.all(Array.from({ length: 10 }, () => again({ 'Webhook-Id': 'at once' })));
  assert.deepEqual(many.map(({ status }) => status).sort(), [202, ...Array(9).fill(409)]);
  assert.equal(new Set(many.map(({ json }) => json.id)).size, 1);
  // in another trigger it is another delivery
  const other = await addTrigger(rig, ['other', 'true']);
  assert.equal(
    (await send(other.url, { headers: { ...bearer(other.secret), 'Webhook-Id': 'at once' } })).status,
    202,
  );
  const events = await eventsOf(rig, 'hook');
  assert.ok(
    events.some(({ delivery }) => delivery === 'Webhook-Idä ö 🙂'),
    'bytes of UTF-8 are read as that',
  );
  assert.equal(events.filter(({ did }) => did === 'started').length, 15 + 2 + 2 + 1);
  assert.equal(events.filter(({ did }) => did === 'skipped').length, 15 + 1 + 9);
  assert.deepEqual(
    events.slice(0, 2).map(({ did, why, job, by, delivery }) => ({ did, why, job, by, delivery })),
    [
      { did: 'started', why: null, job: 2, by: 'delivery', delivery: 'X-GitHub-Delivery72d3162e' },
      {
        did: 'skipped',
        why: 'delivered before, as job 2',
        job: null,
        by: 'delivery',
        delivery: 'X-GitHub-Delivery72d3162e',
      },
    ],
  );
  await removeTriggers(rig);
});

rigTest('a start that failed may be delivered again, and is noted', async (rig) => {
  const { url, secret } = await addTrigger(rig, ['hook', '-Q', 'ci', 'true']);
  const deliver = () => send(url, { headers: { ...bearer(secret), 'Webhook-Id': 'one' } });
  // the queue cannot be made
  fs.mkdirSync(join(rig.home, 'queues'), { mode: 0o700 });
  fs.writeFileSync(join(rig.home, 'queues', 'ci'), 'in the way');
  const failed = await deliver();
  assert.deepEqual([failed.status, failed.headers['retry-after']], [503, '10']);
  assert.ok(!failed.text.includes(rig.home), 'nobody learns where');
  fs.rmSync(join(rig.home, 'queues', 'ci'));
  const done = await deliver();
  assert.equal(done.status, 202, done.text);
  assert.equal((await deliver()).status, 409);
  assert.deepEqual(
    (await eventsOf(rig, 'hook')).map(({ did }) => did),
    ['failed', 'started', 'skipped'],
  );
  assert.equal((await rig.show(done.json.id)).queue, 'ci');
  await rig.bgjob(['wait', String(done.json.id)]);
  await removeTriggers(rig);
});

rigTest(
  'too many starts are put off, and can be delivered later; wrong secrets do not count',
  async (rig) => {
    const { url, secret } = await addTrigger(rig, ['hook', '-Q', 'slow', 'true']);
    await rig.bgjob(['queue', 'set', 'slow', '--slots', '1']);
    await rig.bgjob(['queue', 'pause', 'slow']);
    const deliver = (n: number) => send(url, { headers: { ...bearer(secret), 'Webhook-Id': String(n) } });
    for (let n = 0; n < 30; n++) assert.equal((await send(url, { headers: bearer('no') })).status, 401);
    // all at once: a slow machine would give one a second back while they come one after the other
    const begun = performance.now();
    const answers = await Promise.all(Array.from({ length: MANY }, (_, n) => deliver(n)));
    const accepted = answers.filter(({ status }) => status === 202).length;
    const allowed = 60 + Math.ceil((performance.now() - begun) / 1000);
    assert.ok(accepted >= 60 && accepted <= allowed, `${accepted} of ${allowed}`);
    const putOff = [...answers.entries()].filter(([, { status }]) => status !== 202);
    for (const [, { status, headers }] of putOff)
      assert.deepEqual([status, /^[12]$/.test(String(headers['retry-after']))], [429, true]);
    const [[again]] = putOff as [[number, unknown]];
    const last = await until(
      () => deliver(again),
      ({ status }) => status !== 429,
      'the next second',
    );
    assert.equal(last.status, 202, 'a refused one is no replay');
    const other = await addTrigger(rig, ['other', 'true']);
    assert.equal(
      (await send(other.url, { headers: bearer(other.secret) })).status,
      202,
      'each has its own rate',
    );
    const wrong = () => send(url, { headers: bearer('no') }).then(({ status }) => status);
    await until(
      () => Promise.all(Array.from({ length: MANY }, wrong)),
      (statuses) => statuses.includes(429),
      'too many wrong ones',
    );
    assert.equal(
      (await send(other.url, { headers: bearer(other.secret) })).status,
      202,
      'and those who know it pass',
    );
    await rig.bgjob([
      'kill',
      '--now',
      ...(await rig.bgjob(['ls', '-q', '-n', '1000', '-Q', 'slow'])).stdout.split('\n').filter(Boolean),
    ]);
    await removeTriggers(rig);
  },
);

rigTest('ls, ls NAME, rotate, rm: for people and as JSON, and never the secret', async (rig) => {
  assert.match((await rig.bgjob(['trigger'])).stderr, /no triggers yet: bgjob trigger add /);
  const [added] = await rig.json(['trigger', 'add', 'hook', '--header', 'X-A', 'exit 3']);
  const { url, secret } = added;
  const keys = Object.keys((await rig.json(['trigger', 'ls']))[0]);
  assert.deepEqual(Object.keys(added), [...keys, 'secret'], 'as ls tells it, and once the secret');
  assert.deepEqual([added.lastJob, added.listening], [null, true]);
  const again = await rig.bgjob(['trigger', 'add', 'hook', 'true']);
  assert.deepEqual([again.code, again.stdout], [125, '']);
  assert.match(again.stderr, /there is a trigger hook already/);
  await send(url, { headers: bearer(secret) });
  await rig.bgjob(['wait', '2']);
  const [row] = await rig.json(['trigger', 'ls']);
  assert.deepEqual(row, {
    v: 1,
    name: 'hook',
    url,
    command: added.command,
    shell: 'bash',
    cwd: rig.project,
    cwdNow: rig.project,
    queue: null,
    headers: ['X-A'],
    hosts: [],
    events: [],
    environment: row.environment,
    listening: true,
    trouble: null,
    lastJob: { id: 2, at: row.lastJob.at, state: 'exited', exitCode: 3 },
    started: 1,
    replayed: 0,
    failed: 0,
    ignored: 0,
    refused: 0,
    unreadable: null,
  });
  const table = (await rig.bgjob(['trigger', 'ls'])).stdout;
  assert.match(
    table,
    /^NAME +URL +LAST +NOT RUN +COMMAND\nhook +http:\S+ +2 exited 3 \(.* ago\) +- +exit 3\n$/,
  );
  assert.match((await rig.bgjob(['trigger', 'ls', 'hook'])).stdout, /^20.* started job 2\n$/);

  const [rotated] = await rig.json(['trigger', 'rotate', 'hook']);
  assert.deepEqual([rotated.name, rotated.url, rotated.lastJob.id], ['hook', url, 2]);
  assert.notEqual(rotated.secret, secret);
  assert.equal((await send(url, { headers: bearer(secret) })).status, 401, 'at once');
  assert.equal((await send(url, { headers: bearer(rotated.secret) })).status, 202);
  assert.equal(recordOf(rig, 'hook').secret, rotated.secret);
  assert.equal(fs.statSync(join(rig.home, 'triggers/hook/record.json')).mode & 0o777, 0o600);
  await rig.bgjob(['wait', '3']);
  const shown = await Promise.all(
    [
      ['trigger', 'ls', '--json'],
      ['trigger', 'ls', 'hook', '--json'],
      ['show', '1', '--json'],
      ['show', '3', '--json'],
      ['ls', '-a', '--json'],
      ['tail', '1', '--full'],
    ].map((args) => rig.bgjob(args)),
  );
  for (const { stdout, stderr } of shown)
    for (const one of [secret, rotated.secret]) assert.ok(!`${stdout}${stderr}`.includes(one));
  const holding = spawnSync('grep', ['-rlF', rotated.secret, rig.home], { encoding: 'utf8' }).stdout.trim();
  assert.equal(holding, join(rig.home, 'triggers/hook/record.json'), 'in one file alone');

  assert.equal((await rig.bgjob(['trigger', 'rm', 'hook'])).stdout, 'hook: removed\n');
  await until(
    () => listenersOf(rig),
    ([listener]) => listener.state === 'exited' && listener.exitCode === 0,
    'the end of the listener, with its last trigger',
  );
  assert.deepEqual(fs.readdirSync(join(rig.home, 'triggers')), []);
  for (const action of ['ls', 'rm', 'rotate']) {
    const { code, stderr } = await rig.bgjob(['trigger', action, 'hook']);
    assert.equal(code, 125);
    assert.match(stderr, /no trigger "hook"\n/);
  }
});

rigTest('what cannot be is refused, and nothing is written', async (rig) => {
  const refused: [string[], RegExp][] = [
    [['add'], /trigger add needs a name and a command/],
    [['add', 'hook'], /trigger add needs a command, too/],
    [['add', 'a/b', 'true'], /"a\/b" is not a name/],
    [['add', '12', 'true'], /is not a name/],
    [['add', 'hook', 'no-such-program'], /no-such-program: command not found/],
    [['add', 'hook', '--header', 'a b', 'true'], /is not the name of a header/],
    [['add', 'hook', '--header', 'Authorization', 'true'], /holds a secret, and no job gets it/],
    [['add', 'hook', '--header', 'X-A,X_A', 'true'], /would both be BGJOB_HEADER_X_A/],
    [['add', 'hook', '--host', 'http://x', 'true'], /is not the name of a host/],
    [['add', 'hook', '--listen', 'example.com', 'true'], /is not an address of this machine/],
    [['add', 'hook', '--listen', '203.0.113.7', 'true'], /no network of this machine has the address/],
    [['add', 'hook', '-Q', 'a/b', 'true'], /is not a name/],
    [['add', 'hook', '-C', '/nowhere', 'true'], /cannot enter/],
    [['ls', '--queue', 'x'], /--queue is for trigger add/],
    [['rm'], /trigger rm needs the NAME/],
    [['frob'], /"frob" is none of add, ls, rotate, rm/],
  ];
  const answers = await manyCalls(
    rig,
    refused.map(([args]) => ['trigger', ...args]),
  );
  for (const [n, { code, stdout, stderr }] of answers.entries()) {
    const [args, message] = refused[n]!;
    assert.ok(code === 125 || code === 127, `${args.join(' ')}: ${code}`);
    assert.equal(stdout, '');
    assert.match(stderr, message);
  }
  assert.deepEqual(await listenersOf(rig), []);
  assert.ok(!fs.existsSync(join(rig.home, 'triggers', 'hook')));
});

rigTest('wait --trigger: the id of the next job, and nothing else; 75 at its deadline', async (rig) => {
  const { url, secret } = await addTrigger(rig, ['hook', 'true']);
  const late = await rig.bgjob(['wait', '--trigger', 'hook', '--timeout', '300ms']);
  assert.deepEqual([late.code, late.stdout], [75, '']);
  assert.match(late.stderr, /^trigger hook has started nothing yet; wait again: bgjob wait --trigger hook\n/);
  const limited = await rig.bgjob(['wait', '--trigger', 'hook'], { env: { BGJOB_MAX_WAIT: '100ms' } });
  assert.equal(limited.code, 75);
  const waits = [
    rig.startBgjob(['wait', '--trigger', 'hook']),
    rig.startBgjob(['wait', '--trigger', 'hook', '--json']),
  ];
  const interrupted = rig.startBgjob(['wait', '--trigger', 'hook']);
  // they look at the directory, and that is seen
  for (const { child } of [...waits, interrupted])
    await until(
      () =>
        fs.readdirSync(`/proc/${child.pid}/fdinfo`).some((fd) => isWatch(`/proc/${child.pid}/fdinfo/${fd}`)),
      (watches) => watches,
      'a waiter that watches',
    );
  interrupted.child.kill('SIGINT');
  assert.match((await interrupted.answer).stderr, /started nothing yet; .*\n\[bgjob\] exit code 130\n$/);
  assert.equal(interrupted.child.signalCode, 'SIGINT');
  assert.equal((await send(url, { headers: bearer('no') })).status, 401);
  const { json } = await send(url, { headers: { ...bearer(secret), 'Webhook-Id': 'w' } });
  const [plain, asJson] = await Promise.all(waits.map(({ answer }) => answer));
  assert.deepEqual(plain, { code: 0, stdout: `${json.id}\n`, stderr: '' });
  assert.deepEqual(JSON.parse(asJson!.stdout), {
    v: 1,
    id: json.id,
    trigger: 'hook',
    delivery: 'w',
    deliveredAt: (await eventsOf(rig, 'hook')).find(({ job }) => job === json.id).at,
    log: { path: rig.file(json.id, 'out/log') },
    more: 0,
    code: 0,
    by: 'bgjob',
  });
  const unknown = await rig.bgjob(['wait', '--trigger', 'hok']);
  assert.equal(unknown.code, 125);
  assert.match(unknown.stderr, /no trigger "hok"; triggers: hook/);
  assert.equal((await rig.bgjob(['wait', '--trigger', 'hook', '2'])).code, 125);
  assert.equal((await rig.bgjob(['wait', '--trigger', 'hook', '--any'])).code, 125);
  const orphan = rig.startBgjob(['wait', '--trigger', 'hook']);
  await until(
    () =>
      fs
        .readdirSync(`/proc/${orphan.child.pid}/fdinfo`)
        .some((fd) => isWatch(`/proc/${orphan.child.pid}/fdinfo/${fd}`)),
    (watches) => watches,
    'a waiter that watches',
  );
  await removeTriggers(rig);
  const removed = await orphan.answer;
  assert.deepEqual([removed.code, removed.stdout], [125, '']);
});

rigTest(
  'wait --trigger: a delivery before the wait counts; each is told once to each project, the newest first',
  async (rig) => {
    const { url, secret } = await addTrigger(rig, ['hook', 'true']);
    const deliver = async (): Promise<number> => (await send(url, { headers: bearer(secret) })).json.id;
    const next = async (cwd = rig.project) =>
      await rig.bgjob(['wait', '--trigger', 'hook', '--timeout', '0s'], { cwd });
    // the newest first: who has just delivered means that one
    const old = [await deliver(), await deliver()];
    const first = await next();
    assert.deepEqual([first.code, first.stdout], [0, `${old[1]}\n`]);
    assert.match(
      first.stderr,
      /^\(delivered \S+ ago; 1 earlier delivery to come: the same command again\)\n$/,
    );
    const second = await next();
    assert.deepEqual([second.code, second.stdout], [0, `${old[0]}\n`]);
    assert.match(second.stderr, /^\(delivered \S+ ago\)\n$/);
    const again = await next();
    assert.deepEqual([again.code, again.stdout], [75, '']);
    assert.match(
      again.stderr,
      new RegExp(
        `^trigger hook has started nothing new \\(the last: job ${old[1]}, \\S+ ago\\); wait again: `,
      ),
    );
    const [three, four] = [await deliver(), await deliver()];
    assert.equal((await next()).stdout, `${four}\n`);
    const newer = await deliver();
    for (const id of [newer, three]) assert.equal((await next()).stdout, `${id}\n`);
    assert.equal((await next()).code, 75);
    // who reads nothing was told nothing
    const five = await deliver();
    const lost = await rig.bash('bgjob wait --trigger hook --timeout 0s >/dev/full');
    assert.equal(lost.code, 125, lost.stderr);
    assert.equal((await next()).stdout, `${five}\n`);
    const other = join(rig.dir, 'other');
    fs.mkdirSync(join(other, '.git'), { recursive: true });
    assert.equal((await next(other)).stdout, `${five}\n`, 'another project is told on its own');
    // whose job is gone cannot be waited for
    const gone = await deliver();
    await rig.bgjob(['wait', String(gone)]);
    fs.rmSync(rig.file(gone, '.'), { recursive: true });
    assert.equal((await next()).code, 75);
    await removeTriggers(rig);
  },
);

rigTest('wait --trigger: a delivery whose job could not be started is told, with 125', async (rig) => {
  const { url, secret } = await addTrigger(rig, ['hook', '-Q', 'ci', 'true']);
  // the queue cannot be made
  fs.mkdirSync(join(rig.home, 'queues'), { mode: 0o700 });
  fs.writeFileSync(join(rig.home, 'queues', 'ci'), 'in the way');
  assert.equal((await send(url, { headers: bearer(secret) })).status, 503);
  fs.rmSync(join(rig.home, 'queues', 'ci'));
  const failed = await rig.bgjob(['wait', '--trigger', 'hook']);
  assert.deepEqual([failed.code, failed.stdout], [125, '']);
  assert.match(failed.stderr, /^trigger hook took a delivery .* ago, but its job could not start: /);
  const { json } = await send(url, { headers: bearer(secret) });
  const next = await rig.bgjob(['wait', '--trigger', 'hook']);
  assert.deepEqual([next.code, next.stdout], [0, `${json.id}\n`]);
  await rig.bgjob(['wait', String(json.id)]);
  await removeTriggers(rig);
});

function isWatch(path: string): boolean {
  try {
    return /^inotify wd:/m.test(fs.readFileSync(path, 'utf8'));
  } catch {
    return false;
  }
}

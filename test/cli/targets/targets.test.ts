/** `run --on`: the verbs on jobs of another machine. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { boxTest, untilClean } from '../../rig/target.ts';
import { until } from '../../rig/until.ts';

boxTest('its output and its code come here, and nothing is left there', async (rig, box) => {
  const ran = await rig.bgjob(['run', '--on', 'box', '--wait', '--', 'sh', '-c', 'echo hi; exit 3']);
  assert.equal(ran.code, 3);
  assert.match(ran.stdout + ran.stderr, /hi/);
  assert.equal(rig.log(1), 'hi\n');
  const job = await rig.show(1);
  assert.deepEqual([job.state, job.exitCode, job.target.name, job.target.host], ['exited', 3, 'box', 'gpu1']);
  await untilClean(box);
  const { stdout } = await rig.bgjob(['ls']);
  assert.match(stdout, /TARGET/);
  assert.match(stdout, /1 .*exited 3 .*box/);
  assert.match((await rig.bgjob(['show', '1'])).stdout, /^on +box: gpu1$/m);
});

boxTest('several first jobs of a target at once are all added', async (rig, box) => {
  const ran = await Promise.all(
    Array.from({ length: 6 }, () => rig.bgjob(['run', '--on', 'box', '--wait', '--', 'true'])),
  );
  assert.deepEqual(
    ran.map(({ code, stderr }) => code || stderr.includes('cannot write')),
    Array(6).fill(false),
    ran.map(({ stderr }) => stderr).join(''),
  );
  await untilClean(box);
});

boxTest('lines, scripts, input, variables, directories and umask are those of the call', async (rig, box) => {
  const out = async (args: string[], input?: string) => {
    const { code, stderr } = await rig.bgjob(
      ['run', '--on', 'box', '--wait', ...args],
      input === undefined ? {} : { input },
    );
    const id = Number(
      /^(\d+)/m.exec(stderr)?.[1] ?? Math.max(...(await rig.json(['ls', '-a'])).map((job) => job.id)),
    );
    return { code, id };
  };
  assert.equal((await out(['false | true'])).code, 1, 'pipefail');
  assert.equal((await out(['--no-pipefail', 'false | true'])).code, 0);
  assert.equal((await out(['-', 'a'], 'echo "arg $1"; exit 4')).code, 4);
  assert.equal((await out(['-', 'a'], '#!/bin/sh\nexit 5')).code, 5);
  assert.equal((await out(['--stdin', '-', '--', 'grep', '-q', 'needle'], 'a needle\n')).code, 0);
  const there = join(box.home, 'work');
  fs.mkdirSync(there);
  const id = await rig.run(
    [
      '--on',
      'box',
      '-C',
      there,
      '-e',
      'A=x y',
      '--',
      'sh',
      '-c',
      'pwd; umask; echo "$A $SSH_TTY|$BGJOB_TEST"',
    ],
    {
      env: { BGJOB_TEST: 'stays here' },
    },
  );
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
  const umask = process.umask().toString(8).padStart(4, '0');
  assert.equal(rig.log(id), `${there}\n${umask}\nx y |\n`);
  const absent = await rig.bgjob(['run', '--on', 'box', '-C', '/no/such', '--wait', '--', 'true']);
  assert.equal(absent.code, 125);
  assert.match(absent.stderr, /no-cwd|\/no\/such/);
});

boxTest('kill ends the tree there; --timeout holds there', async (rig) => {
  const script = 'trap "echo bye; exit 9" TERM; sleep 1000 & echo up; while :; do sleep 0.1; done';
  const id = await rig.run(['--on', 'box', '--', 'sh', '-c', script]);
  await until(
    () => fs.existsSync(rig.file(id, 'out/log')) && rig.log(id),
    (log) => log === 'up\n',
    'its first line',
  );
  const killed = await rig.bgjob(['kill', String(id)]);
  assert.equal(killed.code, 0, killed.stderr);
  // the shell there may say that its sleep was ended
  assert.match(rig.log(id), /^up\n(.*\n)?bye\n$/);
  const job = await rig.show(id);
  assert.deepEqual([job.state, job.exitCode], ['exited', 9]);
  assert.equal(
    (await rig.bgjob(['run', '--on', 'box', '--timeout', '1s', '--wait', '--', 'sleep', '1000'])).code,
    124,
  );
});

boxTest('a second kill with a shorter grace shortens it there', async (rig) => {
  const script = 'trap "" TERM; echo up; while :; do sleep 0.1; done';
  const id = await rig.run(['--on', 'box', '--', 'sh', '-c', script]);
  await until(
    () => fs.existsSync(rig.file(id, 'out/log')) && rig.log(id),
    (log) => log === 'up\n',
    'its first line',
  );
  const first = rig.startBgjob(['kill', '--grace', '1h', String(id)]);
  await rig.untilState(id, 'stopping');
  const second = await rig.bgjob(['kill', '--grace', '0', String(id)]);
  assert.equal(second.code, 0, second.stderr);
  const { code, stderr } = await first.answer;
  assert.deepEqual([code, stderr], [0, '']);
  const { state, signal } = await rig.show(id);
  assert.deepEqual([state, signal], ['killed', 'SIGKILL']);
});

boxTest('a target that is not reached fails the job, with what ssh says', async (rig, box) => {
  box.cut();
  const ran = await rig.bgjob(['run', '--on', 'box', '--wait', '--', 'true']);
  assert.equal(ran.code, 125);
  assert.match(ran.stderr, /Connection refused/);
  const checked = await rig.bgjob(['targets', 'box']);
  assert.equal(checked.code, 125);
  assert.match(checked.stderr, /Connection refused/);
  box.mend();
  const facts = (await rig.json(['targets', 'box']))[0];
  assert.equal(facts.host, 'gpu1');
  assert.match((await rig.bgjob(['targets'])).stdout, /box +ssh +gpu1/);
});

boxTest('a connection that breaks changes no state; kill says so, and is done later', async (rig, box) => {
  const id = await rig.run(['--on', 'box', '--', 'sh', '-c', 'echo up; exec sleep 1000']);
  await rig.untilState(id, 'running');
  box.cut();
  await rig.untilShown(
    id,
    (job) => job.target.silentSince,
    (since) => since !== null,
    'it does not answer',
  );
  assert.equal((await rig.show(id)).state, 'running');
  const killed = await rig.bgjob(['kill', String(id)]);
  assert.equal(killed.code, 125);
  assert.match(killed.stderr, /has not answered/);
  assert.notEqual((await rig.show(id)).state, 'lost');
  box.mend();
  await rig.bgjob(['wait', String(id), '--ended']);
  assert.equal((await rig.show(id)).state, 'killed');
});

boxTest('a batch in a queue with slots, retries, dependencies, hooks, restart', async (rig) => {
  const lines = Array.from({ length: 20 }, (_, n) => `echo line ${n}; exit $((${n} % 2))`).join('\n');
  const batch = await rig.bgjob(['run', '--on', 'box', '-Q', 'far', '--slots', '3', '--batch', '-'], {
    input: lines,
  });
  assert.equal(batch.code, 0, batch.stderr);
  const ids = batch.stdout.trim().split('\n').map(Number);
  await rig.bgjob(['wait', ...ids.map(String), '--ended']);
  for (const [n, id] of ids.entries()) {
    assert.equal(rig.log(id), `line ${n}\n`);
    assert.equal((await rig.show(id)).exitCode, n % 2);
  }
  const mark = join(rig.dir, 'mark');
  const again = await rig.run([
    '--on',
    'box',
    '--retry',
    '2',
    '--backoff',
    '0.1s',
    '--on-exit',
    `echo $BGJOB_EXIT_CODE >${mark}`,
    '--',
    'sh',
    '-c',
    'echo try; exit 7',
  ]);
  const after = await rig.run(['--on', 'box', '--after-any', String(again), '--', 'true']);
  assert.equal((await rig.bgjob(['wait', String(again)])).code, 7);
  assert.equal(rig.log(again).match(/^try$/gm)?.length, 3);
  assert.equal((await rig.show(again)).attempts, 3);
  await until(
    () => fs.existsSync(mark) && fs.readFileSync(mark, 'utf8'),
    (text) => text === '7\n',
    '--on-exit here',
  );
  assert.equal((await rig.bgjob(['wait', String(after)])).code, 0);
  const restarted = await rig.bgjob(['restart', String(after), '--wait']);
  assert.equal(restarted.code, 0, restarted.stderr);
});

boxTest('options and verbs that need a process here are refused by name', async (rig) => {
  const refused: [string[], RegExp][] = [
    [['--idle-timeout', '5s'], /--idle-timeout does not work on box/],
    [['--pty'], /--pty does not work on box/],
    [['--stdin', 'hold'], /--stdin hold does not work on box/],
    [['--until-port', '80'], /--until-port does not work on box/],
    [['--until-url', 'http://127.0.0.1:1'], /--until-url does not work on box/],
    [['--on-max-log', 'trim'], /--on-max-log trim does not work on box/],
  ];
  for (const [options, says] of refused) {
    const { code, stderr } = await rig.bgjob(['run', '--on', 'box', ...options, '--', 'true']);
    assert.equal(code, 125);
    assert.match(stderr, says);
  }
  const unknown = await rig.bgjob(['run', '--on', 'bx', '--', 'true']);
  assert.match(unknown.stderr, /no target "bx" in config.json: there is box$/m);
  assert.match(
    (await rig.bgjob(['run', '--on', 'ssh:-oProxyCommand=x', '--', 'true'])).stderr,
    /does not name a host/,
  );
  const meant: [call: string[], hint: RegExp][] = [
    [['run', '--on', 'bx', '--', 'true'], /hint: bgjob run --on box -- command$/m],
    [['targets', 'bx'], /^bgjob: targets: no target.*\n +hint: bgjob targets box$/m],
    [['targets', 'me@gpu1'], /hint: bgjob targets ssh:me@gpu1$/m],
    [
      ['targets', 'farm'],
      /hint: if ssh farm works \(a host of ~\/.ssh\/config\): bgjob targets ssh:farm; or name farm in config/,
    ],
    [['targets', 'a b'], /hint: bgjob targets ssh:me@gpu1$/m],
    [['run', '--on', 'ssh:gpu1:22', '--', 'true'], /hint: bgjob run .*; with a port: ssh:\/\/me@gpu1:2222$/m],
  ];
  for (const [call, hint] of meant) {
    const { code, stderr } = await rig.bgjob(call);
    assert.equal(code, 125);
    assert.match(stderr, hint);
  }
  // ssh itself reads this word
  assert.equal((await rig.bgjob(['targets', 'ssh://gpu1:22'])).code, 0);
  const id = await rig.run(['--on', 'box', '--', 'sleep', '1000']);
  await rig.untilState(id, 'running');
  assert.match((await rig.bgjob(['targets'])).stdout, /box +ssh +gpu1 .* in use$/m);
  for (const verb of ['pause', 'send'])
    assert.match(
      (await rig.bgjob([verb, String(id), ...(verb === 'send' ? ['x'] : [])])).stderr,
      /does not work on box/,
    );
  assert.match((await rig.bgjob(['wait', String(id), '--until-port', '80'])).stderr, /does not work on box/);
  await rig.bgjob(['kill', String(id), '--now']);
});

boxTest('slots of a target hold over all queues', async (rig, box) => {
  box.config({ box: { engine: 'ssh', host: 'gpu1', slots: 1 } });
  const first = await rig.run(['--on', 'box', '--', 'sleep', '1000']);
  await rig.untilState(first, 'running');
  const second = await rig.run(['--on', 'box', '--', 'true']);
  assert.match((await rig.bgjob(['show', String(second)])).stdout, /waits for a slot on box/);
  await rig.bgjob(['kill', String(first), '--now']);
  assert.equal((await rig.bgjob(['wait', String(second)])).code, 0);
});

boxTest('a schedule runs its job there, and says that it needs a key', async (rig) => {
  const script = 'echo "$TZ $FIRST $SECOND"; exit 3';
  const added = await rig.bgjob(
    [
      ...['cron', 'add', '@every 1s', '-n', 'far', '--on', 'box', '--tz', 'Asia/Tokyo'],
      ...['--pass-env', 'FIRST,SECOND', '-e', 'SECOND=b', '--', 'sh', '-c', script],
    ],
    { env: { FIRST: 'a', SECOND: 'a' } },
  );
  assert.equal(added.code, 0, added.stderr);
  assert.match(added.stderr, /key without a passphrase/);
  assert.match(added.stderr, /runs sh -c .* on box in \/\S+, with FIRST SECOND$/m);
  const job = await until(
    // the newest one may always be under way
    async () =>
      (await rig.json(['ls', '-a'])).find(
        ({ origin, state }) => origin?.kind === 'schedule' && state === 'exited',
      ),
    (found) => found !== undefined,
    'a job of the schedule',
  );
  assert.deepEqual([job.exitCode, job.target.name], [3, 'box']);
  assert.equal(rig.log(job.id), 'Asia/Tokyo a b\n');
  await rig.bgjob(['cron', 'rm', 'far']);
});

boxTest('gc removes the folder of a target that no job uses', async (rig, box) => {
  const id = await rig.run(['--on', 'box', '--', 'true']);
  assert.equal((await rig.bgjob(['wait', String(id)])).code, 0);
  await untilClean(box);
  const [key] = fs.readdirSync(join(rig.home, 'targets'));
  const folders = () => fs.readdirSync(join(rig.home, 'targets'));
  // its service has not ended
  const { id: service } = await box.service();
  const pid = box.servicePid()!;
  process.kill(pid, 'SIGSTOP');
  await rig.bgjob(['gc', '--ended']);
  assert.deepEqual(folders(), [key]);
  process.kill(pid, 'SIGCONT');
  await box.end();
  await rig.untilState(service, 'killed');
  // the job with the highest id stays
  const last = await rig.run(['--', 'true']);
  await rig.bgjob(['wait', String(last)]);
  await rig.bgjob(['gc', '--ended']);
  assert.deepEqual(folders(), []);
  assert.deepEqual(fs.readdirSync(join(rig.home, 'trash')), []);
  // a service that was about to start
  assert.equal((await rig.bgjob(['--target', rig.home, key!])).code, 0);
  assert.equal((await rig.bgjob(['run', '--on', 'box', '--wait', '--', 'sh', '-c', 'exit 3'])).code, 3);
  // a job that is kept keeps it
  await box.end();
  await rig.bgjob(['gc']);
  assert.equal(folders().length, 1);
});

boxTest('files that a target did not remove go with a later gc', async (rig, box) => {
  const id = await rig.run(['--on', 'box', '--', 'sleep', '1000']);
  await rig.untilState(id, 'running');
  const key = fs.readdirSync(join(rig.home, 'targets'))[0]!;
  const done = () => fs.readdirSync(join(rig.home, 'targets', key, 'done'));
  await rig.bgjob(['kill', String(id), '--now']);
  await untilClean(box);
  await box.end();
  // as if it had not answered then
  fs.writeFileSync(join(rig.home, 'targets', key, 'done', `${id}.1`), '');
  box.cut();
  await rig.bgjob(['gc', '--ended']);
  assert.deepEqual(done(), [`${id}.1`]);
  box.mend();
  await rig.bgjob(['gc']);
  await until(done, (left) => left.length === 0, 'nothing is left to remove');
});

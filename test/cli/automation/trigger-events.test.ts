/** `bgjob trigger`: which events start a job, what is said of the others, and of a delivery that comes again. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { bearer, send, signature } from '../../rig/http.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { addTrigger, eventsOf, recordOf, removeTriggers, slayListener } from '../../rig/triggers.ts';
import { until } from '../../rig/until.ts';

const jobsOf = (rig: Rig): number => fs.readdirSync(join(rig.home, 'jobs')).length;

rigTest('a ping of GitHub starts nothing, is answered 200 with a sentence, and is shown', async (rig) => {
  const { url, secret } = await addTrigger(rig, ['hook', 'true']);
  const body = '{"zen":"Keep it logically awesome."}';
  const ping = (headers: Record<string, string>) =>
    send(url, { headers: { ...headers, 'X-GitHub-Event': 'ping', 'X-GitHub-Delivery': 'p1' }, body });
  for (let n = 0; n < 2; n++) {
    const { status, json } = await ping(signature(secret, body));
    assert.deepEqual(
      [status, json],
      [200, { message: 'event ping: the trigger works, and a ping starts no job' }],
    );
  }
  assert.equal((await ping(signature('wrong', body))).status, 401);
  assert.equal(jobsOf(rig), 1);
  const { stdout, stderr } = await rig.bgjob(['trigger', 'ls', 'hook']);
  assert.match(stderr, /^hook: no delivery has started a job yet\n/);
  assert.match(stdout, /^20\S+ \S+ to 20\S+ \S+ {2}ignored \(2 times\): event ping: the trigger works/);
  assert.match(
    stdout,
    /\n20\S+ \S+ {2}refused: 401, no valid secret: its signature is not that of the secret and the body \(from 127\.0\.0\.1\)\n$/,
  );
  const waited = await rig.bgjob(['wait', '--trigger', 'hook', '--timeout', '0']);
  assert.match(
    waited.stderr,
    /started nothing yet; requests were refused or ignored: bgjob trigger ls hook; /,
  );
  assert.match((await rig.bgjob(['trigger', 'ls'])).stdout, / 2 ignored, 1 refused +true\n/);
  const [ignored] = await eventsOf(rig, 'hook');
  assert.deepEqual([ignored.did, ignored.times, ignored.job, ignored.delivery], ['ignored', 2, null, 'p1']);
  assert.equal((await send(url, { headers: { ...bearer(secret), 'X-GitHub-Event': 'push' } })).status, 202);
  await rig.bgjob(['wait', '2']);
  await removeTriggers(rig);
  assert.deepEqual(
    fs.readdirSync(join(rig.home, 'triggers')).filter((name) => name.startsWith('refused')),
    [],
    'what was refused goes with the last trigger',
  );
});

rigTest('GitLab and Bitbucket prove themselves in their own way; what was wrong is shown', async (rig) => {
  const { url, secret } = await addTrigger(rig, ['hook', '--event', 'push,repo:push', 'true']);
  const body = '{"object_kind":"push"}';
  const gitlab = (token: string) =>
    send(url, { headers: { 'X-Gitlab-Token': token, 'X-Gitlab-Event': 'Push Hook' }, body });
  assert.equal((await gitlab(secret)).status, 202);
  const wrong = await gitlab(`${secret}0`);
  assert.deepEqual([wrong.status, wrong.json], [401, { error: 'unauthorized' }]);
  const [signed] = Object.values(signature(secret, body));
  const bitbucket = { 'X-Hub-Signature': signed!, 'X-Event-Key': 'repo:push' };
  assert.equal((await send(`${url}/`, { headers: bitbucket, body })).status, 202);
  const { stdout } = await rig.bgjob(['trigger', 'ls', 'hook']);
  assert.match(stdout, /refused: 401, no valid secret: its token is another \(from 127\.0\.0\.1\)\n/);
  const refused = await rig.bgjob(['trigger', 'add', 'x', '--header', 'X-Gitlab-Token', 'true']);
  assert.match(refused.stderr, /X-Gitlab-Token holds a secret, and no job gets it/);
  await rig.bgjob(['wait', '2', '3']);
  await removeTriggers(rig);
});

rigTest('--event chooses the events that start a job; others are answered 200 and noted', async (rig) => {
  const { url, secret } = await addTrigger(rig, [
    'hook',
    '--event',
    'push,release',
    '--event',
    'Tag Push Hook',
    'true',
  ]);
  assert.deepEqual(recordOf(rig, 'hook').events, ['push', 'release', 'Tag Push Hook']);
  assert.deepEqual(recordOf(rig, 'hook').needs, ['event'], 'an older listener starts nothing');
  assert.equal(fs.readFileSync(join(rig.home, 'format'), 'utf8'), '3\n');
  const sent = (headers: Record<string, string>) => send(url, { headers: { ...bearer(secret), ...headers } });
  for (const headers of [
    { 'X-GitHub-Event': 'push' },
    { 'X-Gitea-Event': 'release' },
    { 'X-Gitlab-Event': 'Push Hook' },
    { 'X-Gitlab-Event': 'Tag Push Hook' },
  ])
    assert.equal((await sent(headers)).status, 202, JSON.stringify(headers));
  for (const headers of [{ 'X-GitHub-Event': 'issues' }, { 'X-GitHub-Event': 'ping' }, {}]) {
    const { status, json } = await sent(headers);
    assert.equal(status, 200);
    assert.match(json.message, /^(event issues: |event ping: |no header X-GitHub-Event)/);
  }
  assert.equal(jobsOf(rig), 1 + 4);
  // ignored ones do not count against the rate, and do not fill the history
  for (let n = 0; n < 100; n++) assert.equal((await sent({ 'X-GitHub-Event': `e${n}` })).status, 200);
  const ignored = await until(
    async () => (await eventsOf(rig, 'hook')).filter(({ did }) => did === 'ignored'),
    (events) => events.at(-1)?.why.startsWith('event e99: '),
    'that the last one is noted',
  );
  assert.equal(ignored.length, 16);
  assert.match(ignored.at(-1).why, /: this trigger starts jobs for --event push,release,Tag Push Hook$/);
  assert.deepEqual((await rig.json(['trigger', 'ls']))[0].events, ['push', 'release', 'Tag Push Hook']);
  const bad = await rig.bgjob(['trigger', 'add', 'bad', '--event', 'ä', 'true']);
  assert.deepEqual([bad.code, bad.stdout], [125, '']);
  assert.match(bad.stderr, /--event: "ä" is not the name of an event/);
  assert.equal((await rig.bgjob(['trigger', 'add', 'bad', '--event', ',', 'true'])).code, 125);
  // an older bgjob that writes the record (`rotate`) drops what it does not know, and keeps `needs`
  const path = join(rig.home, 'triggers/hook/record.json');
  fs.writeFileSync(path, JSON.stringify({ ...recordOf(rig, 'hook'), events: undefined, sum: undefined }));
  const lost = await sent({ 'X-GitHub-Event': 'push' });
  assert.deepEqual([lost.status, /an older bgjob lost the list/.test(lost.text)], [200, true]);
  for (const id of [2, 3, 4, 5]) await rig.bgjob(['wait', String(id)]);
  await removeTriggers(rig);
});

rigTest('a delivery that comes again says what became of its job, and how to start it again', async (rig) => {
  const { url, secret } = await addTrigger(rig, ['hook', 'test -e ok || exit 3']);
  const deliver = (id: string) => send(url, { headers: { ...bearer(secret), 'X-GitHub-Delivery': id } });
  assert.equal((await deliver('one')).status, 202);
  await rig.bgjob(['wait', '2']);
  const again = await deliver('one');
  assert.deepEqual(
    [again.status, again.json],
    [
      409,
      {
        error:
          'this was delivered before, as job 2, which failed (exit code 3); to start it again: bgjob restart 2',
        id: 2,
      },
    ],
  );
  assert.match(
    (await rig.bgjob(['trigger', 'ls', 'hook'])).stdout,
    /skipped \(delivery one\): delivered before, as job 2, which failed \(exit code 3\); .*bgjob restart 2\n$/,
  );
  fs.writeFileSync(join(rig.project, 'ok'), '');
  assert.equal((await rig.bgjob(['restart', '2', '--wait'])).code, 0);
  assert.match((await deliver('one')).json.error, /as job 2, which failed \(exit code 3\); .* as job 3$/);
  assert.equal((await deliver('two')).status, 202);
  await rig.bgjob(['wait', '4']);
  assert.equal((await deliver('two')).json.error, 'this was delivered before, as job 4');
  await removeTriggers(rig);
});

rigTest('what was refused survives the listener, and a flood of it is a few lines', async (rig) => {
  const { url, secret } = await addTrigger(rig, ['hook', 'true']);
  const file = () => {
    const [name] = fs.readdirSync(join(rig.home, 'triggers')).filter((one) => one.startsWith('refused.'));
    return join(rig.home, 'triggers', name!);
  };
  assert.equal(
    (await send(url, { headers: { ...bearer(secret), 'Webhook-Id': 'x'.repeat(201) } })).status,
    400,
  );
  const [first] = await eventsOf(rig, 'hook');
  assert.deepEqual(
    [first.did, first.why],
    ['refused', '400, the id of a delivery may have 200 characters (from 127.0.0.1)'],
  );
  await Promise.all(
    Array.from({ length: 150 }, (_, n) =>
      send(n % 2 ? url : `${url}${n}`, { headers: bearer('no') }).then(({ status }) =>
        assert.ok([401, 429].includes(status)),
      ),
    ),
  );
  const count = async () =>
    (await eventsOf(rig, 'hook')).reduce((sum, { did, times }) => sum + (did === 'refused' ? times : 0), 0);
  await until(count, (all) => all === 151, 'that each of them is counted');
  const events = await eventsOf(rig, 'hook');
  assert.ok(events.length <= 5, JSON.stringify(events));
  assert.ok(events.some(({ why }) => /^401, no trigger of that name here/.test(why)));
  assert.ok(fs.statSync(file()).size < 4096);
  assert.equal(fs.statSync(file()).mode & 0o777, 0o600);
  await slayListener(rig, false);
  await until(
    () => send(url, { headers: bearer('no') }).catch(() => ({ status: 0 })),
    ({ status }) => status === 401,
    'the next listener',
  );
  assert.ok((await count()) >= 152);
  // a record that is damaged is none, and stops nothing
  fs.writeFileSync(file(), '{');
  assert.equal((await rig.bgjob(['trigger', 'ls', 'hook'])).code, 0);
  // a trigger that is added anew has nothing of the old one
  await addTrigger(rig, ['other', 'true']);
  assert.equal((await rig.bgjob(['trigger', 'rm', 'hook'])).code, 0);
  await addTrigger(rig, ['hook', 'true']);
  assert.deepEqual(
    (await eventsOf(rig, 'hook')).filter(({ why }) => /no valid secret/.test(why)),
    [],
  );
  await removeTriggers(rig);
});

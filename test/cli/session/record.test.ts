/** The session of a job: where it comes from, which jobs hand it on, and what no job gets. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { processesNaming } from '../../rig/processes.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const CLAUDE = { CLAUDE_CODE_SESSION_ID: '0b1f-claude' };
const SECRETS = { CLAUDE_CODE_MESSAGING_SOCKET: '/tmp/s', CLAUDE_CODE_MESSAGING_TOKEN: 'hush-hush' };

async function ok(rig: Rig, args: string[], options = {}) {
  const answer = await rig.bgjob(args, options);
  assert.equal(answer.code, 0, answer.stderr);
  return answer;
}

const sessionOf = async (rig: Rig, id: number) => (await rig.show(id)).session;

/** The session with which a job is recorded that is started in such an environment. */
async function recorded(rig: Rig, env: Record<string, string>) {
  return sessionOf(rig, await rig.run(['--', 'true'], { env }));
}

rigTest('BGJOB_SESSION comes first, then Claude Code, then Codex', async (rig) => {
  const codex = { CODEX_THREAD_ID: 't-1' };
  assert.deepEqual(await recorded(rig, {}), null);
  assert.deepEqual(await recorded(rig, codex), { host: 'codex', id: 't-1' });
  assert.deepEqual(await recorded(rig, { ...codex, ...CLAUDE }), { host: 'claude', id: '0b1f-claude' });
  const all = { ...codex, ...CLAUDE };
  assert.deepEqual(await recorded(rig, { ...all, BGJOB_SESSION: 'mine' }), { host: null, id: 'mine' });
  assert.deepEqual(await recorded(rig, { ...all, BGJOB_SESSION: 'ci:a:b' }), { host: 'ci', id: 'a:b' });
  assert.deepEqual(await recorded(rig, { ...codex, BGJOB_SESSION: '' }), { host: 'codex', id: 't-1' });
});

rigTest('a BGJOB_SESSION that is no session is ignored with one note', async (rig) => {
  for (const bad of ['a b', 'x'.repeat(129), ':a', 'a:', 'a\nb', 'é', '\u001b[31m']) {
    const answer = await rig.bgjob(['run', '--', 'true'], { env: { ...CLAUDE, BGJOB_SESSION: bad } });
    assert.equal(answer.code, 0);
    assert.match(
      answer.stderr,
      /^warning: BGJOB_SESSION is ignored: ".*" is no session; it is ID or HOST:ID/,
    );
    assert.equal(answer.stderr.split('\n').length, 2, answer.stderr);
    assert.doesNotMatch(answer.stderr, /\u001b/);
    assert.equal((await sessionOf(rig, Number(answer.stdout))).id, '0b1f-claude');
  }
  const lines = 'true\ntrue\ntrue\n';
  const env = { BGJOB_SESSION: 'a b' };
  const batch = await rig.bgjob(['run', '--batch', '-', '--json'], { env, input: lines });
  const notes = batch.stderr.split('\n').filter((line) => line.includes('BGJOB_SESSION'));
  assert.deepEqual(
    notes.map((line) => JSON.parse(line).warning.code),
    ['bad-session'],
  );
});

rigTest('a job hands its session on, also one that waited, and one of a batch', async (rig) => {
  // it waits: the name is free for the next one
  const nested = 'bgjob run -w -n inner -- true';
  await ok(rig, ['run', '-w', '--', 'sh', '-c', nested], { env: CLAUDE });
  await ok(rig, ['run', '-w', '-Q', 'q', '--', 'sh', '-c', nested], { env: { BGJOB_SESSION: 'x:1' } });
  const input = `${nested}\nbgjob run -n inner2 -- true\n`;
  await ok(rig, ['run', '-w', '--batch', '-'], { env: { CODEX_THREAD_ID: 'c' }, input });
  const sessions = await Promise.all([1, 2, 3, 4, 5, 6].map((id) => sessionOf(rig, id)));
  const [claude, own, codex] = [
    { host: 'claude', id: '0b1f-claude' },
    { host: 'x', id: '1' },
    { host: 'codex', id: 'c' },
  ];
  assert.deepEqual(sessions, [claude, claude, own, own, codex, codex]);
  assert.deepEqual((await rig.bgjob(['ls', '-a', '--json'])).stdout.match(/"session":null/g), null);
});

rigTest('restart takes the session of the caller, also in a stored environment', async (rig) => {
  const nested = ['sh', '-c', 'bgjob run -- true >inner'];
  await ok(rig, ['run', '-w', '--keep-env', '--', ...nested], { env: { ...CLAUDE, ...SECRETS } });
  for (const [env, session] of [
    [{ CODEX_THREAD_ID: 'c' }, { host: 'codex', id: 'c' }],
    [{ BGJOB_SESSION: 'mine' }, { host: null, id: 'mine' }],
    [{}, null],
  ] as const) {
    const id = Number((await ok(rig, ['restart', '1'], { env })).stdout);
    await ok(rig, ['wait', String(id)]);
    const inner = Number(fs.readFileSync(join(rig.project, 'inner'), 'utf8'));
    assert.deepEqual([await sessionOf(rig, id), await sessionOf(rig, inner)], [session, session]);
  }
});

rigTest('show, and the JSON of ls, have the session; schedules have none', async (rig) => {
  await ok(rig, ['run', '-w', '--', 'true'], { env: CLAUDE });
  assert.match((await ok(rig, ['show', '1'])).stdout, /^session {4}claude:0b1f-claude$/m);
  const add = ['cron', 'add', '@yearly', '-n', 'y', '--pass-env'];
  const names = 'CLAUDE_CODE_SESSION_ID,CLAUDE_CODE_MESSAGING_TOKEN,KEPT';
  const env = { ...CLAUDE, ...SECRETS, KEPT: 'yes' };
  await ok(rig, [...add, names, '--', 'sh', '-c', 'bgjob run -- true; env'], { env });
  const record = fs.readFileSync(join(rig.home, 'schedules', 'y', 'record.json'), 'utf8');
  assert.match(record, /KEPT=yes/);
  assert.doesNotMatch(record, /MESSAGING|hush|SESSION/);
  const id = Number((await ok(rig, ['cron', 'run', 'y'], { env })).stdout);
  await ok(rig, ['wait', String(id)]);
  assert.equal(await sessionOf(rig, id), null);
  const inner = Number(rig.log(id).split('\n')[0]);
  assert.equal(await sessionOf(rig, inner), null);
  await ok(rig, ['cron', 'rm', 'y']);
});

rigTest('the ways to speak in the session reach no job, and lie nowhere in the home', async (rig) => {
  const file = join(rig.dir, 'vars');
  fs.writeFileSync(file, 'CLAUDE_CODE_MESSAGING_TOKEN=hush-hush\nOTHER=1\n');
  const given = ['-e', 'CLAUDE_CODE_MESSAGING_SOCKET=/tmp/s', '--env-file', file];
  const print = ['--on-exit', 'env', '--keep-env', '--', 'env'];
  await ok(rig, ['run', '-w', ...given, ...print], { env: SECRETS });
  await ok(rig, ['run', '-w', '-Q', 'q', ...print], { env: SECRETS });
  await ok(rig, ['run', '-w', '--batch', '-', '--on-exit', 'env'], { env: SECRETS, input: 'env\n' });
  // the processes of --on-exit write into the home, too
  await until(
    () => processesNaming(rig.dir),
    (found) => found.length === 0,
    'no process',
  );
  assert.match(rig.log(1), /^OTHER=1$/m);
  for (const path of fs.readdirSync(rig.home, { recursive: true, encoding: 'utf8' })) {
    const stat = fs.statSync(join(rig.home, path), { throwIfNoEntry: false });
    if (stat?.isFile())
      assert.doesNotMatch(fs.readFileSync(join(rig.home, path), 'latin1'), /MESSAGING|hush/, path);
  }
});

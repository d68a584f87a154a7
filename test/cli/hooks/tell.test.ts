/** `run --tell`: the end is queued into the thread of Codex that started the job, and nothing else happens. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { Gate } from '../../rig/gate.ts';
import { assertRefused } from '../../rig/refusal.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const THREAD = '0199f0aa-1111-7abc-8def-0123456789ab';
const CODEX = { CODEX_THREAD_ID: THREAD, CODEX_HOME: '/nowhere/codex', SECRET: 'x' };

/** A codex on PATH: it notes its words, one a line, and a variable of each call, and does what the line says. */
function fakeCodex(rig: Rig, line: string): () => string[] {
  const noted = join(rig.dir, 'codex.argv');
  const script = `#!/bin/sh\nprintf '%s\\n' "$@" "home=$CODEX_HOME" "secret=$SECRET" >>${noted}\n${line}\n`;
  fs.writeFileSync(join(rig.dir, 'bin/codex'), script, { mode: 0o755 });
  return () => (fs.existsSync(noted) ? fs.readFileSync(noted, 'utf8').trimEnd().split('\n') : []);
}

/** What became of --tell, once that is known. */
const untilTold = (rig: Rig, id: number): Promise<any> =>
  rig.untilShown(
    id,
    (job) => job.tell,
    (tell) => ['queued', 'failed', 'not-needed'].includes(tell?.state),
    `whether the end of ${id} was queued`,
  );

rigTest('the thread gets one message: which job, how it ended, what to type', async (rig) => {
  const argv = fakeCodex(rig, 'exit 0');
  const id = await rig.run(['-n', 'test', '--tell', '--', 'sh', '-c', 'exit 3'], { env: CODEX });
  assert.deepEqual(await untilTold(rig, id), { when: 'always', state: 'queued', reason: null });
  const [queue, option, thread, message, text, home, secret, ...more] = argv();
  assert.deepEqual([queue, option, thread, message], ['queue', '--thread', THREAD, '--message']);
  assert.match(text!, /^bgjob: job 1 "test" ended: exited 3 after [\d.hms]+ \(bgjob tail 1\)$/);
  assert.deepEqual([home, secret, more], ['home=/nowhere/codex', 'secret=', []]);
  assert.match((await rig.bgjob(['show', '1'])).stdout, /^tell +queued into the thread of Codex$/m);
  // that Codex has read it is not known: the agent is told again by its hook
  const unseen = await rig.bgjob(['ls', '--unseen'], { env: CODEX });
  assert.match(unseen.stdout, /\btest\b/);
});

rigTest('--tell=failure, config.json, and who is not told', async (rig) => {
  const argv = fakeCodex(rig, 'exit 0');
  const good = await rig.run(['--tell=failure', '--', 'true'], { env: CODEX });
  assert.equal((await untilTold(rig, good)).state, 'not-needed');
  fs.writeFileSync(join(rig.home, 'config.json'), '{"tell":"failure"}');
  const bad = await rig.run(['--', 'false'], { env: CODEX });
  assert.equal((await untilTold(rig, bad)).state, 'queued');
  assert.equal(argv().filter((line) => line === '--message').length, 1);
  // no thread of Codex: nobody can be told, and only a call with the option says so
  for (const env of [{}, { CLAUDE_CODE_SESSION_ID: 'c' }, { BGJOB_SESSION: 'other:x' }] as Record<
    string,
    string
  >[]) {
    const quiet = await rig.bgjob(['run', '--wait', '--', 'false'], { env });
    assert.doesNotMatch(quiet.stderr, /tell/);
    const { stderr } = await rig.bgjob(['run', '--tell', '--wait', '--', 'false'], { env });
    assert.match(stderr, /--tell: this call is in no session of Codex/);
  }
  const [job] = await rig.json(['show', '@last']);
  assert.equal(job.tell, null);
  assert.equal(argv().filter((line) => line === '--message').length, 1);
  const again = await rig.bgjob(['restart', String(bad)], { env: { CODEX_THREAD_ID: 'other-thread' } });
  await untilTold(rig, Number(again.stdout.trim()));
  assert.equal(argv().filter((line) => line === 'other-thread').length, 1, 'the thread of the restart');
  assertRefused(await rig.bgjob(['run', '--tell=yes', '--', 'true']), 125, /--tell/);
});

rigTest('a codex that fails or is missing is noted, and the job is as it was', async (rig) => {
  fakeCodex(rig, 'echo "no such thread" >&2; exit 4');
  const ids = [await rig.run(['--tell', '--', 'sh', '-c', 'exit 3'], { env: CODEX })];
  const failed = await untilTold(rig, ids[0]!);
  const left = fs.readFileSync(join(rig.dir, 'codex.argv'), 'utf8');
  assert.ok(left.includes(THREAD));
  assert.deepEqual(failed, {
    when: 'always',
    state: 'failed',
    reason: 'codex queue: exit code 4: no such thread',
  });
  assert.match(
    (await rig.bgjob(['show', '1'])).stdout,
    /^tell +not queued: codex queue: exit code 4: no such/m,
  );
  // while codex is called; the message about a job that was killed
  const gate = new Gate(rig);
  fakeCodex(rig, gate.line);
  const puppet = await rig.puppet();
  const slow = await rig.run(['-n', 'slow', '--tell', '--', ...puppet.command], { env: CODEX });
  // a job that is stopped before it runs is cancelled
  await puppet.ready();
  await rig.bgjob(['kill', 'slow']);
  await until(
    () => fs.readFileSync(join(rig.dir, 'codex.argv'), 'utf8'),
    (text) => text.includes('"slow"'),
    'the call of codex',
  );
  assert.match(
    (await rig.bgjob(['show', 'slow'])).stdout,
    // where this test stood still meanwhile, the limit of the program ended the call
    /^tell +(is being queued into the thread of Codex|not queued: codex did not end within 20s)$/m,
  );
  gate.open();
  const told = await untilTold(rig, slow);
  assert.ok(told.state === 'queued' || told.reason === 'codex did not end within 20s', told.reason);
  assert.match(
    fs.readFileSync(join(rig.dir, 'codex.argv'), 'utf8'),
    /^bgjob: job 2 "slow" ended: killed \(SIGTERM\) after [\d.hms]+ \(bgjob tail 2\)$/m,
  );
  fs.rmSync(join(rig.dir, 'bin/codex'));
  const env = { ...CODEX, PATH: `${join(rig.dir, 'bin')}:/usr/bin:/bin` };
  const { stdout, stderr } = await rig.bgjob(['run', '--tell', '--', '/bin/sh', '-c', 'exit 3'], { env });
  assert.match(stderr, /--tell: there is no codex in PATH/);
  ids.push(Number(stdout.trim()));
  assert.match((await untilTold(rig, ids[1]!)).reason, /^codex was not found/);
  for (const id of ids) assert.equal((await rig.bgjob(['wait', String(id)])).code, 3);
});

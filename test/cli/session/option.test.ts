/** `--session[=ID]`: narrows ls, wait and kill to a session. Nothing else does. */
import assert from 'node:assert/strict';
import { rigTest } from '../../rig/rig.ts';

const A = { CLAUDE_CODE_SESSION_ID: 'a' };
const B = { BGJOB_SESSION: 'ci:b' };

rigTest('ls --session lists the jobs of the session, --unseen tells its ends alone', async (rig) => {
  for (const [n, env] of [A, B, {}].entries()) {
    await rig.run(['--', 'false'], { env });
    // a call without a session: it tells none
    await rig.bgjob(['wait', String(n + 1)]);
    await rig.untilLeft(n + 1);
  }
  const ids = async (args: string[], env = {}) =>
    (await rig.bgjob(['ls', '-q', ...args], { env })).stdout.split('\n').slice(0, -1).map(Number);
  assert.deepEqual(await ids(['--session'], A), [1]);
  assert.deepEqual(await ids(['--session'], B), [2]);
  assert.deepEqual(await ids(['--session=a']), [1]);
  assert.deepEqual(await ids(['--session=claude:a']), [1]);
  assert.deepEqual(await ids(['--session=codex:a']), []);
  assert.deepEqual(await ids(['--session=ci:b'], A), [2]);
  assert.deepEqual(await ids([], A), [3, 2, 1], 'the environment alone narrows nothing');
  // the ends were told by calls without a session
  assert.deepEqual(await ids(['--unseen', '--session=b']), [2]);
  assert.deepEqual(await ids(['--unseen', '--session=b'], A), []);
  assert.deepEqual(await ids(['--unseen', '--session'], A), [1]);
});

rigTest(
  '--session without a value needs a session; a value must be one; a REF beside it is refused',
  async (rig) => {
    await rig.run(['--', 'true'], { env: A });
    const refused = async (args: string[], env = {}) => {
      const { code, stdout, stderr } = await rig.bgjob(args, { env });
      assert.deepEqual([code, stdout], [125, '']);
      return stderr;
    };
    for (const verb of ['ls', 'wait', 'kill']) {
      assert.match(
        await refused([verb, '--session']),
        /^bgjob: --session: this call is in no session; none of/,
      );
      assert.match(
        await refused([verb, '--session=a b'], A),
        /^bgjob: --session: "a b" is no session; it is ID/,
      );
      assert.match(await refused([verb, '--session='], A), /^bgjob: --session: "" is no session/);
    }
    assert.match(await refused(['ls', '--session', 'a'], A), /^ {2}hint: bgjob ls --session=a$/m);
    for (const verb of ['wait', 'kill'])
      assert.match(
        await refused([verb, '--session', 'a'], A),
        /^bgjob: --session and REF cannot be used together: "a"/,
      );
    assert.match(
      await refused(['wait', '--session=zz']),
      /^bgjob: no job of session zz to wait for in this project/,
    );
  },
);

rigTest('kill --session stops the live jobs of the session; kill --all stops all', async (rig) => {
  const puppets = await Promise.all([rig.puppet(), rig.puppet(), rig.puppet()]);
  for (const [n, puppet] of puppets.entries()) {
    await rig.run(['--', ...puppet.command], { env: [A, B, A][n]! });
    await rig.shimOf(n + 1);
    await rig.untilState(n + 1, 'running');
  }
  const none = await rig.bgjob(['kill', '--session=zz']);
  assert.equal(none.stderr, '(nothing to stop: no live job of session zz in this project)\n');
  const { code, stdout } = await rig.bgjob(['kill', '--session', '--now', '--json'], { env: A });
  assert.equal(code, 0);
  assert.deepEqual(stdout.match(/"id":\d/g)?.sort(), ['"id":1', '"id":3']);
  assert.equal((await rig.show(2)).state, 'running');
  await rig.bgjob(['kill', '--all', '--now'], { env: A });
  assert.equal((await rig.show(2)).state, 'killed');
});

rigTest(
  'wait --session answers for a round of the session, whatever was told; wait --all for all',
  async (rig) => {
    await rig.runOut(['--', 'sh', '-c', 'exit 3'], { env: A });
    await rig.runOut(['--', 'sh', '-c', 'exit 4'], { env: B });
    await rig.bgjob(['ls', '--unseen'], { env: A });
    const puppet = await rig.puppet();
    await rig.run(['--', ...puppet.command], { env: A });
    const early = await rig.bgjob(['wait', '--session', '--timeout', '0.1s'], { env: A });
    assert.equal(early.code, 75);
    assert.match(early.stderr, /Next: bgjob wait --session=a$/m);
    await puppet.exit(0);
    const call = ['wait', '--session=a'];
    for (const _ of [1, 2]) {
      const { code, stdout } = await rig.bgjob(call);
      assert.equal(code, 3);
      assert.match(stdout, /^1 exited 3/m);
      assert.doesNotMatch(stdout, /^2 /m);
    }
    assert.match(
      (await rig.bgjob(call)).stderr,
      /^\(nothing was added in session a since: this is the last answer/,
    );
    const failed = await rig.bgjob(['ls', '-q', '--failed', '--session=a']);
    assert.equal(failed.stdout, '1\n');
    const all = await rig.bgjob(['wait', '--all'], { env: A });
    assert.equal(all.code, 3);
    assert.match(all.stdout, /^2 exited 4/m);
    await rig.runOut(['--', 'true'], { env: A });
    await rig.bgjob(['gc', '--ended']);
    assert.equal((await rig.bgjob(call)).code, 0);
  },
);

rigTest('gc does not change the verdict of a round of a session', async (rig) => {
  for (const [env, code] of [
    [A, 3],
    [B, 4],
    [A, 0],
  ] as const)
    await rig.runOut(['--', 'sh', '-c', `exit ${code}`], { env });
  await rig.bgjob(['gc', '--ended']);
  const { code, stdout } = await rig.bgjob(['wait', '--session'], { env: A });
  assert.equal(code, 3);
  assert.match(stdout, /^1 ended with exit code 3 \(gc removed its records\)/);
});

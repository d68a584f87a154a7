/** What is secret is nowhere to be seen: in no argument of a process of ours, in no environment but the job's, in no answer, in no file but the one. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { killOwner, runPuppet } from '../../chaos/death.ts';
import { isRunning } from '../../rig/processes.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

/** Of this run alone: another one may be going on on this machine. */
const [OPTION, FILE, CALLER] = ['option', 'file', 'caller'].map((from) => `s3cret-${from}-${randomUUID()}`);
const SECRETS = [OPTION, FILE, CALLER];
const isSecret = (text: string): boolean => SECRETS.some((one) => text.includes(one!));

function read(path: string): string {
  try {
    return fs.readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** Which of the files `/proc/PID/NAME` of this machine tell a secret; the test's own processes are left out. */
const tellers = (name: string, spared: number[] = []): number[] =>
  fs
    .readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && !spared.includes(pid) && isSecret(read(`/proc/${pid}/${name}`)));

/** A job whose environment holds secrets from everywhere. */
async function secretive(
  rig: Rig,
  options: string[] = [],
): Promise<{ id: number; puppet: Awaited<ReturnType<Rig['puppet']>> }> {
  fs.writeFileSync(`${rig.project}/vars`, `FROM_FILE=${FILE}\n`);
  rig.env['FROM_CALLER'] = CALLER!;
  const puppet = await rig.puppet();
  const id = await runPuppet(rig, puppet, [...options, '-e', `FROM_OPTION=${OPTION}`, '--env-file', 'vars']);
  const { env } = await puppet.order({ do: 'environment' });
  assert.deepEqual([env.FROM_OPTION, env.FROM_FILE, env.FROM_CALLER], SECRETS);
  return { id, puppet };
}

rigTest(
  'no argument of a process tells a secret, and no environment but those of shim and job',
  async (rig) => {
    const { id, puppet } = await secretive(rig);
    // the shim hands the environment on; its watcher is a fork of it
    const { shim, watcher, main } = await rig.shimOf(id);
    const first = rig.ownerPid(id);
    const look = (spared: number[], when: string) => {
      assert.deepEqual(tellers('cmdline'), [], when);
      assert.deepEqual(tellers('environ', spared), [], when);
    };
    look([shim, watcher, main], 'while it runs');
    assert.ok(isRunning(first));
    await killOwner(rig, id);
    look([shim, watcher, main], 'under an adopter');
    await puppet.ignore('SIGTERM');
    // the killer's own environment is its caller's
    const kill = rig.startBgjob(['kill', '--grace', '1h', String(id)], { env: { FROM_CALLER: '' } });
    await until(
      () => JSON.parse(read(rig.file(id, 'state.json'))).status.sent ?? [],
      (sent) => sent.length > 0,
      'the first signal',
    );
    look([shim, watcher, main], 'while it is stopped');
    await puppet.exit(0);
    await kill.answer;
  },
);

rigTest('no answer of any verb, and no file but the spec, tells a secret', async (rig) => {
  const { id, puppet } = await secretive(rig, ['-n', 'web']);
  await puppet.exit(3);
  await rig.untilState(id, 'exited');
  const ref = String(id);
  for (const args of [
    ...[
      ['ls', '-a'],
      ['ls', '-a', '--json'],
      ['ls', '--unseen', '--json'],
      ['show', ref],
      ['show', ref, '--json'],
    ],
    ...[
      ['status', ref, '--json'],
      ['path', ref, '--json'],
      ['tail', ref],
      ['tail', ref, '--json'],
    ],
    ...[
      ['wait', ref],
      ['wait', ref, '--json'],
      ['kill', ref, '--json'],
      ['gc', '--dry-run', '--json'],
    ],
  ]) {
    const { stdout, stderr } = await rig.bgjob(args);
    assert.ok(!isSecret(stdout + stderr), args.join(' '));
  }
  const files = (fs.readdirSync(rig.home, { recursive: true }) as string[])
    .filter((name) => fs.lstatSync(`${rig.home}/${name}`).isFile())
    .filter((name) => isSecret(read(`${rig.home}/${name}`)));
  // the values of -e and --env-file, for a restart; at the end the state has the spec again
  assert.deepEqual(files.sort(), [`jobs/${id}/spec.json`, `jobs/${id}/state.json`]);
  for (const name of files) assert.ok(!read(`${rig.home}/${name}`).includes(CALLER!));
});

rigTest('a refusal, a failure and a lost job tell no secret', async (rig) => {
  const secret = ['-e', `A=${OPTION}`];
  for (const args of [
    ['run', ...secret, '--', '/nonexistent'],
    ['run', ...secret, '-C', '/nonexistent', 'true'],
    ['run', ...secret, '--timeout', 'x', 'true'],
    ['run', '-e', `=${OPTION}`, 'true'],
    ['run', ...secret, '--json', '--', '/nonexistent'],
  ]) {
    const { stdout, stderr } = await rig.bgjob(args, { env: { FROM_CALLER: CALLER! } });
    assert.ok(!isSecret(stdout + stderr), args.join(' '));
  }
});

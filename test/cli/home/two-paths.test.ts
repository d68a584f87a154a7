/** One home under two paths, as a bind mount or a container makes them: every verb is the same by each. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { runPuppet } from '../../chaos/death.ts';
import { cannotMount } from '../../rig/mounts.ts';
import { isRunning } from '../../rig/processes.ts';
import { type Answer, BGJOB, type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const skip = cannotMount();

/** Calls bgjob where the home has the other path alone, in a mount namespace of the call's own. */
function bySecondPath(rig: Rig, args: string[]): Promise<Answer> {
  const second = join(rig.dir, 'second');
  fs.mkdirSync(second, { recursive: true });
  const line =
    'mount --bind "$1" "$2" && mount -t tmpfs none "$1" && export BGJOB_HOME="$2" && shift 2 && exec "$@"';
  const words = ['--mount', 'sh', '-c', line, 'sh', rig.home, second, process.execPath, '--', BGJOB, ...args];
  return rig.start('unshare', words).answer;
}

rigTest(
  'kill stops all of a job, and names its port, also by the other path',
  async (rig) => {
    const puppet = await rig.puppet();
    assert.equal(await runPuppet(rig, puppet, ['--grace', '1h']), 1);
    const { port } = await puppet.order({ do: 'listen' });
    // nothing but its marker shows that it is of the job
    const daemon = await puppet.fork({ daemon: true });
    const owner = rig.ownerPid(1);
    const { code, stdout, stderr } = await bySecondPath(rig, ['kill', '1']);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, new RegExp(`^1 killed \\(TERM, .*\\): 2 processes, port ${port} free`));
    assert.equal(isRunning(daemon), false);
    // the owner heard of it, and told the end
    await until(
      () => isRunning(owner),
      (running) => !running,
      'the end of the owner',
    );
    assert.match((await rig.bgjob(['status', '1'])).stdout, /^1 killed SIGTERM/);
  },
  { skip },
);

rigTest(
  'pause, resume, --until-port and a port that is taken, by the other path',
  async (rig) => {
    const puppet = await rig.puppet();
    assert.equal(await runPuppet(rig, puppet, ['-n', 'web']), 1);
    const { port } = await puppet.order({ do: 'listen' });
    const ready = await bySecondPath(rig, ['wait', '1', '--until-port', String(port)]);
    assert.equal(ready.code, 0, ready.stdout + ready.stderr);
    assert.equal((await bySecondPath(rig, ['pause', '1'])).code, 0);
    assert.match((await rig.bgjob(['status', '1'])).stdout, /paused/);
    assert.equal((await bySecondPath(rig, ['resume', '1'])).code, 0);
    const taken = await bySecondPath(rig, ['run', '--until-port', String(port), '--', 'true']);
    assert.match(taken.stderr, /, job web 1$/m);
    await puppet.exit(0);
    assert.equal((await bySecondPath(rig, ['wait', '1'])).code, 0);
  },
  { skip },
);

rigTest(
  'what a job left behind is found by the other path',
  async (rig) => {
    const puppet = await rig.puppet();
    assert.equal(await runPuppet(rig, puppet), 1);
    const left = await puppet.fork({ daemon: true });
    await puppet.exit(0);
    assert.equal((await rig.bgjob(['wait', '1'])).code, 0);
    const { stdout } = await bySecondPath(rig, ['kill', '1']);
    assert.match(stdout, /killed 1 process that it left/);
    assert.equal(isRunning(left), false);
  },
  { skip },
);

rigTest('a relative BGJOB_HOME is below the working directory, whatever PWD says', async (rig) => {
  const elsewhere = join(rig.dir, 'elsewhere');
  fs.mkdirSync(elsewhere);
  const options = { env: { BGJOB_HOME: 'state/home', PWD: elsewhere } };
  assert.equal((await rig.bgjob(['run', '--wait', '--', 'true'], options)).code, 0);
  assert.deepEqual(fs.readdirSync(elsewhere), []);
  assert.ok(fs.existsSync(join(rig.project, 'state/home/jobs/1')));
  // a job has it whole
  await rig.bgjob(['run', '--wait', '--', 'sh', '-c', 'echo "$BGJOB_HOME"'], options);
  const log = fs.readFileSync(join(rig.project, 'state/home/jobs/2/out/log'), 'utf8');
  assert.equal(log, `${rig.project}/state/home\n`);
});

/** `bgjob doctor --self-test`: every check passes here, one that cannot pass fails, and nothing is left. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { within } from '../../rig/doctor.ts';
import { pathsBelow } from '../../rig/folder.ts';
import { cannotUnshare, withFile } from '../../rig/namespaces.ts';
import { missing } from '../../rig/needs.ts';
import { processesNaming } from '../../rig/processes.ts';
import { BGJOB, type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

/** A directory for temporary files: what is left in it was left by the self-test. */
function ownTemporary(rig: Rig): { TMPDIR: string } {
  const path = join(rig.dir, 'temporary');
  fs.mkdirSync(path, { recursive: true });
  return { TMPDIR: path };
}

function assertNothingLeft(rig: Rig): void {
  const { TMPDIR } = ownTemporary(rig);
  assert.deepEqual(fs.readdirSync(TMPDIR), []);
  assert.deepEqual(processesNaming(`${TMPDIR}/`), []);
  assert.ok(!fs.existsSync(rig.home), 'the home of the caller');
}

/** The names of all checks. */
const namesOf = async (rig: Rig): Promise<string[]> =>
  /a check: (.*)/.exec((await rig.bgjob(['doctor', '--self-test=?'])).stderr)![1]!.split(', ');

rigTest('every check passes, in a home of its own, and nothing is left', async (rig) => {
  const names = await namesOf(rig);
  assert.ok(names.length >= 15);
  const { version } = JSON.parse(fs.readFileSync(join(__dirname, '..', 'package.json'), 'utf8'));
  // in parts: a self-test gives up after two minutes, and this machine may be slow
  for (let at = 0; at < names.length; at += 6) {
    const part = names.slice(at, at + 6);
    const { code, stdout, stderr } = await rig.bgjob(['doctor', `--self-test=${part}`], {
      env: ownTemporary(rig),
      limitMs: 240_000,
    });
    assert.equal(code, 0, stdout);
    assert.equal(stderr, '');
    const lines = stdout.trim().split('\n');
    assert.equal(lines[0], `bgjob ${version} doctor --self-test`);
    assert.match(lines[1]!, new RegExp(`^Node ${process.versions.node}, linux \\S+ \\w+, .+, (glibc|musl)`));
    assert.match(lines[2]!, /^file system \w+, sh is \w+, inside: /);
    assert.match(lines[3]!, /^\d+ CPUs?, load [\d.]+, ulimit -n \d+, (not )?as root$/);
    const checks = lines.flatMap((line) => /^(?:ok|skipped) +(\S+) .* [\d.]+m?s$/.exec(line)?.[1] ?? []);
    assert.deepEqual(checks, part);
    assert.match(lines.at(-1)!, new RegExp(`^${part.length} checks in \\S+: all passed`));
    assertNothingLeft(rig);
  }
});

rigTest(
  'a check that fails says what it found, without names and paths, and the code is 1',
  async (rig) => {
    const env = { ...ownTemporary(rig), PATH: `${process.env['PATH']}` };
    const words = withFile('/usr/bin/script', '/bin/false');
    const args = ['doctor', '--self-test=pty,exit-code', '--json'];
    const { code, stdout } = await within(rig, words, args, { env });
    assert.equal(code, 1);
    const [machine, ...checks] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.equal(machine.node, process.versions.node);
    assert.deepEqual(
      checks.map(({ check, result }) => [check, result]),
      [
        ['exit-code', 'ok'],
        ['pty', 'failed'],
      ],
    );
    assert.ok(checks[1].why.length > 0 && checks[1].calls.length > 0, stdout);
    const text = await within(rig, words, ['doctor', '--self-test=pty'], { env });
    assert.match(text.stdout, /\nFAILED {2}pty .*\n {8}\S/);
    assert.match(text.stdout, /\n1 check in \S+: 1 failed \(pty\); paste these lines into an issue\n$/);
    for (const secret of [rig.dir, process.cwd(), tmpdir(), userInfo().homedir])
      assert.ok(!text.stdout.includes(secret), `${secret}: ${text.stdout}`);
    assertNothingLeft(rig);
  },
  { skip: cannotUnshare() || missing('script') || (!fs.existsSync('/usr/bin/script') && 'it is elsewhere') },
);

for (const [signal, wanted] of [
  ['SIGTERM', 143],
  ['SIGINT', 130],
  ['SIGHUP', 129],
] as const)
  rigTest(`${signal} in the middle: the call dies of it, and nothing is left`, async (rig) => {
    const env = ownTemporary(rig);
    // checks are made in the order of their list: three follow on the schedule, so that the call is not through
    // when its scheduler has started a job
    const checks = 'fifo,schedule,trigger,lock,records';
    const call = rig.startBgjob(['doctor', `--self-test=${checks}`], { env });
    await until(
      () => pathsBelow(env.TMPDIR).some((path) => path.endsWith('/fired')),
      Boolean,
      'the schedule of the self-test',
    );
    process.kill(call.child.pid!, signal);
    const { code, stderr } = await call.answer;
    assert.equal(code, wanted);
    assert.match(stderr, /^interrupted: the jobs of the self-test are ended, and its files are removed\n/);
    assertNothingLeft(rig);
  });

rigTest('a check that is not known; a place where nothing can be written', async (rig) => {
  const unknown = await rig.bgjob(['doctor', '--self-test=frob']);
  assert.equal(unknown.code, 125);
  assert.match(unknown.stderr, /^bgjob: --self-test: "frob" is not a check: program, exit-code, /);
  const nowhere = await rig.bgjob(['doctor', '--self-test'], { env: { TMPDIR: join(rig.dir, 'none') } });
  assert.equal(nowhere.code, 125);
  assert.match(nowhere.stderr, /^bgjob: cannot make a directory in \S+none: .*\n {2}hint: export TMPDIR=/);
});

rigTest('what cannot be started fails its check, with the reason, and nothing is left', async (rig) => {
  const words = ['-c', 'ulimit -n 24; exec "$@"', 'sh', process.execPath, BGJOB, 'doctor'];
  const { status, stdout, stderr } = spawnSync('sh', [...words, '--self-test=fifo,lock'], {
    env: { ...process.env, ...ownTemporary(rig), BGJOB_HOME: rig.home },
    encoding: 'utf8',
  });
  assert.equal(status, 1, stdout + stderr);
  assert.match(stdout, /\nFAILED {2}fifo .*\nFAILED {2}lock .*\n2 checks in/s);
  assert.match(stdout, /EMFILE|too many open files/);
  assert.doesNotMatch(stdout + stderr, /^ +at /m);
  assertNothingLeft(rig);
});

rigTest('a self-test that is killed: no schedule starts jobs for ever', async (rig) => {
  const env = ownTemporary(rig);
  const call = rig.startBgjob(['doctor', '--self-test=schedule'], { env });
  const [name] = await until(
    () => fs.readdirSync(env.TMPDIR),
    ([one]) => one !== undefined && fs.existsSync(join(env.TMPDIR, one, 'home/schedules/each')),
    'its schedule',
  );
  process.kill(call.child.pid!, 'SIGKILL');
  await call.answer.catch(() => {});
  const schedules = (): string[] => fs.readdirSync(join(env.TMPDIR, name!, 'home/schedules'));
  const fired = join(env.TMPDIR, name!, 'work/fired');
  await until(
    () => schedules().length === 0 || (fs.existsSync(fired) && fs.statSync(fired).size > 20),
    Boolean,
    'its schedules are gone, or have started 20 jobs',
  );
  assert.deepEqual(schedules(), []);
  await until(
    () => processesNaming(`${env.TMPDIR}/`),
    ({ length }) => length === 0,
    'the end of the scheduler',
  );
});

rigTest('the processes of another home live on', async (rig) => {
  const id = await rig.run(['--', 'sleep', '1000']);
  await rig.untilState(id, 'running');
  const env = ownTemporary(rig);
  const { code, stdout } = await rig.bgjob(['doctor', '--self-test=lock,kill'], { env });
  assert.equal(code, 0, stdout);
  assert.equal((await rig.show(id)).state, 'running');
  assert.equal(spawnSync('ls', [join(rig.home, 'jobs')], { encoding: 'utf8' }).stdout, `${id}\n`);
  await rig.bgjob(['kill', String(id)]);
});

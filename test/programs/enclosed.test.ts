/**
 * In bubblewrap: where every process ends with the call, `run` says so, and the job is lost afterwards; where
 * it does not, as in any
 * container that lives on, `run` says nothing.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { findings, within } from '../rig/doctor.ts';
import { CALL, tell, WARNING } from '../rig/enclosure.ts';
import { succeeds } from '../rig/mounts.ts';
import { inPidNamespace } from '../rig/namespaces.ts';
import { missing } from '../rig/needs.ts';
import { ROOT, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

/** As coding agents call it. */
const BWRAP = ['bwrap', '--dev-bind', '/', '/', '--proc', '/proc', '--unshare-pid', '--new-session'];
const PER_CALL = [...BWRAP, '--die-with-parent', '--'];
const bwrapped = {
  skip:
    missing('bwrap') ||
    (!succeeds(...(PER_CALL as [string, ...string[]]), 'true') && 'bubblewrap is not permitted here'),
};

rigTest(
  'a sandbox that dies with its caller: said in one line, and lost, not running, afterwards',
  async (rig) => {
    const job = `${CALL} run -n web -- sleep 1000; until ${CALL} status web | grep running; do :; done`;
    const { code, stdout, stderr } = await tell(rig, PER_CALL, job);
    assert.equal(code, 0);
    assert.match(stdout, /^1\nweb 1 running/);
    assert.match(stderr.replace(/\[job\] exit code 75\n|\[bgjob\] exit code 75\n/g, ''), WARNING);
    assert.match(stderr, /^warning: all processes in this sandbox \(bwrap\) end with the call/);
    // from outside, and from the next call
    const LOST = /^web 1 lost \(supervisor and shim were killed[^)]*\)/;
    for (const words of [['env'], PER_CALL]) {
      for (const verb of ['status', 'wait']) {
        const answer = await within(rig, words, [verb, 'web']);
        assert.equal(answer.code, 125);
        assert.match(answer.stdout, LOST);
      }
      assert.equal((await within(rig, words, ['ls', '-q', '--state', 'running'])).stdout, '');
    }
    assert.match((await rig.bgjob(['status', '1'])).stdout, /killed, in a sandbox or container\)/);
    // its name is free again
    assert.equal((await tell(rig, PER_CALL, `${CALL} run -n web --wait -- true`)).code, 0);
  },
  bwrapped,
);

rigTest(
  'the warning: an object with --json, once per call, not where run waits for the end',
  async (rig) => {
    const json = await tell(rig, PER_CALL, `${CALL} run --json -- true; sleep 0`);
    const { v, warning } = JSON.parse(json.stderr);
    assert.deepEqual([v, warning.code], [1, 'ends-with-call']);
    assert.equal(JSON.parse(json.stdout).id, 1);
    for (const [args, isNotified] of [
      ['--wait -- true', false],
      ['--follow -- true', false],
      ['--wait=30s -- true', true],
      ['--until-file /dev/null -- sleep 1000', true],
      ['-Q q -- true', true],
    ] as const) {
      const { stderr } = await tell(rig, PER_CALL, `${CALL} run ${args}; sleep 0`);
      assert.equal((stderr.match(/^warning: /gm) ?? []).length, isNotified ? 1 : 0, args);
    }
    const batch = await tell(rig, PER_CALL, `printf 'true\\ntrue\\n' | ${CALL} run -Q b --batch -; sleep 0`);
    assert.match(batch.stderr, WARNING);
    assert.deepEqual(
      (await findings(rig, PER_CALL)).map(({ code }) => code).filter((code) => !code.startsWith('queue-')),
      ['ends-with-call'],
    );
  },
  bwrapped,
);

rigTest(
  'sandboxes that do not show it in their words: those of Codex and of Claude Code',
  async (rig) => {
    const codex = join(rig.dir, 'codex-linux-sandbox');
    fs.symlinkSync('/usr/bin/bwrap', codex);
    const words = join(rig.dir, 'words');
    fs.writeFileSync(words, [...PER_CALL.slice(1, -1), ''].join('\0'));
    const hidden = (program: string) => ['bash', '-c', `exec ${program} --args 9 "$@" 9<'${words}'`, 'bash'];
    const line = `${CALL} run -- true; sleep 0`;
    assert.match(
      (await tell(rig, hidden(codex), line)).stderr,
      /^warning: all processes in this sandbox \(codex-linux-sandbox\) end /,
    );
    const claude = [...hidden('bwrap'), 'env', 'SANDBOX_RUNTIME=1'];
    assert.match((await tell(rig, claude, line)).stderr, WARNING);
    // outside of a sandbox the variable says nothing
    const outside = await within(rig, ['env', 'SANDBOX_RUNTIME=1'], ['run', '--', 'true']);
    assert.equal(outside.stderr, '');
  },
  bwrapped,
);

rigTest(
  'a pid namespace that lives on: nothing is said, and the job outlives the call',
  async (rig) => {
    // its pid 1 keeps the streams of the call open
    const told = join(rig.dir, 'told');
    const apart = ['sh', '-c', `exec "$@" >'${told}' 2>&1`, 'sh', ...BWRAP];
    assert.equal((await tell(rig, apart, `${CALL} run -- sleep 1000; sleep 0`)).code, 0);
    assert.equal(fs.readFileSync(told, 'utf8'), '1\n');
    await rig.untilState(1, 'running');
    assert.equal((await rig.bgjob(['kill', '1'])).code, 0);
  },
  bwrapped,
);

rigTest(
  'a container that was made to live on: pid 1 may be a shell line; calls come from outside (docker exec)',
  async (rig) => {
    // a root of its own, as container engines make it: one /proc, and their mark
    const binds = [ROOT, dirname(dirname(process.execPath)), rig.dir].flatMap((path) => [
      '--bind',
      path,
      path,
    ]);
    const bare = [
      ...[
        'bwrap',
        '--unshare-pid',
        '--as-pid-1',
        '--proc',
        '/proc',
        '--dev',
        '/dev',
        '--ro-bind',
        '/usr',
        '/usr',
      ],
      ...['bin', 'lib', 'lib64', 'sbin'].flatMap((name) => ['--symlink', `usr/${name}`, `/${name}`]),
      ...binds,
    ];
    const line = `${CALL} run -- true; ${CALL} wait @last`;
    const marked = [...bare, '--ro-bind', '/dev/null', '/.dockerenv', '--'];
    assert.equal((await tell(rig, marked, line)).stderr, '');
    const pod = [...bare, '--setenv', 'KUBERNETES_SERVICE_HOST', '10.0.0.1', '--'];
    assert.equal((await tell(rig, pod, line)).stderr, '');
    // the same without a mark is a sandbox
    assert.match((await tell(rig, [...bare, '--'], line)).stderr, WARNING);

    const pidFile = join(rig.dir, 'pid');
    const [program, ...rest] = inPidNamespace();
    const call = rig.start(program!, [
      ...rest,
      'sh',
      '-c',
      `readlink /proc/self >'${pidFile}'; exec sleep 1000`,
    ]);
    await until(
      () => fs.existsSync(pidFile) && fs.readFileSync(pidFile, 'utf8') !== '',
      Boolean,
      'the container',
    );
    const init = fs.readFileSync(`/proc/${call.child.pid}/task/${call.child.pid}/children`, 'utf8').trim();
    const exec = await within(rig, ['nsenter', '-t', init, '-p', '-m', '--'], ['run', '--', 'sleep', '1000']);
    assert.deepEqual([exec.code, exec.stderr], [0, '']);
    const id = Number(exec.stdout);
    await rig.untilState(id, 'running');
    // the container ends
    call.child.kill('SIGKILL');
    await call.answer;
    await rig.untilState(id, 'lost');
  },
  bwrapped,
);

rigTest(
  'a read-only sandbox: the way out is named, and works',
  async (rig) => {
    await rig.runOut(['--', 'true']);
    const readOnly = [
      'bwrap',
      '--ro-bind',
      '/',
      '/',
      '--tmpfs',
      '/tmp',
      // the program may be in /tmp, too
      ...['--ro-bind', ROOT, ROOT],
      '--bind',
      rig.dir,
      rig.dir,
      '--ro-bind',
      rig.home,
      rig.home,
    ];
    const words = [
      ...readOnly,
      '--dev',
      '/dev',
      '--proc',
      '/proc',
      '--unshare-pid',
      '--die-with-parent',
      '--',
    ];
    const refused = await within(rig, words, ['run', '--', 'true']);
    assert.equal(refused.code, 125);
    assert.match(
      refused.stderr,
      /the file system is read-only\n {2}hint: set BGJOB_HOME to a directory that you can write/,
    );
    const elsewhere = await within(
      rig,
      [...words, 'env', 'BGJOB_HOME=/tmp/mine'],
      ['run', '--wait', '--', 'echo', 'hello'],
    );
    assert.equal(elsewhere.code, 0);
    assert.match(elsewhere.stderr, /exited 0[^\n]*\n\| hello\n/);
  },
  bwrapped,
);

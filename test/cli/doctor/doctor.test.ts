/** `bgjob doctor` on machines that are not well: each check is made to fire by the real thing. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cannotMakeGroups, ownSlice, removeSlice } from '../../rig/control-groups.ts';
import { findings, onlyFinding, within } from '../../rig/doctor.ts';
import { succeeds } from '../../rig/mounts.ts';
import { cannotUnshare, inPidNamespace, withFile } from '../../rig/namespaces.ts';
import { missing } from '../../rig/needs.ts';
import { BGJOB, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const skip = cannotUnshare();
const limited = (limit: string): string[] => ['sh', '-c', `ulimit ${limit}; exec "$@"`, 'sh'];

rigTest(
  'a healthy machine: one short line, exit 0',
  async (rig) => {
    await rig.runOut(['--', 'true']);
    const script = join(rig.dir, 'script');
    fs.writeFileSync(script, '"$@"\n');
    // a pid 1 that lives on, and takes in its dead
    const { code, stdout, stderr } = await within(rig, [...inPidNamespace(), 'sh', script], ['doctor']);
    const lines = missing('ps') ? stdout.replace(/^note: ps is not there .*\n/, '') : stdout;
    assert.match(
      lines,
      /^no problems found: Node \d+\.\d+\.\d+, \/usr\/bin\/bash, home \S+\/home, 1 job, --memory \w.+\n$/,
    );
    assert.ok(lines.length < 200);
    assert.deepEqual([code, stderr], [0, '']);
    assert.deepEqual(await findings(rig, [...inPidNamespace(), 'sh', script]), []);
  },
  { skip },
);

const hide = (tool: string) => withFile(`/usr/bin/${tool}`, '/dev/null');
const elsewhere = !fs.existsSync('/usr/bin/setsid') && 'the tools are elsewhere';

rigTest(
  'a tool that is missing',
  async (rig) => {
    for (const tool of ['mkfifo', 'script', 'setsid', 'env', 'sh']) {
      // perl does for setsid where there is none
      const words = tool === 'setsid' ? [...hide('perl'), ...hide(tool)] : hide(tool);
      const found = await onlyFinding(rig, 'tool-missing', words, {
        env: { PATH: process.env['PATH']! },
      });
      assert.equal(found.level, 'problem');
      assert.match(found.message, new RegExp(`^${tool} is not there`));
      assert.match(found.hint!, /^install /);
    }
  },
  { skip: skip || missing('script') || elsewhere },
);

rigTest(
  'ps that is missing: a note, for bgjob needs it only where there is no /proc',
  async (rig) => {
    assert.equal((await onlyFinding(rig, 'tool-missing', hide('ps'))).level, 'note');
  },
  { skip: skip || missing('ps') || elsewhere },
);

rigTest('limits of the shell', async (rig) => {
  for (const [limit, text] of [
    ['-n 50', /^only 50 open files are allowed/],
    ['-f 1000', /^no file may become larger than/],
    ['-t 3600', /after 3600 s of processor time/],
  ] as const) {
    const found = await onlyFinding(rig, 'limit-low', limited(limit));
    assert.match(found.message, text);
    assert.match(found.hint!, /ulimit /);
  }
  assert.deepEqual(await findings(rig, limited('-n 200')), []);
});

rigTest(
  'few processes are left to a user',
  async (rig) => {
    // a user of whom nothing runs, who may read the program
    const home = join(rig.dir, 'theirs');
    fs.mkdirSync(home, { mode: 0o700 });
    fs.chownSync(home, 64321, 64321);
    for (const dir of [rig.dir, tmpdir()]) if ((fs.statSync(dir).mode & 1) === 0) fs.chmodSync(dir, 0o711);
    const asUser = (most: number) => [
      ...['prlimit', `--nproc=${most}`, 'setpriv', '--reuid=64321', '--regid=64321', '--clear-groups'],
      ...['env', `BGJOB_HOME=${home}`],
    ];
    const found = await onlyFinding(rig, 'limit-low', asUser(35));
    assert.match(found.message, /^only \d+ of 35 processes and threads \(ulimit -u\) are left/);
    assert.deepEqual(await findings(rig, asUser(1000)), []);
  },
  {
    skip:
      !succeeds('setpriv', '--reuid=64321', '--clear-groups', process.execPath, '--', BGJOB, '--version') &&
      'only root can be somebody else, and the program must be readable',
  },
);

rigTest(
  'no file can be watched; few can',
  async (rig) => {
    const none = ['sh', '-c', 'echo 0 >/proc/sys/user/max_inotify_instances && exec "$@"', 'sh'];
    const found = await onlyFinding(rig, 'no-watches', ['unshare', '--user', '--map-root-user', ...none]);
    assert.match(found.message, /^no file can be watched \(inotify: too many open files/);
    assert.match(found.hint!, /^sysctl fs\.inotify/);
    const few = join(rig.dir, 'few');
    fs.writeFileSync(few, '100\n');
    for (const name of ['watches', 'instances']) {
      const path = `/proc/sys/fs/inotify/max_user_${name}`;
      const note = await onlyFinding(rig, 'few-watches', withFile(path, few));
      assert.deepEqual([note.level, note.hint!.includes(`max_user_${name}=`)], ['note', true]);
    }
  },
  {
    skip:
      skip ||
      (!succeeds('unshare', '--user', '--map-root-user', 'true') && 'user namespaces are not permitted here'),
  },
);

rigTest('a TZ that Node cannot read is a note, with the zone that it counts as', async (rig) => {
  const note = await onlyFinding(rig, 'zone-unread', ['env', 'TZ=CET-1CEST,M3.5.0,M10.5.0/3']);
  assert.deepEqual([note.level, note.hint], ['note', 'export TZ=Europe/Berlin']);
  assert.match(
    note.message,
    /not the name of a time zone; it counts as Europe\/Berlin for new schedules, and /,
  );
  for (const tz of ['Europe/Berlin', ':Asia/Tokyo', 'UTC'])
    assert.ok(!(await findings(rig, ['env', `TZ=${tz}`])).some(({ code }) => code === 'zone-unread'), tz);
});

rigTest('a Node that is too old', async (rig) => {
  const old = join(rig.dir, 'old.cjs');
  fs.writeFileSync(
    old,
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.4' } });`,
  );
  const found = await onlyFinding(rig, 'node-too-old', ['env', `NODE_OPTIONS=--require=${old}`]);
  assert.match(found.message, /^Node 18\.20\.4 is too old: bgjob needs 20/);
});

rigTest(
  'a pid 1 that does not take in its dead: a note',
  async (rig) => {
    const told = join(rig.dir, 'told');
    const isThere = `grep -ls '^State:.Z' /proc/[0-9]*/status | xargs -r grep -qs '^PPid:.1$'`;
    const line = `sh -c 'sleep 0 & exec true' & until ${isThere}; do :; done; "$@" >'${told}.new' 2>&1; mv '${told}.new' '${told}'`;
    const words = ['/bin/sh', '-c', `setsid bash -c "$0" bash "$@" & exec sleep 1000`, line];
    const call = rig.start('unshare', [
      ...inPidNamespace().slice(1),
      ...[...words, process.execPath, '--', BGJOB, 'doctor', '--json'],
    ]);
    const text = await until(
      () => (fs.existsSync(told) ? fs.readFileSync(told, 'utf8') : ''),
      (soFar) => soFar !== '',
      'its answer',
    ).finally(() => call.child.kill('SIGKILL'));
    await call.answer;
    const all = text.split('\n').map((one) => one && JSON.parse(one));
    const found = all.find(({ code }) => code === 'zombies-stay');
    assert.equal(found?.level, 'note', text);
    assert.match(found.message, /^pid 1 \(sleep\) does not reap zombies/);
    assert.match(found.hint, /docker run --init/);
  },
  { skip },
);

rigTest(
  'a /proc that is missing, or that of others',
  async (rig) => {
    const missing = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /proc && exec "$@"', 'sh'];
    const codes = (await findings(rig, missing)).map(({ code }) => code);
    assert.ok(codes.includes('proc-missing'), codes.join());
    const foreign = ['unshare', '--pid', '--fork', '--kill-child', 'sh', '-c', '"$@"; exit $?', 'sh'];
    const others = (await findings(rig, foreign)).map(({ code }) => code);
    assert.ok(others.includes('proc-foreign'), others.join());
    const refused = await within(rig, foreign, ['run', '--', 'true']);
    assert.equal(refused.code, 125);
    assert.match(refused.stderr, /another pid namespace[^\n]*\n {2}hint: [^\n]*bwrap --proc/);
    const job = await rig.run(['--', 'sleep', '1000']);
    await rig.untilState(job, 'running');
    for (const verb of ['kill', 'pause', 'resume', 'restart']) {
      const { code, stderr } = await within(rig, foreign, [verb, String(job)]);
      assert.equal(code, 125, verb);
      assert.match(stderr, /another pid namespace/, verb);
    }
    assert.equal((await rig.show(job)).state, 'running');
    assert.equal((await rig.bgjob(['kill', String(job)])).code, 0);
  },
  { skip },
);

rigTest(
  'a boot that cannot be told from another',
  async (rig) => {
    const found = await onlyFinding(
      rig,
      'boot-unknown',
      withFile('/proc/sys/kernel/random/boot_id', '/dev/null'),
    );
    assert.equal(found.level, 'problem');
  },
  { skip },
);

rigTest('a clock that was set back: a note', async (rig) => {
  const ahead = join(rig.dir, 'ahead.cjs');
  fs.writeFileSync(ahead, 'const now = Date.now; Date.now = () => now() + 7_200_000;');
  const id = await rig.run(['--', 'true'], { env: { NODE_OPTIONS: `--require=${ahead}` } });
  await rig.untilState(id, 'exited');
  const found = await onlyFinding(rig, 'clock-behind');
  assert.deepEqual([found.level, found.job], ['note', id]);
  assert.match(found.message, /^job 1 was added (1h\d+m|2h)\S* from now: the clock was set back/);
});

const SLICE = ownSlice();

rigTest(
  'logind ends what is in a session; the systemd of a user who does not linger',
  async (rig) => {
    const user = spawnSync('id', ['-un'], { encoding: 'utf8' }).stdout.trim();
    /** In a control group as logind makes them, with this configuration of logind's. */
    const inUnit = (unit: string, config: string, lingering = false, added = ''): string[] => {
      fs.mkdirSync(`${SLICE}/${unit}`, { recursive: true });
      const systemd = join(rig.dir, 'systemd');
      fs.mkdirSync(join(systemd, 'logind.conf.d'), { recursive: true });
      fs.writeFileSync(join(systemd, 'logind.conf'), config);
      fs.writeFileSync(join(systemd, 'logind.conf.d', '10-own.conf'), added);
      const state = join(rig.dir, 'state');
      fs.rmSync(state, { recursive: true, force: true });
      fs.mkdirSync(join(state, 'linger'), { recursive: true });
      if (lingering) fs.writeFileSync(join(state, 'linger', user), '');
      const script = `mkdir -p /var/lib/systemd && mount --bind '${state}' /var/lib/systemd && echo $$ >'${SLICE}/${unit}/cgroup.procs' && exec "$@"`;
      return [...withFile('/etc/systemd', systemd), 'sh', '-c', script, 'sh'];
    };
    const scope = 'session-9.scope';
    const service = 'user@0.service/app.slice/run-1.scope';
    const others = `KillExcludeUsers=nobody\n`;
    try {
      const ends = await onlyFinding(
        rig,
        'session-ends-jobs',
        inUnit(scope, `[Login]\n#KillUserProcesses=no\nKillUserProcesses=yes\n${others}`),
      );
      assert.match(ends.message, /session-9\.scope at logout \(KillUserProcesses=yes\)/);
      assert.match(ends.hint!, /enable-linger, and then systemd-run --user --scope/);
      // the default that the build's own file tells; only some users; a user who lingers is ended in a
      // session all the same
      for (const config of [
        `#KillUserProcesses=yes\n${others}`,
        `KillOnlyUsers=x ${user}\n${others}`,
        `KillUserProcesses=1\n${others}`,
      ])
        await onlyFinding(rig, 'session-ends-jobs', inUnit(scope, config, true));
      for (const config of [
        `KillUserProcesses=no\n${others}`,
        `KillUserProcesses=yes\nKillExcludeUsers=${user} x\n`,
        `KillUserProcesses=yes\nKillOnlyUsers=x\n${others}`,
        `#KillUserProcesses=no\n`,
      ])
        assert.deepEqual(await findings(rig, inUnit(scope, config)), [], config);
      // what was added counts more than the main file
      const yes = `KillUserProcesses=yes\n${others}`;
      assert.deepEqual(await findings(rig, inUnit(scope, yes, false, '[Login]\nKillUserProcesses=no\n')), []);
      await onlyFinding(rig, 'session-ends-jobs', inUnit(scope, '#KillUserProcesses=no\n', false, yes));
      const left = await onlyFinding(rig, 'not-lingering', inUnit(service, ''));
      assert.match(left.hint!, /^loginctl enable-linger$/);
      assert.deepEqual(await findings(rig, inUnit(service, '', true)), []);
    } finally {
      removeSlice();
    }
  },
  {
    skip: skip || cannotMakeGroups() || (!fs.existsSync('/etc/systemd') && 'no systemd here'),
  },
);

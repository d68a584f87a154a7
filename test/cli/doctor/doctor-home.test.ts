/** `bgjob doctor` on homes that are not well, and on what lies in them. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Found, findings, onlyFinding, within } from '../../rig/doctor.ts';
import { cannotMount, fill, fillInodes, onMount, succeeds } from '../../rig/mounts.ts';
import { cannotUnshare, inPidNamespace, withFile, withReadOnly } from '../../rig/namespaces.ts';
import { isRunning, processesNaming } from '../../rig/processes.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const unshared = { skip: cannotUnshare() };

rigTest('a home that cannot be used', async (rig) => {
  const cases: [home: string, text: RegExp, hint: RegExp][] = [];
  const place = (name: string): string => join(rig.dir, name);
  fs.symlinkSync(rig.dir, place('link'));
  cases.push([place('link'), /is a symbolic link/, /realpath/]);
  fs.mkdirSync(place('open'));
  fs.chmodSync(place('open'), 0o777);
  cases.push([place('open'), /other users can write/, /^chmod go-w /]);
  fs.mkdirSync(place('full'), 0o700);
  fs.writeFileSync(place('full/letter'), '');
  cases.push([place('full'), /^.*$/, /BGJOB_HOME|^$/]);
  cases.push(['/proc/none', /^cannot create \/proc\/none/, /BGJOB_HOME/]);
  cases.push(['/dev/null/home', /not a directory/, /BGJOB_HOME/]);
  for (const [home, text, hint] of cases) {
    const found = await findings(rig, ['env', `BGJOB_HOME=${home}`]);
    // what holds other things is refused where something is to be made there
    if (home.endsWith('full')) {
      assert.deepEqual(found, []);
      continue;
    }
    assert.deepEqual(
      found.map(({ code }) => code),
      ['home-unusable'],
      home,
    );
    assert.match(found[0]!.message, text);
    assert.match(found[0]!.hint!, hint);
  }
  // one that is not there yet is made by the first job, not by asking
  assert.deepEqual(await findings(rig, ['env', `BGJOB_HOME=${place('a/b')}`]), []);
  assert.equal(fs.existsSync(place('a')), false);
});

rigTest('where no home can be made, run names the way out, and does not hang', async (rig) => {
  for (const home of ['/proc/none', '/dev/null', '/sys']) {
    const run = await within(rig, ['env', '-u', 'BGJOB_HOME', `HOME=${home}`], ['run', '--', 'true']);
    assert.equal(run.code, 125, home);
    assert.match(
      run.stderr,
      /^bgjob: cannot (create|open) \S+: [^\n]+\n {2}hint: set BGJOB_HOME to a directory/,
    );
  }
});

rigTest(
  'what could not be found out in time is no finding: mkfifo may be slow',
  async (rig) => {
    const slow = join(rig.dir, 'mkfifo');
    fs.writeFileSync(slow, '#!/bin/sh\nexec sleep 1000\n', { mode: 0o755 });
    assert.deepEqual(await findings(rig, withFile('/usr/bin/mkfifo', slow)), []);
    fs.writeFileSync(slow, '#!/bin/sh\nexit 1\n');
    const found = await onlyFinding(rig, 'home-unusable', withFile('/usr/bin/mkfifo', slow));
    assert.match(found.message, /has no FIFOs/);
  },
  unshared,
);

const groups = ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup'].find((path) =>
  fs.existsSync(join(path, 'cgroup.procs')),
);
const canMakeGroup =
  groups !== undefined && succeeds('sh', '-c', `mkdir ${groups}/bgjob-x && rmdir ${groups}/bgjob-x`);

rigTest(
  'a file system without FIFOs',
  async (rig) => {
    const found = await onlyFinding(rig, 'home-unusable', ['env', `BGJOB_HOME=${groups}/bgjob-home`]);
    assert.match(found.message, /has no FIFOs, which bgjob needs$/);
    assert.deepEqual(
      fs.readdirSync(groups!).filter((name) => name.includes('bgjob-doctor')),
      [],
    );
  },
  { skip: !canMakeGroup && 'no control group can be made here, and they have none' },
);

rigTest(
  'a user without a directory',
  async (rig) => {
    fs.chmodSync(rig.dir, 0o711);
    const nobody = ['setpriv', '--reuid=64321', '--regid=64321', '--clear-groups'];
    const run = await within(
      rig,
      [...nobody, 'env', '-u', 'BGJOB_HOME', '-u', 'HOME'],
      ['run', '--', 'true'],
    );
    assert.equal(run.code, 125);
    assert.match(run.stderr, /^bgjob: cannot create \/\.bgjob: permission denied\n {2}hint: set BGJOB_HOME /);
  },
  { skip: process.getuid!() !== 0 && 'only root can be somebody else' },
);

rigTest(
  'a home that is read-only: told by doctor and by run, with the way out',
  async (rig) => {
    await rig.runOut(['--', 'true']);
    const found = await onlyFinding(rig, 'home-unusable', withReadOnly(rig.home));
    assert.match(found.message, /^cannot write to \S+\/home: the file system is read-only$/);
    assert.match(found.hint!, /^set BGJOB_HOME to a directory that you can write/);
    const run = await within(rig, withReadOnly(rig.home), ['run', '--', 'true']);
    assert.equal(run.code, 125);
    assert.match(run.stderr, /read-only\n {2}hint: set BGJOB_HOME /);
    // nor where it would have to be made
    const empty = join(rig.dir, 'empty');
    fs.mkdirSync(empty);
    const words = [...withReadOnly(empty), 'env', `BGJOB_HOME=${empty}/home`];
    const absent = await onlyFinding(rig, 'home-unusable', words);
    assert.match(absent.message, /^cannot create \S+\/empty\/home: the file system is read-only$/);
    assert.match((await within(rig, words, ['run', '--', 'true'])).stderr, /hint: set BGJOB_HOME /);
  },
  unshared,
);

const mountable = { skip: cannotMount() };

rigTest(
  'a home without room, or without inodes',
  async (rig) => {
    await onMount(rig, 'size=256m', async (mounted) => {
      await rig.runOut(['--', 'true']);
      assert.deepEqual(await findings(rig), []);
      fill(mounted, 8192);
      const found = await onlyFinding(rig, 'home-full');
      assert.match(found.message, /^only [\d.]+ MB is left for the home /);
      assert.match(found.hint!, /^bgjob gc --ended /);
    });
    await onMount(rig, 'size=256m,nr_inodes=2000', async (mounted) => {
      await rig.runOut(['--', 'true']);
      assert.deepEqual(await findings(rig), []);
      fillInodes(mounted, 7);
      assert.match((await onlyFinding(rig, 'home-full')).message, /^only space for 7 files is left /);
    });
  },
  mountable,
);

rigTest(
  'a home on a network file system: as the kernel would list it, for none can be mounted here',
  async (rig) => {
    const list = join(rig.dir, 'mounts');
    /** /proc/PID/mountinfo of the program that is run says so. */
    const listed = (type: string): string[] => {
      const line = `99 1 0:99 / ${rig.dir.replaceAll(' ', '\\040')} rw - ${type} server:/homes rw\n`;
      fs.writeFileSync(list, fs.readFileSync('/proc/self/mountinfo', 'utf8') + line);
      const script = 'mount --bind "$1" /proc/$$/mountinfo && shift && exec "$@"';
      return ['unshare', '--mount', 'sh', '-c', script, 'sh', list];
    };
    for (const type of ['nfs4', 'cifs', '9p', 'fuse.sshfs']) {
      const found = await onlyFinding(rig, 'home-remote', listed(type));
      assert.ok(found.message.includes(`on a network file system (${type})`));
      assert.match(found.hint!, /^set BGJOB_HOME /);
    }
    for (const type of ['ext4', 'btrfs', 'tmpfs', 'fuse.ntfs', 'overlay'])
      assert.deepEqual(await findings(rig, listed(type)), []);
  },
  unshared,
);

/**
 * For a call whose monotonic clock is so much later each time that it is asked, milliseconds; 0: there is
 * time for all.
 */
function withSteps(rig: Rig, ms: number): string[] {
  const preload = join(rig.dir, `steps-${ms}.cjs`);
  fs.writeFileSync(
    preload,
    `let at = process.hrtime.bigint(); process.hrtime.bigint = () => (at += ${ms * 1e6}n);`,
  );
  return ['env', `NODE_OPTIONS=--require=${preload}`];
}

rigTest('damaged records are named', async (rig) => {
  rig.damaged = true;
  const [spec, state, good] = [
    await rig.runOut(['--', 'true']),
    await rig.runOut(['--', 'true']),
    await rig.runOut(['--', 'true']),
  ];
  fs.rmSync(rig.file(spec, 'state.json'));
  fs.writeFileSync(rig.file(spec, 'spec.json'), '{"v":1,"id"');
  fs.writeFileSync(rig.file(state, 'state.json'), 'x'.repeat(200));
  const found = await findings(rig, withSteps(rig, 0));
  assert.deepEqual(
    found.map(({ code, job }) => [code, job]),
    [
      ['job-unreadable', state],
      ['job-unreadable', spec],
    ],
  );
  assert.match(found[0]!.message, new RegExp(`^jobs/${state}/state\\.json: `));
  assert.match(found[1]!.message, new RegExp(`^jobs/${spec}/spec\\.json: `));
  assert.match(found[0]!.hint!, new RegExp(`^bgjob show ${state}`));
  assert.equal((await rig.bgjob(['status', String(good)])).code, 0);
});

rigTest('many damaged records: a few are told, the others counted, and it takes no longer', async (rig) => {
  rig.damaged = true;
  const id = await rig.runOut(['--', 'true']);
  for (let n = 2; n < 300; n++) {
    fs.mkdirSync(rig.file(n, '.'), { recursive: true, mode: 0o700 });
    fs.writeFileSync(rig.file(n, 'spec.json'), '{');
  }
  const newest = Array.from({ length: 10 }, (_, n) => 299 - n);
  const jobsOf = (found: Found[]) =>
    found.filter(({ code }) => code === 'job-unreadable').map(({ job }) => job);
  const all = await findings(rig, withSteps(rig, 0));
  assert.deepEqual(jobsOf(all), newest);
  assert.equal(all.length, 11);
  assert.equal(all[10]!.message, 'and 288 more jobs with records that cannot be read');
  assert.equal(all[10]!.hint, 'bgjob ls -a --state unreadable');
  // fifty are read, and a few more: each of those takes a tenth of a second
  const few = await findings(rig, withSteps(rig, 100));
  assert.deepEqual(jobsOf(few), newest);
  assert.match(few.at(-1)!.message, /^and 4\d more jobs /);
  assert.equal((await rig.bgjob(['status', String(id)])).code, 0);
});

/** Kills all that is bgjob's of a job; `whole`: what the job runs, too. */
async function killMachinery(rig: Rig, id: number, whole = false): Promise<void> {
  await rig.untilState(id, 'running');
  const { shim, watcher, main } = await rig.shimOf(id);
  const pids = [watcher!, rig.ownerPid(id), shim!, ...(whole ? [main!] : [])];
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await until(
    () => pids.some(isRunning),
    (some) => !some,
    'their end',
  );
}

rigTest('a lost job that left something running', async (rig) => {
  const id = await rig.run(['-n', 'web', '--', 'sh', '-c', 'sleep 1000 & sleep 1000']);
  assert.deepEqual(await findings(rig), []);
  await until(
    () => processesNaming(rig.dir).filter(({ command }) => command === 'sleep 1000').length,
    (count) => count === 2,
    'both of its processes',
  );
  await killMachinery(rig, id);
  const found = await onlyFinding(rig, 'job-adrift', withSteps(rig, 0));
  assert.match(found.message, /^web 1 is lost, but 3 processes of it still run$/);
  assert.deepEqual([found.job, found.hint], [id, `bgjob kill ${id}`]);
  assert.equal((await rig.bgjob(['kill', String(id)])).code, 0);
  assert.deepEqual(await findings(rig), [], 'lost, and nothing is left');
});

rigTest(
  'jobs that wait for a sandbox in which nobody is',
  async (rig) => {
    const queued = await within(rig, inPidNamespace(), ['run', '-Q', 'q', '--delay', '1h', '--', 'true']);
    assert.equal(queued.code, 0);
    const found = await onlyFinding(rig, 'queue-stranded');
    assert.match(
      found.message,
      /^queue q: 1 job waits for a bgjob command in the sandbox in which it was queued/,
    );
    assert.deepEqual([found.queue, found.hint], ['q', 'bgjob ls in that sandbox; or bgjob kill 1']);
    assert.equal((await rig.bgjob(['kill', '1'])).code, 0);
    assert.deepEqual(await findings(rig), []);
  },
  unshared,
);

rigTest(
  'jobs that wait, slots that are free, and nobody who could start them',
  async (rig) => {
    await onMount(rig, 'size=256m', async (mounted) => {
      const running = await rig.run(['-Q', 'q', '--', 'sleep', '1000']);
      const next = await rig.run(['-Q', 'q', '--', 'true']);
      assert.deepEqual(await findings(rig), [], 'who waits for a slot is not left');
      // nobody writes there any more: else it cannot be made read-only
      await killMachinery(rig, running, true);
      assert.ok(succeeds('mount', '-o', 'remount,ro', mounted));
      const found = await findings(rig);
      assert.ok(succeeds('mount', '-o', 'remount,rw', mounted));
      assert.deepEqual(found.map(({ code }) => code).sort(), ['home-unusable', 'queue-left']);
      const left = found.find(({ code }) => code === 'queue-left')!;
      assert.match(left.message, /^queue q: 1 job waits, slots are free, but no process can start them$/);
      assert.equal((await rig.show(next)).state, 'queued');
      // where it can be done, asking moves the queue on
      assert.deepEqual(await findings(rig), []);
      await rig.untilState(next, 'exited');
    });
  },
  mountable,
);

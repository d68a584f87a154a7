/** Homes that are refused: with one clear sentence, a hint, and nothing left behind. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { cannotMount, onMount } from '../rig/mounts.ts';
import { processesNaming } from '../rig/processes.ts';
import { BGJOB, type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

/**
 * Every path below a directory but those in `cache`, which any command may write; undefined if there is none.
 */
const pathsIn = (dir: string): string[] | undefined =>
  fs.existsSync(dir)
    ? (fs.readdirSync(dir, { recursive: true }) as string[]).filter((path) => !path.includes('cache/')).sort()
    : undefined;

/** A home that is refused: 125, by a command that reads too, and it stays as it was. */
async function refusesHome(rig: Rig, message: RegExp): Promise<void> {
  const before = fs.statSync(rig.home).isDirectory() && pathsIn(rig.home);
  for (const args of [['run', '--', 'true'], ['ls'], ['wait', '1']]) {
    const { code, stdout, stderr } = await rig.bgjob(args);
    assert.deepEqual([code, stdout], [125, '']);
    assert.match(stderr, message);
    assert.match(stderr, /^bgjob: .+\n {2}hint: .+\n\[bgjob\] exit code 125\n$/);
  }
  assert.deepEqual(fs.statSync(rig.home).isDirectory() && pathsIn(rig.home), before);
}

rigTest('a home that is a link, a file, or open to others', async (rig) => {
  fs.mkdirSync(`${rig.dir}/real`);
  fs.symlinkSync('real', rig.home);
  await refusesHome(rig, /home is a symbolic link; it must be a directory that belongs to you/);
  assert.deepEqual(pathsIn(`${rig.dir}/real`), []);
  fs.unlinkSync(rig.home);

  fs.writeFileSync(rig.home, 'mine');
  await refusesHome(rig, /home is not a directory/);
  assert.equal(fs.readFileSync(rig.home, 'utf8'), 'mine');
  fs.unlinkSync(rig.home);

  fs.mkdirSync(rig.home);
  for (const mode of [0o770, 0o702, 0o1777]) {
    fs.chmodSync(rig.home, mode);
    await refusesHome(rig, /other users can write .*home\n {2}hint: chmod go-w .*home/);
  }
  fs.chmodSync(rig.home, 0o755);
  assert.equal((await rig.bgjob(['run', '-w', '--', 'true'])).code, 0, 'others may look at it');
});

const isRoot = process.getuid!() === 0;

rigTest(
  'a home of another user',
  async (rig) => {
    fs.mkdirSync(rig.home);
    fs.chownSync(rig.home, 65_534, 65_534);
    await refusesHome(rig, /home belongs to another user \(nobody\), and this call runs as root\n/);
  },
  { skip: !isRoot && 'only root can give a directory away' },
);

/** How to start a program as nobody; undefined where that cannot be. */
const nobody = ['--reuid', '65534', '--clear-groups'];
const isReadable = spawnSync('setpriv', [
  ...nobody,
  process.execPath,
  '-e',
  `require('fs').readFileSync('${BGJOB}')`,
]);

const skipNobody =
  isReadable.status !== 0 && 'only root can act as somebody else, and only where the checkout is readable';

/** A test with the home directory of that user: the directory of a rig is closed to others. */
const nobodyTest = (name: string, act: (rig: Rig, user: string) => Promise<void>) =>
  rigTest(
    name,
    async (rig) => {
      const user = fs.mkdtempSync('/tmp/bgjob-test-user-');
      try {
        fs.chownSync(user, 65_534, 65_534);
        await act(rig, user);
        await until(
          () => processesNaming(user),
          ({ length }) => length === 0,
          'the end of what was started',
        );
      } finally {
        fs.rmSync(user, { recursive: true, force: true });
      }
    },
    { skip: skipNobody },
  );

nobodyTest(
  'root with the HOME of another user makes nothing there, and names the line that helps',
  async (rig, user) => {
    const env = { HOME: user, BGJOB_HOME: '' };
    const calls = [
      ['run', '--', 'true'],
      ['run', '-Q', 'q', '--', 'true'],
      ['cron', 'add', '-n', 'daily', '@daily', '--', 'true'],
      ['skill', '--user'],
    ];
    const start =
      /^bgjob: HOME belongs to nobody, but this call runs as root: [^\n]*; nothing was done\n {2}hint: /;
    for (const args of calls) {
      const { code, stdout, stderr } = await rig.bgjob(args, { env });
      assert.deepEqual([code, stdout], [125, ''], args.join(' '));
      assert.match(stderr, start);
      assert.match(
        stderr,
        args[0] === 'skill' ? /sudo -H bgjob skill --user\n/ : /hint: export BGJOB_HOME=\//,
      );
      const sudo = await rig.bgjob(args, { env: { ...env, SUDO_UID: '65534' } });
      assert.match(sudo.stderr, /hint: the same without sudo; or for .*sudo -H bgjob /);
    }
    assert.match((await rig.bgjob(['doctor'], { env })).stdout, /^problem: HOME belongs to nobody, /m);
    assert.equal((await rig.bgjob(['ls'], { env })).code, 0);
    assert.deepEqual(fs.readdirSync(user, { recursive: true }), [], 'nothing was created');
    // the home and the page of the user are there: each keeps its owner
    const own = (args: string[]) =>
      rig.start('setpriv', [...nobody, process.execPath, '--', BGJOB, ...args], { cwd: '/', env }).answer;
    assert.equal((await own(['run', '-w', '--', 'true'])).code, 0);
    assert.equal((await own(['skill', '--user'])).code, 0);
    const foreign = await rig.bgjob(['run', '--', 'true'], { env });
    assert.match(
      foreign.stderr,
      /belongs to another user \(nobody\), and this call runs as root\n {2}hint: export /,
    );
    // sudo -H leaves BGJOB_HOME as it is
    const sudo = { ...env, BGJOB_HOME: `${user}/.bgjob`, SUDO_UID: '65534' };
    const named = await rig.bgjob(['ls'], { env: sudo });
    assert.match(named.stderr, /hint: the same without sudo; .*sudo -H env -u BGJOB_HOME bgjob \.\.\., or /);
    assert.equal((await rig.bgjob(['skill', '--user'], { env })).code, 0);
    // its project
    fs.mkdirSync(`${user}/project/.git`, { recursive: true });
    fs.chownSync(`${user}/project`, 65_534, 65_534);
    for (const place of ['--project', '--agents-md']) {
      const { code, stderr } = await rig.bgjob(['skill', place], { env: sudo, cwd: `${user}/project` });
      assert.equal(code, 125);
      assert.match(
        stderr,
        /^bgjob: this project belongs to nobody, .* root: .*\n {2}hint: the same without sudo\n/,
      );
    }
    assert.deepEqual(fs.readdirSync(`${user}/project`), ['.git']);
    // a uid that this machine does not know, as in the container of a CI job: nobody is shut out
    const container = { HOME: `${rig.dir}/container` };
    fs.mkdirSync(container.HOME);
    fs.chownSync(container.HOME, 54321, 54321);
    assert.equal((await rig.bgjob(['run', '-w', '--', 'true'], { env: { ...env, ...container } })).code, 0);
    // a home that BGJOB_HOME names is made
    const chosen = { ...env, BGJOB_HOME: `${user}/jobs` };
    assert.equal((await rig.bgjob(['run', '-w', '--', 'true'], { env: chosen })).code, 0);
  },
);

nobodyTest(
  "root's leavings in the HOME of a user: the owner is named, and the line that gives them back",
  async (rig, user) => {
    for (const name of ['.bgjob', '.claude']) fs.mkdirSync(`${user}/${name}`);
    const own = (args: string[]) =>
      rig.start('setpriv', [...nobody, process.execPath, '--', BGJOB, ...args], {
        cwd: '/',
        env: { HOME: user, BGJOB_HOME: '' },
      }).answer;
    const run = await own(['run', '--', 'true']);
    assert.equal(run.code, 125);
    assert.match(run.stderr, /\.bgjob belongs to another user \(root\), and this call runs as nobody\n/);
    assert.match(run.stderr, /sudo chown -R 65534 \S+\/\.bgjob; else export BGJOB_HOME=\S+\/\.bgjob-65534\n/);
    const skill = await own(['skill', '--user']);
    assert.match(skill.stderr, /\.claude belongs to root\n {2}hint: sudo chown -R 65534 \S+\/\.claude\n/);
    for (const name of ['.bgjob', '.claude']) fs.chownSync(`${user}/${name}`, 65_534, 65_534);
    assert.equal((await own(['run', '-w', '--', 'true'])).code, 0);
    assert.equal((await own(['skill', '--user'])).code, 0);
  },
);

nobodyTest('sudo -u: sudo passes no variable on, and the line that helps sets it', async (rig, user) => {
  const words = [...nobody, process.execPath, '--', BGJOB, 'run', '--', 'true'];
  const env = { HOME: `${user}/none/none`, BGJOB_HOME: '', SUDO_UID: '4321' };
  fs.chmodSync(user, 0o500);
  const { code, stderr } = await rig.start('setpriv', words, { cwd: '/', env }).answer;
  assert.equal(code, 125);
  assert.match(
    stderr,
    /cannot create .*\n {2}hint: sudo -u nobody env BGJOB_HOME=\/tmp\/bgjob-65534 bgjob \.\.\., or in a shell of/,
  );
});

rigTest(
  'a home behind a closed door',
  async (rig) => {
    const words = [...nobody, process.execPath, '--', BGJOB];
    for (const args of [['ls'], ['run', '--', 'true']]) {
      const { code, stderr } = await rig.start('setpriv', [...words, ...args], { cwd: '/' }).answer;
      assert.equal(code, 125);
      assert.match(
        stderr,
        /^bgjob: cannot open .*home: permission denied\n {2}hint: set BGJOB_HOME .*\n\[bgjob\]/,
      );
    }
  },
  { skip: skipNobody },
);

rigTest('a home of a newer format, and one that is damaged', async (rig) => {
  await rig.runOut(['--', 'true']);
  fs.writeFileSync(`${rig.home}/format`, '7\n');
  await refusesHome(rig, /home was written by a newer bgjob \(format 7, this one knows 6\)/);
  fs.writeFileSync(`${rig.home}/format`, 'garbage');
  await refusesHome(rig, /home is damaged/);
  fs.writeFileSync(`${rig.home}/format`, '1\n');
  fs.writeFileSync(`${rig.home}/token`, '');
  await refusesHome(rig, /home is damaged/);
});

const skip = cannotMount();

rigTest(
  'a read-only home',
  (rig) =>
    onMount(rig, 'mode=700', async (mounted) => {
      await rig.runOut(['--', 'true']);
      assert.equal(spawnSync('mount', ['-o', 'remount,ro', mounted]).status, 0);
      const before = pathsIn(mounted);
      const { code, stdout, stderr } = await rig.bgjob(['run', '--', 'true']);
      assert.deepEqual([code, stdout], [125, '']);
      assert.match(stderr, /: the file system is read-only\n {2}hint: set BGJOB_HOME to a directory/);
      assert.deepEqual(pathsIn(mounted), before);
      // what is there can be read all the same
      const wait = await rig.bgjob(['wait', '1']);
      assert.deepEqual([wait.code, wait.stderr], [0, '']);
      rig.env['BGJOB_HOME'] = `${mounted}/other`;
      const made = await rig.bgjob(['run', '--', 'true']);
      assert.equal(made.code, 125);
      assert.match(
        made.stderr,
        /cannot create .*other: the file system is read-only\n {2}hint: set BGJOB_HOME/,
      );
    }),
  { skip },
);

rigTest(
  'a full disk',
  (rig) =>
    onMount(rig, 'mode=700,size=8m', async (mounted) => {
      await rig.runOut(['--', 'true']);
      spawnSync('sh', ['-c', `cat /dev/zero >'${mounted}/filler'`]);
      for (let n = 0; n < 3; n++) {
        const { code, stdout, stderr } = await rig.bgjob(['run', '--', 'true']);
        assert.deepEqual([code, stdout], [125, '']);
        assert.match(stderr, /: no space is left on the device\n {2}hint: /);
        assert.deepEqual(fs.readdirSync(`${mounted}/home/jobs`), ['1']);
        assert.deepEqual(fs.readdirSync(`${mounted}/home/live`), []);
      }
      rig.env['BGJOB_HOME'] = `${mounted}/other`;
      assert.equal((await rig.bgjob(['run', '--', 'true'])).code, 125);
      fs.unlinkSync(`${mounted}/filler`);
      for (const name of ['home', 'other']) {
        rig.env['BGJOB_HOME'] = `${mounted}/${name}`;
        assert.equal((await rig.bgjob(['run', '-w', '--', 'true'])).code, 0, `${name} works again`);
      }
    }),
  { skip },
);

/**
 * What brings schedules back after a restart of the machine: a line of crontab, or a unit of the user's
 * systemd. Never the real ones.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { cannotUnshare } from '../rig/namespaces.ts';
import { missing } from '../rig/needs.ts';
import { type Answer, BGJOB, type CallOptions, type Rig, rigTest } from '../rig/rig.ts';

/** Node must not obey what /etc/environment says. */
const NODE_EMPTY = 'NODE_OPTIONS= NODE_EXTRA_CA_CERTS=';
const CRONTABS = '/var/spool/cron/crontabs';
const noNamespaces = cannotUnshare();
const isRoot = process.getuid!() === 0 ? false : 'only root can put a folder over another';

/** Calls in a mount namespace in which directories are others: `[what is there, in its place]`. */
const within = (
  rig: Rig,
  places: [string, string][],
  command: string[],
  options: CallOptions = {},
): Promise<Answer> => {
  const script = `${places.map((_, n) => `mount --bind "$${2 * n + 1}" "$${2 * n + 2}"`).join(' && ')} && shift ${2 * places.length} && exec "$@"`;
  const words = places.flat();
  return rig.start('unshare', ['--mount', 'sh', '-c', script, 'sh', ...words, ...command], options).answer;
};
const bgjob = (...args: string[]): string[] => [process.execPath, '--', BGJOB, ...args];

rigTest(
  'the @reboot line is written once, beside what was there, and taken away as it was written',
  async (rig) => {
    const tabs = join(rig.dir, 'crontabs');
    fs.mkdirSync(tabs);
    const places: [string, string][] = [[tabs, CRONTABS]];
    const list = async () => (await within(rig, places, ['crontab', '-l'])).stdout;
    const own = '# mine\n0 1 * * * /bin/true\n';
    await within(rig, places, ['crontab', '-'], { input: own });
    const added = await within(rig, places, bgjob('cron', 'add', '--boot'));
    assert.equal(added.code, 0, added.stderr);
    assert.match(
      added.stderr,
      /^\(crontab: @reboot env NODE_OPTIONS= NODE_EXTRA_CA_CERTS= BGJOB_HOME=\S+ \S+ \S+\/bin\/bgjob boot >\/dev\/null 2>&1 # bgjob boot\)\n$/,
    );
    const line = `@reboot env ${NODE_EMPTY} BGJOB_HOME=${rig.home} ${process.execPath} ${BGJOB} boot >/dev/null 2>&1 # bgjob boot\n`;
    assert.equal(await list(), own + line);
    // the line does what it says
    const command = line
      .replace(/^@reboot /, '')
      .replace(/ >.*$/s, '')
      .split(' ');
    assert.equal(
      spawnSync(command[0]!, command.slice(1), {
        env: { ...process.env, HOME: rig.dir, NODE_OPTIONS: '--no-such-option' },
      }).status,
      0,
    );
    const again = await within(rig, places, bgjob('cron', 'add', '--boot'));
    assert.deepEqual([again.code, again.stderr], [0, '(crontab: the @reboot line is there already)\n']);
    assert.equal(await list(), own + line);
    const schedule = await within(
      rig,
      places,
      bgjob('cron', 'add', '0 0 29 2 *', '-n', 'far', '--no-boot', '--', 'true'),
    );
    assert.deepEqual([schedule.code, schedule.stdout], [0, 'far\n']);
    assert.match(schedule.stderr, /^\(crontab: the @reboot line is removed\)\n/);
    assert.equal(await list(), own);
    const told = await within(
      rig,
      places,
      bgjob('cron', 'add', '0 0 29 2 *', '-n', 'other', '--boot', '--', 'true'),
    );
    assert.match(
      told.stderr,
      /it works with no terminal open, also after a restart of the machine \(crontab\)\n$/,
    );
    assert.equal((await rig.bgjob(['cron', 'rm', 'far', 'other'])).code, 0);
    await rig.untilState((await rig.json(['ls', '-a'])).at(-1).id, 'exited');
  },
  { skip: missing('crontab') || isRoot || noNamespaces },
);

/**
 * How cron hands a command to its shell: that of Vixie ends it at a `%` without a backslash before it, that
 * of busybox takes it as it is.
 */
function asVixie(command: string): string {
  let handed = '';
  let isEscaped = false;
  for (const character of command) {
    if (isEscaped && character === '%') handed = handed.slice(0, -1);
    else if (!isEscaped && character === '%') return handed;
    handed += character;
    isEscaped = !isEscaped && character === '\\';
  }
  return handed;
}
const asBusybox = (command: string): string => command;

/** The words that a shell makes of a command. */
const wordsOf = (command: string): string[] => {
  const line = `printf '%s\\0' ${command}`;
  return spawnSync('sh', ['-c', line], { encoding: 'utf8' }).stdout.split('\0').slice(0, -1);
};

rigTest(
  'a home of any name: one line, of which every cron makes the same words; one with a line end in it is refused',
  async (rig) => {
    const tabs = join(rig.dir, 'crontabs');
    fs.mkdirSync(tabs);
    const places: [string, string][] = [[tabs, CRONTABS]];
    const list = async () => (await within(rig, places, ['crontab', '-l'])).stdout;
    const call = (home: string, ...args: string[]) =>
      within(rig, places, bgjob(...args), { env: { BGJOB_HOME: home } });
    await within(rig, places, ['crontab', '-'], { input: '# mine\n' });
    const names = [
      '100%',
      'a b%c',
      "it's",
      'back\\slash',
      'back\\%',
      "'%'",
      '\\\\%%\\',
      '# $(exit) "`',
      'ümlaut',
    ];
    for (const name of names) {
      const home = join(rig.dir, name);
      const added = await call(home, 'cron', 'add', '--boot');
      assert.equal(added.code, 0, added.stderr);
      const lines = (await list()).split('\n');
      assert.deepEqual([lines.length, lines[0], lines[2]], [3, '# mine', ''], name);
      const command = /^@reboot (.*) >\/dev\/null 2>&1 # bgjob boot$/.exec(lines[1]!)![1]!;
      for (const handed of [asVixie, asBusybox])
        assert.deepEqual(
          wordsOf(handed(command)),
          ['env', ...NODE_EMPTY.split(' '), `BGJOB_HOME=${home}`, process.execPath, BGJOB, 'boot'],
          name,
        );
      assert.match((await call(home, 'cron', 'add', '--boot')).stderr, /is there already\)\n$/);
      assert.match((await call(home, 'cron', 'add', '--no-boot')).stderr, /is removed\)\n$/);
      assert.equal(await list(), '# mine\n', name);
    }
    const home = join(rig.dir, 'a\n* * * * * touch b');
    const refused = await call(home, 'cron', 'add', '--boot');
    assert.equal(refused.code, 125);
    assert.match(
      refused.stderr,
      /^bgjob: a line of crontab cannot hold the path BGJOB_HOME=.*: it contains a line end\n {2}hint: put `bgjob boot` /,
    );
    assert.equal(await list(), '# mine\n');
    // what an earlier one wrote for such a home goes, too
    const odd = join(rig.dir, 'a b%c');
    const earlier = `@reboot env 'BGJOB_HOME=${odd.replace('%', '\\%')}' ${process.execPath} ${BGJOB} boot >/dev/null 2>&1 # bgjob boot\n`;
    await within(rig, places, ['crontab', '-'], { input: `# mine\n${earlier}` });
    assert.match((await call(odd, 'cron', 'add', '--no-boot')).stderr, /is removed\)\n$/);
    assert.equal(await list(), '# mine\n');
  },
  { skip: missing('crontab') || isRoot || noNamespaces },
);

/** As busybox has it: a file of the user's name, which is shown and replaced as it is. */
const busyboxCrontab = (tabs: string): string => `#!/bin/sh
cd ${tabs} || exit 1
case $1 in
-l) cat root 2>/dev/null || { echo "crontab: can't open 'root': No such file or directory" >&2; exit 1; } ;;
-) cat >root ;;
esac
`;

rigTest(
  "busybox's crontab, in which there is none yet; lines of any bytes stay as they are",
  async (rig) => {
    const crontab = join(rig.dir, 'crontab');
    const tabs = join(rig.dir, 'tabs');
    fs.mkdirSync(tabs);
    fs.writeFileSync(crontab, busyboxCrontab(tabs), { mode: 0o755 });
    const places: [string, string][] = [[crontab, '/usr/bin/crontab']];
    const call = (...args: string[]) =>
      within(rig, places, bgjob(...args), { env: { LC_ALL: 'de_DE.UTF-8' } });
    const line = `@reboot env ${NODE_EMPTY} BGJOB_HOME=${rig.home} ${process.execPath} ${BGJOB} boot >/dev/null 2>&1 # bgjob boot\n`;
    const added = await call('cron', 'add', '--boot');
    assert.equal(added.code, 0, added.stderr);
    assert.equal(fs.readFileSync(join(tabs, 'root'), 'utf8'), line);
    const own = Buffer.from('# \xe9\xff\n0 1 * * * true\n', 'latin1');
    fs.writeFileSync(join(tabs, 'root'), Buffer.concat([own, Buffer.from(line)]));
    assert.match((await call('cron', 'add', '--boot')).stderr, /is there already/);
    assert.match((await call('cron', 'add', '--no-boot')).stderr, /is removed/);
    assert.deepEqual(fs.readFileSync(join(tabs, 'root')), own);
    // any other trouble is none that means an empty one
    fs.rmSync(tabs, { recursive: true });
    const refused = await call('cron', 'add', '--boot');
    assert.equal(refused.code, 125);
    assert.match(refused.stderr, /^bgjob: crontab -l: /);
  },
  { skip: missing('crontab') || isRoot || noNamespaces },
);

rigTest(
  'without crontab a unit of the user, which systemd understands',
  async (rig) => {
    // what is no program stands in the place of crontab, and in that of systemctl what writes down how it is
    // called
    const [nothing, systemctl] = [join(rig.dir, 'nothing'), join(rig.dir, 'systemctl')];
    fs.writeFileSync(nothing, '', { mode: 0o644 });
    fs.writeFileSync(systemctl, `#!/bin/sh\necho "$@" >>${join(rig.dir, 'asked')}\n`, { mode: 0o755 });
    const places: [string, string][] = [[systemctl, '/usr/bin/systemctl']];
    if (fs.existsSync('/usr/bin/crontab')) places.push([nothing, '/usr/bin/crontab']);
    const config = join(rig.dir, 'config 100%');
    const call = (...args: string[]) =>
      within(rig, places, bgjob(...args), { env: { XDG_CONFIG_HOME: config } });
    const unit = join(config, 'systemd/user/bgjob-boot.service');
    const added = await call('cron', 'add', '--boot');
    assert.equal(added.code, 0, added.stderr);
    assert.match(
      added.stderr,
      /bgjob-boot\.service is enabled; without a login it runs only after: loginctl enable-linger\)\n$/,
    );
    assert.equal(fs.readFileSync(join(rig.dir, 'asked'), 'utf8'), '--user enable bgjob-boot.service\n');
    const text = fs.readFileSync(unit, 'utf8');
    assert.match(
      text,
      /^ExecStart="\/usr\/bin\/env" "NODE_OPTIONS=" "NODE_EXTRA_CA_CERTS=" "BGJOB_HOME=\S+" "\S+" "\S+\/bin\/bgjob" "boot"$/m,
    );
    assert.match(text, /^KillMode=process$/m);
    assert.equal(fs.statSync(unit).mode & 0o022, 0);
    const verified = spawnSync('systemd-analyze', ['verify', '--user', unit], { encoding: 'utf8' });
    assert.doesNotMatch(verified.stderr, /bgjob-boot/);
    const removed = await call('cron', 'add', '--no-boot');
    assert.equal(removed.code, 0, removed.stderr);
    assert.equal(fs.existsSync(unit), false);
    // a line end in a path is none in the unit
    const home = join(rig.dir, 'a\nExecStart="b"');
    const options = { env: { XDG_CONFIG_HOME: config, BGJOB_HOME: home } };
    assert.equal((await within(rig, places, bgjob('cron', 'add', '--boot'), options)).code, 0);
    const [line, ...others] = fs.readFileSync(unit, 'utf8').match(/^.*ExecStart=.*$/gm)!;
    assert.deepEqual(others, []);
    assert.ok(line!.includes(`/a\\nExecStart=\\"b\\"" "`), line);
    assert.doesNotMatch(
      spawnSync('systemd-analyze', ['verify', '--user', unit], { encoding: 'utf8' }).stderr,
      /bgjob-boot/,
    );
  },
  { skip: missing('systemctl', 'systemd-analyze') || isRoot || noNamespaces },
);

const hasCrontab = fs.existsSync('/usr/bin/crontab');
/** Where there is none, /usr/sbin has it, which nothing else needs, unless that is /usr/bin. */
const hasPlace = hasCrontab || fs.realpathSync('/usr/sbin') === '/usr/sbin';

rigTest(
  'after a change of Node or of the package the entry of this home is found, by another Node too',
  async (rig) => {
    const [folder, tabs] = [join(rig.dir, 'sbin'), join(rig.dir, 'tabs')];
    for (const dir of [folder, tabs]) fs.mkdirSync(dir);
    const crontab = join(folder, 'crontab');
    fs.writeFileSync(crontab, busyboxCrontab(tabs), { mode: 0o755 });
    const places: [string, string][] = [hasCrontab ? [crontab, '/usr/bin/crontab'] : [folder, '/usr/sbin']];
    const call = (args: string[], home = rig.home) =>
      within(rig, places, bgjob(...args), { env: { BGJOB_HOME: home } });
    const list = () => fs.readFileSync(join(tabs, 'root'), 'utf8');
    const end = 'boot >/dev/null 2>&1 # bgjob boot';
    const now = `@reboot env ${NODE_EMPTY} BGJOB_HOME=${rig.home} ${process.execPath} ${BGJOB} ${end}\n`;
    // as earlier versions wrote it
    const lineOf = (home: string, program: string) => `@reboot env BGJOB_HOME=${home} ${program} ${end}\n`;
    const dead = lineOf(rig.home, '/gone/v18/bin/node /gone/v18/lib/node_modules/bgjob/bin/bgjob');
    const [other, standard] = [
      now.replace(rig.home, '/other/home'),
      `@reboot /gone/node /gone/bin/bgjob ${end}\n`,
    ];
    const write = (text: string) => fs.writeFileSync(join(tabs, 'root'), text);
    // doctor names it, and does not change it
    await rig.runOut(['--', 'true']);
    write(`# mine\n${dead}${other}`);
    const found = await call(['doctor']);
    assert.equal(found.code, 1);
    assert.match(
      found.stdout,
      /^problem: after a restart of the machine crontab calls \/gone\/v18\/lib\S+\/bin\/bgjob, which is gone: .* → bgjob cron add --boot$/m,
    );
    assert.equal(list(), `# mine\n${dead}${other}`);
    const renewed = await call(['cron', 'add', '--boot']);
    assert.equal(renewed.code, 0, renewed.stderr);
    assert.match(
      renewed.stderr,
      /^\(crontab: the @reboot line is renewed: @reboot env NODE_OPTIONS= NODE_EXTRA_CA_CERTS= BGJOB_HOME=/,
    );
    assert.equal(list(), `# mine\n${now}${other}`, 'in its place, and that of another home stays');
    assert.doesNotMatch((await call(['doctor'])).stdout, /restart of the machine/);
    // an addition that meets it renews it, too: the user has asked for it once
    write(`${other}${dead}`);
    const added = await call(['cron', 'add', '0 0 29 2 *', '-n', 'far', '--', 'true']);
    assert.match(
      added.stderr,
      /\(the entry for a restart of the machine called \/gone\/\S+, which is gone\)/,
    );
    assert.match(
      added.stderr,
      /it works with no terminal open, also after a restart of the machine \(crontab\)/,
    );
    assert.equal(list(), other + now);
    // two of them, one with a change of the user: both go, those of other homes stay
    write(dead + now.replace('>/dev/null', '>>/tmp/boot.log') + other + standard);
    assert.match((await call(['cron', 'add', '--no-boot'])).stderr, /the @reboot line is removed/);
    assert.equal(list(), other + standard);
    assert.match((await call(['cron', 'add', '--no-boot'])).stderr, /no @reboot line of bgjob for this home/);
    // a line without BGJOB_HOME is of the default home, however that is named
    const env = { BGJOB_HOME: join(rig.dir, '.bgjob') };
    const removed = await within(rig, places, bgjob('cron', 'add', '--no-boot'), { env });
    assert.match(removed.stderr, /is removed/);
    assert.equal(list(), other);
    assert.equal((await rig.bgjob(['cron', 'rm', 'far'])).code, 0);
    await rig.untilState((await rig.json(['ls', '-a'])).at(-2).id, 'exited');
  },
  { skip: (hasPlace ? false : missing('crontab')) || isRoot || noNamespaces },
);

rigTest(
  'each home has a unit of its own, and removes no other one',
  async (rig) => {
    const [nothing, systemctl] = [join(rig.dir, 'nothing'), join(rig.dir, 'systemctl')];
    fs.writeFileSync(nothing, '', { mode: 0o644 });
    const asked = join(rig.dir, 'asked');
    fs.writeFileSync(systemctl, `#!/bin/sh\necho "$@" >>${asked}\n`, { mode: 0o755 });
    const places: [string, string][] = [[systemctl, '/usr/bin/systemctl']];
    if (fs.existsSync('/usr/bin/crontab')) places.push([nothing, '/usr/bin/crontab']);
    const config = join(rig.dir, 'config');
    const folder = join(config, 'systemd/user');
    const units = () => fs.readdirSync(folder).sort();
    const call = async (home: string, ...args: string[]) => {
      const answer = await within(rig, places, bgjob(...args), {
        env: { XDG_CONFIG_HOME: config, BGJOB_HOME: home },
      });
      assert.equal(answer.code, 0, answer.stderr);
      return answer.stderr;
    };
    const [first, second] = [join(rig.dir, 'a 100%$"\\'), join(rig.dir, 'second')];
    await call(first, 'cron', 'add', '--boot');
    assert.deepEqual(units(), ['bgjob-boot.service']);
    await call(second, 'cron', 'add', '--boot');
    await call(second, 'cron', 'add', '--boot');
    const [own] = units().filter((name) => name !== 'bgjob-boot.service');
    assert.match(own!, /^bgjob-boot-[0-9a-z]+\.service$/);
    assert.equal(units().length, 2);
    assert.ok(fs.readFileSync(join(folder, own!), 'utf8').includes(`"BGJOB_HOME=${second}"`));
    // one whose program is gone is renewed under its name
    const text = fs.readFileSync(join(folder, own!), 'utf8');
    fs.writeFileSync(join(folder, own!), text.replace(process.execPath, '/gone/node'));
    await call(second, 'cron', 'add', '--boot');
    assert.equal(fs.readFileSync(join(folder, own!), 'utf8'), text);
    assert.match(
      await call(second, 'cron', 'add', '--no-boot'),
      /\/bgjob-boot-[0-9a-z]+\.service is removed\)/,
    );
    assert.deepEqual(units(), ['bgjob-boot.service']);
    assert.match(
      await call(second, 'cron', 'add', '--no-boot'),
      /^\(there is no unit of bgjob for this home\)/,
    );
    assert.deepEqual(units(), ['bgjob-boot.service']);
    assert.match(await call(first, 'cron', 'add', '--no-boot'), /\/bgjob-boot\.service is removed\)/);
    assert.deepEqual(units(), []);
  },
  { skip: missing('systemctl') || isRoot || noNamespaces },
);

rigTest(
  'root writes no unit into the HOME of another user',
  async (rig) => {
    const [nothing, systemctl] = [join(rig.dir, 'nothing'), join(rig.dir, 'systemctl')];
    fs.writeFileSync(nothing, '', { mode: 0o644 });
    fs.writeFileSync(systemctl, '#!/bin/sh\n', { mode: 0o755 });
    const places: [string, string][] = [[systemctl, '/usr/bin/systemctl']];
    if (fs.existsSync('/usr/bin/crontab')) places.push([nothing, '/usr/bin/crontab']);
    const HOME = join(rig.dir, 'nobody');
    fs.mkdirSync(HOME);
    fs.chownSync(HOME, 65534, 65534);
    const call = (env: NodeJS.ProcessEnv) =>
      within(rig, places, bgjob('cron', 'add', '--boot'), { env: { HOME, XDG_CONFIG_HOME: '', ...env } });
    const { code, stderr } = await call({});
    assert.equal(code, 125);
    assert.match(
      stderr,
      /^bgjob: HOME belongs to nobody, but this call runs as root: nobody could not change \S+\/bgjob-boot\.service; no unit was written\n {2}hint: .*sudo -H bgjob cron add --boot\n/,
    );
    assert.deepEqual(fs.readdirSync(HOME), []);
    // the caller has named the place
    assert.equal((await call({ XDG_CONFIG_HOME: join(rig.dir, 'config') })).code, 0);
  },
  { skip: missing('systemctl') || isRoot || noNamespaces },
);

/** What brings schedules back after a restart of the machine: a line of crontab, or a unit of the user's systemd. Never the real ones. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { cannotUnshare } from '../rig/namespaces.ts';
import { missing } from '../rig/needs.ts';
import { type Answer, BGJOB, type CallOptions, type Rig, rigTest } from '../rig/rig.ts';

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
      /^\(crontab: @reboot env BGJOB_HOME=\S+ \S+ \S+\/bin\/bgjob boot >\/dev\/null 2>&1 # bgjob boot\)\n$/,
    );
    const line = `@reboot env BGJOB_HOME=${rig.home} ${process.execPath} ${BGJOB} boot >/dev/null 2>&1 # bgjob boot\n`;
    assert.equal(await list(), own + line);
    // the line does what it says
    const command = line
      .replace(/^@reboot /, '')
      .replace(/ >.*$/s, '')
      .split(' ');
    assert.equal(spawnSync(command[0]!, command.slice(1)).status, 0);
    const again = await within(rig, places, bgjob('cron', 'add', '--boot'));
    assert.deepEqual([again.code, again.stderr], [0, '(crontab: the @reboot line is there already)\n']);
    assert.equal(await list(), own + line);
    const schedule = await within(
      rig,
      places,
      bgjob('cron', 'add', '0 0 29 2 *', '-n', 'far', '--no-boot', '--', 'true'),
    );
    assert.deepEqual([schedule.code, schedule.stdout], [0, 'far\n']);
    assert.match(schedule.stderr, /^\(crontab: the @reboot line is gone\)\n/);
    assert.equal(await list(), own);
    const told = await within(
      rig,
      places,
      bgjob('cron', 'add', '0 0 29 2 *', '-n', 'other', '--boot', '--', 'true'),
    );
    assert.match(
      told.stderr,
      /it fires with no terminal open, also after a restart of the machine \(crontab\)\n$/,
    );
    assert.equal((await rig.bgjob(['cron', 'rm', 'far', 'other'])).code, 0);
    await rig.untilState((await rig.json(['ls', '-a'])).at(-1).id, 'exited');
  },
  { skip: missing('crontab') || isRoot || noNamespaces },
);

rigTest(
  'without crontab a unit of the user, which systemd understands',
  async (rig) => {
    // what is no program stands in the place of crontab, and in that of systemctl what writes down how it is called
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
    assert.match(text, /^ExecStart="\/usr\/bin\/env" "BGJOB_HOME=\S+" "\S+" "\S+\/bin\/bgjob" "boot"$/m);
    assert.match(text, /^KillMode=process$/m);
    const verified = spawnSync('systemd-analyze', ['verify', '--user', unit], { encoding: 'utf8' });
    assert.doesNotMatch(verified.stderr, /bgjob-boot/);
    const removed = await call('cron', 'add', '--no-boot');
    assert.equal(removed.code, 0, removed.stderr);
    assert.equal(fs.existsSync(unit), false);
  },
  { skip: missing('systemctl', 'systemd-analyze') || isRoot || noNamespaces },
);

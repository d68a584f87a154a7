/**
 * Real sshds on loopback, and users for them: each with a login shell and start files of its own. They live in a
 * mount namespace with a user database of its own, so that nothing of this machine is changed, and nothing is
 * left. All processes are ended by pid. Needs root.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SshTransport } from '../../src/engine/targets/transport.ts';
import { Far } from './far.ts';
import { succeeds } from './mounts.ts';
import { missing } from './needs.ts';
import { freePort } from './ports.ts';
import { isRunning, letterOf, parentOf, processesNaming } from './processes.ts';
import { until } from './until.ts';

/** Why there can be no rig here; false: there can. */
export function missingSshd(): string | false {
  const program = missing('sshd', 'ssh');
  if (program) return program;
  if (process.getuid?.() !== 0) return 'users of the rig need root';
  return succeeds('unshare', '-m', 'mount', '-t', 'tmpfs', 'none', '/run')
    ? false
    : 'needs the right to mount';
}

/** test/skips.txt names what a machine forbids, not what is not installed. */
export const skippedName = (name: string, why: string): string =>
  why.includes('is missing') ? `${name}: its programs` : name;

/** A number of users that no machine has. */
const FIRST_UID = 54_000;
/** Absolute: sshd starts itself anew. */
const SSHD = '/usr/sbin/sshd';

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(socket.destroy() !== undefined));
    socket.on('error', () => resolve(false));
  });

export class SshRig {
  readonly dir = fs.mkdtempSync(join(tmpdir(), 'bgjob-sshd-'));
  private readonly servers: ChildProcess[] = [];
  private readonly fars: Far[] = [];
  private users = 0;

  constructor() {
    fs.chmodSync(this.dir, 0o755);
    // the folder of the suite is closed to other users
    if ((fs.statSync(tmpdir()).mode & 0o001) === 0) fs.chmodSync(tmpdir(), 0o711);
    for (const name of ['passwd', 'group', 'shadow']) fs.copyFileSync(`/etc/${name}`, join(this.dir, name));
    for (const key of ['host', 'me', 'other']) this.key(key);
    this.known('box', 'host');
    this.known('changed', 'other');
    fs.writeFileSync(
      this.config,
      [
        ...[
          'Host *',
          `IdentityFile ${this.dir}/me`,
          'IdentitiesOnly yes',
          'IdentityAgent none',
          'HostName 127.0.0.1',
        ],
        ...[
          `UserKnownHostsFile ${this.dir}/known`,
          'GlobalKnownHostsFile /dev/null',
          'StrictHostKeyChecking yes',
        ],
        'SendEnv LANG LC_*',
        '',
      ].join('\n'),
    );
  }

  get config(): string {
    return join(this.dir, 'config');
  }

  private key(name: string): void {
    const args = ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(this.dir, name)];
    if (!succeeds('ssh-keygen', ...args)) throw new Error('no key');
  }

  private known(host: string, key: string): void {
    const [kind, text] = fs.readFileSync(join(this.dir, `${key}.pub`), 'utf8').split(' ');
    fs.appendFileSync(join(this.dir, 'known'), `${host} ${kind} ${text}\n`);
  }

  /** A user with a home of its own; `files` are its start files. Make users before the sshd that knows them. */
  user(shell: string, files: Record<string, string> = {}): string {
    const name = `u${++this.users}`;
    const uid = FIRST_UID + this.users;
    const home = this.home(name);
    fs.mkdirSync(home, { recursive: true });
    for (const [file, text] of Object.entries(files)) {
      fs.mkdirSync(join(home, file, '..'), { recursive: true });
      fs.writeFileSync(join(home, file), text);
    }
    if (!succeeds('chown', '-R', `${uid}:${uid}`, home)) throw new Error('no chown');
    fs.appendFileSync(join(this.dir, 'passwd'), `${name}:x:${uid}:${uid}::${home}:${shell}\n`);
    fs.appendFileSync(join(this.dir, 'group'), `${name}:x:${uid}:\n`);
    fs.appendFileSync(join(this.dir, 'shadow'), `${name}:*:19000:0:99999:7:::\n`);
    return name;
  }

  home(user: string): string {
    return join(this.dir, 'home', user);
  }

  /** Starts an sshd; returns its port. `options` are lines of its configuration. */
  async sshd(options: string[] = [], port?: number): Promise<number> {
    const at = port ?? (await freePort());
    const config = join(this.dir, `sshd.${at}`);
    const own = [
      ...[`Port ${at}`, 'ListenAddress 127.0.0.1', `HostKey ${this.dir}/host`, 'UsePAM no', 'PidFile none'],
      ...['KbdInteractiveAuthentication no', 'StrictModes no', `AuthorizedKeysFile ${this.dir}/me.pub`],
      ...['AcceptEnv LANG LC_*', 'MaxStartups 100'],
    ];
    // the first value of an option counts
    fs.writeFileSync(config, [...options, ...own, 'PasswordAuthentication no', ''].join('\n'));
    const script = `
      mount -t tmpfs none /run && mkdir -m 755 /run/sshd
      for name in passwd group shadow; do mount --bind '${this.dir}'/$name /etc/$name || exit 1; done
      exec ${SSHD} -D -f '${config}' -E '${config}.log'`;
    const server = spawn('unshare', ['-m', 'sh', '-c', script], { stdio: 'ignore' });
    this.servers.push(server);
    await until(() => listens(at), Boolean, `sshd to listen: ${config}.log`);
    return at;
  }

  /** Ends an sshd and its connections; the jobs there go on. */
  stop = (port: number): Promise<void> => this.end(this.serverAt(port), true);

  /** Cuts all connections of an sshd; it listens on. */
  cut = (port: number): Promise<void> => this.end(this.serverAt(port), false);

  /** The processes of the connections of an sshd: for each one of root, and below it one of the user. */
  connections = (port: number): number[] => this.connectionsOf(this.serverAt(port));

  private connectionsOf(pid: number): number[] {
    // the jobs are not called sshd, and have sessions of their own
    const isSshd = (one: number): boolean => {
      try {
        return fs.readFileSync(`/proc/${one}/comm`, 'utf8').trim() === 'sshd';
      } catch {
        return false;
      }
    };
    const all = fs.readdirSync('/proc').map(Number).filter(Number.isInteger);
    const children = all.filter((one) => parentOf(one) === pid && isSshd(one));
    return [...children, ...all.filter((one) => children.includes(parentOf(one)) && isSshd(one))];
  }

  private serverAt(port: number): number {
    const named = processesNaming(`sshd.${port}`).map(({ pid }) => pid);
    return this.servers.find(({ pid }) => named.includes(pid!))!.pid!;
  }

  private async end(pid: number, itself: boolean): Promise<void> {
    // it accepts no other connection meanwhile
    process.kill(pid, 'SIGSTOP');
    await until(
      () => letterOf(pid),
      (letter) => letter === 'T',
      'sshd to stand still',
    );
    const victims = [...(itself ? [pid] : []), ...this.connectionsOf(pid)];
    for (const one of victims) if (isRunning(one)) process.kill(one, 'SIGKILL');
    if (!itself) process.kill(pid, 'SIGCONT');
    await until(
      () => victims.filter(isRunning),
      (left) => left.length === 0,
      'the connections to be cut',
    );
  }

  transport(
    user: string,
    port: number,
    options: string[] = [],
    env: Record<string, string> = {},
  ): SshTransport {
    const own = ['-F', this.config, '-p', String(port), '-o', 'HostKeyAlias=box'];
    const environment = { PATH: process.env['PATH']!, HOME: this.dir, ...env };
    return new SshTransport(`${user}@127.0.0.1`, [...options, ...own], environment);
  }

  /** A far side that is reached through this sshd. */
  far(user: string, port: number, options: string[] = [], env: Record<string, string> = {}): Far {
    const far = new Far({}, {}, () => this.transport(user, port, options, env), this.home(user));
    this.fars.push(far);
    return far;
  }

  async clear(): Promise<void> {
    for (const far of this.fars) far.close();
    for (const { pid } of this.servers) if (pid !== undefined && isRunning(pid)) await this.end(pid, true);
    // jobs that a failed test left, and shims
    for (const { pid } of processesNaming(this.dir)) {
      const { stdout } = spawnSync('readlink', [`/proc/${pid}/cwd`], { encoding: 'utf8' });
      if (stdout.startsWith(this.dir)) process.kill(pid, 'SIGKILL');
    }
    await until(
      () => processesNaming(this.dir),
      (left) => left.length === 0,
      'all processes of the rig to be gone',
    );
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

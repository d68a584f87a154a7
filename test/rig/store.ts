/**
 * A machine as NixOS is: in a mount namespace /usr/bin has only `env` and `sh`. Every other program lies in
 * the folder of its package, and only PATH leads there.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { basename } from 'node:path';
import type { Puppet } from './puppet.ts';
import { type Answer, BGJOB, type CallOptions, type Rig } from './rig.ts';

const PACKAGES: Record<string, string[]> = {
  coreutils: ['mkfifo', 'stty', 'sync', 'true', 'false', 'sleep', 'cat', 'echo', 'tty'],
  'util-linux': ['setsid', 'script', 'ionice', 'fallocate'],
  shells: ['bash'],
  procps: ['ps'],
};
const FIXED = ['env', 'sh'];

/** Mounts the real /usr/bin at $1/real, $1/fixed at its place, and nothing at the other fixed folders. */
const ENTER = `
set -e
mount --bind /usr/bin "$1/real"
for folder in /usr/local/bin /opt/homebrew/bin /usr/sbin; do
  [ ! -d "$folder" ] || "$1/real/mount" -t tmpfs none "$folder"
done
"$1/real/mount" --bind "$1/fixed" /usr/bin
echo ready
exec "$1/real/cat"
`;

export class Store {
  private readonly rig: Rig;
  private readonly pid: number;
  readonly dir: string;
  constructor(rig: Rig, dir: string, pid: number) {
    this.rig = rig;
    this.dir = dir;
    this.pid = pid;
  }
  folder(name: string): string {
    return `${this.dir}/${name}/bin`;
  }
  /** The PATH of its user. */
  get path(): string {
    return Object.keys(PACKAGES)
      .map((name) => this.folder(name))
      .join(':');
  }
  get node(): string {
    const { execPath } = process;
    return execPath.startsWith('/usr/bin/') ? `${this.dir}/real/${basename(execPath)}` : execPath;
  }
  /** The command of a puppet there. */
  puppet({ command: [, ...words] }: Puppet): string[] {
    return [this.node, ...words];
  }
  /** Calls `bgjob ARGS` in it, with the PATH of its user or another one. */
  bgjob(args: string[], options: CallOptions = {}): Promise<Answer> {
    const words = [`--mount=/proc/${this.pid}/ns/mnt`, `--wdns=${this.rig.project}`, this.node, '--', BGJOB];
    const env = { PATH: this.path, ...options.env };
    return this.rig.start('/usr/bin/nsenter', [...words, ...args], { ...options, env }).answer;
  }
}

/** Runs `body` beside such a machine, which is gone afterwards. */
export async function inStore(rig: Rig, body: (store: Store) => Promise<void>): Promise<void> {
  const dir = `${rig.dir}/store`;
  for (const name of ['real', 'fixed']) fs.mkdirSync(`${dir}/${name}`, { recursive: true });
  for (const [name, tools] of Object.entries(PACKAGES)) {
    fs.mkdirSync(`${dir}/${name}/bin`, { recursive: true });
    for (const tool of tools) fs.symlinkSync(`${dir}/real/${tool}`, `${dir}/${name}/bin/${tool}`);
  }
  for (const tool of FIXED) fs.copyFileSync(`/usr/bin/${tool}`, `${dir}/fixed/${tool}`);
  const holder = spawn('unshare', ['--mount', 'sh', '-c', ENTER, 'sh', dir], {
    cwd: rig.project,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(holder, 'exit');
  try {
    await Promise.race([
      once(holder.stdout, 'data'),
      ended.then(([code]) => Promise.reject(new Error(`${code}`))),
    ]);
    await body(new Store(rig, dir, holder.pid!));
  } finally {
    holder.stdin.end();
    await ended;
  }
}

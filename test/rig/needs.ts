/** Programs that a test needs beside bash, coreutils, util-linux, git and Node: where one is missing, the test is skipped. */
import * as fs from 'node:fs';
import { join } from 'node:path';

/** Debian's package, where it is called otherwise than the program. */
const PACKAGES: Record<string, string> = {
  bwrap: 'bubblewrap',
  crontab: 'cron',
  munged: 'munge',
  sbatch: 'slurm-client',
  slurmctld: 'slurmctld',
  'mkfs.ext4': 'e2fsprogs',
  'notify-send': 'libnotify-bin',
  ps: 'procps',
  script: 'bsdutils',
  ssh: 'openssh-client',
  sshd: 'openssh-server',
  'systemd-analyze': 'systemd',
  systemctl: 'systemd',
};

const isOnPath = (program: string): boolean =>
  `${process.env['PATH']}:/usr/sbin:/sbin`.split(':').some((dir) => fs.existsSync(join(dir, program)));

/** Why a test cannot be run here: the first of these programs that is missing, and its package; false if all are there. */
export function missing(...programs: string[]): string | false {
  const program = programs.find((name) => !isOnPath(name));
  return program !== undefined && `${program} is missing (apt-get install ${PACKAGES[program] ?? program})`;
}

/**
 * A world without /proc, as macOS is: there is nothing in it but where Node's own program lies; `ps` and `lsof` alone see the real one (ps
 * tells no session, as on macOS), `sysctl` tells a boot session, and `setsid` and `fallocate` are not there. For all processes of that world.
 */
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { succeeds } from './mounts.ts';

/** Takes the empty /proc away from itself and becomes the real tool of its name. */
const SEEING = `
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

int main(int count, char **words) {
  if (unshare(CLONE_NEWNS) || umount2("/proc", MNT_DETACH)) return 70;
  for (int n = 1; n < count; n++) {
    char *column = strstr(words[n], "sess=");
    if (column) memcpy(column, "pgid=", 5);
  }
  char *slash = strrchr(words[0], '/'), path[4096];
  snprintf(path, sizeof path, "%s/real-%s", DIR, slash ? slash + 1 : words[0]);
  execv(path, words);
  return 71;
}
`;

/** What macOS does not have. */
const ABSENT = ['setsid', 'fallocate'];

const entering = (absent: string[]): string => `
set -e
for tool in ps lsof; do [ ! -e /usr/bin/$tool ] || mount --bind "$1/seeing" /usr/bin/$tool; done
for tool in ${absent.join(' ')}; do [ ! -e /usr/bin/$tool ] || mount --bind "$1/nothing" /usr/bin/$tool; done
[ ! -e /usr/sbin/sysctl ] || mount --bind "$1/sysctl" /usr/sbin/sysctl
mount -t tmpfs none /proc
mkdir /proc/self
ln -s "$2" /proc/self/exe
shift 2
exec "$@"
`;

/** The words before a command that is to run without /proc; undefined where no such world can be made. `lacking`: other tools that are not there. */
export function withoutProc(dir: string, lacking: string[] = []): string[] | undefined {
  fs.mkdirSync(dir, { recursive: true });
  fs.writeFileSync(`${dir}/seeing.c`, SEEING);
  fs.writeFileSync(`${dir}/nothing`, '');
  fs.writeFileSync(`${dir}/sysctl`, `#!/bin/sh\necho ${randomUUID().toUpperCase()}\n`, { mode: 0o755 });
  if (!fs.existsSync('/usr/bin/ps')) return undefined;
  for (const tool of ['ps', 'lsof'])
    if (fs.existsSync(`/usr/bin/${tool}`)) fs.copyFileSync(`/usr/bin/${tool}`, `${dir}/real-${tool}`);
  const place = `-DDIR="${dir}"`;
  if (!succeeds('gcc', place, '-o', `${dir}/seeing`, `${dir}/seeing.c`)) return undefined;
  const words = [
    'unshare',
    '--mount',
    'sh',
    '-c',
    entering([...ABSENT, ...lacking]),
    'sh',
    dir,
    process.execPath,
  ];
  const seen = '[ ! -e /proc/self/stat ] && ps -o pid= -p 1';
  return succeeds(words[0]!, ...words.slice(1), 'sh', '-c', seen) ? words : undefined;
}

/** Clocks that are wrong: a small library, loaded before all others, that shifts the wall clock by what stands in a file. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { succeeds } from './mounts.ts';

const LIBRARY = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long shift(void) {
  const char *path = getenv("BGJOB_TEST_CLOCK");
  char text[32] = "";
  int fd = syscall(SYS_openat, AT_FDCWD, path ? path : CLOCK_FILE, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  syscall(SYS_read, fd, text, sizeof text - 1);
  syscall(SYS_close, fd);
  return atol(text);
}
int clock_gettime(clockid_t id, struct timespec *at) {
  int result = syscall(SYS_clock_gettime, id, at);
  if (result == 0 && id == CLOCK_REALTIME) at->tv_sec += shift();
  return result;
}
int gettimeofday(struct timeval *restrict at, void *restrict zone) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  at->tv_sec = now.tv_sec;
  at->tv_usec = now.tv_nsec / 1000;
  return 0;
}
time_t time(time_t *at) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (at) *at = now.tv_sec;
  return now.tv_sec;
}
`;

/** What a world's clock is shifted by, in its own /etc. */
const CLOCK_FILE = '/etc/bgjob-test-clock';

export const YEAR_S = 365 * 86_400;

let compiled: string | undefined;

/** The library, compiled once per process. */
function library(): string | undefined {
  if (compiled !== undefined) return compiled;
  const dir = fs.mkdtempSync(join(tmpdir(), 'bgjob-clock-'));
  process.once('exit', () => fs.rmSync(dir, { recursive: true, force: true }));
  fs.writeFileSync(`${dir}/clock.c`, LIBRARY);
  const words = [
    '-shared',
    '-fPIC',
    `-DCLOCK_FILE="${CLOCK_FILE}"`,
    '-o',
    `${dir}/clock.so`,
    `${dir}/clock.c`,
    '-ldl',
  ];
  if (succeeds('gcc', ...words)) compiled = `${dir}/clock.so`;
  return compiled;
}

/** Wrong clocks for calls of one test. */
export class WrongClocks {
  private readonly dir: string;
  private constructor(dir: string) {
    this.dir = dir;
  }

  /** Puts the library into a folder; undefined where it cannot be built. */
  static build(dir: string): WrongClocks | undefined {
    fs.mkdirSync(dir, { recursive: true });
    const built = library();
    if (built === undefined) return undefined;
    fs.copyFileSync(built, `${dir}/clock.so`);
    const clocks = new WrongClocks(dir);
    clocks.set(0);
    return clocks;
  }

  /** Sets the clock of the world: of all that was started in it, at once. */
  set(seconds: number): void {
    fs.writeFileSync(`${this.dir}/shift.new`, String(seconds));
    fs.renameSync(`${this.dir}/shift.new`, `${this.dir}/shift`);
  }

  /** The environment of one program whose own clock is wrong; what it starts in another environment has the right one. */
  env(seconds: number): Record<string, string> {
    const path = `${this.dir}/own.${seconds}`;
    fs.writeFileSync(path, String(seconds));
    return { LD_PRELOAD: `${this.dir}/clock.so`, BGJOB_TEST_CLOCK: path };
  }

  /** The words before a command for a world in which every program has the clock that `set` sets. */
  get world(): string[] {
    const script = [
      `[ -e "$1/etc" ] || { cp -a /etc "$1/etc"; echo "$1/clock.so" >"$1/etc/ld.so.preload"; ln -s "$1/shift" "$1${CLOCK_FILE}"; }`,
      'mount --bind "$1/etc" /etc && shift && exec "$@"',
    ].join('; ');
    return ['unshare', '--mount', 'sh', '-c', script, 'sh', this.dir];
  }
}

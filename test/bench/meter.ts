/**
 * The bench's stopwatch. Node tells the CPU time of no child, so commands run under a few lines of C: wait4() gives the
 * CPU of exactly that child and of whatever it waited for itself, CLOCK_MONOTONIC is process.hrtime's clock too. Where there is no C
 * compiler (`CC`, else cc), Python does the same, and a job's first instruction is read from /proc/uptime (10 ms exact).
 *
 * With METER_ALL, on Linux, it takes in the processes that the command left, and waits for their ends too: the
 * CPU is then that of every process, also of supervisors and daemons. The end is that of the command.
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';

const C = `
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
static long long now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000LL + t.tv_nsec; }
static long long us(struct timeval t) { return t.tv_sec * 1000000LL + t.tv_usec; }
static int say(int fd) { dprintf(fd, "%lld\\n", now()); _exit(0); }
int main(int argc, char **argv) {
  if (argc == 1) return say(1);
  if (argc == 2) { usleep(atoi(argv[1]) * 1000); return say(1); }
  int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), status, all = 0;
  struct rusage used;
#ifdef __linux__
  if (getenv("METER_ALL")) all = prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
  unsetenv("METER_ALL");
#endif
  long long start = now();
  pid_t child = vfork();
  if (child == 0) { execvp(argv[2], argv + 2); _exit(127); }
  wait4(child, &status, 0, &used);
  long long end = now();
  while (all && wait(0) != -1);
  if (all) getrusage(RUSAGE_CHILDREN, &used);
  dprintf(fd, "%lld %lld %lld\\n", start, end, us(used.ru_utime) + us(used.ru_stime));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
`;

const PYTHON = `
import os, sys, time
if len(sys.argv) == 2:
    time.sleep(int(sys.argv[1]) / 1000)
    os.write(1, b'%d\\n' % time.monotonic_ns())
    os._exit(0)
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
start = time.monotonic_ns()
child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(child, 0)
os.write(fd, b'%d %d %d\\n' % (start, time.monotonic_ns(), round((used.ru_utime + used.ru_stime) * 1e6)))
sys.exit(os.waitstatus_to_exitcode(status))
`;

/** One run of a command: times of the monotonic clock and the CPU time it took, milliseconds. */
export interface Reading {
  start: number;
  end: number;
  wall: number;
  cpu: number;
}

const milliseconds = (nanoseconds: string): number => Number(nanoseconds) / 1e6;

export class Meter {
  /** A command that prints the monotonic time (nanoseconds) as its first and only act. */
  readonly clock: string[];
  private readonly program: string[];
  private readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
    const source = join(dir, 'meter.c');
    fs.writeFileSync(source, C);
    const cc = spawnSync(process.env['CC'] ?? 'cc', ['-O2', '-o', join(dir, 'meter'), source]);
    if (cc.status === 0) {
      this.program = [join(dir, 'meter')];
      this.clock = this.program;
      return;
    }
    fs.writeFileSync(join(dir, 'meter.py'), PYTHON);
    this.program = ['python3', join(dir, 'meter.py')];
    this.clock = ['sh', '-c', 'read -r up rest </proc/uptime; IFS=.; set -- $up; echo "$1$2"0000000'];
  }

  /** A command that sleeps, and prints the monotonic time (nanoseconds) as its last act. */
  sleeper(ms: number): string[] {
    return [...this.program, String(ms)];
  }

  /** `command` under the meter, which leaves its reading in `file`. */
  metered(file: string, command: string[]): string[] {
    return [...this.program, file, ...command];
  }

  /** What a metered command left, once it is there. */
  read(file: string): Reading {
    const [start, end, cpu] = fs.readFileSync(file, 'utf8').split(' ');
    const [from, to] = [milliseconds(start!), milliseconds(end!)];
    return { start: from, end: to, wall: to - from, cpu: Number(cpu) / 1000 };
  }

  /** Runs a command to its end and measures it; a failing one ends the bench. `stdout`: where its output goes. */
  run(command: string[], env: Record<string, string>, stdout: 'pipe' | number = 'pipe') {
    const file = join(this.dir, 'reading');
    const [program, ...args] = this.metered(file, command);
    const done = spawnSync(program!, args, {
      env,
      cwd: this.dir,
      stdio: ['ignore', stdout, 'pipe'],
      maxBuffer: 2 ** 30,
    });
    if (done.status !== 0)
      throw new Error(`${command.join(' ')}: ${done.status} ${done.error ?? done.stderr}`);
    return { ...this.read(file), stdout: done.stdout?.toString() ?? '' };
  }
}

/** A time that a clock or sleeper printed, milliseconds. */
export const parseClock = (printed: string): number => milliseconds(printed.trim());

/**
 * Runs the tests so that nothing of them can stay unseen: a folder of their own takes all temporary files, and every process
 * that loses its parent becomes a child of ours, whatever it cleared or closed. Afterwards both must be empty.
 *
 *     node suite.fixture.js [--left SECONDS] [OPTIONS OF runner.fixture] NAME…
 *     node suite.fixture.js [--left SECONDS] -- COMMAND…
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRunning } from './processes.ts';

const SUITE = 'bgjob-suite-';
/** What ends by itself may take as long as any fact of a test. */
const LEFT_S = '60';
const RUNNER = join(__dirname, 'rig.runner.fixture.js');

/**
 * Becomes the parent of orphans (Node cannot ask the kernel for that) and runs the command. The processes that are
 * left then get some time to end. After it they are named and killed, and the run fails.
 */
const REAPER = `
import ctypes, os, signal, subprocess, sys, time
if ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) != 0: sys.exit('no subreaper')
for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP): signal.signal(one, lambda *_: None)
child = subprocess.Popen(sys.argv[2:])
code = None
deadline = 0
suite = os.getppid()
def left():
    for name in os.listdir('/proc'):
        try:
            stat = open('/proc/%s/stat' % name).read() if name.isdigit() else ''
        except OSError: continue
        fields = stat[stat.rfind(')') + 2:].split()
        if fields and fields[0] != 'Z' and int(fields[1]) == os.getpid(): yield int(name)
while True:
    try:
        pid, status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError: break
    if pid == child.pid:
        code = os.waitstatus_to_exitcode(status)
        deadline = time.monotonic() + float(sys.argv[1])
    if pid != 0: continue
    # a suite that was killed leaves nothing either
    if code is None and os.getppid() != suite: code = 1
    if code is not None and time.monotonic() > deadline:
        # what it leaves in its turn comes to us, too
        for pid in left():
            words = open('/proc/%d/cmdline' % pid, 'rb').read().replace(b'\\0', b' ').decode(errors='replace')
            print('left running: %d %s' % (pid, words.strip()), file=sys.stderr)
            os.kill(pid, signal.SIGKILL)
            code = code or 1
    time.sleep(0.02)
sys.exit(code if code >= 0 else 128 - code)
`;

/** Jobs of a real home that a test has started there: they work in the suite's folder. Whoever runs the tests may have his own. */
function strayJobs(home: string, dir: string): string[] {
  const jobs = join(home, 'jobs');
  const specs = fs.existsSync(jobs) ? fs.readdirSync(jobs).map((id) => join(jobs, id, 'spec.json')) : [];
  return specs.filter((spec) => fs.existsSync(spec) && fs.readFileSync(spec, 'utf8').includes(dir));
}

/** Removes a suite's folder with what is mounted in it; says so if that cannot be done. */
function remove(dir: string): void {
  const mounts = fs.existsSync('/proc/mounts') ? fs.readFileSync('/proc/mounts', 'utf8').split('\n') : [];
  const inside = mounts.map((line) => line.split(' ')[1] ?? '').filter((path) => path.startsWith(`${dir}/`));
  for (const path of inside.reverse()) spawnSync('umount', ['-l', path]);
  try {
    fs.rmSync(dir, { recursive: true, force: true });
  } catch (thrown) {
    console.error(`cannot remove ${dir}: ${thrown}`);
  }
}

/** What suites left that were killed: told, and removed. */
function removeOlder(): void {
  for (const name of fs.readdirSync(tmpdir())) {
    const pid = Number(new RegExp(`^${SUITE}(\\d+)-`).exec(name)?.[1]);
    if (Number.isNaN(pid) || isRunning(pid)) continue;
    console.error(`removed what a suite left that was killed: ${join(tmpdir(), name)}`);
    remove(join(tmpdir(), name));
  }
}

function main(given: string[]): number {
  const [left, words] = given[0] === '--left' ? [given[1]!, given.slice(2)] : [LEFT_S, given];
  removeOlder();
  const dir = fs.mkdtempSync(join(tmpdir(), `${SUITE}${process.pid}-`));
  const home = join(homedir(), '.bgjob');
  const hadHome = fs.existsSync(home);
  const command = words[0] === '--' ? words.slice(1) : [process.execPath, RUNNER, ...words];
  const hasReaper = spawnSync('python3', ['-c', 'import ctypes; ctypes.CDLL(None).prctl']).status === 0;
  if (!hasReaper)
    console.error('no python3 (apt-get install python3): processes that a test leaves are not looked for');
  const [program, ...args] = hasReaper ? ['python3', '-c', REAPER, left, ...command] : command;
  try {
    const { status } = spawnSync(program!, args, {
      stdio: 'inherit',
      // certificates of the caller's are read at each of ten thousand starts, 100 ms each
      env: { ...process.env, TMPDIR: dir, NODE_EXTRA_CA_CERTS: undefined },
    });
    const files = fs.readdirSync(dir, { recursive: true }) as string[];
    for (const path of files.slice(0, 20)) console.error(`left behind: ${join(dir, path)}`);
    const isTouched = fs.existsSync(home) !== hadHome || strayJobs(home, dir).length > 0;
    if (isTouched) console.error(`a test used ${home}`);
    return status !== 0 ? (status ?? 1) : files.length > 0 || isTouched ? 1 : 0;
  } finally {
    remove(dir);
  }
}

process.exitCode = main(process.argv.slice(2));

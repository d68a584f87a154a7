/** Real programs, started the way a user would: a test run, a build, a download with a progress bar. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { missing } from '../rig/needs.ts';
import { openFiles } from '../rig/processes.ts';
import { type Rig, rigTest } from '../rig/rig.ts';

const write = (rig: Rig, name: string, text: string): void => fs.writeFileSync(join(rig.project, name), text);

const TESTS = `
import sys, unittest
class Sums(unittest.TestCase):
    pass
def case(n):
    def test(self):
        print('case', n, flush=True)
        self.assertNotEqual(n, 57, 'the sum is wrong')
    return test
for n in range(100):
    setattr(Sums, 'test_%03d' % n, case(n))
unittest.main(verbosity=2)
`;

rigTest(
  'a Python test run that fails in the middle: the code, the end, and the failure itself',
  async (rig) => {
    write(rig, 'tests.py', TESTS);
    const started = await rig.bash('bgjob run -n test -- python3 tests.py && bgjob wait test 2>&1');
    assert.equal(started.code, 1);
    assert.match(started.stdout, /^1\ntest 1 exited 1 after /);
    assert.match(started.stdout, /\| FAILED \(failures=1\)/);
    const failure = await rig.bash("bgjob tail test --grep '^FAIL|AssertionError' -C1 2>/dev/null");
    assert.equal(failure.code, 0);
    assert.match(failure.stdout, /test_057/);
    assert.match(failure.stdout, /AssertionError: 57 == 57 : the sum is wrong/);
    assert.equal((await rig.bash('bgjob tail test --grep "no such words"')).code, 1);
  },
  { skip: missing('python3') },
);

const MAKEFILE = `
all: one two
one two:
	@id=$$(bgjob run -n $@ -- node report.js $@) && bgjob wait $$id
`;
const REPORT = `
const fs = require('node:fs');
const fds = fs.readdirSync('/proc/self/fd').flatMap((fd) => {
  try { return fs.readlinkSync('/proc/self/fd/' + fd); } catch { return []; }
});
fs.writeFileSync(process.argv[2] + '.json', JSON.stringify({ fds, makeflags: process.env.MAKEFLAGS ?? null }));
`;

rigTest(
  'a make -j2 that calls bgjob: its jobserver reaches neither job nor supervisor',
  async (rig) => {
    write(rig, 'Makefile', MAKEFILE);
    write(rig, 'report.js', REPORT);
    const built = await rig.bash('make -j2 2>&1');
    assert.equal(built.code, 0, built.stdout);
    for (const name of ['one', 'two']) {
      const { fds, makeflags } = JSON.parse(fs.readFileSync(join(rig.project, `${name}.json`), 'utf8'));
      assert.equal(makeflags, null);
      // its own event loop has pipes; make's tokens come through a FIFO or a pipe that make has open itself
      assert.deepEqual(
        fds.filter((path: string) => /GMfifo|jobserver/.test(path)),
        [],
      );
    }
  },
  { skip: missing('make') },
);

rigTest(
  'a make below a job of a make has its flags and variables, and no jobserver to complain of',
  async (rig) => {
    write(rig, 'Makefile', 'all:\n\t@bgjob run -w -- make -f inner\n');
    write(rig, 'inner', 'all:\n\t@false\nshow:\n\t@echo "$(CFLAGS)|$(MAKEFLAGS)"\nall: show\n');
    const built = await rig.bash("make -j2 -k CFLAGS='-O9 -g' 2>&1");
    assert.equal(built.code, 2, built.stdout);
    assert.match(rig.log(1), /^-O9 -g\|/m);
    assert.doesNotMatch(rig.log(1), /jobserver|-j2/);
  },
  { skip: missing('make') },
);

rigTest(
  'the pipes of a make that still runs are open in no supervisor',
  async (rig) => {
    write(rig, 'Makefile', 'all:\n\t@bgjob run -n long -- sleep 1000; readlink /proc/$$PPID/fd/* > fds\n');
    const built = await rig.bash('make -j2 2>&1');
    assert.equal(built.code, 0, built.stdout);
    const pipes: string[] =
      fs.readFileSync(join(rig.project, 'fds'), 'utf8').match(/pipe:\[\d+\]|\/\S*GMfifo\d+/g) ?? [];
    const job = (await rig.untilState(1, 'running')) as { pid: number; supervisor: { pid: number } };
    for (const pid of [job.pid, job.supervisor.pid])
      for (const path of openFiles(pid)) assert.ok(!pipes.includes(path), `${pid} has make's ${path}`);
    await rig.bgjob(['kill', '--now', 'long']);
  },
  { skip: missing('make') },
);

rigTest(
  "curl's progress bar is one line, in its last state",
  async (rig) => {
    const piece = Buffer.alloc(64 * 1024);
    const server = createServer((_, answer) => {
      answer.writeHead(200, { 'Content-Length': String(20 * piece.length) });
      let left = 20;
      const next = () => (left-- > 0 ? answer.write(piece, () => setImmediate(next)) : answer.end());
      next();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      await rig.bash(`bgjob run -n get --wait -- curl -o file --progress-bar http://127.0.0.1:${port}/`);
      assert.equal(fs.statSync(join(rig.project, 'file')).size, 20 * piece.length);
      const { stdout } = await rig.bash('bgjob tail get');
      assert.match(stdout, /^#+ 100\.0%\s*\n$/);
    } finally {
      server.close();
    }
  },
  { skip: missing('curl') },
);

/** Queues as they are used: a Makefile that compiles in one, and shells that add to one at the same time. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { type Rig, rigTest } from '../rig/rig.ts';

const FILES = 40;
const skip =
  (spawnSync('gcc', ['--version']).error !== undefined && 'gcc is not installed') ||
  (spawnSync('make', ['--version']).error !== undefined && 'make is not installed');

/** Forty small files, and a Makefile whose recipes add the compilations and wait for them. */
function writeProject(rig: Rig): void {
  for (let n = 0; n < FILES; n++)
    fs.writeFileSync(`${rig.project}/f${n}.c`, `int f${n}(int x) { return x + ${n}; }\n`);
  const calls = Array.from({ length: FILES }, (_, n) => `f${n}(0)`).join(' + ');
  const declared = Array.from({ length: FILES }, (_, n) => `int f${n}(int);\n`).join('');
  fs.writeFileSync(
    `${rig.project}/main.c`,
    `#include <stdio.h>\n${declared}int main(void) { printf("%d\\n", ${calls}); return 0; }\n`,
  );
  fs.writeFileSync(
    `${rig.project}/Makefile`,
    `OBJECTS := $(patsubst %.c,%.o,$(wildcard *.c))\n` +
      'sum: $(OBJECTS:.o=.id)\n' +
      '\tbgjob wait $$(cat $(OBJECTS:.o=.id))\n' +
      '\tgcc -o $@ $(OBJECTS)\n' +
      '%.id: %.c\n' +
      '\tbgjob run -Q cc --slots 2 -- gcc -c $< -o $*.o >$@\n',
  );
}

rigTest(
  'a Makefile adds forty compilations and waits for them; a broken file is its exit code',
  async (rig) => {
    writeProject(rig);
    const good = await rig.start('make', ['-j4']).answer;
    assert.equal(good.code, 0, good.stderr);
    assert.equal(
      spawnSync(`${rig.project}/sum`, { encoding: 'utf8' }).stdout,
      `${(FILES * (FILES - 1)) / 2}\n`,
    );
    assert.equal((await rig.json(['ls', '-a', '-n', '100'])).length, FILES + 1);
    fs.writeFileSync(`${rig.project}/f7.c`, 'int f7(int x) { return y; }\n');
    const bad = await rig.start('make', ['-j4']).answer;
    assert.equal(bad.code, 2);
    assert.match(bad.stdout, /^42 exited 1 after .*\n\| f7\.c: .*/m);
    assert.match(bad.stderr, /\[job\] exit code 1\nmake: \*\*\* \[Makefile:3: sum\] Error 1\n/);
  },
  { skip },
);

rigTest(
  'four shells add to one queue at once: every id once, each job ran once, never more than the slots',
  async (rig) => {
    const line = 'echo + $BGJOB_ID >>ran; sleep 0.02; echo - $BGJOB_ID >>ran';
    fs.writeFileSync(`${rig.project}/lines`, `${line}\n`.repeat(5));
    const one = `bgjob run -Q q --slots 3 -- sh -c '${line}'`;
    const shell = `set -e; for n in $(seq 10); do ${one}; done; bgjob run -Q q --batch lines`;
    const shells = await Promise.all(Array.from({ length: 4 }, () => rig.bash(shell)));
    const ids = shells.flatMap(({ code, stdout, stderr }) => {
      assert.equal(code, 0, stderr);
      return stdout.trim().split('\n').map(Number);
    });
    assert.deepEqual(
      ids.toSorted((a, b) => a - b),
      Array.from({ length: 60 }, (_, n) => n + 1),
    );
    assert.equal((await rig.bgjob(['wait', ...ids.map(String)])).code, 0);
    const signs = fs.readFileSync(`${rig.project}/ran`, 'utf8').trim().split('\n');
    let running = 0;
    for (const sign of signs) {
      running += sign.startsWith('+') ? 1 : -1;
      assert.ok(running >= 0 && running <= 3, signs.join(' '));
    }
    assert.deepEqual(
      signs.toSorted(),
      [...ids.map((id) => `+ ${id}`), ...ids.map((id) => `- ${id}`)].toSorted(),
    );
  },
);

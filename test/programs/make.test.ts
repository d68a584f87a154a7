/** Called by make: a Makefile that compiles in a queue, and one that holds locks. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { LOCKING, locksAreFree } from '../rig/callerlocks.ts';
import { missing } from '../rig/needs.ts';
import { type Rig, rigTest } from '../rig/rig.ts';

const FILES = 40;
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
  { skip: missing('gcc', 'make') },
);

rigTest(
  'a lock on any descriptor is free when make is the caller',
  async (rig) => {
    fs.writeFileSync(`${rig.project}/Makefile`, `SHELL=/bin/bash\nall:\n\t@${LOCKING}\n`);
    await locksAreFree(rig, ['make -s', 'make -s -j4 2>&1 | cat']);
  },
  { skip: missing('make') },
);

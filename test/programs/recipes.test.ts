/** The recipes of the README that need make, gcc or Python. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { missing } from '../rig/needs.ts';
import { projectIn, README, recipe, recipeTests, start } from '../rig/recipes.ts';
import { rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const noMake = missing('make');

recipeTests('Makefile', { words: ['make', 'e2e'], codeOf: (code) => (code === 0 ? 0 : 2) }, noMake);

rigTest(
  'Makefile: two checks side by side, and the code of the one that fails',
  async (rig) => {
    await projectIn(rig, 'good');
    fs.mkdirSync(join(rig.project, 'node_modules', '.bin'), { recursive: true });
    const tsc = join(rig.project, 'node_modules', '.bin', 'tsc');
    fs.writeFileSync(tsc, '#!/bin/sh\necho types: "$@"\n', { mode: 0o755 });
    fs.writeFileSync(join(rig.project, 'lint.js'), '');
    const check = { words: ['make', 'check'], codeOf: (code: number) => code };
    const good = await start(rig, check).answer;
    assert.equal(good.code, 0, good.stderr);
    assert.match(rig.log(2), /^types: --noEmit$/m);
    fs.writeFileSync(join(rig.project, 'lint.js'), 'process.exit(4)');
    const bad = await start(rig, check).answer;
    assert.equal(bad.code, 2);
    assert.match(bad.stderr, /check\] Error 4$/m);
    await until(
      () => rig.json(['ls', '-a']),
      (jobs) => jobs.every(({ state }) => state === 'exited'),
      'the end of all',
    );
  },
  { skip: noMake },
);

rigTest(
  'CI: a job with limits, its output in a file, its code',
  async (rig) => {
    fs.writeFileSync(join(rig.project, 'Makefile'), 'all:\n\t@echo built; exit $(CODE)\n');
    const line = recipe('In CI', 'sh')[1]!;
    assert.match(line, /tee build\.txt/);
    assert.equal((await rig.bash(line, { env: { CODE: '0' } })).code, 0);
    assert.equal((await rig.bash(line, { env: { CODE: '7' } })).code, 2);
    assert.match(fs.readFileSync(join(rig.project, 'build.txt'), 'utf8'), /^built\n/);
  },
  { skip: noMake },
);

rigTest(
  'a script of many lines, in another language',
  async (rig) => {
    const { code, stderr } = await rig.bash(recipe('A script of many lines', 'sh')[0]!);
    assert.equal(code, 0);
    assert.match(stderr, /^\| any #! line will do/m);
  },
  { skip: missing('python3') },
);

rigTest(
  'a queue of compilations',
  async (rig) => {
    const line = /^find .*--batch - --wait/m.exec(README)?.[0];
    assert.ok(line, 'the README has no queue of compilations');
    for (const name of ['a', 'b']) fs.writeFileSync(join(rig.project, `${name}.c`), `int ${name};\n`);
    assert.equal((await rig.bash(line)).code, 0);
    assert.ok(fs.existsSync(join(rig.project, 'a.o')) && fs.existsSync(join(rig.project, 'b.o')));
    fs.writeFileSync(join(rig.project, 'b.c'), 'int b\n');
    assert.equal((await rig.bash(line)).code, 1);
  },
  { skip: missing('gcc') },
);

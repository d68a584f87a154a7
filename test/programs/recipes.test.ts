/** The recipes of the README that need make. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { missing } from '../rig/needs.ts';
import { projectIn, recipeTests, start } from '../rig/recipes.ts';
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

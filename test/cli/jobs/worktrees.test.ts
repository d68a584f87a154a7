/** Two clones of one repository, with a job of the same name in each: each sees and stops its own. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { rigTest } from '../../rig/rig.ts';

rigTest(
  'two clones of one repository, a job of the same name in each: nobody touches the other',
  async (rig) => {
    const [one, two] = ['one', 'two'].map((name) => join(rig.dir, name)) as [string, string];
    for (const clone of [one, two]) fs.mkdirSync(join(clone, '.git', 'refs'), { recursive: true });
    fs.mkdirSync(join(two, 'src', 'deep'), { recursive: true });
    await rig.bash('bgjob run -n web -- sleep 1000', { cwd: one });
    await rig.bash('bgjob run -n web -- sleep 2000', { cwd: two });
    const status = async (cwd: string) => (await rig.bash('bgjob status web', { cwd })).stdout;
    assert.match(await status(one), /^web 1 (starting|running)/);
    assert.match(await status(two), /^web 2 (starting|running)/);
    assert.match(await status(join(two, 'src', 'deep')), /^web 2 /, 'from a folder below');
    // a job that is stopped before it runs is cancelled
    for (const id of [1, 2]) await rig.untilState(id, 'running');
    const killed = await rig.bash('bgjob kill web', { cwd: join(two, 'src') });
    assert.match(killed.stdout, /^web 2 killed/);
    assert.match(await status(one), /^web 1 running/, 'the other one goes on');
    // the name of the one that ended means it still; kill takes nobody else's
    assert.match((await rig.bash('bgjob kill web', { cwd: two })).stdout, /^web 2 already killed/);
    assert.match(await status(one), /^web 1 running/);
    await rig.bash('bgjob kill web', { cwd: one });
  },
);

/**
 * What a call loads: of Node's own modules only what it needs. (How long that takes is a matter of `npm run
 * bench`.)
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Rig, rigTest } from '../../rig/rig.ts';

/** Tells at the end which modules of Node's were loaded since: some come with every start. */
const TELLTALE = `const before = new Set(process.moduleLoadList);
process.on('exit', () => {
  const loaded = process.moduleLoadList.filter((name) => !before.has(name));
  require('fs').writeFileSync(process.env.LOADED, loaded.join('\\n'));
});`;

/** Each of these takes a millisecond or two. */
const DEAR = [
  'tty',
  'net',
  'stream',
  'child_process',
  'readline',
  'http',
  'worker_threads',
  'perf_hooks',
  'crypto',
];

async function loadedBy(rig: Rig, verb: string, stdout: string): Promise<string[]> {
  const [telltale, loaded] = [join(rig.dir, 'telltale.cjs'), join(rig.dir, 'loaded')];
  fs.writeFileSync(telltale, TELLTALE);
  const line = `exec '${process.execPath}' --require '${telltale}' '${rig.program}' ${verb} ${stdout}`;
  const { code, stderr } = await rig.bash(line, { env: { LOADED: loaded } });
  assert.equal(code, 0, stderr);
  return fs.readFileSync(loaded, 'utf8').split('\n');
}

rigTest('who looks at jobs without a terminal loads nothing for one, nor for processes', async (rig) => {
  await rig.runOut(['-n', 'web', 'echo hello']);
  // the first time a look may remove, compile and teach
  for (const verb of ['ls -a', 'status web', 'tail web', 'wait web']) await rig.bash(`bgjob ${verb}`);
  for (const verb of ['ls -a', 'status web', 'tail web', 'wait web', 'completion words -- kill w'])
    for (const stdout of ['| cat', '>file', '>/dev/null', '>/dev/null 2>&1']) {
      const loaded = await loadedBy(rig, verb, stdout);
      assert.ok(loaded.includes('NativeModule vm'), 'what is loaded is told');
      const dear = DEAR.filter((name) => loaded.includes(`NativeModule ${name}`));
      assert.deepEqual(dear, [], `bgjob ${verb} ${stdout}`);
    }
});

rigTest('a start loads what starts a process, and no more', async (rig) => {
  // the first start makes the home
  await rig.runOut(['true']);
  const loaded = await loadedBy(rig, 'run -- true', '>file');
  const dear = DEAR.filter((name) => loaded.includes(`NativeModule ${name}`));
  // the last one loads the other two
  assert.deepEqual(dear, ['net', 'stream', 'child_process']);
  assert.equal((await rig.bgjob(['wait', '2'])).code, 0);
  await rig.untilLeft(2);
});

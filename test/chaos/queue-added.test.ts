/** A job that comes just as the one before it ends: on a slow disk its end takes long to be written. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { missing } from '../rig/needs.ts';
import { rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { cannotTrace } from './stopper.ts';

for (const [what, words] of [
  ['any', []],
  ['one that waits for it', ['--after-any', '1']],
] as const)
  rigTest(
    `a job that is added while the end of the one before is written starts by itself: ${what}`,
    async (rig) => {
      const gate = `${rig.dir}/gate`;
      await rig.bgjob(['queue', 'set', 'q', '--slots', '1']);
      // only the flush of the end is slow
      const flags = ['-f', '-o', '/dev/null', '-P', rig.file(1, 'end'), '-e', 'trace=fsync'];
      const slow = ['-e', 'inject=fsync:delay_enter=1500000', process.execPath, rig.program];
      const job = ['--', 'sh', '-c', `until [ -e '${gate}' ]; do sleep 0.01; done`];
      const call = rig.start('strace', [...flags, ...slow, 'run', '-Q', 'q', ...job]);
      await until(
        () => fs.existsSync(rig.file(1, 'state.json')),
        (there) => there,
        'the start of the first',
      );
      fs.writeFileSync(gate, '');
      await until(
        () => fs.readFileSync(rig.file(1, 'exit.1'), 'utf8'),
        (text) => text.startsWith('0\n'),
        'the exit status of the first',
      );
      const id = await rig.run(['-Q', 'q', ...words, '--', 'true']);
      assert.equal(id, 2);
      await until(
        () => fs.existsSync(rig.file(2, 'exit.1')) && fs.readFileSync(rig.file(2, 'exit.1'), 'utf8'),
        (text) => text !== false && text.startsWith('0\n'),
        'the end of the second',
      );
      assert.equal((await call.answer).code, 0);
    },
    { skip: missing('strace') || cannotTrace() },
  );

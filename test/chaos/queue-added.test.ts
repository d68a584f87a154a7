/** A job that comes just as the one before it ends: on a slow disk its end takes long to be written. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { missing } from '../rig/needs.ts';
import { processesNaming } from '../rig/processes.ts';
import { type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { childrenOf } from './death.ts';
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

/** The shells that start a queue waiter again. */
const shells = (rig: Rig): number[] =>
  processesNaming(rig.home).flatMap(({ pid, command }) =>
    /^\S*sh -c while .* --keep/.test(command) ? [pid] : [],
  );

rigTest(
  'a job that is added while the queue waiter ends is started at its time by the next one',
  async (rig) => {
    const add = (delay: string): string[] => ['run', '-Q', 'q', '--delay', delay, '--', 'true'];
    // each unlink is slow: the waiter stands still when its FIFO is gone
    const flags = ['-f', '-o', '/dev/null', '-e', 'trace=unlink,unlinkat'];
    const slow = ['-e', 'inject=unlink,unlinkat:delay_exit=2000000', process.execPath, rig.program];
    const call = rig.start('strace', [...flags, ...slow, ...add('1h')]);
    const hasWaiter = (): boolean =>
      fs.readdirSync(join(rig.home, 'queues/q')).some((name) => /^keeper/.test(name));
    await until(
      () => call.stdout() === '1\n' && hasWaiter(),
      (waits) => waits,
      'a waiter',
    );
    // it has nothing to wait for any more
    assert.equal((await rig.bgjob(['kill', '1'])).code, 0);
    await until(hasWaiter, (has) => !has, 'a waiter that leaves');
    const before = shells(rig);
    let isAdded = false;
    const run = rig.startBgjob(add('8s')).answer.finally(() => (isAdded = true));
    const [next] = await until(
      () => shells(rig).filter((pid) => !before.includes(pid) && childrenOf(pid).length > 0),
      (found) => found.length > 0 || isAdded,
      'the shell of the next waiter',
    );
    // until the first one is gone the shell has the FIFO open, whatever its child does
    const stop = (signal: NodeJS.Signals): void => {
      if (next !== undefined && shells(rig).includes(next)) process.kill(next, signal);
    };
    stop('SIGSTOP');
    assert.equal((await run).code, 0);
    assert.equal((await call.answer).code, 0);
    stop('SIGCONT');
    // no command is called
    await until(
      () => fs.existsSync(rig.file(2, 'exit.1')) && fs.readFileSync(rig.file(2, 'exit.1'), 'utf8'),
      (text) => text !== false && text.startsWith('0\n'),
      'the end of the job that was added',
    );
  },
  { skip: missing('strace') || cannotTrace() },
);

/**
 * Many jobs on a terminal: how far they are, in one line that fits and is gone at the end; and nothing of it
 * anywhere else.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { missing } from '../rig/needs.ts';
import { BGJOB, type Rig, rigTest } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

const skip = missing('script');

/** Starts a shell line on a terminal of its own; stdout and stderr come as one. */
function onTerminal(rig: Rig, line: string, columns = 80, input = '') {
  return rig.start('script', ['-qec', `stty rows 24 cols ${columns}; ${line}`, '/dev/null'], {
    env: { TERM: 'xterm', SHELL: '/bin/sh' },
    input,
  });
}

/** What stood on the screen at any time, line by line. */
const shown = (text: string): string[] =>
  text
    .replaceAll(/\x1b\[[\d;]*m/g, '')
    .replaceAll(/\x1b\[[\d;?]*[a-zA-Z]/g, '\n')
    .split(/[\r\n]+/);

/** Job 1 holds the slot of queue q, in which `count` others wait. */
async function waiting(rig: Rig, count: number) {
  const puppet = await rig.puppet();
  await rig.run(['-Q', 'q', '--', ...puppet.command]);
  await puppet.ready();
  await rig.untilState(1, 'running');
  const input = 'true\nexit 3\n'.repeat(count / 2);
  await rig.bgjob(['run', '-Q', 'q', '--batch', '-'], { input });
  return puppet;
}

/** The others of them are cancelled before. */
const RUN = 5;

for (const [count, columns] of [
  [4, 80],
  // so many are waited for in another way
  [60, 80],
  [60, 40],
] as const)
  rigTest(
    `waiting for ${count + 1} in ${columns} columns`,
    async (rig) => {
      const puppet = await waiting(rig, count);
      const call = onTerminal(rig, `bgjob wait $(seq 1 ${count + 1}) 2>&1`, columns);
      const begun = new RegExp(`^. .*\\b0( of |/)${count + 1}\\b`);
      await until(call.stdout, (text) => shown(text).some((line) => begun.test(line)));
      // nobody waits until all of them have run
      const rest = Array.from({ length: count + 1 - RUN }, (_, n) => String(n + 1 + RUN));
      if (rest.length > 0) assert.equal((await rig.bgjob(['kill', ...rest])).code, 0);
      await puppet.exit(0);
      const { code, stdout } = await call.answer;
      assert.equal(code, 3, stdout);
      const bars = shown(stdout).filter((line) => /^. .*(ended|\d+\/\d+)/.test(line) && !/after/.test(line));
      assert.ok(bars.length > 0);
      for (const bar of bars) assert.ok(bar.length < columns, bar);
      assert.ok(stdout.lastIndexOf('\x1b[?25h') > stdout.lastIndexOf('\x1b[?25l'), 'the cursor is back');
      for (let id = 1; id <= count + 1; id++)
        assert.ok(
          shown(stdout).some((line) =>
            new RegExp(`^${id} ${id > RUN ? 'cancelled' : 'exited'}\\b`).test(line),
          ),
          `${id}`,
        );
    },
    { skip },
  );

rigTest(
  'while many are added it says how many; then what to do next',
  async (rig) => {
    const puppet = await waiting(rig, 2);
    fs.writeFileSync(`${rig.project}/lines`, 'true\n'.repeat(1200));
    // it appears after a third of a second: here after none, for so many may be added by then
    const preload = `${rig.dir}/preload.cjs`;
    fs.writeFileSync(
      preload,
      'const { setTimeout } = globalThis; globalThis.setTimeout = (act) => setTimeout(act, 0);',
    );
    const call = `'${process.execPath}' --require ${preload} -- ${BGJOB} run -Q q --batch lines`;
    const { stdout } = await onTerminal(rig, `${call} >ids; wc -l <ids`).answer;
    assert.match(stdout, /of 1,200 added/);
    assert.deepEqual(
      shown(stdout)
        .filter((line) => line !== '')
        .slice(-2),
      ['1200 jobs added; next: bgjob wait --batch 4 · bgjob ls', '1200'],
    );
    // nobody waits until all of them have run
    fs.renameSync(`${rig.home}/queues/q/batch.4`, `${rig.dir}/batch`);
    await puppet.exit(0);
    await rig.bgjob(['wait', '1', '2', '3']);
  },
  { skip },
);

rigTest(
  'nothing of it where stderr is no terminal, with --json, or on a terminal without a size',
  async (rig) => {
    fs.writeFileSync(`${rig.project}/lines`, 'true\n'.repeat(6));
    for (const line of [
      'bgjob run -Q q -w --batch lines 2>err; cat err',
      'bgjob run -Q q -w --json --batch lines',
    ]) {
      const { stdout } = await onTerminal(rig, line).answer;
      assert.ok(!stdout.includes('\x1b[') && !stdout.includes('ended ·'), stdout.slice(-300));
    }
    const { code, stdout } = await onTerminal(rig, 'bgjob run -Q q -w --batch lines', 0).answer;
    assert.equal(code, 0);
    assert.ok(!stdout.includes('\x1b['), stdout.slice(-300));
  },
  { skip },
);

rigTest(
  '--batch - says that it reads from the terminal, until Ctrl-D',
  async (rig) => {
    const line = 'stty -echo; bgjob run -Q q -w --batch -';
    const { code, stdout } = await onTerminal(rig, line, 0, 'exit 4\n\x04').answer;
    assert.equal(code, 4, stdout);
    assert.match(
      stdout,
      /reading shell lines from here, one job per line, until Ctrl-D\r\n1 \x1b\[31mexited 4/,
    );
  },
  { skip },
);

rigTest(
  'a batch that is waited for on a terminal: no number but those of failures',
  async (rig) => {
    fs.writeFileSync(`${rig.project}/lines`, 'true\nexit 3\nlint: exit 4\ntrue\n');
    const { code, stdout } = await onTerminal(rig, 'bgjob run -Q q --wait --batch lines').answer;
    assert.equal(code, 3, stdout);
    const lines = shown(stdout).filter((line) => line !== '' && !/^. .*(ended|\d+\/\d+)/.test(line));
    assert.deepEqual(
      lines
        .map((line) => line.replace(/ after .*/, '').trim())
        .filter((line) => !/more keys|watch/.test(line)),
      [
        '2 exited 3',
        'lint 3 exited 4',
        '2 done, 2 failed:',
        '2 exit 3',
        'lint 3 exit 4',
        'run them again: bgjob restart 2 3',
      ],
    );
    assert.deepEqual((await rig.json(['ls', '--unseen'])).length, 0, 'the others count as told');
  },
  { skip },
);

/** Where every process ends with the call, `run` says so; where it does not, it says nothing. More of it in test/programs. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { within } from '../../rig/doctor.ts';
import { CALL, tell, WARNING } from '../../rig/enclosure.ts';
import { cannotUnshare, inPidNamespace } from '../../rig/namespaces.ts';
import { rigTest } from '../../rig/rig.ts';

const unshared = { skip: cannotUnshare() };

rigTest(
  'pid 1 is the shell line that calls, or bgjob itself',
  async (rig) => {
    const shells = [
      `${CALL} run -- true; sleep 0`,
      `id=$(${CALL} run -- true); sleep 0`,
      `(${CALL} run -- true); sleep 0`,
    ];
    for (const line of shells) {
      const { stderr } = await tell(rig, inPidNamespace(), line);
      assert.match(stderr, WARNING);
      assert.match(stderr, /^warning: pid 1 of this sandbox is the bash of this call/);
    }
    const alone = await within(rig, inPidNamespace(), ['run', '--', 'sleep', '1000']);
    assert.match(alone.stderr, WARNING);
    assert.match(alone.stderr, /^warning: bgjob is pid 1 of this sandbox/);
    await rig.untilState(4, 'lost');
  },
  unshared,
);

rigTest(
  'no false alarm: a script, a shell that reads, something in between',
  async (rig) => {
    const script = join(rig.dir, 'script');
    fs.writeFileSync(script, `${CALL} run -- true\n${CALL} wait @last\n`);
    const [program, ...rest] = inPidNamespace();
    for (const [words, input] of [
      [['bash', script], ''],
      [['bash'], fs.readFileSync(script, 'utf8')],
      [['sh', '-c', `bash '${script}'; exit $?`], ''],
    ] as const) {
      const { code, stderr } = await rig.start(program!, [...rest, ...words], { input }).answer;
      assert.deepEqual([code, stderr], [0, ''], words.join(' '));
    }
    const plain = await rig.bash(`${CALL} run -- true`);
    assert.deepEqual([plain.code, plain.stderr], [0, '']);
  },
  unshared,
);

/**
 * stdin, stdout or stderr closed, or open for the wrong thing: what is opened next must not take their place.
 */
import assert from 'node:assert/strict';
import { assertRefused } from '../rig/refusal.ts';
import { rigTest } from '../rig/rig.ts';

const JOB = `sh -c 'for n in 0 1 2 3 4 5 6; do readlink /proc/$$/fd/$n || echo none; done; echo err >&2; exit 3'`;

rigTest('a call whose streams are closed: the job has its own three, and the code is right', async (rig) => {
  const closings = ['<&-', '>&-', '2>&-', '<&- >&-', '<&- 2>&-', '>&- 2>&-', '<&- >&- 2>&-'];
  for (const [n, closing] of closings.entries()) {
    const { code, stdout, stderr } = await rig.bash(`bgjob run -w -- ${JOB} ${closing}`);
    assert.equal(code, 3, `${closing}: ${stderr}`);
    assert.equal(stdout, /(^| )>&-/.test(closing) ? '' : `${n + 1}\n`, closing);
    const log = rig.file(n + 1, 'out/log');
    assert.equal(rig.log(n + 1), `/dev/null\n${log}\n${log}\n${'none\n'.repeat(4)}err\n`, closing);
  }
  // what only reads is as good as ever
  for (const verb of ['ls', 'tail 1', 'show 1', 'gc'])
    for (const closing of ['<&-', '>&-', '2>&-', '<&- >&- 2>&-'])
      assert.equal((await rig.bash(`bgjob ${verb} ${closing}`)).code, 0, `${verb} ${closing}`);
  assert.equal((await rig.bash('bgjob wait nothing 2>&-')).code, 125);
  assert.equal((await rig.bash('bgjob status 1 >&-')).code, 3);
});

rigTest('a script on a stdin that is closed, a directory or only for writing is refused', async (rig) => {
  const refused = async (line: string, message: RegExp) =>
    assertRefused(await rig.bash(line), 125, message, line);
  await refused('bgjob run - <&-', /the script on stdin is empty/);
  await refused('bgjob run - </', /cannot read the script from stdin: it is a directory/);
  await refused('bgjob run - 0>wo', /cannot read the script from stdin: it is closed/);
  await refused('bgjob run - </dev/zero', /larger than 16 MiB/);
  const lost = await rig.bash('bgjob gc 1</dev/null');
  assert.equal(lost.code, 125);
  assert.match(lost.stderr, /^removed 0 jobs.*\nbgjob: cannot write the answer to stdout: it is closed/);
});

/** The script of docs/exit-codes.md that branches on each code: every branch is taken. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { blocksOf } from '../../rig/docs.ts';
import { type Rig, rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

const PAGE = 'docs/exit-codes.md';
const SCRIPT = blocksOf(PAGE).find(({ text }) => text.startsWith('#!') && text.includes('case $code'))!.text;

/** The script under way; its job is `npm`, a shell line of the test. */
function start(rig: Rig, npm: string, change: (script: string) => string = (script) => script) {
  fs.writeFileSync(join(rig.dir, 'bin', 'npm'), `#!/bin/sh\n${npm}\n`, { mode: 0o755 });
  fs.writeFileSync(join(rig.project, 'branch.sh'), change(SCRIPT));
  return rig.start('bash', ['branch.sh']);
}

rigTest('the script that branches on each code says what happened, and exits with it', async (rig) => {
  const told = async (npm: string, code: number, text: RegExp, change?: (script: string) => string) => {
    const answer = await start(rig, npm, change).answer;
    assert.equal(answer.code, code, npm);
    assert.match(answer.stdout, text);
  };
  await told('exit 0', 0, /^passed$/m);
  await told('echo FAIL one; exit 3', 3, /^failed with 3\n(.*\n)*FAIL one$/m);
  await told('kill -KILL $$', 137, /^ended by signal 9$/m);
  await told('kill -HUP $$', 129, /^ended by signal 1$/m);
  await told('sleep 1000', 124, /^it ran longer/m, (script) => script.replace('30m', '1s'));
  await told('', 127, /^$/, (script) => script.replace('npm test', 'nosuch test'));
});

/** With a call that ends at once, when the job has not; the job is a puppet. */
async function startWaiting(rig: Rig) {
  const puppet = await rig.puppet();
  const call = start(rig, puppet.command.join(' '), (script) => script.replace('60s', '0.1s'));
  await until(call.stdout, (text) => text.includes('it still runs'), 'a 75');
  return { puppet, call };
}

rigTest('the script waits again at 75, and says so where the end is not known', async (rig) => {
  const waiting = await startWaiting(rig);
  await waiting.puppet.exit(0);
  assert.equal((await waiting.call.answer).code, 0);
  assert.match(waiting.call.stdout(), /^it still runs; waiting again\n(.*\n)*passed\n$/m);

  const lost = await startWaiting(rig);
  process.kill((await rig.shimOf(2)).shim, 'SIGKILL');
  await lost.puppet.exit(0);
  assert.equal((await lost.call.answer).code, 125);
  assert.match(lost.call.stdout(), /^bgjob does not know how it ended\n/m);
});

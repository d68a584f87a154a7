/**
 * A job whose last words are a question that nobody answered is told so; what only looks a little like one is
 * not.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { type Rig, rigTest } from '../../rig/rig.ts';

const HINT = /^\(the last line looks like a question: a job has no keyboard; use an option such as --yes\)$/m;

/**
 * What is said of a failed job with these last words: of one and the same job, whose log says something else
 * each time.
 */
async function saidOf(rig: Rig, words: string): Promise<string> {
  fs.writeFileSync(rig.file(1, 'out/log'), words);
  const { code, stderr } = await rig.bgjob(['wait', '1']);
  assert.equal(code, 5);
  return stderr;
}

rigTest('the last words of a job are a question', async (rig) => {
  const failed = await rig.bash('bgjob run -- sh -c \'printf "Login: "; exit 5\'; bgjob wait @last');
  assert.equal(failed.code, 5);
  assert.match(failed.stderr, HINT);
  assert.match((await rig.bgjob(['run', '-w', '--', 'printf', '%s', 'Overwrite? '])).stderr, HINT);
  await rig.untilLeft(1);
  for (const words of [
    'Ok to proceed? (y) ',
    'Password: ',
    'Go on [Y/n]? ',
    'Sure (yes/no/[fingerprint])? ',
    'first\nName:',
  ])
    assert.match(await saidOf(rig, words), HINT, words);
});

rigTest('what is no question is not called one', async (rig) => {
  assert.doesNotMatch((await rig.bgjob(['run', '-w', '--', 'printf', '%s', 'really?\n'])).stderr, HINT);
  // without its output there is nothing to say about it
  assert.equal((await rig.bash("bgjob run -- printf 'Name? '; bgjob wait @last")).stderr, '');
  const json = await rig.bgjob(['run', '-w', '--json', '--', 'printf', 'Name? ']);
  assert.equal(json.stderr, '');
  const killed = await rig.bash('bgjob run -w --timeout 100ms -- sh -c \'printf "Name? "; exec sleep 1000\'');
  assert.doesNotMatch(killed.stderr, HINT);
});

rigTest('nor are these last words of a failure', async (rig) => {
  await rig.runOut(['exit 5']);
  for (const words of [
    'done',
    '{"a":[1]}',
    '[1, 2]',
    '50%',
    'a: b',
    '(n = 3)',
    'maybe (yes',
    '',
    '\n',
    '? ok',
    'really?\n',
  ])
    assert.doesNotMatch(await saidOf(rig, words), HINT, words);
});

/** A job whose last words are a question that nobody answered is told so; what only looks a little like one is not. */
import assert from 'node:assert/strict';
import { rigTest } from '../rig/rig.ts';

const HINT = /^\(its last words look like a question: nobody answers a job; use an option such as --yes\)$/m;

rigTest('the last words of a job are a question', async (rig) => {
  for (const words of [
    'Overwrite? ',
    'Ok to proceed? (y) ',
    'Password: ',
    'Go on [Y/n]? ',
    'Sure (yes/no/[fingerprint])? ',
    'first\nName:',
  ])
    assert.match((await rig.bgjob(['run', '-w', '--', 'printf', '%s', words])).stderr, HINT, words);
  const failed = await rig.bash('bgjob run -- sh -c \'printf "Login: "; exit 5\'; bgjob wait @last');
  assert.equal(failed.code, 5);
  assert.match(failed.stderr, HINT);
});

rigTest('what is no question is not called one', async (rig) => {
  for (const words of [
    'really?\n',
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
  ])
    assert.equal((await rig.bgjob(['run', '-w', '--', 'printf', '%s', words])).stderr, '', words);
  // without its output there is nothing to say about it
  assert.equal((await rig.bash("bgjob run -- printf 'Name? '; bgjob wait @last")).stderr, '');
  const json = await rig.bgjob(['run', '-w', '--json', '--', 'printf', 'Name? ']);
  assert.equal(json.stderr, '');
  const killed = await rig.bash('bgjob run -w --timeout 100ms -- sh -c \'printf "Name? "; exec sleep 1000\'');
  assert.doesNotMatch(killed.stderr, HINT);
});

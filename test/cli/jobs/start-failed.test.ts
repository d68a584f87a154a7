/**
 * The state of a job that could not be started has a word of its own: `failed` is what people call every
 * failure.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { rigTest } from '../../rig/rig.ts';
import { until } from '../../rig/until.ts';

rigTest('start-failed: in words, in JSON, in BGJOB_OUTCOME; --state takes both words', async (rig) => {
  const outcome = join(rig.project, 'outcome');
  // no kernel takes such a `#!` line: only the exec itself finds out
  const script = `#!/bin/sh ${'x'.repeat(200_000)}\ntrue\n`;
  const hook = ['--on-exit', `echo "$BGJOB_OUTCOME" >new && mv new ${outcome}`];
  const answer = await rig.bgjob(['run', '-w', ...hook, '-'], { input: script });
  assert.equal(answer.code, 125);
  assert.match(answer.stderr, /^1 start-failed \(could not be started: the command or the environment /);
  await rig.bgjob(['run', '-w', '--', 'false']);
  assert.equal((await rig.show(1)).state, 'start-failed');
  const has = () => fs.existsSync(outcome) && fs.readFileSync(outcome, 'utf8');
  assert.equal(await until(has, Boolean, 'the outcome'), 'start-failed\n');
  // on disk the word stays: homes of before are read, and read by older versions
  assert.equal(JSON.parse(fs.readFileSync(rig.file(1, 'state.json'), 'utf8')).status.outcome.kind, 'failed');
  for (const word of ['start-failed', 'failed']) {
    assert.equal((await rig.bgjob(['ls', '-q', '--state', word])).stdout, '1\n', word);
    const listed = await rig.bgjob(['ls', '--state', `running,${word}`]);
    assert.match(listed.stdout, / start-failed \(/);
    assert.equal(/--failed\)/.test(listed.stderr), word === 'failed', listed.stderr);
  }
  assert.equal((await rig.bgjob(['ls', '-q', '--failed'])).stdout, '1\n2\n');
  const wrong = await rig.bgjob(['ls', '--state', 'broken']);
  assert.match(wrong.stderr, /is none of .*skipped, start-failed, lost/);
});

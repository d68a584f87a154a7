/**
 * Calls that are refused, or only read: the built program answers hundreds of them in one process (inprocess.fixture.ts), as fast as one
 * process starts. That it answers so in a process of its own, too, is asked for a few of them.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Answer, CallOptions, Rig } from './rig.ts';

export interface Question {
  args: string[];
  env?: Record<string, string>;
}

/** So many of the calls are made in a process of their own as well. */
const ALONE = 3;

/** The answers of `bgjob ARGS` for each of these, in their order. stdin is empty. */
export async function answersOf(
  rig: Rig,
  questions: Question[],
  options: CallOptions = {},
): Promise<Answer[]> {
  const input = JSON.stringify(questions);
  const fixture = join(__dirname, 'rig.inprocess.fixture.js');
  const { code, stdout, stderr } = await rig.start(process.execPath, [fixture, rig.program], {
    ...options,
    input,
  }).answer;
  assert.deepEqual([code, stderr], [0, ''], stdout);
  const answers: Answer[] = JSON.parse(stdout);
  assert.equal(answers.length, questions.length);
  const step = Math.max(1, Math.floor(questions.length / ALONE));
  for (let n = Math.floor(step / 2); n < questions.length; n += step) {
    const { args, env } = questions[n]!;
    const alone = await rig.bgjob(args, { ...options, ...(env && { env }) });
    assert.deepEqual(answers[n], alone, JSON.stringify(args).slice(0, 300));
  }
  return answers;
}

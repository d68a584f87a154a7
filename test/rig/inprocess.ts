/**
 * Calls that are refused, or only read: the built program answers hundreds of them in one process (inprocess.fixture.ts), as fast as one
 * process starts. That it answers so in a process of its own, too, is asked for a few of them.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Answer, CallOptions, Rig } from './rig.ts';
import { TEST_MS } from './until.ts';

export interface Question {
  args: string[];
  env?: Record<string, string>;
}

/** So many of the calls are made in a process of their own as well. */
const ALONE = 3;

/** The answers of `bgjob ARGS` for each of these, in their order, from one process. stdin is empty. */
export async function inOneProcess(
  rig: Rig,
  questions: Question[],
  options: CallOptions = {},
): Promise<Answer[]> {
  const fixture = join(__dirname, 'rig.inprocess.fixture.js');
  // hundreds of calls are one call here
  const call = { limitMs: TEST_MS, ...options, input: JSON.stringify(questions) };
  const { code, stdout, stderr } = await rig.start(process.execPath, [fixture, rig.program], call).answer;
  assert.deepEqual([code, stderr], [0, '']);
  const answers: Answer[] = JSON.parse(stdout);
  assert.equal(answers.length, questions.length);
  return answers;
}

/** The same of calls that answer the same each time: a few are made in processes of their own, too, and must not differ. */
export async function answersOf(
  rig: Rig,
  questions: Question[],
  options: CallOptions = {},
): Promise<Answer[]> {
  const answers = await inOneProcess(rig, questions, options);
  const step = Math.max(1, Math.floor(questions.length / ALONE));
  for (let n = Math.floor(step / 2); n < questions.length; n += step) {
    const { args, env } = questions[n]!;
    const alone = await rig.bgjob(args, { ...options, ...(env && { env }) });
    assert.deepEqual(answers[n], alone, JSON.stringify(args).slice(0, 300));
  }
  return answers;
}

/**
 * Many calls of the built program in one process: a tenth of what as many processes cost. Only for calls that start nothing and wait for
 * nothing: what is refused, and what only looks.
 */
import { join } from 'node:path';
import type { Answer, CallOptions, Rig } from './rig.ts';

/** The answer to each call, in their order. They are made one after the other, by one process with one environment. */
export async function manyCalls(
  rig: Rig,
  calls: (readonly string[])[],
  options: CallOptions = {},
): Promise<Answer[]> {
  const fixture = join(__dirname, 'rig.manycalls.fixture.js');
  const input = JSON.stringify(calls);
  const { code, stdout, stderr } = await rig.start(process.execPath, [fixture, rig.program], {
    ...options,
    input,
  }).answer;
  if (code !== 0) throw new Error(`many calls in one process ended with ${code}: ${stderr}`);
  return JSON.parse(stdout);
}

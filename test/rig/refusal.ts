/** What every refusal has in common: the documented code, one sentence with at most one hint, and nothing left behind. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import type { Answer, Rig } from './rig.ts';

/** Every path below a directory but those in `cache`, which any command may write; undefined if there is none. */
export const pathsIn = (dir: string): string[] | undefined =>
  fs.existsSync(dir)
    ? (fs.readdirSync(dir, { recursive: true }) as string[]).filter((path) => !path.includes('cache/')).sort()
    : undefined;

/** The answer is one sentence with this code; `call` is shown if it is not. */
export function assertRefused(answer: Answer, code: number, message: RegExp, call = ''): void {
  const told = `${call} → ${answer.code}\n${answer.stdout}${answer.stderr}`;
  assert.equal(answer.code, code, told);
  assert.equal(answer.stdout, '', told);
  assert.match(answer.stderr, message, told);
  const form = new RegExp(`^bgjob: .+\\n(  hint: .+\\n)?\\[bgjob\\] exit code ${code}\\n$`);
  assert.match(answer.stderr, form, told);
}

/** Runs a line of bash that calls bgjob once: it is refused, and the home is as it was. */
export async function refusesLine(rig: Rig, line: string, message: RegExp, code = 125): Promise<void> {
  const before = pathsIn(rig.home);
  assertRefused(await rig.bash(line), code, message, line);
  assert.deepEqual(pathsIn(rig.home), before, line);
}

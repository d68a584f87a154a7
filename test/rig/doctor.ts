/**
 * What `bgjob doctor` answers where something was made wrong: in a namespace, under a limit, with a file that
 * says something else.
 */
import assert from 'node:assert/strict';
import { missing } from './needs.ts';
import { type Answer, BGJOB, type CallOptions, type Rig } from './rig.ts';

/** `bgjob ARGS` behind other words: `nice -n 5`. */
export const within = (rig: Rig, words: string[], args: string[], options?: CallOptions): Promise<Answer> => {
  const [program, ...rest] = [...words, process.execPath, '--', BGJOB, ...args];
  return rig.start(program!, rest, options).answer;
};

export interface Found {
  code: string;
  level: 'problem' | 'note';
  message: string;
  hint: string | null;
  job: number | null;
  queue: string | null;
}

const hasNoPs = missing('ps') !== false;
/** Whether this machine's pid 1 takes in its dead, and whether it has ps, is no matter of most tests. */
const ambient = ({ code, message }: Found): boolean =>
  code === 'zombies-stay' || (hasNoPs && code === 'tool-missing' && message.startsWith('ps '));

/** What these say is not the same a moment later. */
const VARYING = ['limit-low', 'clock-behind', 'more-jobs', 'queue-stranded', 'queue-left'];

/** Its findings there; the exit code must be theirs, and the lines for people must say the same. */
export async function findings(rig: Rig, words: string[] = ['env'], options?: CallOptions): Promise<Found[]> {
  const told = await within(rig, words, ['doctor', '--json'], options);
  const found: Found[] = told.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  assert.equal(told.stderr, '');
  assert.equal(told.code, found.some(({ level }) => level === 'problem') ? 1 : 0);
  const lines = (await within(rig, words, ['doctor'], options)).stdout.split('\n').filter(Boolean);
  for (const { level, message, hint } of found.filter((one) => !ambient(one) && !VARYING.includes(one.code)))
    assert.ok(lines.includes(`${level}: ${message}${hint === null ? '' : ` → ${hint}`}`), message);
  assert.equal(lines.filter((line) => line.startsWith('no problems found')).length, told.code === 0 ? 1 : 0);
  return found.filter((one) => !ambient(one));
}

/** Fails unless exactly one is found; that one. */
export async function onlyFinding(
  rig: Rig,
  code: string,
  words?: string[],
  options?: CallOptions,
): Promise<Found> {
  const found = await findings(rig, words, options);
  assert.deepEqual(
    found.map((one) => one.code),
    [code],
    JSON.stringify(found),
  );
  return found[0]!;
}

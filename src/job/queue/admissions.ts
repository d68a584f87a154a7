/**
 * Admissions of a queue: which jobs have a slot, and the number of that slot. Each is a dangling symlink with
 * a number above all others. A symlink is complete at once and is never overwritten. Its text is
 * `ID.SANDBOX.SLOT.GENERATION`; versions before 0.17 write and read only the first two parts. Functions that
 * write throw system errors.
 */
import { readlinkSync } from 'node:fs';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { requireDirectory } from '../../base/fs/directories.ts';
import { claimLink, highestNumber, listNumbers } from '../../base/fs/generation-claim.ts';
import { attemptQuietly } from '../../base/result.ts';
import { parseId } from '../home/ids.ts';
import type { QueuePaths } from '../home/paths.ts';
import type { JobId } from '../spec.ts';

export interface Admission {
  number: number;
  id: JobId;
  /** Of the process that admitted the job: see sandboxKey. */
  sandbox: string;
  /** From 1 on. Null: in the queue without slots, or from an older version. */
  slot: number | null;
  /** The owner number for which the job was admitted; 0 without a slot. */
  generation: number;
}

/** All admissions in order; a foreign file has id 0. `known`: a cache, because admissions never change. */
export function listAdmissions(queue: QueuePaths, known = new Map<number, Admission>()): Admission[] {
  const admissions = listNumbers(queue.dir, 'start')
    .sort((a, b) => a - b)
    .map((number) => known.get(number) ?? readAdmission(queue, number));
  known.clear();
  for (const admission of admissions) known.set(admission.number, admission);
  return admissions;
}

function readAdmission(queue: QueuePaths, number: number): Admission {
  const target = attemptQuietly(() => readlinkSync(queue.admission(number))) ?? '';
  const [id, sandbox = '', slot, generation] = target.split('.');
  const numbers = [slot, generation].map((text) => (/^[1-9]\d{0,8}$/.test(text ?? '') ? Number(text) : null));
  return { number, id: parseId(id!) ?? 0, sandbox, slot: numbers[0]!, generation: numbers[1] ?? 0 };
}

/**
 * Claims the next number, and returns what `choose` returns. `choose` gets the number: all admissions below
 * it are on disk by then, and no further one below it counts. Undefined, without a claim, if it returns
 * `full`.
 */
export function claimAdmission<Choice extends Pick<Admission, 'slot'>>(
  queue: QueuePaths,
  { id, sandbox, generation }: Pick<Admission, 'id' | 'sandbox' | 'generation'>,
  choose: (number: number) => Choice | 'full',
): Choice | undefined {
  requireDirectory(queue.dir, true);
  for (;;) {
    const number = highestNumber(queue.dir, 'start') + 1;
    const choice = choose(number);
    if (choice === 'full') return undefined;
    const { slot } = choice;
    const text = slot === null ? `${id}.${sandbox}` : `${id}.${sandbox}.${slot}.${generation}`;
    const path = queue.admission(number);
    if (!claimLink(path, text)) continue;
    // others may have had this number and higher ones since the call of `choose`, and this one was removed:
    // then those above have not seen ours, nor we theirs. The highest one is never removed
    if (highestNumber(queue.dir, 'start') === number) return choice;
    removeQuietly(path);
  }
}

/** Removes admissions of jobs that ended. The highest stays: its number would be given again. */
export function forgetAdmissions(queue: QueuePaths, dead: Admission[], highest: number): void {
  for (const { number } of dead) if (number < highest) removeQuietly(queue.admission(number));
}

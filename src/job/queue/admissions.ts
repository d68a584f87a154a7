/**
 * Admissions of a queue: which jobs have a slot. Each is a dangling symlink with a number above all others. A
 * symlink is complete at once and is never overwritten. Functions that write throw system errors.
 */
import { readlinkSync } from 'node:fs';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { requireDirectory } from '../../base/fs/directories.ts';
import { claimLink, claimNext, listNumbers } from '../../base/fs/generation-claim.ts';
import { attemptQuietly } from '../../base/result.ts';
import { parseId } from '../home/ids.ts';
import type { QueuePaths } from '../home/paths.ts';
import type { JobId } from '../spec.ts';

export interface Admission {
  number: number;
  id: JobId;
  /** Of the process that admitted the job: see sandboxKey. */
  sandbox: string;
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
  const [id, sandbox = ''] = target.split('.');
  return { number, id: parseId(id!) ?? 0, sandbox };
}

export function claimAdmission(queue: QueuePaths, id: JobId, sandbox: string): number {
  requireDirectory(queue.dir, true);
  return claimNext(queue.dir, 'start', (path) => claimLink(path, `${id}.${sandbox}`));
}

/** Removes admissions of jobs that ended. The highest stays: its number would be given again. */
export function forgetAdmissions(queue: QueuePaths, dead: Admission[], highest: number): void {
  for (const { number } of dead) if (number < highest) removeQuietly(queue.admission(number));
}

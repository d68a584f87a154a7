/**
 * Hints for new users: each is shown once per home. A file in the cache, created exclusively, remembers it.
 */
import { closeSync } from 'node:fs';
import { checksum } from '../../base/checksum.ts';
import { removeQuietly } from '../../base/fs/atomic-write.ts';
import { createExclusive } from '../../base/fs/open-file.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import { ignoreSystemError } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';

export type Hint = 'run' | 'watch' | `${Subject}.${string}`;
/** A hint about one thing is shown once for each: `runner.1a2b3c4d`. */
type Subject = 'service' | 'runner';

/**
 * Whether this hint was never shown in this home; the answer is yes once. False where no file can be created.
 */
export function isNew(home: Home, hint: Hint): boolean {
  try {
    closeSync(createExclusive(`${home.cache}/lesson.${hint}`));
    return true;
  } catch (thrown) {
    ignoreSystemError(thrown);
    return false;
  }
}

/** So many things are remembered: each build of a CI runner is one. */
const MAX_SUBJECTS = 50;

/** Whether this hint was never shown in this home about this thing; the answer is yes once. */
export function isNewAbout(home: Home, subject: Subject, thing: string): boolean {
  const name = `lesson.${subject}.${checksum(thing)}`;
  if (!isNew(home, `${subject}.${checksum(thing)}`)) return false;
  const others = namesIn(home.cache).filter((one) => one.startsWith(`lesson.${subject}.`) && one !== name);
  if (others.length >= MAX_SUBJECTS) for (const other of others) removeQuietly(`${home.cache}/${other}`);
  return true;
}

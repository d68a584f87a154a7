/**
 * Hints for new users: each is shown once per home. A file in the cache, created exclusively, remembers it.
 */
import { closeSync } from 'node:fs';
import { createExclusive } from '../../base/fs/open-file.ts';
import { ignoreSystemError } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';

export type Hint = 'run' | 'watch';

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

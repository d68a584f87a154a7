/** Hints that teach: each is shown once in a home, and never again. A file in the cache, made exclusively, remembers it. */
import { closeSync } from 'node:fs';
import { createExclusive } from '../../base/fs/atomic-write.ts';
import { ignoreSystemError } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';

export type Hint = 'run' | 'watch';

/** Whether this one is still to be taught; whoever gets a yes teaches it. Where nothing can be remembered it is not. */
export function isNew(home: Home, lesson: Hint): boolean {
  try {
    closeSync(createExclusive(`${home.cache}/lesson.${lesson}`));
    return true;
  } catch (thrown) {
    ignoreSystemError(thrown);
    return false;
  }
}

/** What `bgjob skill` did. */
import { safe } from '../../base/text/sanitize.ts';

/** `next`: the new bytes, null for no file; `old`: the version of the old text. */
interface SkillChange {
  place: { name: string; path: string; real: string; found: object | null };
  action: 'written' | 'updated' | 'unchanged' | 'removed' | 'absent';
  next: object | null;
  old: string | null;
}

/** The line about it. `version`: that of this bgjob. */
export function skillChangeText({ place, action, next, old }: SkillChange, version: string): string {
  const { name, path, real, found } = place;
  const file = safe(path) + (real === path ? '' : ` (which is ${safe(real)})`);
  const isBlock = name === 'agents-md';
  const what = isBlock ? `the bgjob block of ${file}` : file;
  const origin = old === null ? 'text that bgjob did not write' : `that of bgjob ${safe(old)}`;
  switch (action) {
    case 'written':
      return isBlock && found ? `added a block to ${file}` : `wrote ${file}`;
    case 'updated':
      return `replaced ${what}${old === version ? '' : `, instead of ${origin}`}`;
    case 'unchanged':
      return `${what} is up to date`;
    case 'absent':
      return `nothing to remove: ${isBlock ? `no bgjob block in ${file}` : `no ${file}`}`;
    case 'removed':
      return `removed ${isBlock && !next ? file : what}${old === version ? '' : `: ${origin}`}`;
  }
}

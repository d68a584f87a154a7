/** What `bgjob skill` did, and why it did not. */
import { ownerOf } from '../../base/fs/directories.ts';
import { attemptQuietly } from '../../base/result.ts';
import { safe } from '../../base/text/sanitize.ts';
import { userName } from '../../engine/os/users.ts';
import type { Failure } from '../../job/failure.ts';
import { quoteWord } from '../../job/view.ts';
import { errnoText, type MessageAndHint, textFor, typed } from './usage.ts';

/** `next`: the new bytes, null for no file; `old`: the version of the old text. */
interface SkillChange {
  place: { name: string; file: string | null; path: string; real: string; found: object | null };
  action: 'written' | 'updated' | 'unchanged' | 'removed' | 'absent';
  next: object | null;
  old: string | null;
}

/** The hooks were installed by a bgjob that was called by its path. */
export const NO_PROGRAM_FOR_HOOKS =
  'warning: there is no bgjob in PATH: hooks call it by that name, and tell nothing where it is missing';

const WOULD: Record<string, string> = {
  wrote: 'would write',
  added: 'would add',
  replaced: 'would replace',
  removed: 'would remove',
};

/** The line about it. `version`: that of this bgjob; `isTry`: nothing was done. */
export function skillChangeText(change: SkillChange, version: string, isTry: boolean): string {
  const text = doneText(change, version);
  return isTry ? text.replace(/^\w+/, (word) => WOULD[word] ?? word) : text;
}

/** The hooks that come (`+`) and go (`-`), line by line. */
export const skillShownText = ({ added, removed }: { added: string[]; removed: string[] }): string[] =>
  (
    [
      ['-', removed],
      ['+', added],
    ] as const
  ).flatMap(([sign, texts]) =>
    texts.flatMap((text) => text.split(/\r?\n/).map((line) => `  ${sign} ${safe(line)}`)),
  );

function doneText({ place, action, next, old }: SkillChange, version: string): string {
  const { name, path, real, found } = place;
  const file = safe(path) + (real === path ? '' : ` (which is ${safe(real)})`);
  const isBlock = name === 'agents-md' || name === 'codex';
  const part = name === 'codex' ? 'bgjob hooks' : 'bgjob block';
  const what = isBlock ? `the ${part} of ${file}` : file;
  const origin = old === null ? 'text that bgjob did not write' : `that of bgjob ${safe(old)}`;
  switch (action) {
    case 'written':
      return isBlock && found
        ? `added ${name === 'codex' ? 'hooks' : 'a block'} to ${file}`
        : `wrote ${file}`;
    case 'updated':
      return `replaced ${what}${old === version ? '' : `, instead of ${origin}`}`;
    case 'unchanged':
      return `${what} ${name === 'codex' ? 'are' : 'is'} up to date`;
    case 'absent':
      return `nothing to remove: ${isBlock ? `no ${part} in ${file}` : `no ${file}`}`;
    case 'removed':
      return `removed ${isBlock && !next ? file : what}${old === version ? '' : `: ${origin}`}`;
  }
}

export function skillMessage({
  path,
  trouble,
  again,
}: Extract<Failure, { code: 'skill-refused' }>): MessageAndHint {
  const file = safe(path);
  const anyway = `${safe(again)} does it all the same`;
  return textFor('kind', trouble, {
    'in-users-home': ({ owner, place }) => [
      `${place} belongs to ${safe(userName(owner))}, but this call runs as root: ` +
        `${safe(userName(owner))} could not change the ${file} that it would write; nothing was done`,
      `the same without sudo${place === 'HOME' ? `; or for root itself: sudo -H ${safe(again.replace(/ --force\b/, ''))}` : ''}`,
    ],
    'no-file': [`${file} is no regular file; nothing was changed`, `ls -ld ${quoteWord(path)}`],
    'not-ours': [`${file} was not written by bgjob; nothing was changed`, anyway],
    meanwhile: [`${file} was changed just now by somebody else; it stays so`, safe(again)],
    'damaged-block': [
      `${file} has half a bgjob block, or more than one; nothing was changed`,
      'leave one line "<!-- bgjob:begin -->" and one "<!-- bgjob:end -->" below it, or neither; then again',
    ],
    'damaged-hooks': ({ why }) => [
      `${file} is no hooks file that Codex could read: ${safe(why)}; nothing was changed`,
      `fix it, or move it away: mv ${quoteWord(path)} ${quoteWord(`${path}.old`)}`,
    ],
    outside: ({ real, base }) => [
      `${file} is ${safe(real)}, through a symbolic link out of ${safe(base)}; nothing was changed`,
      anyway,
    ],
    errno: ({ doing, errno }) => {
      const message = `cannot ${doing} ${file}: ${errnoText(errno)}`;
      const [folder] = /^.*\/\.claude(?=\/)/.exec(path) ?? [];
      const isRoots = folder !== undefined && attemptQuietly(() => ownerOf(folder)) === 0;
      // of a call of root in the home directory of this user
      if (isRoots && errno === 'EACCES')
        return [
          `${message}: ${safe(folder)} belongs to root`,
          `sudo chown -R ${process.geteuid!()} ${typed(folder)}`,
        ];
      if (path.endsWith('.json')) return [message, `ls -ld ${quoteWord(path)}`];
      return [message, 'bgjob skill (prints the text: put it where your agent reads it)'];
    },
  });
}

/** What becomes of each place of the text for coding agents: planned first, then done. */
import { readFileSync, realpathSync, rmdirSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { version } from '../../../package.json';
import { syncDir } from '../../base/fs/atomic-write.ts';
import { makeParents } from '../../base/fs/directories.ts';
import { changeInPlace, createUserFile } from '../../base/fs/user-files.ts';
import { ignoreSystemError } from '../../base/result.ts';
import type { SkillTrouble } from '../../job/failure.ts';
import agentsText from './agents.md';
import { blockOf, findBlock, markedPage, versionOfPage, withBlock, withoutBlock } from './block.ts';
import { hooksTrouble, withOurHooks, withoutOurHooks } from './codex-hooks.ts';
import { isOurFile, mayHaveOurs, PLUGIN_TEXTS } from './hooks.ts';
import skillText from './skill.md';
import type { SkillTarget, TargetName } from './targets.ts';

/** The options of the verb. */
export type Wishes = Record<TargetName | 'hooks' | 'remove' | 'force' | 'dry-run', boolean>;

/** What is to be done at a place. */
export interface Change {
  place: SkillTarget;
  action: 'written' | 'updated' | 'unchanged' | 'removed' | 'absent';
  /** The bytes of the file then; null: no file. */
  next: Buffer | null;
  /** The version that wrote what is replaced or removed; null: bgjob did not write it. */
  old: string | null;
  /** The lines of hooks that come and go, for --dry-run. */
  shown: { added: string[]; removed: string[] };
}

const NOTHING_SHOWN = { added: [], removed: [] };

/** The page, with its mark. */
export const wholePage = (): string => markedPage(version, skillText);

type Planned = { change: Change } | { trouble: SkillTrouble };

/** A file that is all ours. */
export function planFile(place: SkillTarget, { remove, force }: Wishes): Planned {
  const file = place.file!;
  const isPage = file === 'SKILL.md';
  const text = place.found?.bytes.toString();
  const whole = isPage ? wholePage() : PLUGIN_TEXTS[file]();
  const next = remove ? null : Buffer.from(whole);
  const planned = (action: Change['action'], old: string | null): Planned => {
    const removed = isPage || text === undefined || action === 'unchanged' ? [] : [text.trimEnd()];
    const added = isPage || remove || action === 'unchanged' ? [] : [whole.trimEnd()];
    return { change: { place, action, next, old, shown: { added, removed } } };
  };
  if (text === undefined) return planned(remove ? 'absent' : 'written', null);
  // the other files do not name the version that wrote them: their hosts ask for trust at each change
  const old = isPage ? (versionOfPage(text) ?? null) : isOurFile(text) ? version : null;
  if (!remove && text === whole) return planned('unchanged', old);
  if (old !== null || force) return planned(remove ? 'removed' : 'updated', old);
  // a plugin of the user in our folder: only the page is ours
  return remove && !isPage ? planned('absent', null) : { trouble: { kind: 'not-ours' } };
}

/** Our hooks in the hooks file of Codex. */
export function planCodex(place: SkillTarget, { remove }: Wishes): Planned {
  const change = (action: Change['action'], next: string | null, shown: Change['shown']): Planned => ({
    change: { place, action, next: next === null ? null : Buffer.from(next), old: version, shown },
  });
  // a damaged file of others is no matter of ours
  if (remove && !mayHaveOurs(place.found?.bytes.toString() ?? ''))
    return change('absent', null, NOTHING_SHOWN);
  const file = decoded(place);
  // an empty file is no file yet
  const text = file?.trim() === '' ? null : file;
  const why = file === undefined ? 'it is not UTF-8' : text && hooksTrouble(text);
  if (why || text === undefined) return { trouble: { kind: 'damaged-hooks', why: why ?? '' } };
  const { text: next, ...shown } = remove ? withoutOurHooks(text ?? '{}') : withOurHooks(text);
  if (next === text) return change(remove ? 'absent' : 'unchanged', next, shown);
  return change(remove ? 'removed' : shown.removed.length > 0 ? 'updated' : 'written', next, shown);
}

/** The text; undefined: it is not UTF-8, and Codex reads no other. A byte order mark stays. */
function decoded({ found }: SkillTarget): string | null | undefined {
  try {
    return found && new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(found.bytes);
  } catch (thrown) {
    if (thrown instanceof TypeError) return undefined;
    throw thrown;
  }
}

/** A block in a file of the user. */
export function planBlock(place: SkillTarget, { remove }: Wishes): Planned {
  const file = place.found?.bytes.toString('latin1') ?? '';
  const block = findBlock(file);
  if (block === 'damaged') return { trouble: { kind: 'damaged-block' } };
  const change = (action: Change['action'], text: string): Planned => {
    // a file that holds nothing else was made for the block
    const next = text === '' ? null : Buffer.from(text, 'latin1');
    return { change: { place, action, next, old: block?.version ?? null, shown: NOTHING_SHOWN } };
  };
  if (!block) return remove ? change('absent', file) : change('written', withBlock(file, blockText(), null));
  if (remove) return change('removed', withoutBlock(file, block));
  const isSame = file.slice(block.from, block.to) === blockText();
  return change(isSame ? 'unchanged' : 'updated', withBlock(file, blockText(), block));
}

const blockText = (): string => blockOf(version, agentsText);

/** Does it. False, and nothing is done, if the file was changed since it was read. Throws a system error. */
export function applyChange({ place: { name, path, real, base, found }, action, next }: Change): boolean {
  if (action === 'unchanged' || action === 'absent') return true;
  if (next) {
    if (found) return changeInPlace(real, found.bytes, next);
    makeParents(dirname(real));
    createUserFile(real, next);
    syncDir(dirname(real));
    return true;
  }
  if (!readFileSync(real).equals(found!.bytes)) return false;
  unlinkSync(real);
  if (name !== 'agents-md') removeEmptyParents(path, base);
  return true;
}

/**
 * The directories of a file that is gone, as far as they are empty now: they were made for it. A symbolic link
 * is no directory: it stays, and so does what it means.
 */
function removeEmptyParents(path: string, base: string): void {
  try {
    for (let at = dirname(path); realpathSync(at) !== base; at = dirname(at)) rmdirSync(at);
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}

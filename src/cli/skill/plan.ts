/** What becomes of each place of the text for coding agents: planned first, then done. */
import { readFileSync, rmdirSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { version } from '../../../package.json';
import { syncDir } from '../../base/fs/atomic-write.ts';
import { makeParents } from '../../base/fs/directories.ts';
import { changeInPlace, createUserFile } from '../../base/fs/user-files.ts';
import { ignoreSystemError } from '../../base/result.ts';
import type { SkillTrouble } from '../../job/failure.ts';
import agentsText from './agents.md';
import { blockOf, findBlock, markedPage, versionOfPage, withBlock, withoutBlock } from './block.ts';
import skillText from './skill.md';
import type { Target, TargetName } from './targets.ts';

/** The options of the verb. */
export type Wishes = Record<TargetName | 'remove' | 'force', boolean>;

/** What is to be done at a place. */
export interface Change {
  place: Target;
  action: 'written' | 'updated' | 'unchanged' | 'removed' | 'absent';
  /** The bytes of the file then; null: no file. */
  next: Buffer | null;
  /** The version that wrote what is replaced or removed; null: bgjob did not write it. */
  old: string | null;
}

/** The page, with its mark. */
export const wholePage = (): string => markedPage(version, skillText);

type Planned = { change: Change } | { trouble: SkillTrouble };

/** A file that is all ours. */
export function planFile(place: Target, { remove, force }: Wishes): Planned {
  const text = place.found?.bytes.toString();
  const next = remove ? null : Buffer.from(wholePage());
  if (text === undefined)
    return { change: { place, action: remove ? 'absent' : 'written', next, old: null } };
  const old = versionOfPage(text) ?? null;
  if (!remove && text === wholePage()) return { change: { place, action: 'unchanged', next, old } };
  if (old === null && !force) return { trouble: { kind: 'not-ours' } };
  return { change: { place, action: remove ? 'removed' : 'updated', next, old } };
}

/** A block in a file of the user. */
export function planBlock(place: Target, { remove }: Wishes): Planned {
  const file = place.found?.bytes.toString('latin1') ?? '';
  const block = findBlock(file);
  if (block === 'damaged') return { trouble: { kind: 'damaged-block' } };
  const change = (action: Change['action'], text: string): Planned => {
    // a file that holds nothing else was made for the block
    const next = text === '' ? null : Buffer.from(text, 'latin1');
    return { change: { place, action, next, old: block?.version ?? null } };
  };
  if (!block) return remove ? change('absent', file) : change('written', withBlock(file, blockText(), null));
  if (remove) return change('removed', withoutBlock(file, block));
  const isSame = file.slice(block.from, block.to) === blockText();
  return change(isSame ? 'unchanged' : 'updated', withBlock(file, blockText(), block));
}

const blockText = (): string => blockOf(version, agentsText);

/** Does it. False, and nothing is done, if the file was changed since it was read. Throws a system error. */
export function applyChange({ place: { name, real, base, found }, action, next }: Change): boolean {
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
  if (name !== 'agents-md') removeEmptyParents(real, base);
  return true;
}

/** The directories of a file that is gone, as far as they are empty now: they were made for it. */
function removeEmptyParents(file: string, base: string): void {
  try {
    for (let at = dirname(file); at.startsWith(`${base}/`); at = dirname(at)) rmdirSync(at);
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}

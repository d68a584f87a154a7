/** Planning and doing: what becomes of each place where the text for coding agents may be. */
import { readFileSync, rmdirSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { version } from '../../../package.json';
import { changeInPlace, createVisible, syncDir } from '../../base/fs/atomic-write.ts';
import { makeParents } from '../../base/fs/directories.ts';
import { ignoreSystemError } from '../../base/result.ts';
import type { SkillTrouble } from '../../job/failure.ts';
import agentsText from './agents.md';
import {
  blockOf,
  findBlock,
  type Mark,
  markedFile,
  markOfFile,
  plainEnds,
  withBlock,
  withoutBlock,
} from './block.ts';
import skillText from './skill.md';
import type { Target, TargetName } from './targets.ts';

/** The options of the verb. */
export type Wishes = Record<TargetName | 'remove' | 'force', boolean>;

/** What is to be done at a place; `next`: the whole file then, null for none. */
export interface Change {
  place: Target;
  action: 'written' | 'updated' | 'unchanged' | 'removed' | 'absent';
  next: Buffer | null;
  /** What is replaced or removed, if that is not simply what this bgjob wrote. */
  before: string | null;
}

/** Says whose text it is that is replaced; null if it is no wonder. */
function originOf(mark: Mark | undefined): string | null {
  if (!mark) return 'what bgjob did not write';
  if (!mark.intact) return `what somebody changed since bgjob ${mark.version} wrote it`;
  return mark.version === version ? null : `that of bgjob ${mark.version}`;
}

/** The page, with its mark. */
export const wholePage = (): string => markedFile(version, skillText);

type Planned = { change: Change } | { trouble: SkillTrouble };

/** A file that is all ours. */
export function planFile(place: Target, { remove, force }: Wishes): Planned {
  const { found } = place;
  const whole = wholePage();
  if (!found) return { change: { place, action: remove ? 'absent' : 'written', next: null, before: null } };
  const text = found.bytes.toString();
  const mark = markOfFile(text);
  const isSame = plainEnds(text) === whole;
  if (isSame && !remove) return { change: { place, action: 'unchanged', next: null, before: null } };
  if (!force && !mark) return { trouble: { kind: 'not-ours' } };
  if (!force && !mark!.intact) return { trouble: { kind: 'changed' } };
  return { change: { place, action: remove ? 'removed' : 'updated', next: null, before: originOf(mark) } };
}

/** A block in a file of somebody else's. */
export function planBlock(place: Target, { remove, force }: Wishes): Planned {
  const file = place.found?.bytes.toString('latin1') ?? null;
  const found = findBlock(file ?? '');
  if (!found.ok) return { trouble: { kind: 'damaged-block', why: found.why } };
  const old = found.value;
  const block = blockOf(version, agentsText);
  const change = (action: Change['action'], text: string | null, before: string | null = null): Planned => ({
    change: { place, action, next: text === null ? null : Buffer.from(text, 'latin1'), before },
  });
  if (!old) {
    if (remove) return change('absent', null);
    return change('written', file === null ? `${block}\n` : withBlock(file, block, null));
  }
  if (!remove && plainEnds(file!.slice(old.from, old.to)) === block) return change('unchanged', null);
  if (!force && !old.mark?.intact) return { trouble: { kind: 'changed' } };
  const before = originOf(old.mark);
  if (!remove) return change('updated', withBlock(file!, block, old), before);
  const rest = withoutBlock(file!, old);
  // a file that was made for the block; one that was empty before has no line end behind it
  return change('removed', rest === '' && file!.endsWith('\n') ? null : rest, before);
}

/** Does it; false, and nothing is done, if somebody changed the file since it was looked at. Throws a system error. */
export function apply({ place: { name, real, base, found }, action, next }: Change): boolean {
  if (action === 'unchanged' || action === 'absent') return true;
  if (action !== 'removed' || next) {
    const bytes = name === 'agents-md' ? next! : Buffer.from(wholePage());
    if (found) return changeInPlace(real, found.bytes, bytes);
    makeParents(dirname(real));
    createVisible(real, bytes);
    syncDir(dirname(real));
    return true;
  }
  if (!readFileSync(real).equals(found!.bytes)) return false;
  unlinkSync(real);
  if (name !== 'agents-md') leaveDirectories(real, base);
  return true;
}

/** The directories of a file that is gone, as far as they are empty now: they were made for it. */
function leaveDirectories(file: string, base: string): void {
  try {
    for (let at = dirname(file); at.startsWith(`${base}/`); at = dirname(at)) rmdirSync(at);
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}

/** Printing, installing and removing the text for coding agents. First all is looked at: if one place is refused, none is changed. */
import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { version } from '../../package.json';
import { errnoOf, fail, ok, type Result, type SkillTrouble } from '../base/failure.ts';
import { writeVisible } from '../base/files.ts';
import { safe } from '../base/text.ts';
import { projectOf } from '../job/project.ts';
import { type Exit, SUCCESS } from './command.ts';
import type { Context } from './context.ts';
import { blockOf, findBlock, withBlock, withoutBlock } from './skillblock.ts';
import { type Mark, markedFile, markOfFile, plainEnds } from './skillmark.ts';
import { lookAt, type Place, type PlaceName } from './skillplaces.ts';
import agentsText from './texts/agents.md';
import skillText from './texts/skill.md';

/** The options of the verb. */
export type Wishes = Record<PlaceName | 'remove' | 'force', boolean>;

/** What is to be done at a place; `next`: the whole file then, null for none. */
interface Change {
  place: Place;
  action: 'written' | 'updated' | 'unchanged' | 'removed' | 'absent';
  next: Buffer | null;
  /** What is replaced or removed, if that is not simply what this bgjob wrote. */
  before: string | null;
}

const PLACES: readonly PlaceName[] = ['user', 'project', 'agents-md'];

/** Says whose text it is that is replaced; null if it is no wonder. */
function originOf(mark: Mark | undefined): string | null {
  if (!mark) return 'what bgjob did not write';
  if (!mark.intact) return `what somebody changed since bgjob ${mark.version} wrote it`;
  return mark.version === version ? null : `that of bgjob ${mark.version}`;
}

type Planned = { change: Change } | { trouble: SkillTrouble };

/** A file that is all ours. */
function planFile(place: Place, { remove, force }: Wishes): Planned {
  const { found } = place;
  const whole = markedFile(version, skillText);
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
function planBlock(place: Place, { remove, force }: Wishes): Planned {
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

/** Does it; throws a system error. */
function apply({ place: { name, real, base, found }, action, next }: Change): void {
  if (action === 'unchanged' || action === 'absent') return;
  if (action !== 'removed' || next) {
    makeDirectories(dirname(real));
    const bytes = name === 'agents-md' ? next! : Buffer.from(markedFile(version, skillText));
    writeVisible(real, bytes, found?.mode ?? null);
    return;
  }
  fs.unlinkSync(real);
  if (name !== 'agents-md') leaveDirectories(real, base);
}

/** From the first that is missing on: `recursive` would call a read-only place an absent one. */
function makeDirectories(path: string): void {
  if (fs.existsSync(path)) return;
  makeDirectories(dirname(path));
  fs.mkdirSync(path);
}

/** The directories of a file that is gone, as far as they are empty now: they were made for it. */
function leaveDirectories(file: string, base: string): void {
  try {
    for (let at = dirname(file); at.startsWith(`${base}/`); at = dirname(at)) fs.rmdirSync(at);
  } catch (thrown) {
    errnoOf(thrown);
  }
}

/** What was done, in a line. */
function told({ place, action, next, before }: Change): string {
  const { name, path, real, found } = place;
  const where = safe(path) + (real === path ? '' : ` (which is ${safe(real)})`);
  const what = name === 'agents-md' ? `the bgjob block of ${where}` : where;
  const instead = before === null ? '' : `, instead of ${before}`;
  switch (action) {
    case 'written':
      return name === 'agents-md' && found ? `added a block to ${where}` : `wrote ${where}`;
    case 'updated':
      return `replaced ${what}${instead}`;
    case 'unchanged':
      return `${what} is up to date`;
    case 'absent':
      return `nothing to remove: ${name === 'agents-md' ? `no bgjob block in ${where}` : `no ${where}`}`;
    default: {
      const gone = name === 'agents-md' && next === null ? where : what;
      return `removed ${gone}${before === null ? '' : `: ${before}`}`;
    }
  }
}

/** The command again, with what was refused allowed. */
const withForce = (wishes: Wishes): string =>
  [
    'bgjob skill',
    ...PLACES.filter((name) => wishes[name]),
    ...(wishes.remove ? ['remove'] : []),
    'force',
  ].join(' --');

/** Prints the text, or puts it where the options say, or takes it away there. */
export function teach(context: Context, wishes: Wishes): Result<Exit> {
  const { output } = context;
  const names = PLACES.filter((name) => wishes[name]);
  if (names.length === 0) {
    if (wishes.remove || wishes.force)
      return fail({
        code: 'usage',
        message: `--${wishes.remove ? 'remove' : 'force'} needs --user, --project or --agents-md`,
        hint: 'bgjob skill --help',
      });
    const text = markedFile(version, skillText);
    if (output.json) output.object({ v: 1, version, text });
    else output.raw(Buffer.from(text));
    return ok(SUCCESS);
  }
  const refuse = (path: string, trouble: SkillTrouble) =>
    fail({ code: 'skill-refused', path, trouble, again: withForce(wishes) });
  // a directory that was removed has no project, and must not mean another one
  const cwd = wishes.project || wishes['agents-md'] ? context.cwd() : ok('/');
  if (!cwd.ok) return cwd;
  const project = projectOf(cwd.value);
  const changes: Change[] = [];
  for (const name of names) {
    const looked = lookAt(context, name, project);
    if ('trouble' in looked) return refuse(looked.path, looked.trouble);
    const { place } = looked;
    const { path, real, base, outside } = place;
    if (outside && !wishes.force) return refuse(path, { kind: 'outside', real, base });
    const planned = name === 'agents-md' ? planBlock(place, wishes) : planFile(place, wishes);
    if ('trouble' in planned) return refuse(path, planned.trouble);
    changes.push(planned.change);
  }
  for (const change of changes) {
    const { name, path } = change.place;
    try {
      apply(change);
    } catch (thrown) {
      const doing = wishes.remove ? 'remove' : 'write';
      return refuse(path, { kind: 'errno', doing, errno: errnoOf(thrown) });
    }
    if (output.json) output.object({ v: 1, place: name, path, action: change.action, version });
    else output.line(told(change));
  }
  return ok(SUCCESS);
}

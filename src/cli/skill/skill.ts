/** Printing, installing and removing the text for coding agents. First all is looked at: if one place is refused, none is changed. */
import { version } from '../../../package.json';
import { errnoOf } from '../../base/result.ts';
import { safe } from '../../base/text/sanitize.ts';
import { fail, ok, type Result, type SkillTrouble } from '../../job/failure.ts';
import { projectOf } from '../../job/home/project.ts';
import { type Exit, SUCCESS } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { apply, type Change, planBlock, planFile, type Wishes, wholePage } from './plan.ts';
import { inspectTarget, type TargetName } from './targets.ts';

const PLACES: readonly TargetName[] = ['user', 'project', 'agents-md'];

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

/** The command again. */
const commandOf = (wishes: Wishes): string =>
  [
    'bgjob skill',
    ...PLACES.filter((name) => wishes[name]),
    ...(wishes.remove ? ['remove'] : []),
    ...(wishes.force ? ['force'] : []),
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
    const text = wholePage();
    if (output.json) output.object({ v: 1, version, text });
    else output.raw(Buffer.from(text));
    return ok(SUCCESS);
  }
  const refuse = (path: string, trouble: SkillTrouble) =>
    fail({
      ...{ code: 'skill-refused', path, trouble },
      again: commandOf(trouble.kind === 'meanwhile' ? wishes : { ...wishes, force: true }),
    });
  // a directory that was removed has no project, and must not mean another one
  const cwd = wishes.project || wishes['agents-md'] ? context.cwd() : ok('/');
  if (!cwd.ok) return cwd;
  const project = projectOf(cwd.value);
  const changes: Change[] = [];
  for (const name of names) {
    const looked = inspectTarget(context, name, project);
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
      if (!apply(change)) return refuse(path, { kind: 'meanwhile' });
    } catch (thrown) {
      const errno = errnoOf(thrown);
      // it came, or went, since it was looked at
      if (errno === (change.place.found ? 'ENOENT' : 'EEXIST')) return refuse(path, { kind: 'meanwhile' });
      return refuse(path, { kind: 'errno', doing: wishes.remove ? 'remove' : 'write', errno });
    }
    if (output.json) output.object({ v: 1, place: name, path, action: change.action, version });
    else output.line(told(change));
  }
  return ok(SUCCESS);
}

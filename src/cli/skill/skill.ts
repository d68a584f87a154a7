/** Prints, installs and removes the text for coding agents. If one place is refused, no place is changed. */
import { version } from '../../../package.json';
import { otherOwner } from '../../base/fs/directories.ts';
import { errnoOf } from '../../base/result.ts';
import { fail, ok, type Result, type SkillTrouble } from '../../job/failure.ts';
import { projectOf } from '../../job/home/project.ts';
import { type Exit, SUCCESS } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { skillChangeText } from '../messages/skill.ts';
import { needsOption } from '../messages/usage.ts';
import { applyChange, type Change, planBlock, planFile, type Wishes, wholePage } from './plan.ts';
import { inspectTarget, type TargetName } from './targets.ts';

const PLACES: readonly TargetName[] = ['user', 'project', 'agents-md'];

/** The call again, as it is typed. */
const commandOf = (wishes: Wishes): string =>
  [
    'bgjob skill',
    ...PLACES.filter((name) => wishes[name]),
    ...(wishes.remove ? ['remove'] : []),
    ...(wishes.force ? ['force'] : []),
  ].join(' --');

/** Prints the text, or installs or removes it where the options say. */
export function teach(context: Context, wishes: Wishes): Result<Exit> {
  const { output } = context;
  const names = PLACES.filter((name) => wishes[name]);
  if (names.length === 0) {
    if (wishes.remove || wishes.force)
      return fail(
        needsOption(
          wishes.remove ? '--remove' : '--force',
          '--user, --project or --agents-md',
          'bgjob skill --help',
        ),
      );
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
  // a removed working directory has no project
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
    const owner = planned.change.action === 'written' ? otherOwner(real) : undefined;
    // in a container root may work in the project of a user; a file that is there keeps its owner
    const isTheirs =
      name === 'user' ? !context.env['CLAUDE_CONFIG_DIR'] : context.env['SUDO_UID'] === String(owner);
    if (owner !== undefined && isTheirs && !place.found)
      return refuse(path, { kind: 'in-users-home', owner, place: name === 'user' ? 'HOME' : 'this project' });
    changes.push(planned.change);
  }
  for (const change of changes) {
    const { name, path } = change.place;
    try {
      if (!applyChange(change)) return refuse(path, { kind: 'meanwhile' });
    } catch (thrown) {
      const errno = errnoOf(thrown);
      // it came, or went, since it was read
      if (errno === (change.place.found ? 'ENOENT' : 'EEXIST')) return refuse(path, { kind: 'meanwhile' });
      return refuse(path, { kind: 'errno', doing: wishes.remove ? 'remove' : 'write', errno });
    }
    if (output.json) output.object({ v: 1, place: name, path, action: change.action, version });
    else output.line(skillChangeText(change, version));
  }
  return ok(SUCCESS);
}

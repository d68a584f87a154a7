/** Prints, installs and removes the text for coding agents. If one place is refused, no place is changed. */
import { version } from '../../../package.json';
import { otherOwner } from '../../base/fs/directories.ts';
import { errnoOf } from '../../base/result.ts';
import { fail, ok, type Result, type SkillTrouble } from '../../job/failure.ts';
import { projectOf } from '../../job/home/project.ts';
import { type Exit, SUCCESS } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { NO_PROGRAM_FOR_HOOKS, skillChangeText, skillShownText } from '../messages/home.ts';
import { needsOption } from '../messages/usage.ts';
import { isInPath, isOurFile, PLUGIN_TEXTS, type PluginFile } from './hooks.ts';
import { applyChange, type Change, planBlock, planCodex, planFile, type Wishes, wholePage } from './plan.ts';
import { inspectTarget, isChosen, type SkillFile, type SkillTarget, type TargetName } from './targets.ts';

const PLACES: readonly TargetName[] = ['user', 'project', 'agents-md', 'codex'];
const NEEDED = '--user, --project, --agents-md or --codex';

/** The files of a place. A page is removed with all that makes its folder a plugin. */
function filesOf(name: TargetName, { remove }: Wishes): (SkillFile | null)[] {
  if (name === 'agents-md' || name === 'codex') return [null];
  const plugin = Object.keys(PLUGIN_TEXTS) as PluginFile[];
  if (remove) return [...plugin.toReversed(), 'SKILL.md'];
  // Claude Code starts no monitor of a project
  return ['SKILL.md', ...plugin.filter((file) => name === 'user' || !file.startsWith('monitors/'))];
}

/** Without --hooks only files that are there already: an update replaces them with the page. */
const isMeant = ({ file, found }: SkillTarget, { hooks, remove }: Wishes): boolean =>
  hooks ||
  remove ||
  file === null ||
  file === 'SKILL.md' ||
  (found !== null && isOurFile(found.bytes.toString()));

/** The call again, as it is typed. */
const commandOf = (wishes: Wishes): string =>
  [
    'bgjob skill',
    ...PLACES.filter((name) => wishes[name]),
    ...(['hooks', 'remove', 'force', 'dry-run'] as const).filter((name) => wishes[name]),
  ].join(' --');

/** Prints the text, or installs or removes it where the options say. */
export function teach(context: Context, wishes: Wishes): Result<Exit> {
  const { output } = context;
  const names = PLACES.filter((name) => wishes[name]);
  if (wishes.hooks && !wishes.user && !wishes.project && !wishes.codex)
    return fail(needsOption('--hooks', '--user, --project or --codex', 'bgjob skill --user --hooks'));
  if (names.length === 0) {
    const alone = (['remove', 'force', 'dry-run'] as const).find((name) => wishes[name]);
    if (alone) return fail(needsOption(`--${alone}`, NEEDED, 'bgjob skill --help'));
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
  const places = names.flatMap((name) => filesOf(name, wishes).map((file) => ({ name, file })));
  for (const { name, file } of places) {
    const looked = inspectTarget(context, name, project, file);
    if ('trouble' in looked) return refuse(looked.path, looked.trouble);
    const { place } = looked;
    if (!isMeant(place, wishes)) continue;
    const { path, real, base, outside } = place;
    if (outside && !wishes.force) return refuse(path, { kind: 'outside', real, base });
    const plan = name === 'agents-md' ? planBlock : name === 'codex' ? planCodex : planFile;
    const planned = plan(place, wishes);
    if ('trouble' in planned) return refuse(path, planned.trouble);
    const owner = planned.change.action === 'written' ? otherOwner(real) : undefined;
    const isOfUser = name === 'user' || name === 'codex';
    // in a container root may work in the project of a user; a file that is there keeps its owner
    const isTheirs = isOfUser ? !isChosen(context, name) : context.env['SUDO_UID'] === String(owner);
    if (owner !== undefined && isTheirs && !place.found)
      return refuse(path, { kind: 'in-users-home', owner, place: isOfUser ? 'HOME' : 'this project' });
    // most pages are no plugin
    if (planned.change.action !== 'absent' || file === null || file === 'SKILL.md')
      changes.push(planned.change);
  }
  const isTry = wishes['dry-run'];
  for (const change of changes) {
    const { name, path } = change.place;
    try {
      if (!isTry && !applyChange(change)) return refuse(path, { kind: 'meanwhile' });
    } catch (thrown) {
      const errno = errnoOf(thrown);
      // it came, or went, since it was read
      if (errno === (change.place.found ? 'ENOENT' : 'EEXIST')) return refuse(path, { kind: 'meanwhile' });
      return refuse(path, { kind: 'errno', doing: wishes.remove ? 'remove' : 'write', errno });
    }
    if (output.json)
      output.object({ v: 1, place: name, path, action: change.action, version, dryRun: isTry });
    else {
      output.line(skillChangeText(change, version, isTry));
      if (isTry) for (const line of skillShownText(change.shown)) output.line(line);
    }
  }
  if ((wishes.hooks || wishes.codex) && !wishes.remove && !isInPath(context))
    output.note(NO_PROGRAM_FOR_HOOKS);
  return ok(SUCCESS);
}

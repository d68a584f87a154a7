/** For `doctor`: which hosts of coding agents know bgjob here, and whether their hooks are switched off. */
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { attemptQuietly } from '../../base/result.ts';
import type { Finding } from '../../engine/doctor/findings.ts';
import { projectOf } from '../../job/home/project.ts';
import type { Context } from '../command/context.ts';
import { versionOfPage } from './block.ts';
import { isInPath, isOurFile, mayHaveOurs } from './hooks.ts';
import { inspectTarget, readUserFile, type SkillFile, type TargetName } from './targets.ts';

/** Settings that an administrator makes; they come before those of the user. */
const MANAGED_CLAUDE =
  process.platform === 'darwin'
    ? '/Library/Application Support/ClaudeCode/managed-settings.json'
    : '/etc/claude-code/managed-settings.json';
const MANAGED_CODEX = '/etc/codex/requirements.toml';

/** The setting of Claude Code that switches hooks off; undefined: none does. */
export function claudeHooksOff(text: string, isManaged: boolean): string | undefined {
  let settings: Record<string, unknown> | null;
  try {
    settings = JSON.parse(text) as Record<string, unknown> | null;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
  if (settings?.['disableAllHooks'] === true) return 'disableAllHooks';
  return isManaged && settings?.['allowManagedHooksOnly'] === true ? 'allowManagedHooksOnly' : undefined;
}

/** The same of Codex. Of TOML only what these keys need is read: tables, and keys with a plain value. */
export function codexHooksOff(text: string, isManaged: boolean): string | undefined {
  let table = '';
  for (const line of text.split('\n')) {
    const [, header] = /^\s*\[\s*([\w.\s-]+?)\s*\]\s*(?:#.*)?$/.exec(line) ?? [];
    if (header !== undefined) table = `${header}.`;
    const [, key, value] = /^\s*([\w.]+)\s*=\s*(true|false)\b/.exec(line) ?? [];
    const whole = table + key;
    if (value === 'false' && /^features\.(codex_)?hooks$/.test(whole)) return `${whole} = false`;
    if (isManaged && value === 'true' && whole === 'allow_managed_hooks_only') return `${whole} = true`;
  }
  return undefined;
}

interface Settings {
  path: string;
  isManaged?: boolean;
}

function findOff(
  files: Settings[],
  read: (text: string, isManaged: boolean) => string | undefined,
): { path: string; setting: string } | null {
  for (const { path, isManaged = false } of files) {
    const text = attemptQuietly(() => readUserFile(path));
    const setting = typeof text === 'object' && text ? read(text.bytes.toString(), isManaged) : undefined;
    if (setting !== undefined) return { path, setting };
  }
  return null;
}

/** A profile that takes longer is no finding. One that loads nvm takes a second. */
const PROFILE_MS = 3000;

/** Codex runs a hook in a login shell, whose profile may set another PATH; null: bgjob is found there. */
function shellWithoutBgjob(env: NodeJS.ProcessEnv): string | null {
  const shell = env['SHELL'] || '/bin/sh';
  const { pid, status, error } = spawnSync(shell, ['-lc', 'command -v bgjob'], {
    stdio: 'ignore',
    env,
    // in a session of its own: what the profile started ends with it, and no profile asks in the terminal.
    // Node's types do not know it
    ...{ detached: true },
    timeout: PROFILE_MS,
    killSignal: 'SIGKILL',
  });
  if (pid > 0 && error) attemptQuietly(() => process.kill(-pid, 'SIGKILL'));
  // 127: dash; 1: other shells
  return status === 1 || status === 127 ? shell : null;
}

/** Only hosts that were set up by `bgjob skill`. Nothing that cannot be read is a finding. */
export function findHosts(context: Context): Finding[] {
  const cwd = context.cwd();
  const project = cwd.ok ? projectOf(cwd.value) : null;
  const look = (name: TargetName, file: SkillFile | null = null) => {
    const looked = inspectTarget(context, name, project ?? '/', file);
    return 'place' in looked ? looked.place : undefined;
  };
  const textOf = (place: ReturnType<typeof look>): string => place?.found?.bytes.toString() ?? '';
  const findings: Finding[] = [];
  const common = { code: 'agent-host', inPath: isInPath(context) } as const;
  const user = look('user', 'SKILL.md');
  // the settings are beside the folder of skills
  const settings = user && dirname(dirname(dirname(user.path)));
  for (const name of project === null ? (['user'] as const) : (['user', 'project'] as const)) {
    const page = look(name, 'SKILL.md');
    const hooks = look(name, 'hooks/hooks.json');
    if (!page || versionOfPage(textOf(page)) === undefined) continue;
    const files: Settings[] = [
      { path: MANAGED_CLAUDE, isManaged: true },
      ...(settings === undefined ? [] : [{ path: `${settings}/settings.json` }]),
      ...(project === null
        ? []
        : ['settings.json', 'settings.local.json'].map((one) => ({ path: `${project}/.claude/${one}` }))),
    ];
    const hasHooks = isOurFile(textOf(hooks)) && isOurFile(textOf(look(name, '.claude-plugin/plugin.json')));
    const off = hasHooks ? findOff(files, claudeHooksOff) : null;
    findings.push({
      ...common,
      host: 'claude',
      place: name,
      path: page.path,
      hasHooks,
      deafShell: null,
      off,
    });
  }
  const codex = look('codex');
  if (codex && mayHaveOurs(textOf(codex))) {
    const files = [
      { path: MANAGED_CODEX, isManaged: true },
      { path: `${dirname(codex.path)}/config.toml` },
      ...(project === null ? [] : [{ path: `${project}/.codex/config.toml` }]),
    ];
    const off = findOff(files, codexHooksOff);
    const deafShell = off || !common.inPath ? null : shellWithoutBgjob(context.env);
    findings.push({
      ...common,
      host: 'codex',
      place: 'codex',
      path: codex.path,
      hasHooks: true,
      deafShell,
      off,
    });
  }
  return findings;
}

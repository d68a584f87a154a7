/**
 * What the hosts of coding agents are asked to call: the hooks of Claude Code and Codex, the monitor of Claude
 * Code. A host may ask its user again for trust when one of these lines changes, so they stay as they are.
 */
import { version } from '../../../package.json';

export type HookHost = 'claude' | 'codex';

/** Codex has no event after a batch of tools. */
export const HOOK_EVENTS: Record<HookHost, readonly string[]> = {
  claude: ['SessionStart', 'UserPromptSubmit', 'PostToolBatch', 'Stop'],
  codex: ['SessionStart', 'UserPromptSubmit', 'PostToolUse', 'Stop'],
};

/** Seconds. A hook answers within two; the rest is for a machine that is very slow. */
const HOOK_TIMEOUT = 10;

/** In each of our files but the page, which has its own mark. */
const FILE_MARK = '(written by bgjob skill)';
export const isOurFile = (text: string): boolean => text.includes(FILE_MARK);

/** A comment of the shell, at the end of each hook in a file that is not ours. */
const HANDLER_MARK = '# bgjob skill --codex';
export const mayHaveOurs = (text: string): boolean => text.includes(HANDLER_MARK);
export const isOurHandler = (handler: unknown): boolean => {
  const command = (handler as { command?: unknown } | null)?.command;
  return typeof command === 'string' && command.endsWith(HANDLER_MARK);
};

// TODO: the line of /work/s2
const hookLine = (event: string, host: HookHost): string =>
  `command -v bgjob >/dev/null && exec bgjob hook ${event} --host ${host}; exit 0`;

/** One hook, as both hosts write it. */
export const handlerOf = (event: string, host: HookHost) => ({
  type: 'command',
  command: hookLine(event, host) + (host === 'codex' ? ` ${HANDLER_MARK}` : ''),
  timeout: HOOK_TIMEOUT,
});

/** The hooks by their events. */
export const hooksOf = (host: HookHost): Record<string, { hooks: object[] }[]> =>
  Object.fromEntries(HOOK_EVENTS[host].map((event) => [event, [{ hooks: [handlerOf(event, host)] }]]));

const jsonText = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** The files that make the folder of the page a plugin, by their paths in it. The last one makes it so. */
export const PLUGIN_TEXTS: Record<PluginFile, () => string> = {
  'hooks/hooks.json': () =>
    jsonText({ description: `Tells the agent how its jobs ended ${FILE_MARK}`, hooks: hooksOf('claude') }),
  'monitors/monitors.json': () =>
    jsonText([
      {
        name: 'bgjob-ends',
        command: 'bgjob watch --ends --session',
        description: `Ends of the jobs of this session ${FILE_MARK}`,
        // on-skill-invoke did not start it in some versions; the process sleeps until a job ends
        when: 'always',
      },
    ]),
  '.claude-plugin/plugin.json': () =>
    jsonText({ name: 'bgjob', version, description: `Jobs that outlive the tool call ${FILE_MARK}` }),
};
export type PluginFile = 'hooks/hooks.json' | 'monitors/monitors.json' | '.claude-plugin/plugin.json';

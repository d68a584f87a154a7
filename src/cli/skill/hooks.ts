/**
 * What the hosts of coding agents are asked to call: the hooks of Claude Code and Codex, the monitor of Claude
 * Code. A host may ask its user again for trust when one of these lines changes, so they stay as they are.
 */
import { version } from '../../../package.json';
import { findCommand } from '../../engine/os/programs.ts';
import type { Context } from '../command/context.ts';
import { HOOK_MARK, hookEntries } from '../hook/hooks-json.ts';

/** In each of our files but the page, which has its own mark. */
const FILE_MARK = '(written by bgjob skill)';
export const isOurFile = (text: string): boolean => text.includes(FILE_MARK);

/** Whether a hook in a file of the user is ours. */
export const isOurHandler = (handler: unknown): boolean => {
  const command = (handler as { command?: unknown } | null)?.command;
  return typeof command === 'string' && command.includes(HOOK_MARK);
};
/** False: no hook of this text is ours, whatever else is wrong with it. */
export const mayHaveOurs = (text: string): boolean => text.includes(HOOK_MARK.split('"', 1)[0]!);

/** The hooks and the monitor call bgjob by its name: a path would change with an update, and then the line. */
export const isInPath = ({ env }: Context): boolean => findCommand('bgjob', env['PATH'], '/').ok;

const jsonText = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** The files that make the folder of the page a plugin, by their paths in it. The last one makes it so. */
export const PLUGIN_TEXTS: Record<PluginFile, () => string> = {
  'hooks/hooks.json': () =>
    jsonText({
      description: `Tells the agent how its jobs ended ${FILE_MARK}`,
      hooks: hookEntries('claude'),
    }),
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

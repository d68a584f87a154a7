/** `bgjob skill`: prints or installs a page that teaches coding agents bgjob. */
import { verb } from '../command/command.ts';

const OPTIONS = {
  user: { kind: 'flag', text: 'install it for this user: ~/.claude/skills/bgjob/SKILL.md' },
  project: { kind: 'flag', text: 'install it for this project: .claude/skills/bgjob/SKILL.md' },
  'agents-md': { kind: 'flag', text: "write a marked block into this project's AGENTS.md" },
  codex: { kind: 'flag', text: 'add hooks to ~/.codex/hooks.json: Codex is told how jobs ended' },
  hooks: { kind: 'flag', text: 'with --user or --project: also hooks, so that Claude Code is told' },
  remove: { kind: 'flag', text: 'with these options: remove what was installed there' },
  force: { kind: 'flag', text: 'also a page that bgjob did not write, or through a symbolic link' },
  'dry-run': { kind: 'flag', text: 'only say what would be done, and show the hooks' },
} as const;

export const skill = verb({
  name: 'skill',
  operands: '',
  arity: [0, 0],
  brief: 'for agents',
  changes: true,
  summary: 'print or install a page that teaches coding agents bgjob',
  description: [
    'Prints a SKILL.md of one page. --user and --project install it where agents look for skills.',
    '--agents-md writes a shorter text into AGENTS.md, between two marks, and leaves the rest of the file',
    'as it is, with its owner and hard links.',
    '',
    '--hooks makes the folder of the page a plugin of Claude Code: its hooks tell the agent how its jobs',
    'ended, at the next prompt and after each batch of tools; --user adds a monitor, which tells at once.',
    '--codex adds such hooks to the hooks file of Codex, which runs them after you have trusted them',
    '(/hooks). Hooks of others there stay byte for byte. --remove takes the page away with its hooks, and from',
    'the file of Codex only ours.',
    '',
    'The same command after an update of bgjob replaces the page, its hooks if there are some, and all',
    'between the marks. A file that bgjob did not write is refused (125), and so is a symbolic link that',
    'leads out of the home directory or project. --force does it anyway, and says so.',
    'If CLAUDE_CONFIG_DIR is set, it is used in place of ~/.claude; the same holds for CODEX_HOME and',
    '~/.codex.',
  ],
  examples: [
    ['bgjob skill', 'read it'],
    ['bgjob skill --user', 'for all your projects'],
    ['bgjob skill --user --hooks', 'the same, and Claude Code is told how its jobs ended'],
    ['bgjob skill --codex --dry-run', 'what it would add to the hooks of Codex'],
    ['bgjob skill --project --agents-md', 'for everyone who works on this project'],
    ['bgjob skill --user --remove', 'remove it again'],
  ],
  options: OPTIONS,
  async run(context, { options }) {
    const { teach } = await import('../skill/skill.ts');
    return teach(context, options);
  },
});

/** `bgjob skill`: how to use bgjob, for coding agents. */
import { verb } from '../command/command.ts';

const OPTIONS = {
  user: { kind: 'flag', text: 'install it for you: ~/.claude/skills/bgjob/SKILL.md' },
  project: { kind: 'flag', text: 'for this project: .claude/skills/bgjob/SKILL.md' },
  'agents-md': { kind: 'flag', text: "a marked block in this project's AGENTS.md" },
  remove: { kind: 'flag', text: 'with these: take away what was installed there' },
  force: { kind: 'flag', text: 'also what bgjob did not write, or somebody changed' },
} as const;

export const skill = verb({
  name: 'skill',
  operands: '',
  arity: [0, 0],
  brief: 'for agents',
  changes: true,
  summary: 'a short text that teaches coding agents bgjob; prints or installs it',
  description: [
    'Prints a SKILL.md of one page, for coding agents. --user and --project install it where agents look for skills,',
    '--agents-md writes a shorter text into AGENTS.md, between two marks; the rest of the file stays as it is, and so do its owner and',
    'its other names.',
    'Again, after an update of bgjob: replaces what an older one wrote. What somebody else wrote or changed is refused (125),',
    'and so is a way out of your home or the project through a symbolic link; --force does it, and says so.',
    "The user's directory is CLAUDE_CONFIG_DIR, if that is set, instead of ~/.claude.",
  ],
  examples: [
    ['bgjob skill', 'read it'],
    ['bgjob skill --user', 'for all your projects'],
    ['bgjob skill --project --agents-md', 'for everybody who works on this one'],
    ['bgjob skill --user --remove', 'take it away again'],
  ],
  options: OPTIONS,
  async run(context, { options }) {
    const { teach } = await import('../skill/skill.ts');
    return teach(context, options);
  },
});

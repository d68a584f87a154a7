/** What was meant by a command that is not there. */
import { Command, CommanderError } from 'commander';
import type { Verb } from './command.ts';

/** The hint after an unknown command: commander knows what is similar. */
export function nearestVerb(name: string, verbs: readonly Verb[]): string {
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  for (const verb of verbs) program.command(verb.name);
  try {
    program.parse([name], { from: 'user' });
  } catch (thrown) {
    const meant =
      thrown instanceof CommanderError
        ? /Did you mean (?:one of )?([\w, ]+)\?/.exec(thrown.message)?.[1]
        : '';
    if (meant) return `bgjob ${meant}`;
  }
  return `bgjob run -- ${name} (to run it as a job), or bgjob --help`;
}

/**
 * Parsing by commander: options, and what was meant by a word that is not there. Loaded where there is something to parse:
 * `bgjob run -- command` has nothing of it, and starts sooner without.
 */
import { Command, CommanderError, Option as CommanderOption } from 'commander';
import { type Failure, fail, ok, type Result } from '../../job/failure.ts';
import { COMMON, GIVEN, isOptional, type Option, type Verb } from './command.ts';

export interface Parsed {
  /** Values by commander's names for the options. */
  raw: Record<string, unknown>;
  operands: string[];
}

function commanderOptions(name: string, option: Option): CommanderOption[] {
  const flags = `${option.short ? `${option.short}, ` : ''}--${name}`;
  if (option.kind === 'flag') return [new CommanderOption(flags)];
  if (isOptional(option))
    return [new CommanderOption(flags), new CommanderOption(`--${name}${GIVEN} <value>`).hideHelp()];
  const valued = new CommanderOption(`${flags} <${option.value ?? 'value'}>`);
  if (option.kind === 'list') valued.argParser((value: string, before: string[] = []) => [...before, value]);
  return [valued];
}

/** Parses options, and operands between them, by what the verb declares. */
export function parseOptions(declared: Verb, own: string[]): Result<Parsed> {
  const parser = new Command(declared.name)
    .exitOverride()
    .configureOutput({ writeErr: () => {}, writeOut: () => {} })
    .helpOption(false)
    .argument('[words...]');
  for (const [name, option] of Object.entries({ ...declared.options, ...COMMON }))
    for (const each of commanderOptions(name, option)) parser.addOption(each);
  try {
    parser.parse(own, { from: 'user' });
    // commander takes -5 for a number; before a command there are only options
    const [stray] = declared.passThrough ? parser.args : [];
    if (stray !== undefined)
      return fail({
        code: 'usage',
        message: `unknown option '${stray}'`,
        hint: `bgjob ${declared.name} --help`,
      });
    return ok({ raw: parser.opts(), operands: parser.args });
  } catch (thrown) {
    if (thrown instanceof CommanderError) return fail(usageFailure(declared, thrown));
    throw thrown;
  }
}

function usageFailure(declared: Verb, error: CommanderError): Failure {
  const [first, suggestion] = error.message.replace(/^error: /, '').split('\n');
  const meant = /Did you mean (.+)\?/.exec(suggestion ?? '')?.[1];
  const hint = meant ? `bgjob ${declared.name} ${meant}` : `bgjob ${declared.name} --help`;
  return { code: 'usage', message: first!, hint };
}

/** What other tools call it. */
const ELSEWHERE: Record<string, string> = {
  ...{ start: 'run', exec: 'run', spawn: 'run' },
  ...{ logs: 'tail', log: 'tail', output: 'tail', cat: 'tail', follow: 'tail -f', attach: 'tail -f' },
  ...{ stop: 'kill', cancel: 'kill', terminate: 'kill' },
  ...{ list: 'ls', ps: 'ls', jobs: 'ls', info: 'show', clean: 'gc' },
};

/** The hint after an unknown command: what other tools call it; else commander knows what is similar. */
export function nearestVerb(name: string, verbs: readonly Verb[]): string {
  const known = Object.hasOwn(ELSEWHERE, name) ? ELSEWHERE[name] : undefined;
  if (known) return `bgjob ${known}`;
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

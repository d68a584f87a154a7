/** Parses options with commander. Loaded only if there are options: `bgjob run -- command` starts sooner. */
import { Command, CommanderError, Option as CommanderOption } from 'commander';
import { type Failure, fail, ok, type Result } from '../../job/failure.ts';
import { usageError } from '../messages/usage.ts';
import { COMMON, GIVEN, isOptional, type Option, type Verb } from './command.ts';
import { unknownOptionOf } from './guess.ts';

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

export function parseOptions(declared: Verb, own: string[]): Result<Parsed> {
  const parser = new Command(declared.name)
    .exitOverride()
    .showSuggestionAfterError(false)
    .configureOutput({ writeErr: () => {}, writeOut: () => {} })
    .helpOption(false)
    .argument('[words...]');
  for (const [name, option] of Object.entries({ ...declared.options, ...COMMON }))
    for (const each of commanderOptions(name, option)) parser.addOption(each);
  try {
    parser.parse(own, { from: 'user' });
    // commander takes -5 for a word; before the command of `run` there are only options
    const [stray] = declared.passThrough ? parser.args : [];
    if (stray !== undefined) return fail(unknownOptionOf(declared, stray));
    return ok({ raw: parser.opts(), operands: parser.args });
  } catch (thrown) {
    if (thrown instanceof CommanderError) return fail(usageFailure(declared, thrown));
    throw thrown;
  }
}

/** commander's errors: an option that is not declared, or one without its value. */
function usageFailure(declared: Verb, error: CommanderError): Failure {
  const [message] = error.message.replace(/^error: /, '').split('\n');
  const unknown = /^unknown option '(.*)'$/s.exec(error.message.replace(/^error: /, ''))?.[1];
  return unknown === undefined
    ? usageError(message!, `bgjob ${declared.name} --help`)
    : unknownOptionOf(declared, unknown);
}

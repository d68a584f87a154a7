/**
 * The command line: from argv to a verb, and from its result to an exit code. Only this file ends the
 * process, and it catches what no other file expects. The build makes several programs of it: `complete.ts`
 * has all verbs; the others have the few that are called often, and start sooner (build.mjs).
 */
import { join } from 'node:path';
import { version } from '../../package.json';
import { readText } from '../base/fs/read-record.ts';
import { isShortage, throwShortages } from '../base/result.ts';
import { sourceStack } from '../base/source-stack.ts';
import { recoverAll } from '../engine/automation/recovery.ts';
import { exitCodeOfFailure, type Failure, type Result } from '../job/failure.ts';
import type { Exit, TestsExit, Verb } from './command/command.ts';
import { Context } from './command/context.ts';
import { foreignWord } from './command/encoding.ts';
import { dieOf, interruptCode, interruptedBy } from './command/interrupt.ts';
import { outputOptionsOf, parseWords } from './command/split-argv.ts';
import { verbHelp } from './help/help.ts';
import { printFailure } from './messages/failures.ts';
import { bugText, internalError, notUtf8 } from './messages/usage.ts';
import { AnswerLost, Output } from './output/output.ts';

/** The verbs of this program. */
let verbs: readonly Verb[] = [];
const verbOf = (name: string | undefined): Verb | undefined => verbs.find((one) => one.name === name);

export function failWith(output: Output, failure: Failure): number {
  printFailure(output, failure);
  return printExit(output, { code: exitCodeOfFailure(failure), by: 'bgjob' });
}

/** Where stderr is no terminal, its last line says whose exit code it is. A signal to the call decides it. */
function printExit(output: Output, exit: Exit | TestsExit): number {
  if (verbOf(process.argv[2])?.exitsZero) return 0;
  const signal = interruptedBy();
  const { code, by } = signal === undefined ? exit : { code: interruptCode(signal), by: 'bgjob' };
  if (code !== 0 && !output.json && !output.isTerminal(2)) output.note(`[${by}] exit code ${code}`);
  return code;
}

async function command(argv: string[], answerOther: AnswerOther): Promise<number> {
  const [name, ...words] = /^(help|--help|-h)$/.test(argv[0] ?? '') ? [argv[1] ?? '--help', '--help'] : argv;
  const other = await answerOther(name, words);
  if (other !== undefined) return other;
  const verb = verbOf(name)!;
  // an error in the words is printed as JSON, too, if that is asked for
  const plain = new Output(process.env, outputOptionsOf(verb, words));
  throwShortages();
  const foreign = foreignWord(words);
  if (foreign !== undefined) return failWith(plain, notUtf8(verb.name, foreign));
  const parsed = parseWords(verb, words);
  if (!parsed.ok) return failWith(plain, parsed.failure);
  if (parsed.value.help) {
    plain.line(verbHelp(verb));
    return 0;
  }
  const output = new Output(process.env, parsed.value, verb.changes);
  const context = new Context(process.env, output);
  const result: Result<Exit | TestsExit> = await verb.run(context, parsed.value);
  const home = context.leavesHome ? undefined : context.home();
  if (home?.ok && home.value)
    await recoverAll(home.value, verb.name === 'kill').catch((thrown) => {
      // the command itself is done
      if (!isShortage(thrown)) throw thrown;
    });
  if (!result.ok) {
    const code = failWith(output, result.failure);
    output.deliver();
    return code;
  }
  if (output.lost !== undefined)
    return failWith(output, { code: 'answer-lost', errno: output.lost, instead: 'stderr' });
  output.deliver();
  return printExit(output, result.value);
}

/** Ends the process: after an interrupt by that signal, after everything that runs at exit. */
function end(code: number): void {
  const signal = interruptedBy();
  if (signal !== undefined) process.once('exit', () => dieOf(signal));
  process.exit(code);
}

/** Why a file of our program that is loaded only when it is used was not the one that this call needs. */
function programFailure(thrown: unknown): Failure | undefined {
  const { code, message } = thrown as NodeJS.ErrnoException;
  const chunk = code === 'MODULE_NOT_FOUND' ? /'(?:[^']*\/)?([\w-]+\.js)'/.exec(message)?.[1] : undefined;
  if (chunk !== undefined) return { code: 'program-gone', path: join(__dirname, chunk) };
  const record = readText(join(__dirname, '..', 'package.json'));
  const to = /^ {2}"version": "(.*)"/m.exec(record)?.[1];
  if (to === undefined || to === version) return undefined;
  return { code: 'program-replaced', from: version, to };
}

/** Answers a call whose first word is no verb: its exit code. Undefined: it is a verb. */
export type AnswerOther = (name: string | undefined, words: string[]) => Promise<number | undefined>;

function failWithThrown(thrown: unknown): number {
  const verb = verbOf(process.argv[2]);
  const output = new Output(process.env, verb ? outputOptionsOf(verb, process.argv.slice(3)) : {});
  if (isShortage(thrown)) {
    const { code, path } = thrown as NodeJS.ErrnoException;
    return failWith(output, { code: 'io', doing: 'read', path: path ?? process.cwd(), errno: code! });
  }
  if (thrown instanceof AnswerLost)
    return failWith(output, { code: 'answer-lost', errno: thrown.errno, instead: null });
  const failure = programFailure(thrown);
  if (failure !== undefined) return failWith(output, failure);
  output.note(bugText(sourceStack(thrown)));
  return failWith(output, internalError());
}

/**
 * Runs the call of this process. Returns the names of the verbs, for boot.ts. A program of few verbs is
 * started for these only.
 */
export function main(ours: readonly Verb[], answerOther: AnswerOther = async () => undefined): string[] {
  verbs = ours;
  command(process.argv.slice(2), answerOther).catch(failWithThrown).then(end);
  return ours.map(({ name }) => name);
}

/**
 * The command line: from argv to a verb, and from its result to an exit code. Only this file ends the
 * process, and it catches what no other file expects.
 */
import { join } from 'node:path';
import { version } from '../../package.json';
import { readText } from '../base/fs/read-record.ts';
import { isShortage, throwShortages } from '../base/result.ts';
import { sourceStack } from '../base/source-stack.ts';
import { recoverAll } from '../engine/automation/recovery.ts';
import { rememberProgram } from '../engine/os/own-program.ts';
import { rememberToolsIn } from '../engine/os/tool-memory.ts';
import { EXIT, exitCodeOfFailure, type Failure, type Result } from '../job/failure.ts';
import { openHome } from '../job/home/home.ts';
import type { Exit } from './command/command.ts';
import { Context } from './command/context.ts';
import { foreignWord } from './command/encoding.ts';
import { dieOf, interruptCode, interruptedBy } from './command/interrupt.ts';
import { asksJson, parseWords } from './command/split-argv.ts';
import { generalHelp, verbHelp } from './help/help.ts';
import { printFailure } from './messages/failures.ts';
import { bugText, internalError, notUtf8 } from './messages/usage.ts';
import { AnswerLost, Output } from './output/output.ts';
import { VERBS } from './verbs.ts';

function failWith(output: Output, failure: Failure): number {
  printFailure(output, failure);
  return printExit(output, { code: exitCodeOfFailure(failure), by: 'bgjob' });
}

/** Where stderr is no terminal, its last line says whose exit code it is. A signal to the call decides it. */
function printExit(output: Output, exit: Exit): number {
  if (VERBS.find(({ name }) => name === process.argv[2])?.exitsZero) return 0;
  const signal = interruptedBy();
  const { code, by } = signal === undefined ? exit : { code: interruptCode(signal), by: 'bgjob' };
  if (code !== 0 && !output.json && !output.isTerminal(2)) output.note(`[${by}] exit code ${code}`);
  return code;
}

/** Answers calls without a verb: help, version, man pages. False: the first word may be a verb. */
async function answerGeneral(output: Output, name: string | undefined, words: string[]): Promise<boolean> {
  if (name === undefined || name === '--help' || name === '-h') output.line(generalHelp(VERBS));
  else if (name === 'version' || name === '--version' || name === '-V') output.line(version);
  else if (name === '--man') {
    const { pagesOf } = await import('./help/man-page.ts');
    const pages = pagesOf(words[0], VERBS, version);
    if (pages === undefined) return false;
    output.raw(Buffer.from(pages));
  } else return false;
  return true;
}

/**
 * The scheduler and the listener, which run as jobs: not in any help. Only they load the files of
 * services/.
 */
async function runService([serves, path, host, port]: string[]): Promise<number> {
  rememberProgram(__filename);
  const home = openHome(path ?? '', false);
  if (!home.ok || !home.value) return EXIT.bgjob;
  rememberToolsIn(home.value);
  if (serves === '--schedules') {
    const { serveSchedules } =
      require('../services/scheduler/scheduler.ts') as typeof import('../services/scheduler/scheduler.ts');
    return serveSchedules(home.value);
  }
  const { serveTriggers } =
    require('../services/listener/listener.ts') as typeof import('../services/listener/listener.ts');
  return serveTriggers(home.value, { host: host!, port: Number(port) });
}

async function command(argv: string[]): Promise<number> {
  if (argv[0] === '--schedules' || argv[0] === '--triggers') return runService(argv);
  const [name, ...words] = /^(help|--help|-h)$/.test(argv[0] ?? '') ? [argv[1] ?? '--help', '--help'] : argv;
  if (name === 'completion' && words[0] === 'words') {
    // a script of 0.9 asks without `--`, and takes other answers
    if (words[1] !== '--') return 0;
    const { completionLines } = require('./completion/answer.ts') as typeof import('./completion/answer.ts');
    const output = new Output(process.env, false);
    const context = new Context(process.env, output);
    for (const line of completionLines(context, VERBS, words.slice(2))) output.line(line);
    return 0;
  }
  // an error in the words is printed as JSON, too, if that is asked for
  const verb = VERBS.find((one) => one.name === name);
  const plain = new Output(process.env, verb ? asksJson(verb, words) : words.includes('--json'));
  if (await answerGeneral(plain, name, words)) return 0;
  if (!verb) {
    const { unknownFirstWord } = require('./command/guess.ts') as typeof import('./command/guess.ts');
    // `bgjob --man frob`: the word that is no verb is the second
    const [word, ...rest] = name === '--man' ? [...words, '--help'] : [name!, ...words];
    return failWith(plain, unknownFirstWord(word!, rest, VERBS));
  }
  throwShortages();
  const foreign = foreignWord(words);
  if (foreign !== undefined) return failWith(plain, notUtf8(verb.name, foreign));
  const parsed = parseWords(verb, words);
  if (!parsed.ok) return failWith(plain, parsed.failure);
  if (parsed.value.help) {
    plain.line(verbHelp(verb));
    return 0;
  }
  const output = new Output(process.env, parsed.value.json, verb.changes);
  const context = new Context(process.env, output);
  const result: Result<Exit> = await verb.run(context, parsed.value);
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

/** For boot.ts: which words are verbs. */
export const verbs = VERBS.map(({ name }) => name);

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

command(process.argv.slice(2)).then(end, (thrown) => {
  const verb = VERBS.find(({ name }) => name === process.argv[2]);
  const output = new Output(process.env, verb ? asksJson(verb, process.argv.slice(3)) : false);
  if (isShortage(thrown)) {
    const { code, path } = thrown as NodeJS.ErrnoException;
    return end(failWith(output, { code: 'io', doing: 'read', path: path ?? process.cwd(), errno: code! }));
  }
  if (thrown instanceof AnswerLost)
    return end(failWith(output, { code: 'answer-lost', errno: thrown.errno, instead: null }));
  const failure = programFailure(thrown);
  if (failure !== undefined) return end(failWith(output, failure));
  output.note(bugText(sourceStack(thrown)));
  end(failWith(output, internalError()));
});

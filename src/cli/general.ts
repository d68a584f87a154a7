/** Calls without a verb: help, version, man pages, completions, our services, and words that are no verb. */
import { version } from '../../package.json';
import { rememberProgram } from '../engine/os/own-program.ts';
import { rememberToolsIn } from '../engine/os/tool-memory.ts';
import { EXIT } from '../job/failure.ts';
import { openHome } from '../job/home/home.ts';
import { Context } from './command/context.ts';
import { unknownFirstWord } from './command/guess.ts';
import { outputOptionsOf } from './command/split-argv.ts';
import { completionLines } from './completion/answer.ts';
import { generalHelp } from './help/help.ts';
import { failWith } from './main.ts';
import { Output } from './output/output.ts';
import { VERBS } from './verbs.ts';

/** Answers help, version and man pages. False: the first word may be a verb. */
async function answerHelp(output: Output, name: string | undefined, words: string[]): Promise<boolean> {
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
 * The scheduler, the listener and the service of a target, which run as jobs: not in any help. Only they load the
 * files of services/.
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
  if (serves === '--target') {
    const { serveTarget } =
      require('../services/target/serve-target.ts') as typeof import('../services/target/serve-target.ts');
    return serveTarget(home.value, host!);
  }
  const { serveTriggers } =
    require('../services/listener/listener.ts') as typeof import('../services/listener/listener.ts');
  return serveTriggers(home.value, { host: host!, port: Number(port) });
}

function completeWords(words: string[]): number {
  // a script of 0.9 asks without `--`, and takes other answers
  if (words[0] !== '--') return 0;
  const output = new Output(process.env, {});
  const context = new Context(process.env, output);
  for (const line of completionLines(context, VERBS, words.slice(1))) output.line(line);
  return 0;
}

/** The exit code of a call without a verb; undefined: the first word is a verb. */
export async function answerGeneral(name: string | undefined, words: string[]): Promise<number | undefined> {
  if (process.argv[2] === '--with-guard') {
    const { endAfterGuard } = require('./with/guard.ts') as typeof import('./with/guard.ts');
    return endAfterGuard(process.argv.slice(3));
  }
  // as the first word: `bgjob help --schedules` is no service
  if (/^--(schedules|triggers|target)$/.test(process.argv[2] ?? '')) return runService(process.argv.slice(2));
  if (name === 'completion' && words[0] === 'words') return completeWords(words.slice(1));
  if (VERBS.some((verb) => verb.name === name)) return undefined;
  const output = new Output(process.env, outputOptionsOf(undefined, words));
  if (await answerHelp(output, name, words)) return 0;
  // `bgjob --man frob`: the word that is no verb is the second
  const [word, ...rest] = name === '--man' ? [...words, '--help'] : [name!, ...words];
  return failWith(output, unknownFirstWord(word!, rest, VERBS));
}

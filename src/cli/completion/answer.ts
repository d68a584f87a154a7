/**
 * The answer to Tab, for the scripts of the three shells: `bgjob completion words -- WORD...`. The last word
 * is at the cursor. The first line says what the shell completes by itself: `words` (nothing), `files
 * PREFIX`, `directories PREFIX`, or `command N`: the command of a job begins with word N. Each other line is
 * a word, and after a tab what it means.
 */
import { COMMON, type Options, type Verb } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { valueFollows } from '../command/split-argv.ts';
import { liveWords } from './candidates.ts';
import { operandWords, valueWords, type Words } from './grammar.ts';

/** What the words before the cursor say about the word at the cursor. */
interface Position {
  verb?: string;
  /** The first word after the verb that is no option. */
  action?: string;
  /** The option whose value is at the cursor. */
  flag?: string;
  /** The number of the word at which the command of a job begins. */
  command?: number;
}

const optionsOf = (verb: Verb | undefined): Options => ({ ...verb?.options, ...COMMON });

function readPosition(verbs: readonly Verb[], before: string[]): Position {
  const found: Position = {};
  let declared: Verb | undefined;
  for (const [at, word] of before.entries()) {
    // bash cuts `--queue=api` into three words, and `@last` into two
    if (word === '@') continue;
    if (word === '=' && before[at - 1]?.startsWith('--')) found.flag = before[at - 1]!;
    else if (found.flag !== undefined) delete found.flag;
    else if (found.verb === undefined) {
      found.verb = word;
      declared = verbs.find(({ name }) => name === word);
    } else if (word === '--') return { ...found, command: at + 1 };
    else if (/^-./.test(word)) {
      if (valueFollows(optionsOf(declared), word)) found.flag = word;
    } else if (declared?.passThrough) return { ...found, command: at };
    else found.action ??= word;
  }
  return found;
}

const NO_WORDS: Words = { literal: [] };

/** What the value of an option may be; `flag`: `--name`, or letters of which the last one is the option. */
function wordsOfValue(options: Options, flag: string): Words {
  const [name, option] =
    Object.entries(options).find(([long, { short }]) =>
      flag.startsWith('--') ? flag === `--${long}` : short === `-${flag.at(-1)}`,
    ) ?? [];
  return option === undefined || option.kind === 'flag' ? NO_WORDS : valueWords(name!, option.value ?? '');
}

const optionLines = (options: Options): string[] =>
  Object.entries(options).flatMap(([name, { short, text }]) =>
    [`--${name}`, ...(short === undefined ? [] : [short])].map((flag) => `${flag}\t${text}`),
  );

/** The lines of the answer. Nothing is an error: a message would land in the line that is typed. */
export function completionLines(context: Context, verbs: readonly Verb[], typed: string[]): string[] {
  const before = typed.slice(0, -1);
  const cursor = typed.at(-1) ?? '';
  const { verb: name, action, flag, command } = readPosition(verbs, before);
  const verbLines = verbs.map((verb) => `${verb.name}\t${verb.summary}`);
  if (command !== undefined) return [`command ${command}`];
  if (name === undefined) return ['words', ...verbLines, 'help\twhat a command does', '--help', '--version'];
  if (name === 'help') return ['words', ...verbLines];
  const verb = verbs.find((one) => one.name === name);
  if (!verb) return ['words'];

  const options = optionsOf(verb);
  const isAt = cursor.startsWith('@') || before.at(-1) === '@';
  const answer = ({ literal, live, path }: Words, prefix = ''): string[] => {
    const home = context.home();
    const found = live && home.ok && home.value ? liveWords(home.value, context.here(), live) : [];
    // `@last` is offered to a cursor that is at nothing, or at `@`
    const fitting = found.filter((line) => (line.startsWith('@') ? isAt || cursor === '' : !isAt));
    return [path ? `${path} ${prefix}` : 'words', ...[...literal, ...fitting].map((line) => prefix + line)];
  };
  if (cursor === '=' && before.at(-1)!.startsWith('--')) return answer(wordsOfValue(options, before.at(-1)!));
  if (flag !== undefined) return answer(wordsOfValue(options, flag));
  // `--queue=b`, `-Qb`
  const [prefix] = /^(--[a-z-]+=|-\w(?!$))/.exec(cursor) ?? [];
  if (prefix !== undefined) return answer(wordsOfValue(options, prefix.replace(/=$/, '')), prefix);
  if (cursor.startsWith('-')) return ['words', ...optionLines(options)];
  if (verb.passThrough) return [`command ${before.length}`];
  return answer(operandWords(verb, action));
}

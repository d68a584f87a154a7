/**
 * Which lines of a batch the shell would refuse for their syntax. A regular expression knows most lines.
 * About all the others bash is asked in one start, which runs nothing of them.
 */
import { findTool } from '../../engine/os/programs.ts';

const childProcesses = () => require('node:child_process') as typeof import('node:child_process');

/**
 * A character or a quoted part of a word. No text is read in two ways, so the expression takes linear time.
 */
const PIECE = String.raw`(?:[\w@%+:,./=~^*?-]|\\[^\n]|'[^']*'|"[^"\\$!\x60]*"|\$\w|\$\{\w+\})`;
const REDIRECT = String.raw`(?:&?>>?|>&|<)[ \t]*${PIECE}+`;
/** Words that begin, divide or end a compound command, or change how it is run. */
const RESERVED = 'if|then|elif|else|fi|for|while|until|do|done|case|esac|select|function|coproc|in|time';
const FIRST = String.raw`(?!(?:${RESERVED})(?![^ \t;&|<>]))(?:${PIECE}+|${REDIRECT})`;
const COMMAND = String.raw`${FIRST}(?:[ \t]*${REDIRECT}|[ \t]+${PIECE}+)*`;
const SEPARATOR = String.raw`[ \t]*(?:&&|\|\||\|&?|;|&(?!>))[ \t]*`;
/** Lists and pipelines of simple commands, all of it understood. */
const PLAIN = new RegExp(String.raw`^[ \t]*${COMMAND}(?:${SEPARATOR}${COMMAND})*[ \t]*[;&]?[ \t]*$`);
/** A number before the next redirection, which belongs to that: `> 2> x`. */
const NUMBER_AS_TARGET = /[<>&|]\s*\d+[<>]/;

/** Each character of a match takes room on the stack of the expression. */
const MOST_CHARACTERS = 4000;

/** Whether a line is certainly right. */
const isPlain = (line: string): boolean =>
  line.length <= MOST_CHARACTERS && PLAIN.test(line) && !NUMBER_AS_TARGET.test(line);

/** The room for lines in the environment of one bash, and the longest one: less than the kernel takes. */
const MOST_ASKED_BYTES = 800_000;
const LONGEST_ASKED_BYTES = 120_000;
/** All that bash says about them. */
const MOST_ANSWER_BYTES = 2 ** 28;
/** A here-document without its end, or a backslash at the end, is right alone, and wrong in brackets. */
const UNSURE = /<<|\\$/;

/**
 * A line is put in brackets in a function. A right line is right in both. A wrong line is wrong in at least
 * one of them: text that closes the first bracket does not close the second.
 */
const BRACKETS = [
  ['( ', '\n)'],
  ['if :; then ', '\nfi'],
] as const;

/** The indexes of the lines, in portions for one start of bash each. Too long lines are in none. */
function* portions(lines: string[]): Generator<number[]> {
  let portion: number[] = [];
  let bytes = 0;
  for (const [n, line] of lines.entries()) {
    const own = Buffer.byteLength(line);
    if (own > LONGEST_ASKED_BYTES) continue;
    bytes += BRACKETS.length * (own + 100);
    if (portion.length > 0 && bytes > MOST_ASKED_BYTES) {
      yield portion;
      portion = [];
      bytes = BRACKETS.length * (own + 100);
    }
    portion.push(n);
  }
  if (portion.length > 0) yield portion;
}

/**
 * Asks bash about many lines at once, as functions in its environment: bash parses these when it starts, and
 * runs nothing. Returns for each line whether it is right; undefined: it must be asked alone.
 */
function judge(bash: string, lines: string[]): (boolean | undefined)[] {
  const judged = lines.map((): boolean | undefined => undefined);
  for (const portion of portions(lines)) {
    const functions = BRACKETS.flatMap(([open, close], bracket) =>
      portion.map((n) => [`BASH_FUNC_l${n}_${bracket}%%`, `() { ${open}${lines[n]}${close}\n}`]),
    );
    const { status, stderr } = childProcesses().spawnSync(bash, ['--norc', '--noprofile', '-c', ':'], {
      env: { LC_ALL: 'C', ...Object.fromEntries(functions) },
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'latin1',
      maxBuffer: MOST_ANSWER_BYTES,
    });
    if (status !== 0) continue;
    for (const n of portion) judged[n] = true;
    for (const [, n] of stderr.matchAll(/importing function definition for `l(\d+)_/g))
      judged[Number(n)] = UNSURE.test(lines[Number(n)]!) ? undefined : false;
  }
  return judged;
}

/** Each line in a fork of one shell: `set -n` is the first command that the fork runs, and the last. */
const ONE_BY_ONE = `while IFS= read -r -d '' line; do
  says=$(eval "set -n"$'\\n'"$line" 2>&1); printf '%s\\0%s\\0' $? "$says"
done`;

/** Why the shell refuses each of these lines, in its own words; undefined: it does not. */
function reasonsOf(bash: string, lines: string[]): (string | undefined)[] {
  const { stdout } = childProcesses().spawnSync(bash, ['--norc', '--noprofile', '-c', ONE_BY_ONE], {
    input: `${lines.join('\0')}\0`,
    env: { LC_ALL: 'C.UTF-8' },
    stdio: ['pipe', 'pipe', 'ignore'],
    encoding: 'utf8',
    maxBuffer: MOST_ANSWER_BYTES,
  });
  const answers = stdout.split('\0');
  return lines.map((_, n) => ((answers[2 * n] ?? '0') === '0' ? undefined : inWords(answers[2 * n + 1]!)));
}

/** `bash: eval: line 3: unexpected EOF …` → `unexpected EOF …`. */
const inWords = (says: string): string => says.split('\n')[0]!.replace(/^.*?: line \d+: /, '') || SOME_REASON;

/** Without bash: one start of sh for each. */
function reasonOfSh(line: string): string | undefined {
  const asked = childProcesses().spawnSync(findTool('sh') ?? '/bin/sh', ['-n'], {
    input: `${line}\n`,
    env: {},
    stdio: ['pipe', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  return asked.status === 0 || asked.status === null
    ? undefined
    : inWords(asked.stderr.replace(/^.*?: \d+: /, ''));
}

/** So many lines get a reason in the words of the shell: each takes a fork. */
const MOST_REASONS = 10;
const SOME_REASON = 'the shell refuses its syntax';

/** The lines that the shell would refuse: index → why, in its words. */
export function refusedLines(lines: string[]): Map<number, string> {
  const odd = lines.flatMap((line, n) => (isPlain(line) ? [] : [n]));
  if (odd.length === 0) return new Map();
  const texts = odd.map((n) => lines[n]!);
  const bash = findTool('bash');
  const reasons = bash ? reasonsIn(bash, texts) : texts.map(reasonOfSh);
  return new Map(odd.flatMap((n, rank) => (reasons[rank] === undefined ? [] : [[n, reasons[rank]]])));
}

function reasonsIn(bash: string, lines: string[]): (string | undefined)[] {
  const judged = judge(bash, lines);
  let wrong = 0;
  const alone = judged.flatMap((right, n) =>
    right === undefined || (!right && ++wrong <= MOST_REASONS) ? [n] : [],
  );
  const reasons = judged.map((right): string | undefined => (right === false ? SOME_REASON : undefined));
  if (alone.length === 0) return reasons;
  const answers = reasonsOf(
    bash,
    alone.map((n) => lines[n]!),
  );
  for (const [rank, n] of alone.entries()) reasons[n] = answers[rank];
  return reasons;
}

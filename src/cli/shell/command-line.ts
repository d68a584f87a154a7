/**
 * The command of `run`: words as they are, one shell line, or a script. Nothing here runs or reads anything.
 */
import { findTool } from '../../engine/os/programs.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import { quoteWord } from '../../job/view.ts';
import { emptyCommand, nulInWord } from '../messages/run.ts';
import { neededByEnv, parseShebang } from './script.ts';

export interface Command {
  argv: string[];
  /** The shell line; null for words. */
  line: string | null;
  /** Programs that must exist, apart from `argv[0]`. */
  needs: string[];
}

/** Keywords and builtins of bash: they need no program in PATH. */
const SHELL_WORDS = new Set(
  (
    'if then else elif fi for while until do done case esac function select time in coproc . : [ alias ' +
    'bg bind break builtin caller cd command compgen complete compopt continue declare dirs disown echo ' +
    'enable eval exec exit export false fc fg getopts hash help history jobs kill let local logout ' +
    'mapfile popd printf pushd pwd read readarray readonly return set shift shopt source suspend test ' +
    'times trap true type typeset ulimit umask unalias unset wait'
  ).split(' '),
);

/** Words without any character that a shell treats specially. */
const WORDS = /^[\w@%+:,./ =-]+$/;

/**
 * The program of a line of plain words: if it does not exist, the job is refused before it is made.
 * Undefined: only a shell can tell what the line runs.
 */
function onlyCommand(line: string): string | undefined {
  if (!WORDS.test(line)) return undefined;
  const first = line.trim().split(/ +/)[0]!;
  return first === '' || first.includes('=') || SHELL_WORDS.has(first) ? undefined : first;
}

/** A word with one of these is no name of a program: it was meant as a shell line. */
const LINE_SIGNS = /[\s&|;<>()$`*?~"']/;

/** The shell line that words were meant as, whose first is no program; undefined: they were not. */
export function lineMeant([first = '', ...rest]: string[]): string | undefined {
  return LINE_SIGNS.test(first) || SHELL_WORDS.has(first)
    ? [first, ...rest.map(quoteWord)].join(' ')
    : undefined;
}

/** Builtins that exist as programs, too, and do the same. */
const LIKE_PROGRAMS = new Set(['true', 'false']);

/**
 * The words of a line that needs no shell: a program in PATH, and plain words. A path may name a script
 * without `#!`, which only a shell runs.
 */
export function plainWords(line: string): string[] | undefined {
  const words = line.trim().split(/ +/);
  const first =
    onlyCommand(line) ?? (LIKE_PROGRAMS.has(words[0]!) && WORDS.test(line) ? words[0] : undefined);
  return first === undefined || first.includes('/') ? undefined : words;
}

/** The same command for a target: its programs are found there. Where there is no bash, its service takes sh. */
export function commandThere(
  { argv, line }: Pick<Command, 'argv' | 'line'>,
  script: { at: number } | null | undefined,
  pipefail: boolean,
): Pick<Command, 'argv' | 'line'> & { at: number } {
  const shell = shellOf(pipefail);
  const isOurs = line !== null || (script != null && script.at === shell.length && argv[0] === shell[0]);
  const there = ['bash', ...(pipefail ? ['-o', 'pipefail'] : [])];
  if (!isOurs) return { argv, line, at: script?.at ?? 0 };
  return { argv: [...there, ...argv.slice(shell.length)], line, at: script ? there.length : 0 };
}

const shells = new Map<boolean, string[]>();
/** Looked up once for all lines of a batch. */
function shellOf(pipefail: boolean): string[] {
  const known = shells.get(pipefail);
  if (known) return known;
  const bash = findTool('bash');
  const shell = bash ? [bash, ...(pipefail ? ['-o', 'pipefail'] : [])] : [findTool('sh') ?? '/bin/sh'];
  shells.set(pipefail, shell);
  return shell;
}

/** Whether the script is on stdin: `run -`, with or without arguments for it. */
export const isScriptCall = (words: string[], separated: boolean): boolean => !separated && words[0] === '-';

/**
 * A script with its arguments. `at`: the place of its path in argv; the path is known when the job has an id.
 */
export function scriptCommand(
  script: Uint8Array,
  args: string[],
  pipefail: boolean,
): Command & { at: number } {
  const shebang = parseShebang(script);
  if (!shebang) {
    const shell = shellOf(pipefail);
    return { argv: [...shell, '-', ...args], line: null, needs: [], at: shell.length };
  }
  const { interpreter, argument } = shebang;
  const needed = neededByEnv(shebang);
  // the kernel does not search PATH: a name without a slash is in the working directory
  const program = interpreter.includes('/') ? interpreter : `./${interpreter}`;
  const before = [program, ...(argument === null ? [] : [argument])];
  return {
    argv: [...before, '-', ...args],
    line: null,
    needs: needed === undefined ? [] : [needed],
    at: before.length,
  };
}

/**
 * `separated`: `--` stood before the words. `hasFunctions`: the environment defines functions of the shell.
 */
export function parseCommand(
  words: string[],
  separated: boolean,
  pipefail: boolean,
  hasFunctions: boolean,
): Result<Command> {
  if (words.some((word) => word.includes('\0'))) return fail(nulInWord());
  if (separated || words.length > 1) return ok({ argv: words, line: null, needs: [] });
  const line = words[0]!;
  if (line.trim() === '') return fail(emptyCommand());
  const program = hasFunctions ? undefined : onlyCommand(line);
  // the shell would take a line that begins so for options
  const dashes = /^[-+]/.test(line) ? ['--'] : [];
  return ok({
    argv: [...shellOf(pipefail), '-c', ...dashes, line],
    line,
    needs: program === undefined ? [] : [program],
  });
}

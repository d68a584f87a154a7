/** What `run` is asked to run: words as they are, one shell line, or a script. Nothing here runs or reads anything. */
import { findTool } from '../../engine/os/programs.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import { quoteWord } from '../../job/view.ts';
import { neededByEnv, parseShebang } from './script.ts';

export interface Command {
  argv: string[];
  /** The shell line; null for words. */
  line: string | null;
  /** Commands that must exist, beside the program itself. */
  needs: string[];
}

/** Words of a shell's own that no PATH holds. */
const SHELL_WORDS = new Set(
  (
    'if then else elif fi for while until do done case esac function select time in coproc . : [ alias bg bind break builtin ' +
    'caller cd command compgen complete compopt continue declare dirs disown echo enable eval exec exit export false fc fg ' +
    'getopts hash help history jobs kill let local logout mapfile popd printf pushd pwd read readarray readonly ' +
    'return set shift shopt source suspend test times trap true type typeset ulimit umask unalias unset wait'
  ).split(' '),
);

/** Words, and nothing that is more to a shell. */
const WORDS = /^[\w@%+:,./ =-]+$/;

/**
 * The one command of a line that is nothing but words, so that a mistyped one can be refused before anything is created;
 * undefined where only a shell can tell what the line does.
 */
function onlyCommand(line: string): string | undefined {
  if (!WORDS.test(line)) return undefined;
  const first = line.trim().split(/ +/)[0]!;
  return first === '' || first.includes('=') || SHELL_WORDS.has(first) ? undefined : first;
}

/** What makes a word more than the name of a program: it was meant as a shell line. */
const LINE_SIGNS = /[\s&|;<>()$`*?~"']/;

/** The shell line that was meant by words whose first is no program; undefined: they were not meant as one. */
export function lineMeant([first = '', ...rest]: string[]): string | undefined {
  return LINE_SIGNS.test(first) || SHELL_WORDS.has(first)
    ? [first, ...rest.map(quoteWord)].join(' ')
    : undefined;
}

/** These of a shell's own are programs, too, and do the same. */
const LIKE_PROGRAMS = new Set(['true', 'false']);

/**
 * The words of a line for which no shell is needed: one program, found along PATH, and plain words. (What is named by a path may be a
 * script without `#!`, which only a shell runs.)
 */
export function plainWords(line: string): string[] | undefined {
  const words = line.trim().split(/ +/);
  const first =
    onlyCommand(line) ?? (LIKE_PROGRAMS.has(words[0]!) && WORDS.test(line) ? words[0] : undefined);
  return first === undefined || first.includes('/') ? undefined : words;
}

const shells = new Map<boolean, string[]>();
/** Looked up once, and not for each line of a batch. */
function shellOf(pipefail: boolean): string[] {
  const known = shells.get(pipefail);
  if (known) return known;
  const bash = findTool('bash');
  const shell = bash ? [bash, ...(pipefail ? ['-o', 'pipefail'] : [])] : [findTool('sh') ?? '/bin/sh'];
  shells.set(pipefail, shell);
  return shell;
}

/** Whether the script comes on stdin: `run -`, also with arguments for it. */
export const isScriptCall = (words: string[], separated: boolean): boolean => !separated && words[0] === '-';

/** A script with its arguments; `at`: the word of argv that its path will take, known only when the job has an id. */
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
  // a name without a slash is of the working directory: the kernel looks along no PATH
  const program = interpreter.includes('/') ? interpreter : `./${interpreter}`;
  const before = [program, ...(argument === null ? [] : [argument])];
  return {
    argv: [...before, '-', ...args],
    line: null,
    needs: needed === undefined ? [] : [needed],
    at: before.length,
  };
}

/** `separated`: `--` stood before the words. `hasFunctions`: the environment brings functions that a shell may call. */
export function parseCommand(
  words: string[],
  separated: boolean,
  pipefail: boolean,
  hasFunctions: boolean,
): Result<Command> {
  if (words.some((word) => word.includes('\0')))
    return fail({ code: 'usage', message: 'a word holds a NUL byte' });
  if (separated || words.length > 1) return ok({ argv: words, line: null, needs: [] });
  const line = words[0]!;
  if (line.trim() === '')
    return fail({ code: 'usage', message: 'the command is empty', hint: 'bgjob run -- command' });
  const sole = hasFunctions ? undefined : onlyCommand(line);
  // a line of a batch that begins so would be taken for options
  const dashes = /^[-+]/.test(line) ? ['--'] : [];
  return ok({
    argv: [...shellOf(pipefail), '-c', ...dashes, line],
    line,
    needs: sole === undefined ? [] : [sole],
  });
}

/**
 * Habits from shells without a job runner, found in a shell line by regular expressions: `&`, `nohup`,
 * `setsid`, `disown`, `| tail`, `> file`. They only serve warnings, so doubt means silence: a line with a
 * here-document or with nested substitutions has no habits.
 */
import { type Habit, habitWarning, type Warning } from '../messages/warnings.ts';

/** Nobody types longer lines, and an expression may take quadratic time. */
const MOST_CHARACTERS = 4000;

/** Text in which no character is an operator. */
const OPAQUE = new RegExp(
  [
    /\\[\s\S]/,
    /\$'(?:[^'\\]|\\[\s\S])*'/,
    /'[^']*'/,
    /"(?:[^"\\`$]|\\[\s\S]|\$\([^()'"`]*\)|\$(?!\())*"/,
    /\$\(\([^()'"`]*\)\)/,
    /\$\([^()'"`]*\)/,
    /\$\{[^{}'"`]*\}/,
    /`[^`\\'"]*`/,
    /(?<![^\s;|&])\(\([^()'"`]*(?:\([^()'"`]*\)[^()'"`]*)*\)\)/,
    /(?<![^\s;|&(!])\[\[\s[^\n'"`]*?\s\]\]/,
    /(?<!\S)#.*/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'g',
);
/** What is left of a line that was not understood. */
const DOUBTFUL = /['"`\\]|<<|\$[({]/;

/** The line with opaque text replaced: ` ` for comments, `$` for expansions, else `q`. Undefined in doubt. */
function maskLine(line: string): string | undefined {
  if (line.length > MOST_CHARACTERS) return undefined;
  const masked = line.replace(OPAQUE, (text) => {
    const isBlank = text.startsWith('#') || text === '\\\n';
    return (isBlank ? ' ' : /^(?!['\\])[\s\S]*[$`]/.test(text) ? '$' : 'q').repeat(text.length);
  });
  const count = (brackets: RegExp) => masked.match(brackets)?.length ?? 0;
  const isBalanced = count(/[({]/g) === count(/[)}]/g);
  return isBalanced && !DOUBTFUL.test(masked) ? masked : undefined;
}

/** What may stand before a program, at the start of a simple command: `A=1 exec /usr/bin/`. */
const BEFORE = String.raw`(?:[A-Za-z_]\w*\+?=\S*\s+)*(?:exec\s+)?(?:[\w.~/-]*\/)?`;
const SETSID = String.raw`setsid(?:\s+(?:-[cf]+|--ctty|--fork))*\s+`;
const NOHUP = new RegExp(String.raw`(?:^|[;&\n]|\|\|)\s*${BEFORE}(?:${SETSID})?nohup\s+(?!--)[^\s;&|<>]`);
/** The last command, which the shell becomes: no other is hidden by setsid. */
const LAST_SETSID = new RegExp(
  String.raw`(?:^|;|&&|\n)\s*${BEFORE}(?:nohup\s+)?${SETSID}[^-\s|&;\n](?:[^|&;\n]|[<>]&|&>)*$`,
);
/** The shell may not get to its last command, or does not become it. */
const NOT_BECOMING = /\|\||(?<![&<>])&(?![&>])|(?<!\S)(?:!|time)\s/;

const DISOWNED = /[^\s;&|<>]\s*(&\s*disown(?![^\s;])[^;&|\n]*)$/;
const BACKGROUND = /[^\s;&|<>]\s*(&)$/;

/** They cut what a pipe brings: not a file, not with `-f`, not with `-n +5`. */
const CUT = [
  ['tail', '-?'],
  ['head', '[+]?'],
].map(([code, sign]) => {
  const amount = String.raw`(?:-[nc]\s*|--(?:lines|bytes)[=\s]\s*)${sign}\d\w*`;
  const words = String.raw`(?:\s+(?:-\d+|-[qvz]+|--(?:quiet|silent|verbose)|-|${amount}))*`;
  const cut = new RegExp(String.raw`(?<!\|)\|&?\s*(?:[\w.~/-]*\/)?${code}${words}\s*$`);
  return { code: code as 'tail' | 'head', cut };
});

const PIPELINE_END = /&&|\|\||;|\n|(?<![<>|])&(?!>)/;
const REDIRECTS = /(?<fd>(?<!\S)\d+|&)?(?<operator>>>|>&|<&|>|<)\s*(?<target>[^\s<>;&|(){}]+)/dg;
/** They write nothing: a command behind them is alone. */
const PREPARATION = /^\s*(?:(?:cd|set|export|source|\.|ulimit|umask|mkdir)(?!\S)|$)/;
/** Behind other commands these write a note, not the output. */
const NOTE = /^(?:\S*\/)?(?:echo|printf|cat|date|touch|pwd|hostname)(?!\S)/;
/** Without a program a redirection makes a file, or is for the rest of the shell. */
const NO_PROGRAM = /^(?:[A-Za-z_]\w*\+?=\S*\s*)*(?::|true|exec)?$/;

/** The file that has stdout of the last command. */
function redirected(line: string, masked: string): Habit | undefined {
  const before = masked.split(PIPELINE_END);
  const last = before.pop()!.split(/\|&?/).pop()!;
  const from = masked.length - last.length;
  const program = last.replace(REDIRECTS, '').trim();
  const alone = before.every((pipeline) => PREPARATION.test(pipeline));
  if (/[<>({]/.test(program) || NO_PROGRAM.test(program) || (!alone && NOTE.test(program))) return undefined;
  let out: string | undefined;
  let errors: string | undefined;
  let appends = false;
  for (const { groups, indices } of last.matchAll(REDIRECTS)) {
    const { fd = '', operator, target = '' } = groups!;
    const [begin, end] = indices!.groups!['target']!;
    const file = line.slice(from + begin, from + end);
    const how = fd + operator;
    appends ||= operator === '>>';
    if (how === '2>&' && target === '1') errors = out;
    else if (/^&>>?$/.test(how) || (how === '>&' && !/^[\d-]/.test(target))) out = errors = file;
    else if (/^1?>>?$/.test(how)) out = file;
    else if (/^2>>?$/.test(how)) errors = undefined;
    else if (how !== '<') return undefined;
    if (/[$*?[\]]/.test(target)) return undefined;
  }
  if (out === undefined || (/^\/(?:dev|proc)\//.test(out) && out !== '/dev/null')) return undefined;
  return { code: out === '/dev/null' ? 'dev-null' : 'file', file: out, alone, both: errors === out, appends };
}

/** Finds the habits in a shell line, in the order in which bgjob warns of them. */
function lineHabits(line: string): Habit[] {
  const masked = maskLine(line)?.replace(/[\s;]+$/, '');
  if (masked === undefined) return [];
  const habits: Habit[] = [];
  const end = DISOWNED.exec(masked)?.[1] ?? BACKGROUND.exec(masked)?.[1] ?? '';
  const body = masked.slice(0, masked.length - end.length).trimEnd();
  if (NOHUP.test(body)) habits.push({ code: 'nohup' });
  if (LAST_SETSID.test(body) && !NOT_BECOMING.test(body)) habits.push({ code: 'setsid' });
  const unredirected = body.replace(REDIRECTS, (text) => (text.startsWith('<') ? text : ''));
  habits.push(...CUT.filter(({ cut }) => cut.test(unredirected)).map(({ code }) => ({ code })));
  const file = redirected(line, body);
  if (file) habits.push(file);
  if (end !== '') habits.push({ code: end === '&' ? 'background' : 'disown' });
  return habits;
}

/** The habits of a command given as words. */
function wordHabits(words: string[]): Habit[] {
  const line = words.map((word) => (/^[\w./-]+$/.test(word) ? word : 'q')).join(' ');
  const habits: Habit[] = [];
  if (NOHUP.test(line)) habits.push({ code: 'nohup' });
  if (LAST_SETSID.test(line)) habits.push({ code: 'setsid' });
  return habits;
}

/** A command without any of these has no habit. */
const SUSPICIOUS = /[&|>]|nohup|setsid/;

/**
 * What to warn about before these words are run; `separated`: `--` stood before them. Scripts have no
 * warnings.
 */
export function warningsOf(words: string[], separated: boolean): Warning[] {
  if (!words.some((word) => SUSPICIOUS.test(word))) return [];
  const isLine = words.length === 1 && !separated;
  return (isLine ? lineHabits(words[0]!) : wordHabits(words)).map(habitWarning);
}

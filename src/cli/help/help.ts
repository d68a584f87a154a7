/** Help, from the table of verbs; and what it shares with the man pages. */
import { COMMON, isOptional, type Option, type Verb } from '../command/command.ts';

/** What the tool is, in a few words. */
export const TAGLINE = 'run jobs outside the shell that started them, with true exit codes';

/** The exit codes, for the man pages. */
export const EXIT_CODES: [code: string, meaning: string][] = [
  ['0', 'done; the job exited 0'],
  ["the job's own", 'wait, status, run --wait, run --follow: the job ended with it (128+N: by signal N)'],
  [
    '1',
    'also: --fail-on matched; it ended with 0 before --until came true; no line matches --grep; it was cancelled',
  ],
  ['75', 'still running: the deadline of this call passed, the job goes on; wait again'],
  ['124', 'the job ran into its own --timeout or --idle-timeout'],
  ['125', 'bgjob itself could not do it, or how the job ended is not known'],
  ['126, 127', "the job's command cannot be executed, was not found"],
  [
    'in a loop',
    'a job may exit 75, 124 or 125 itself. wait --ended is 0 when it has ended, whatever its code: until bgjob wait --ended REF; do [ $? = 75 ] || break; done; bgjob status REF',
  ],
];

/** What a REF and a DUR may be. */
export const REFERENCES =
  'REF is an id (42), a name (web: the newest of that name in this project) or @last. Durations: 90, 90s, 5m, 1h30m, 2d.';

/** The variables that bgjob itself reads. */
export const ENVIRONMENT: [name: string, meaning: string][] = [
  ['BGJOB_HOME', 'the directory of all state (default ~/.bgjob)'],
  ['BGJOB_MAX_WAIT', 'the deadline of every blocking command that was given none, e.g. 100s'],
  ['NO_COLOR, FORCE_COLOR', 'never, always colours'],
];

/** An option as it is typed: `-n, --name NAME`, `--wait[=DUR]`. */
export function optionUsage(name: string, option: Option): string {
  const value =
    option.value === undefined ? '' : isOptional(option) ? `[=${option.value}]` : ` ${option.value}`;
  return `${option.short ? `${option.short}, ` : ''}--${name}${value}`;
}

/** Columns of a screen that help keeps to. */
const WIDTH = 80;

/** Text in lines of at most `width` characters. */
export function fold(text: string, width: number): string[] {
  const folded = [''];
  for (const word of text.split(' ')) {
    const line = folded.at(-1)!;
    if (line !== '' && line.length + 1 + word.length > width) folded.push(word);
    else folded[folded.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return folded;
}

/** What is longer has a line of its own. */
const MOST_LEFT = 55;

/** Two columns; `heads`: what stands above a row. */
function columns(rows: [string, string][], heads: (string | undefined)[] = []): string[] {
  const width = Math.max(4, ...rows.map(([left]) => left.length).filter((length) => length <= MOST_LEFT));
  const margin = ' '.repeat(width + 4);
  return rows.flatMap(([left, right], row) => {
    const [first, ...others] = fold(right, WIDTH - margin.length);
    const isLong = left.length > width;
    return [
      ...(heads[row] === undefined ? [] : [`${heads[row]}:`]),
      ...(isLong ? [`  ${left}`, margin + first] : [`  ${left.padEnd(width)}  ${first}`]),
      ...others.map((line) => margin + line),
    ];
  });
}

/** The options of a verb, in groups where it has many. */
function optionLines(verb: Verb): string[] {
  const options = Object.entries({ ...verb.options, ...COMMON });
  const isGrouped = Object.values(verb.options).some(({ group }) => group !== undefined);
  const heads = options.map(([, { group }], n) => (isGrouped && group) || (n === 0 ? 'Options' : undefined));
  return columns(
    options.map(([name, option]) => [optionUsage(name, option), option.text]),
    heads,
  );
}

/** The help of the whole tool: one screen, examples first. */
export function generalHelp(verbs: readonly Verb[]): string {
  const examples: [string, string][] = [
    ['bgjob run -- npm test', 'start it; prints its id'],
    ['bgjob run --wait=10s -- make', 'its result, or 75: it goes on'],
    ['bgjob run -n web --until-port 3000 -- npm start', 'back when it listens'],
    ['bgjob tail web --new', 'what is new since last time'],
  ];
  const own = verbs.filter(({ brief }) => brief === undefined);
  const others = verbs.filter(({ brief }) => brief !== undefined);
  return [
    `bgjob: ${TAGLINE}`,
    '',
    ...columns(examples),
    '',
    ...columns(own.map(({ name, summary }) => [name, summary])),
    ...fold(
      `Also: ${others.map(({ name, brief }) => (brief === '' ? name : `${name} (${brief})`)).join(', ')}`,
      WIDTH,
    ),
    '',
    "Exit codes: 0 yes; the job's own (128+N: by signal N); 1 also: --fail-on hit;",
    '75 it still runs, wait again; 124 its own --timeout; 125 bgjob could not do it,',
    'or its end is not known; 126, 127 its command cannot be executed, is not found.',
    'REF: an id (42), a name (web), @last. Every command: --help, --json. No daemon.',
  ].join('\n');
}

/** The help of one verb. */
export function verbHelp(verb: Verb): string {
  return [
    `bgjob ${[verb.name, '[options]', verb.operands].filter(Boolean).join(' ')}`,
    `  ${verb.summary}`,
    '',
    ...columns(verb.examples),
    '',
    ...fold(verb.description.join(' '), WIDTH),
    '',
    ...optionLines(verb),
    ...(verb.operands.includes('REF') ? ['', ...fold(REFERENCES, WIDTH)] : []),
  ].join('\n');
}

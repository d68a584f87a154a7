/** The help texts, made from the table of verbs; and texts that the man pages use, too. */
import { COMMON, isOptional, type Option, paragraphs, type Verb } from '../command/command.ts';

/** The tool in a few words. */
export const TAGLINE = 'run jobs outside the shell that started them, with true exit codes';

/** The exit codes, for the man pages. */
export const EXIT_CODES: [code: string, meaning: string][] = [
  ['0', 'success; the job exited 0'],
  [
    "the job's own",
    'wait, status, run --wait, run --follow: the exit code of the job (128+N: ended by signal N)',
  ],
  [
    '1',
    'also: --fail-on matched; the job exited 0 before --until was met; no line matches --grep; ' +
      'the job was cancelled or skipped; doctor found a problem',
  ],
  ['75', 'the job still runs: only this call reached its deadline; wait again'],
  ['124', 'the job was stopped by its own --timeout or --idle-timeout'],
  ['125', 'bgjob itself failed, or it is not known how the job ended'],
  ['126, 127', "the job's command cannot be executed; was not found"],
  [
    'in a loop',
    'a job may exit 75, 124 or 125 itself. wait --ended exits 0 when it has ended, with any code: ' +
      'until bgjob wait --ended REF; do [ $? = 75 ] || break; done; bgjob status REF',
  ],
];

/** The forms of REF and DUR. */
export const REFERENCES =
  'REF is an id (42), a name (web: the newest job of that name in this project) or @last (the newest job). ' +
  'DUR is 90s, 5m, 1h30m or 2d; 90 means 90 seconds.';

/** The variables that bgjob itself reads. */
export const ENVIRONMENT: [name: string, meaning: string][] = [
  ['BGJOB_HOME', 'the directory that holds all jobs (default ~/.bgjob)'],
  ['BGJOB_MAX_WAIT', 'how long a command waits that was given no limit, e.g. 100s'],
  ['NO_COLOR, FORCE_COLOR', 'never colours; always colours; --color comes first'],
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

/** A longer left column has a line of its own. */
const MOST_LEFT = 55;

/** Two columns; `heads`: the headings above rows. */
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
    ['bgjob run -- npm test', 'start a job; prints its id'],
    ['bgjob run --wait=10s -- make', 'its result, or 75: still runs'],
    ['bgjob run -n web --until-port 3000 -- npm start', 'return when it listens'],
    ['bgjob tail web --new', 'new output since last time'],
  ];
  const own = verbs.filter(({ brief, hidden }) => brief === undefined && !hidden);
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
    "Exit codes: 0 success; the job's own (128+N: by signal N); 1 also: --fail-on;",
    '75 still running, wait again; 124 own --timeout; 125 bgjob failed, or the end',
    'is not known; 126, 127 the command cannot be executed, was not found.',
    'REF: an id (42), a name (web), @last. Every command has --help and --json.',
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
    ...paragraphs(verb).flatMap((one) => fold(one, WIDTH)),
    '',
    ...optionLines(verb),
    ...(verb.operands.includes('REF') ? ['', ...fold(REFERENCES, WIDTH)] : []),
  ].join('\n');
}

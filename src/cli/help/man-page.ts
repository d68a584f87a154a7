/**
 * The man pages, made from the table of verbs: bgjob(1), and one for each verb. The build writes them into
 * man/ from the output of `bgjob --man all`.
 */
import { COMMON, type Option, paragraphs, type Verb } from '../command/command.ts';
import { ENVIRONMENT, EXIT_CODES, fold, optionUsage, REFERENCES, TAGLINE } from './help.ts';

/** The date of this version; change it together with the version. */
const RELEASED = '2026-11-21';

const roff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha')
    .replace(/^\./, '\\&.');

/** Text in lines of the man source: a sentence begins a line, and no line is long. */
function lines(text: string): string[] {
  return text
    .split(/(?<=[.:]) (?=[A-Z])/)
    .flatMap((sentence) => fold(sentence, 71))
    .map(roff);
}

const paragraph = (head: string, text: string): string[] => ['.TP', `.B ${roff(head)}`, ...lines(text)];
const sentence = (text: string): string => `${text[0]!.toUpperCase()}${text.slice(1)}`;
/** A long line of words, in short source lines: man joins them. */
const broken = (text: string): string[] => fold(text, 60).map(roff);
const optionParagraph = ([name, option]: [string, Option]): string[] =>
  paragraph(optionUsage(name, option), option.text);

function exampleLines(examples: Verb['examples']): string[] {
  return examples.flatMap(([command, what]) => [
    '.PP',
    '.nf',
    `\\fB${roff(command)}\\fR`,
    `    ${roff(what)}`,
    '.fi',
  ]);
}

/** A verb in bgjob(1): the rest is in its own page. */
function verbSection(verb: Verb): string[] {
  return [
    '.TP',
    `.BR bgjob\\-${roff(verb.name)} (1)`,
    ...lines(`${sentence(verb.summary)}.`),
    '.br',
    `\\fB${roff(verb.examples[0]![0])}\\fR`,
  ];
}

const header = (title: string, version: string): string =>
  `.TH ${title} 1 "${RELEASED}" "bgjob ${version}" "User Commands"`;

const exitStatus = (): string[] => [
  '.SH EXIT STATUS',
  ...EXIT_CODES.flatMap(([code, meaning]) => paragraph(code, meaning)),
];

/** The names of other pages. */
const seeAlso = (names: string[]): string[] => [
  '.SH SEE ALSO',
  ...names.map((name, n) => `.BR ${roff(name)} (1)${n < names.length - 1 ? ' ,' : ''}`),
];

/** bgjob(1) in man format. */
export function manPage(verbs: readonly Verb[], version: string): string {
  return `${[
    header('BGJOB', version),
    '.SH NAME',
    `bgjob \\- ${roff(TAGLINE)}`,
    '.SH SYNOPSIS',
    ...verbs.flatMap(({ name, operands }, n) => [
      ...(n > 0 ? ['.br'] : []),
      `.B bgjob ${roff(name)}`,
      ...broken(`[options] ${operands}`.trim()),
    ]),
    '.SH DESCRIPTION',
    ...lines(
      'A job runs outside the shell that started it, under a supervisor of its own, and goes on when ' +
        `that shell ends. Each job is a directory on disk: every command works from any shell, and ` +
        `there is no daemon. ${REFERENCES}`,
    ),
    '.SH COMMANDS',
    ...verbs.flatMap(verbSection),
    '.SH COMMON OPTIONS',
    ...Object.entries(COMMON).flatMap(optionParagraph),
    ...exitStatus(),
    '.SH ENVIRONMENT',
    ...ENVIRONMENT.flatMap(([name, meaning]) => paragraph(name, meaning)),
    '.SH FILES',
    ...paragraph('~/.bgjob', 'all jobs, one directory each, readable only by you'),
    ...paragraph(
      '~/.bgjob/config.json',
      'your defaults, in JSON: grace, maxLog, notify, tell, queue, maxWait, retention (olderThan, keep, maxTotal)',
    ),
    ...seeAlso(verbs.map(({ name }) => `bgjob-${name}`)),
  ].join('\n')}\n`;
}

/** The options, under the headings of their groups. */
function optionSections(verb: Verb): string[] {
  const hasGroups = Object.values(verb.options).some(({ group }) => group !== undefined);
  let head: string | undefined;
  return ['.SH OPTIONS'].concat(
    Object.entries<Option>({ ...verb.options, ...COMMON }).flatMap(([name, option]) => {
      const isNew = hasGroups && option.group !== undefined && option.group !== head;
      head = option.group ?? head;
      return [...(isNew ? [`.SS ${roff(option.group!)}`] : []), ...optionParagraph([name, option])];
    }),
  );
}

/** bgjob-VERB(1) in man format. */
export function verbPage(verb: Verb, verbs: readonly Verb[], version: string): string {
  const others = verbs.filter(({ name }) => name !== verb.name && paragraphs(verb).join(' ').includes(name));
  return `${[
    header(`BGJOB-${verb.name.toUpperCase()}`, version),
    '.SH NAME',
    ...broken(`bgjob-${verb.name} - ${verb.summary}`),
    '.SH SYNOPSIS',
    `.B bgjob ${roff(verb.name)}`,
    ...broken(`[options] ${verb.operands}`.trim()),
    '.SH DESCRIPTION',
    ...lines(`${sentence(verb.summary)}.`),
    ...paragraphs(verb).flatMap((one) => ['.PP', ...lines(one)]),
    ...(verb.operands.includes('REF') ? ['.PP', ...lines(REFERENCES)] : []),
    ...optionSections(verb),
    '.SH EXAMPLES',
    ...exampleLines(verb.examples).slice(1),
    ...exitStatus(),
    ...seeAlso(['bgjob', ...others.map(({ name }) => `bgjob-${name}`)]),
  ].join('\n')}\n`;
}

/**
 * The pages that `bgjob --man WORD` prints: bgjob(1) without a word, all pages for `all`; undefined: no
 * such verb.
 */
export function pagesOf(
  word: string | undefined,
  verbs: readonly Verb[],
  version: string,
): string | undefined {
  if (word === undefined) return manPage(verbs, version);
  const asked = verbs.filter(({ name }) => name === word || word === 'all');
  if (asked.length === 0) return undefined;
  const pages = asked.map((verb) => verbPage(verb, verbs, version));
  return [...(word === 'all' ? [manPage(verbs, version)] : []), ...pages].join('');
}

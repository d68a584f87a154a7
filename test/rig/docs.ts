/**
 * The pages for readers: README.md and docs/*.md, their headings, links and blocks, and a small project in
 * which
 * their commands are run as they stand there: the blocks of a page one after the other, in one home.
 *
 * - A block of `sh` is run by bash with -eu and pipefail, or as a program if it begins with `#!`. It must
 * succeed.
 * - A block of `console` has commands after `$ `, and what they print, stdout and stderr together. A line `…`
 *   stands for any lines, a `…` within a line for any text. Durations, pids and blanks may differ. A first
 * line
 *   that is a number of two digits or more is the id of a job: from there on it means the id that was given
 * here,
 *   in commands, too.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { missing } from './needs.ts';
import { freePort } from './ports.ts';
import { type Rig, ROOT, rigTest } from './rig.ts';

export interface Block {
  page: string;
  /** Of its first line. */
  line: number;
  language: string;
  text: string;
}

export const PAGES = [
  'README.md',
  ...fs
    .readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`)
    .sort(),
];
export const pageText = (page: string): string => fs.readFileSync(join(ROOT, page), 'utf8');
/** The text without its blocks, line for line. */
export const proseOf = (page: string): string =>
  pageText(page).replace(/^```[\s\S]*?^```$/gm, (block) => block.replace(/[^\n]/g, ''));

export function blocksOf(page: string): Block[] {
  const text = pageText(page);
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(({ index, 1: language, 2: body }) => ({
    page,
    line: text.slice(0, index).split('\n').length + 1,
    language: language!,
    text: body!,
  }));
}

/** Blocks that are not run, by how they begin, and why. */
const NOT_RUN: { page: string; begins: string; why: string }[] = [
  { page: 'README.md', begins: 'npm ci', why: 'it installs packages; .ci/run and packaging.test.ts do it' },
  {
    page: 'README.md',
    begins: 'bgjob doctor',
    why: 'the machine decides its code; test/cli/doctor calls it',
  },
  {
    page: 'docs/containers.md',
    begins: 'bgjob doctor',
    why: 'the machine decides its code; test/cli/doctor calls it',
  },
  {
    page: 'docs/contributing.md',
    begins: 'npm run test:some',
    why: 'it builds the program that the tests beside it run',
  },
  {
    page: 'docs/guide.md',
    begins: 'bgjob watch  ',
    why: 'it needs a terminal; test/programs/watch.test.ts has one',
  },
];
const notRun = (block: Block) =>
  NOT_RUN.find(({ page, begins }) => page === block.page && block.text.startsWith(begins));

/** What the commands of a page need beside bash, coreutils, util-linux, git and Node. */
const PROGRAMS: Record<string, string[]> = {
  'docs/agents.md': ['curl'],
  'docs/guide.md': ['script'],
  'docs/schedules-and-triggers.md': ['curl'],
};
/** Whether its test is one of test/programs: `script` is of util-linux, and packaged alone only by Debian. */
export const needsPrograms = (page: string): boolean =>
  PROGRAMS[page]?.some((program) => program !== 'script') === true;

// it says so first: a page waits for the port, and then reads this line
const SERVER = `console.log('ready');
require('node:http').createServer((_, answer) => answer.end('hello')).listen(PORT)`;
const SCRIPTS = { start: 'node server.js', dev: 'node server.js', test: 'node tests.js' };
/** The project: what the commands of the pages call. */
const FILES: Record<string, string> = {
  'package.json': JSON.stringify({ scripts: { ...SCRIPTS, build: 'echo built', lint: 'echo clean' } }),
  'server.js': SERVER,
  'tests.js': `console.log('3 tests passed');`,
  ...Object.fromEntries(
    ['deploy', 'import', 'sync', 'report', 'backup.sh', 'train.py'].map((name) => [
      name,
      '#!/bin/sh\necho "$0 $*"\n',
    ]),
  ),
};

/** What is fixed in a page and free here. */
async function portsOf(page: string): Promise<(text: string) => string> {
  const names = [...new Set(pageText(page).match(/(?<=(?:port|localhost:|address )\s*)\b[3-9]\d{3}\b/g))];
  const free = new Map<string, string>();
  for (const name of names) free.set(name, String(await freePort()));
  return (text) => text.replace(/\b[3-9]\d{3}\b/g, (name) => free.get(name) ?? name);
}

const blockName = ({ page, line }: Block): string => `${page}:${line}`;

/** The ids that the page shows, and those that were given here. */
type Ids = Map<string, string>;
const withIds = (text: string, ids: Ids): string => text.replace(/\b\d{2,4}\b/g, (id) => ids.get(id) ?? id);
const ID = /^\d{2,4}$/;

/** Runs a block of commands; all of them must succeed. */
async function runCommands(rig: Rig, block: Block, ids: Ids): Promise<void> {
  const text = withIds(block.text, ids);
  const file = join(rig.dir, 'block.sh');
  fs.writeFileSync(file, text, { mode: 0o755 });
  const { code, stdout, stderr } = await (text.startsWith('#!')
    ? rig.start(file, [])
    : rig.start('bash', ['-euo', 'pipefail', file])
  ).answer;
  assert.equal(code, 0, `${blockName(block)} exited ${code}\n${text}\n${stdout}${stderr}`);
}

/** What may differ from one run to the next. */
const settled = (line: string): string =>
  line
    .replace(/\b(\d+(\.\d+)?(ms|[smhd]))+\b/g, 'DURATION')
    .replace(/\bpid \d+/g, 'pid PID')
    .replace(/\s+/g, ' ')
    .trim();
/** The last line of a failure says whose code it is, where stderr is no terminal. */
const isForTerminals = (line: string): boolean => !/^\[(job|bgjob)\] exit code \d+$/.test(line);
/** The lines as a pattern. */
const patternOf = (lines: string[]): RegExp =>
  new RegExp(
    `^${lines
      .map((line) =>
        line === '…'
          ? '(.*\n)*'
          : `${settled(line)
              .split('…')
              .map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
              .join('.*')}\n`,
      )
      .join('')}$`,
  );

/** Runs a transcript, each command in a shell of its own, and holds each answer against that of the page. */
async function runTranscript(rig: Rig, block: Block, ids: Ids): Promise<void> {
  assert.match(block.text, /^\$ /, blockName(block));
  let code = 0;
  for (const part of block.text.split(/^\$ /m).slice(1)) {
    const [command, ...lines] = part.replace(/\n$/, '').split('\n');
    const line = `exec 2>&1; (exit ${code}); ${withIds(command!, ids)}`;
    const answer = await rig.bash(line);
    code = answer.code;
    const said = answer.stdout.split('\n').slice(0, -1).filter(isForTerminals);
    const shown = lines.filter(isForTerminals);
    if (ID.test(shown[0] ?? '') && /^\d+$/.test(said[0] ?? '')) ids.set(shown[0]!, said[0]!);
    assert.match(
      said.map((text) => `${settled(text)}\n`).join(''),
      patternOf(shown.map((text) => withIds(text, ids))),
      `${blockName(block)}: $ ${command}\n${answer.stdout}`,
    );
  }
}

/** Ends what the page has started, as its readers would. */
async function tidy(rig: Rig): Promise<void> {
  for (const verb of ['cron', 'trigger'])
    for (const { name } of await rig.json([verb, 'ls'])) await rig.bgjob([verb, 'rm', name]);
  await rig.bgjob(['kill', '--all', '--all-projects', '--now']);
}

/** A test that runs the blocks of a page. */
export function pageTest(page: string): void {
  const blocks = blocksOf(page).filter(({ language }) => language === 'sh' || language === 'console');
  if (blocks.length === 0) return;
  const skip = missing(...(PROGRAMS[page] ?? []));
  rigTest(
    `${page}: its commands do what stands there`,
    async (rig) => {
      const fit = await portsOf(page);
      const ids: Ids = new Map();
      for (const [name, text] of Object.entries(FILES))
        fs.writeFileSync(join(rig.project, name), text.replace('PORT', fit('3000')), { mode: 0o755 });
      for (const block of blocks) {
        if (notRun(block)) continue;
        const here = { ...block, text: fit(block.text) };
        await (block.language === 'sh' ? runCommands(rig, here, ids) : runTranscript(rig, here, ids));
      }
      await tidy(rig);
    },
    { skip },
  );
}

/** Entries of the lists above that stand for nothing any more. */
export const staleEntries = (): string[] => {
  const blocks = PAGES.flatMap(blocksOf);
  return [
    ...NOT_RUN.filter((entry) => !blocks.some((block) => notRun(block) === entry)).map(
      ({ begins }) => begins,
    ),
    ...Object.keys(PROGRAMS).filter((page) => !PAGES.includes(page)),
  ];
};

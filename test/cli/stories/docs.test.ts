/** The pages for readers: their commands run as they stand there; tables and links are whole. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { COMMON } from '../../../src/cli/command/command.ts';
import { VERBS } from '../../../src/cli/verbs.ts';
import { STATE_WORDS } from '../../../src/job/view.ts';
import { blocksOf, needsPrograms, PAGES, pageTest, pageText, proseOf, staleEntries } from '../../rig/docs.ts';
import { ROOT } from '../../rig/rig.ts';

for (const page of PAGES) if (!needsPrograms(page)) pageTest(page);

const GUIDE = 'docs/guide.md';
const CONFIGURATION = 'docs/configuration.md';
/** The part of a page below a heading. */
const section = (page: string, heading: string): string =>
  pageText(page)
    .split(/^#+ /m)
    .find((text) => text.startsWith(`${heading}\n`)) ?? '';
/** The words in code in the first cells of a table. */
const firstCells = (text: string): string[] =>
  text
    .split('\n')
    .flatMap((line) =>
      line.startsWith('|')
        ? [...line.split(/(?<!\\)\|/)[1]!.matchAll(/`([^`]+)`/g)].map(([, word]) => word!)
        : [],
    );

test('each block is of a kind that is run, or shows a file', () => {
  const languages = new Set(PAGES.flatMap(blocksOf).map(({ language }) => language));
  for (const language of languages)
    assert.ok(['sh', 'console', 'make', 'json', ''].includes(language), language);
  assert.deepEqual(staleEntries(), []);
});

test('the README has at most 200 lines, and no line is wider than 110', () => {
  assert.ok(pageText('README.md').split('\n').length <= 201);
  const wide = PAGES.flatMap((page) =>
    pageText(page)
      .split('\n')
      .flatMap((line, n) => (line.length > 110 ? [`${page}:${n + 1}`] : [])),
  );
  assert.deepEqual(wide, []);
});

/** As GitHub names the place of a heading. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

test('links lead to files and headings that are there', () => {
  const anchors = (page: string) =>
    [...proseOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchor(heading!));
  const dead = PAGES.flatMap((page) =>
    [...proseOf(page).matchAll(/\]\(([^)\s]+)\)|(?:src|srcset)="([^"]+)"/g)]
      .map(([, link, source]) => (link ?? source)!)
      .filter((link) => {
        const [path, heading] = link.split('#');
        if (/^https?:/.test(link)) return false;
        const target = path === '' ? page : normalize(join(dirname(page), path!));
        if (!fs.existsSync(join(ROOT, target))) return true;
        return heading !== undefined && !anchors(target).includes(heading);
      })
      .map((link) => `${page}: ${link}`),
  );
  assert.deepEqual(dead, []);
});

test('every page is named in the README', () => {
  for (const page of PAGES.slice(1)) assert.ok(pageText('README.md').includes(`](${page})`), page);
});

test('the table of commands has each of them once', () => {
  const rows = firstCells(section(GUIDE, 'All commands')).map((cell) => cell.replace(/^bgjob /, ''));
  assert.deepEqual(rows.sort(), VERBS.map(({ name }) => name).sort());
});

test('the table of states has each of them once', () => {
  const table = section(GUIDE, 'See what runs').split('| state |')[1]!;
  assert.deepEqual(firstCells(table.split('\n\n')[0]!).sort(), [...STATE_WORDS].sort());
});

/** The calls of bgjob in a piece of shell, each to where the words of another command begin. */
const callsIn = (text: string): { name: string; options: string[]; call: string }[] =>
  [
    ...text
      .replace(/(?<=^|\s)#.*$|\\\n/gm, '')
      .replace(/'[^']*'|"[^"]*"/g, "''")
      .matchAll(/\bbgjob ([a-z]+)([^|;&)\n]*)/g),
  ].map(([call, name, rest]) => ({
    name: name!,
    options: [...rest!.split(/ -- /)[0]!.matchAll(/ --([a-z-]+)/g)].map(([, option]) => option!),
    call,
  }));

test('calls in blocks and in the text have a command and options that are there', () => {
  const calls = PAGES.flatMap((page) => [
    ...blocksOf(page).flatMap(({ text }) => callsIn(text)),
    ...[...proseOf(page).matchAll(/`([^`]+)`/g)].flatMap(([, code]) => callsIn(code!.replace(/\s+/g, ' '))),
  ]);
  // as many as a person counts
  assert.ok(calls.length > 150 && calls.flatMap(({ options }) => options).length > 100);
  const unknown = calls.filter(({ name, options }) => {
    const verb = VERBS.find((one) => one.name === name);
    return !verb || !options.every((option) => option in verb.options || option in COMMON);
  });
  assert.deepEqual(unknown, []);
});

test('scripts of npm that the pages name are in package.json', () => {
  const { scripts } = JSON.parse(fs.readFileSync(join(ROOT, 'package.json'), 'utf8'));
  // in all others npm runs those of the project of their examples
  const named = [...pageText('docs/contributing.md').matchAll(/\bnpm run ([a-z:]+)/g)].map(
    ([, name]) => name!,
  );
  assert.deepEqual(
    named.filter((name) => !(name in scripts)),
    [],
  );
});

/** No variables: what a list of variables is sealed with. What begins so is for bgjob alone. */
const INNER = /^BGJOB_(SUM$|ENV_)/;

test('the environment variables that the sources name are those of the page', () => {
  const sources = fs
    .readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|sh)$/.test(name))
    .map((name) => fs.readFileSync(join(ROOT, 'src', name), 'utf8'))
    .join('\n');
  const named = sources.match(/\bBGJOB_[A-Z_]*[A-Z]\b/g)!.filter((name) => !INNER.test(name));
  const read = [...sources.matchAll(/\benv(?:ironment)?(?:\[['"]|\.)([A-Z][A-Z_]+)\b/g)].map(
    ([, name]) => name!,
  );
  const table = firstCells(
    section(CONFIGURATION, 'That you set') + section(CONFIGURATION, 'That a job finds'),
  );
  for (const name of new Set([...named, ...read]))
    assert.ok(
      table.includes(name) || (name.startsWith('BGJOB_HEADER_') && table.includes('BGJOB_HEADER_…')),
      name,
    );
  for (const name of table) assert.ok(sources.includes(name.replace('…', '')), name);
});

test('the keys of config.json are those of the page', () => {
  const { properties } = JSON.parse(fs.readFileSync(join(ROOT, 'config.schema.json'), 'utf8'));
  type Below = { properties?: object; additionalProperties?: { properties: object } };
  const keys = Object.entries<Below>(properties).flatMap(
    ([name, { properties: below, additionalProperties }]) =>
      [
        ...Object.keys(below ?? {}).map((key) => `${name}.${key}`),
        ...Object.keys(additionalProperties?.properties ?? {}).map((key) => `${name}.NAME.${key}`),
      ].concat(below || additionalProperties ? [] : [name]),
  );
  assert.deepEqual(firstCells(section(CONFIGURATION, 'Defaults: config.json')).sort(), keys.sort());
});

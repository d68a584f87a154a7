/**
 * The house: imports go down only, folders do not need each other, and each thing has one place and one name.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import {
  crowded,
  cycles,
  doubleNames,
  folderGraph,
  type Graph,
  importsOf,
  sentencesIn,
  strayPackages,
  unclearNames,
  unreachable,
  upwardEdges,
  vagueNames,
} from './rig/layers.ts';

const ROOT = join(__dirname, '..');
const listTs = (dir: string): string[] =>
  fs
    .readdirSync(join(ROOT, dir), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .sort();
const files = listTs('src');
const sources = new Map(files.map((file) => [file, fs.readFileSync(join(ROOT, 'src', file), 'utf8')]));
const graph: Graph = new Map(
  [...sources].map(([file, source]) => [
    file,
    importsOf(source).map((name) => (name.startsWith('.') ? normalize(join(dirname(file), name)) : name)),
  ]),
);
/** The files of src whose text, comments aside, matches. */
const filesWith = (pattern: RegExp): string[] =>
  files.filter((file) => pattern.test(sources.get(file)!.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '')));

/** What build.mjs bundles, and what no import leads to. */
const ENTRIES = [
  'cli/boot.ts',
  'cli/complete.ts',
  'supervisor/main.ts',
  'engine/search/regex-thread.ts',
  // until the commands for targets are there
  'engine/targets/shim-engine.ts',
  'engine/targets/transport.ts',
  'cli/messages/targets.ts',
  'text.d.ts',
];

test('the graph is really read: every relative import is a file of src, and leads from an entry to every file', () => {
  const edges = [...graph].flatMap(([file, targets]) => targets.map((target) => ({ file, target })));
  const unknown = edges.filter(({ target }) => target.endsWith('.ts') && !graph.has(target));
  assert.deepEqual(unknown, []);
  assert.deepEqual(unreachable(graph, ENTRIES), []);
  // each form of an import is found in the real sources
  assert.ok(graph.get('cli/jobs/ls-page.ts')!.includes('cli/output/table.ts'), 'a lazy one');
  assert.ok(
    graph.get('engine/launch/environment.ts')!.includes('engine/observe/process-tree.ts'),
    'one of types',
  );
});

test('imports go down only', () => assert.deepEqual(upwardEdges(graph), []));
test('no two files need each other', () => assert.deepEqual(cycles(graph), []));
test('no two folders need each other', () => assert.deepEqual(cycles(folderGraph(graph)), []));

test('packages are imported where they belong, and no others', () => {
  const only = (place: string) => (file: string) => file === place;
  const places = {
    commander: (file: string) => file.startsWith('cli/'),
    chalk: (file: string) => /^cli\/(output\/table|wait\/spinner|watch\/keys)\.ts$/.test(file),
    'cli-table3': only('cli/output/table.ts'),
    'ansi-escapes': only('cli/watch/full-screen.ts'),
    'string-width': only('cli/output/widths.ts'),
    ora: only('cli/wait/spinner.ts'),
    'ps-list': only('engine/os/process-table.ts'),
    croner: only('job/automation/timetable.ts'),
    'proper-lockfile': only('engine/gc/gc-lock.ts'),
    '@eslint-community/regexpp': (file: string) => /^base\/text\/(pattern|regex-analysis)\.ts$/.test(file),
  };
  assert.deepEqual(strayPackages(graph, places), []);
  for (const name of Object.keys(places))
    assert.ok([...graph.values()].flat().includes(name), `${name} is used at all`);
  const wanted = JSON.parse(fs.readFileSync(join(ROOT, 'package.json'), 'utf8'));
  for (const name of Object.keys(places))
    assert.ok({ ...wanted.dependencies, ...wanted.devDependencies }[name], name);
});

test('the rules can fail', () => {
  const bad: Graph = new Map([
    ['base/a.ts', ['job/b.ts']],
    ['job/b.ts', ['base/c.ts', 'ora']],
    ['base/c.ts', ['base/a.ts', 'node:fs']],
    ['cli/d.ts', ['supervisor/e.ts']],
    ['supervisor/e.ts', ['engine/f.ts', 'elsewhere/g.ts']],
    ['engine/f.ts', []],
  ]);
  assert.deepEqual(upwardEdges(bad), [
    'base/a.ts imports job/b.ts',
    'cli/d.ts imports supervisor/e.ts',
    'supervisor/e.ts imports elsewhere/g.ts, which is in no room',
  ]);
  assert.deepEqual(cycles(bad), ['base/a.ts → job/b.ts → base/c.ts → base/a.ts']);
  assert.deepEqual(strayPackages(bad, { ora: (file) => file.startsWith('cli/') }), ['job/b.ts imports ora']);
  const folders: Graph = new Map([
    ['job/log/a.ts', ['job/home/b.ts', 'ora']],
    ['job/home/b.ts', ['job/home/c.ts']],
    ['job/home/c.ts', ['job/log/d.ts']],
    ['job/log/d.ts', []],
  ]);
  assert.deepEqual(cycles(folders), []);
  assert.deepEqual(cycles(folderGraph(folders)), ['job/log → job/home → job/log']);
  assert.deepEqual(unreachable(folders, ['job/home/b.ts']), ['job/log/a.ts']);
  assert.deepEqual(crowded(folders.keys(), 1), ['job/log: 2 files', 'job/home: 2 files']);
  const named = new Map([
    ['a.ts', 'export const one = 1;\nexport function two(): void;\nexport function two(n?: number): void {}'],
    ['b.ts', `export type one = 1;\nexport { two } from './a.ts';\nconst three = 3;`],
    ['c.ts', 'export async function three() {}'],
  ]);
  assert.deepEqual(doubleNames(named), ['one: a.ts, b.ts']);
  const names = ['job/holds.ts', 'job/threshold.ts', 'utils/a.ts'];
  assert.deepEqual([unclearNames(names), vagueNames(names)], [['job/holds.ts'], ['utils/a.ts']]);
  const source = [
    `import { a } from './a.ts';`,
    `import type {\n  B,\n  C,\n} from "./b.ts";`,
    `import './c.ts';`,
    `export { d } from './d.ts';`,
    `export * from './e.ts';`,
    `const f: import('./f.ts').F = await import('./g.ts');`,
    `require('./h.ts'); // import('./no.ts')`,
    `/* import './no.ts' */ export const from = 'text';`,
  ].join('\n');
  assert.deepEqual(
    importsOf(source).sort(),
    ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name) => `./${name}.ts`),
  );
});

test('only the end of the command line ends the process, only one file writes to its streams', () => {
  assert.deepEqual(filesWith(/\bprocess\s*\.\s*(exit|abort|exitCode|reallyExit)\b/), ['cli/main.ts']);
  assert.deepEqual(filesWith(/\bstd(out|err)\s*\.\s*(write|end|pipe)\b|\bconsole\s*\./), []);
  // a spinner is given the stream
  assert.deepEqual(filesWith(/process\.stderr/), ['cli/wait/spinner.ts']);
  assert.deepEqual(filesWith(/\bwrite(All|v?Sync)?\(\s*(1|2|fd)\b/), [
    'base/fs/atomic-write.ts',
    'base/fs/fifo.ts',
    'base/fs/journal.ts',
    'base/fs/preallocated.ts',
    'base/fs/user-files.ts',
    'cli/output/output.ts',
    // their own jobs' standard output is a log
    'services/service-log.ts',
  ]);
});

test('the supervisor is made of our own code and of Node', () => {
  const bundle = fs.readFileSync(join(ROOT, 'dist', 'supervisor.js'), 'utf8');
  const required = [...bundle.matchAll(/\brequire\(\s*["'`]([^"'`]+)["'`]\s*\)/g)].map(([, name]) => name!);
  assert.ok(required.includes('node:fs'));
  const foreign = required.filter((name) => !builtinModules.includes(name.replace(/^node:/, '')));
  // the lazy chunks: a package where there is no /proc, and our own code where a `kill` of many was killed; what
  // else is reachable must never be loaded by it
  assert.deepEqual([...new Set(foreign)].sort(), ['./engine-stop-orphaned-stops.js', './ps-list.js']);
  const reached = new Set<string>();
  const reach = (file: string): void => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const target of graph.get(file) ?? []) reach(target);
  };
  reach('supervisor/main.ts');
  const packages = [...reached].filter((name) => !/\.(ts|sh|pl|py)$/.test(name) && !name.startsWith('node:'));
  assert.deepEqual(packages, ['ps-list']);
});

test('a file and a folder are small enough to be read, and each begins with what it is for', () => {
  const lines = (source: string): number => source.split('\n').length - 1;
  assert.deepEqual(
    [...sources].filter(([, source]) => lines(source) > 400).map(([file]) => file),
    [],
  );
  // one verb, one file, and one capability, one file of messages
  const folders = files.filter((file) => !/^cli\/(commands|messages)\//.test(file));
  assert.deepEqual(crowded(folders, 15), []);
  assert.deepEqual(
    [...sources].filter(([, source]) => !/^(\/\*\*|import [^;]+;\n)/.test(source)).map(([file]) => file),
    [],
  );
});

/** Files and folders whose sentences for users stand in cli/messages/. */
const WITHOUT_SENTENCES = [
  'cli/boot.ts',
  'cli/general.ts',
  'cli/main.ts',
  'cli/verbs.ts',
  'cli/automation/',
  'cli/command/',
  'cli/commands/',
  ...['jobs', 'output', 'run', 'tail', 'wait', 'watch'].map((folder) => `cli/${folder}/`),
  'job/',
  'engine/',
];
/** Tables of words that other tools use, programs for them, and expressions. */
const NO_SENTENCES = new Set([
  'cli/command/guess.ts',
  'engine/os/process-identity.ts',
  'engine/os/programs.ts',
  'engine/targets/shell-session.ts',
  'engine/targets/shim-engine.ts',
  'engine/targets/transport.ts',
  'job/home/home.ts',
]);
/** Reasons that stand in records (`why`, `how`), or that a reader gives for one that it cannot read. */
const WITH_REASONS = new Set([
  'engine/automation/service-jobs.ts',
  'engine/launch/launch.ts',
  'engine/observe/observe.ts',
  'engine/os/caller-terminal.ts',
  'engine/os/desktop-notification.ts',
  'engine/queue/admission.ts',
  'engine/shim/shim.ts',
  'job/automation/template-records.ts',
  'job/automation/trigger.ts',
  'job/home/config.ts',
  'job/home/records.ts',
  'job/lifecycle.ts',
  'job/log/trim-record.ts',
  'job/needs.ts',
]);

test('sentences for users stand in cli/messages/', () => {
  const checked = [...sources].filter(([file]) => WITHOUT_SENTENCES.some((one) => file.startsWith(one)));
  const found = checked.flatMap(([file, source]) =>
    NO_SENTENCES.has(file) || WITH_REASONS.has(file)
      ? []
      : sentencesIn(source).map((text) => `${file}: ${text}`),
  );
  assert.deepEqual(found, []);
  // a usage error is made there, too, even a short one
  assert.deepEqual(
    checked.filter(([, source]) => /code: 'usage'[,;]/.test(source)).map(([file]) => file),
    [],
  );
  // a list of exceptions names no file that needs none
  const needsNone = [...NO_SENTENCES, ...WITH_REASONS].filter(
    (file) => sentencesIn(sources.get(file) ?? '').length === 0,
  );
  assert.deepEqual(needsNone, []);
  assert.deepEqual(
    sentencesIn(
      [
        '// a comment of more than four words',
        "const a = { text: 'the help of an option', short: '-a' };",
        "  description: ['help of more than four words'],\n  examples: [\n    ['bgjob a', 'and these are examples'],\n  ],",
        "fail(usage('too few', `but this word is not a name`));",
        "output.note('no such job is here');",
        "import { a } from '../../a-path/of-more/than-four/words.ts';",
        "const path = '/a/path/of/more/than/four/words';",
      ].join('\n'),
    ),
    ['but this word is not a name', 'no such job is here'],
  );
});

test('docs/architecture.md has one line for each folder', () => {
  const text = fs.readFileSync(join(ROOT, 'docs', 'architecture.md'), 'utf8');
  const section = text.slice(text.indexOf('\n## Folders'), text.indexOf('\n## What is built'));
  const named = [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, folder]) => folder!);
  const folders = [...new Set(files.map((file) => dirname(file)))].filter((folder) => folder !== '.');
  assert.deepEqual([...named].sort(), folders.sort());
});

test('a name means one thing', () => {
  assert.deepEqual(doubleNames(sources), []);
  assert.deepEqual(unclearNames(files), []);
  assert.deepEqual(vagueNames([...files, ...listTs('test')]), []);
});

// Bundles the command line and the supervisor into one CommonJS file each: separate modules, or ES modules,
// cost half a Node start per call. Writes only into `dist/`, `dist-test/` and `man/`, which git ignores.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { build } from 'esbuild';

/** Programs of few verbs, each started for its verbs alone: what a call does not need is not read. */
const programs = JSON.parse(readFileSync('src/cli/programs.json', 'utf8'));
const programOf = ({ onResolve, onLoad }) => {
  onResolve({ filter: /^program:/ }, ({ path }) => ({ path, namespace: 'program' }));
  onLoad({ filter: /.*/, namespace: 'program' }, ({ path }) => {
    const verbs = programs[path.slice('program:'.length)];
    const imports = verbs.map((name) => `import { ${name} } from './commands/${name}.ts';`).join('');
    const contents = `${imports} import { main } from './main.ts'; export const verbs = main([${verbs}]);`;
    return { contents, resolveDir: resolve('src/cli') };
  });
};

/** The files of dist: name → source. */
const chunks = {
  ...Object.fromEntries(Object.keys(programs).map((name) => [`cli-${name}`, `program:${name}`])),
  boot: 'src/cli/boot.ts',
  cli: 'src/cli/complete.ts',
  supervisor: 'src/supervisor/main.ts',
  'regex-thread': 'src/engine/search/regex-thread.ts',
};

/** What our sources load with `await import(…)`, and packages that they `require`: files of their own. */
const lazyChunks = ({ onResolve }) =>
  onResolve({ filter: /.*/ }, ({ kind, path, resolveDir }) => {
    const isLazy = kind === 'dynamic-import' || (kind === 'require-call' && !/^(\.|node:)/.test(path));
    if (!isLazy || !resolveDir.startsWith(resolve('src'))) return undefined;
    const source = path.startsWith('.') ? relative('', join(resolveDir, path)) : path;
    const name = source.replace(/^src\/|\.ts$|^@/g, '').replaceAll('/', '-');
    chunks[name] ??= source;
    return { path: `./${name}.js`, external: true };
  });

/** commander loads node:child_process, for subcommands of another kind than ours: a sixth of a Node start. */
const emptied = [];
const noSubprograms = ({ onResolve, onLoad }) => {
  onResolve({ filter: /^node:child_process$/ }, ({ importer, path }) => {
    if (!importer.includes('/commander/')) return undefined;
    emptied.push(importer);
    return { path, namespace: 'empty' };
  });
  onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'module.exports = {};' }));
};

const common = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  loader: {
    '.md': 'text',
    '.sh': 'text',
    '.pl': 'text',
    '.py': 'text',
    '.bash': 'text',
    '.zsh': 'text',
    '.fish': 'text',
  },
  // import() of a CommonJS file would load Node's loader of ES modules: require does
  supported: { 'dynamic-import': false },
  // ps-list asks for its place, to find a program for Windows
  define: { 'import.meta.url': '"file:///"' },
};
const plugins = [programOf, lazyChunks, noSubprograms].map((setup) => ({ name: setup.name, setup }));

for (const dir of ['dist', 'dist-test', 'man']) {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir);
}
const small = { minify: true, legalComments: 'none', sourcemap: true, sourcesContent: false, metafile: true };
/** What boot.ts starts: each a function, with the parameters that Node gives to a file. */
const booted = ['cli', ...Object.keys(programs).map((name) => `cli-${name}`)];
const asFunction = {
  banner: { js: '(function (exports, require, module, __filename, __dirname) {' },
  footer: { js: '})' },
};
const packages = new Set();
const done = new Set();
// a chunk may load chunks of its own
for (;;) {
  const rest = Object.keys(chunks).filter((name) => !done.has(name));
  const names = rest.some((name) => booted.includes(name)) ? booted : rest;
  if (names.length === 0) break;
  const form = names === booted ? asFunction : {};
  const entryPoints = Object.fromEntries(names.map((name) => [name, chunks[name]]));
  for (const name of names) done.add(name);
  const { metafile } = await build({ ...common, ...small, ...form, plugins, entryPoints, outdir: 'dist' });
  for (const path of Object.keys(metafile.inputs))
    for (const [name] of path.matchAll(/^.*node_modules\/(@[^/]+\/)?[^/]+/g)) packages.add(name);
}
// boot.ts reads them as latin1. esbuild escapes other characters in texts, but not in patterns
for (const name of booted) {
  const found = /[^\0-\x7f]+/.exec(readFileSync(`dist/${name}.js`, 'utf8'));
  assert.ok(!found, `dist/${name}.js is not ASCII; write \\u… in this pattern: ${found?.[0]}`);
}
assert.equal(emptied.length, 1, `imports of node:child_process that were made empty: ${emptied}`);

// the bundles hold other people's work: their licences come along
const licenses = [...packages].sort().map((path) => {
  const file = readdirSync(path).find((name) => /^licen[cs]e/i.test(name));
  const { name, version, license } = JSON.parse(readFileSync(`${path}/package.json`, 'utf8'));
  return `${name} ${version} (${license})\n\n${file ? readFileSync(`${path}/${file}`, 'utf8') : ''}`;
});
writeFileSync('dist/licenses.txt', licenses.join(`\n${'-'.repeat(80)}\n\n`));

const pages = execFileSync(process.execPath, ['bin/bgjob', '--man', 'all'], { encoding: 'utf8' });
for (const text of pages.split(/^(?=\.TH )/m))
  writeFileSync(`man/${text.split(' ')[1].toLowerCase()}.1`, text);

// tests are built like the program, beside the thread that they start: test/unit/a.test.ts → unit.a.test.js
const tests = readdirSync('test', { recursive: true }).filter((name) =>
  /\.(test|bench|chaos|fixture)\.ts$/.test(name),
);
const entryPoints = { 'regex-thread': chunks['regex-thread'] };
for (const name of tests) entryPoints[name.slice(0, -3).replaceAll('/', '.')] = `test/${name}`;
await build({ ...common, entryPoints, outdir: 'dist-test', packages: 'external', sourcemap: 'inline' });
writeFileSync('dist-test/package.json', '{"type":"commonjs"}\n');

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

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The numbers of one position in a source map, each as many digits of five bits, the sign last. */
function decode(text) {
  const numbers = [];
  let [value, shift] = [0, 0];
  for (const digit of text) {
    const bits = DIGITS.indexOf(digit);
    value += (bits & 31) << shift;
    shift += 5;
    if (bits & 32) continue;
    numbers.push(value & 1 ? -(value >> 1) : value >> 1);
    [value, shift] = [0, 0];
  }
  return numbers;
}

function encode(number) {
  let [text, left] = ['', number < 0 ? (-number << 1) | 1 : number << 1];
  do {
    text += DIGITS[(left & 31) | (left > 31 ? 32 : 0)];
    left >>= 5;
  } while (left > 0);
  return text;
}

/** Leaves of a source map what the stack of a bug shows, files and lines: a quarter of its size. */
function keepLines(path) {
  const map = JSON.parse(readFileSync(path, 'utf8'));
  let [source, line] = [0, 0];
  let kept = [0, 0];
  const thin = (positions) => {
    let [column, keptColumn, isFirst] = [0, 0, true];
    const texts = [];
    for (const position of positions.split(',')) {
      const [columns = 0, sources = 0, lines = 0] = decode(position);
      [column, source, line] = [column + columns, source + sources, line + lines];
      if (position === '' || (!isFirst && source === kept[0] && line === kept[1])) continue;
      texts.push([column - keptColumn, source - kept[0], line - kept[1], 0].map(encode).join(''));
      [keptColumn, kept, isFirst] = [column, [source, line], false];
    }
    return texts.join(',');
  };
  const mappings = map.mappings.split(';').map(thin).join(';');
  writeFileSync(path, JSON.stringify({ ...map, mappings, names: [] }));
}

const common = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  loader: { '.md': 'text', '.sh': 'text', '.bash': 'text', '.zsh': 'text', '.fish': 'text' },
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
const packages = new Set();
// a chunk may load chunks of its own
for (let done = 0; done < Object.keys(chunks).length; ) {
  const entryPoints = Object.fromEntries(Object.entries(chunks).slice(done));
  done = Object.keys(chunks).length;
  const { metafile } = await build({ ...common, ...small, plugins, entryPoints, outdir: 'dist' });
  for (const path of Object.keys(metafile.inputs))
    for (const [name] of path.matchAll(/^.*node_modules\/(@[^/]+\/)?[^/]+/g)) packages.add(name);
}
assert.equal(emptied.length, 1, `imports of node:child_process that were made empty: ${emptied}`);
for (const name of readdirSync('dist')) if (name.endsWith('.map')) keepLines(`dist/${name}`);

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

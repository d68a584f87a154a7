// Bundles the command line and the supervisor into one minified CommonJS file each: separate modules, or ES modules, would
// cost half a Node start per call. What is behind `await import(…)` becomes a file of its own, loaded when it is used.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

/** Every dynamic import, and packages that are required where they are used: source → file in dist. */
const LAZY = {
  './table.ts': ['src/cli/output/table.ts', 'table'],
  './spinner.ts': ['src/cli/wait/spinner.ts', 'spinner'],
  './generate.ts': ['src/cli/completion/generate.ts', 'completion'],
  './man-page.ts': ['src/cli/help/man-page.ts', 'man-page'],
  './skill.ts': ['src/cli/skill/skill.ts', 'skill'],
  './timetable.ts': ['src/job/automation/timetable.ts', 'timetable'],
  './widths.ts': ['src/cli/output/widths.ts', 'widths'],
  './views.ts': ['src/cli/watch/views.ts', 'watch-views'],
  'ps-list': ['ps-list', 'ps-list'],
  '@eslint-community/regexpp': ['@eslint-community/regexpp', 'regexpp'],
  'proper-lockfile': ['proper-lockfile', 'proper-lockfile'],
};
/** These of them are required: where they are needed nothing can be waited for. */
const REQUIRED = ['@eslint-community/regexpp', './widths.ts'];

const lazyFiles = {
  name: 'lazy-files',
  setup({ onResolve }) {
    onResolve({ filter: /.*/ }, ({ kind, path }) => {
      if (kind === 'require-call' && REQUIRED.includes(path))
        return { path: `./${LAZY[path][1]}.js`, external: true };
      if (kind !== 'dynamic-import') return undefined;
      const name = path.replace(/^(\.\.?\/)+(.*\/)?/, './');
      if (!(name in LAZY)) throw new Error(`${path} is imported dynamically but not named in build.mjs`);
      return { path: `./${LAZY[name][1]}.js`, external: true };
    });
  },
};

/** commander loads node:child_process for subcommands that are programs of their own; we have none, and `ls` needs no other; and help. */
const leanCommander = {
  name: 'lean-commander',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      /\/commander\//.test(importer) ? { path: 'nothing', namespace: 'nothing' } : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'nothing' }, () => ({ contents: 'module.exports = {};' }));
    // ours is from cli/help/help.ts; what is left knows what may be meant by a slip of the pen
    onLoad({ filter: /\/commander\/lib\/help\.js$/ }, () => ({
      contents: `exports.Help = class {
        visibleCommands({ commands }) { return commands; }
        visibleOptions({ options }) { return options.filter(({ hidden }) => !hidden); }
      };`,
    }));
  },
};

/** Ninety spinners come with ora, which shows one; @colors brings letters upside down and rainbows along. */
const leanTerminal = {
  name: 'lean-terminal',
  setup({ onLoad }) {
    onLoad({ filter: /\/cli-spinners\/spinners\.json$/ }, ({ path }) => {
      const { dots, line } = JSON.parse(readFileSync(path, 'utf8'));
      return { contents: JSON.stringify({ dots, line }), loader: 'json' };
    });
    onLoad({ filter: /\/@colors\/colors\/lib\/(custom|maps)\// }, () => ({
      contents: 'module.exports = () => {};',
    }));
  },
};

/** cli-table3 brings an old string-width, which knows no emoji of the last years: it measures as we do, in the same file. */
const oneWidth = {
  name: 'one-width',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^string-width$/ }, ({ importer }) =>
      /\/cli-table3\//.test(importer) ? { path: 'width', namespace: 'width' } : undefined,
    );
    const contents = `const { widthOf } = require('./src/cli/output/columns.ts');
      module.exports = (text) => widthOf(text.replace(/\\x1b\\[[\\d;]*m/g, ''));`;
    onLoad({ filter: /.*/, namespace: 'width' }, () => ({ contents, resolveDir: '.' }));
  },
};

/** proper-lockfile brings a patched fs for thousands of open files; we open one. */
const plainFs = {
  name: 'plain-fs',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^graceful-fs$/ }, () => ({ path: 'fs', namespace: 'plain-fs' }));
    onLoad({ filter: /.*/, namespace: 'plain-fs' }, () => ({
      contents: "module.exports = require('node:fs');",
    }));
  },
};

/** ps-list asks for its own place, for a program for Windows; in CommonJS there is no import.meta, and it would throw when loaded. */
const placelessPsList = {
  name: 'placeless-ps-list',
  setup({ onLoad }) {
    onLoad({ filter: /\/ps-list\/index\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace('fileURLToPath(import.meta.url)', "''"),
    }));
  },
};

const common = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  loader: { '.md': 'text', '.sh': 'text' },
  target: 'node20',
  // import() of a CommonJS file would load Node's ES module loader: require does
  supported: { 'dynamic-import': false },
  logLevel: 'warning',
  plugins: [lazyFiles, leanCommander, leanTerminal, oneWidth, plainFs, placelessPsList],
};

rmSync('dist', { recursive: true, force: true });
const { metafile } = await build({
  ...common,
  entryPoints: {
    boot: 'src/cli/boot.ts',
    cli: 'src/cli/main.ts',
    supervisor: 'src/supervisor/main.ts',
    'regex-thread': 'src/engine/search/regex-thread.ts',
    ...Object.fromEntries(Object.values(LAZY).map(([source, name]) => [name, source])),
  },
  outdir: 'dist',
  minify: true,
  legalComments: 'none',
  metafile: true,
});

// the bundles hold other people's work: their licences come along
const packages = Object.keys(metafile.inputs).flatMap(
  (path) => /^node_modules\/((@[^/]+\/)?[^/]+)/.exec(path)?.[0] ?? [],
);
const licenses = [...new Set(packages)].sort().map((path) => {
  const file = readdirSync(path).find((name) => /^licen[cs]e/i.test(name));
  const { name, version, license } = JSON.parse(readFileSync(`${path}/package.json`, 'utf8'));
  return `${name} ${version} (${license})\n\n${file ? readFileSync(`${path}/${file}`, 'utf8') : ''}`;
});
writeFileSync('dist/licenses.txt', licenses.join(`\n${'-'.repeat(80)}\n\n`));

// the man pages are of what was just built; package.json names each of them for npm
const printed = execFileSync(process.execPath, ['bin/bgjob', '--man', 'all'], { encoding: 'utf8' });
const pages = printed.split(/^(?=\.TH )/m).map((text) => [`man/${text.split(' ')[1].toLowerCase()}.1`, text]);
mkdirSync('man', { recursive: true });
for (const name of readdirSync('man')) rmSync(`man/${name}`);
for (const [path, text] of pages) writeFileSync(path, text);
const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const man = pages.map(([path]) => `./${path}`);
if (manifest.man.join() !== man.join())
  writeFileSync('package.json', `${JSON.stringify({ ...manifest, man }, null, 2)}\n`);

// tests are built like the program: test/cli/run/run.test.ts becomes dist-test/cli.run.test.js, beside the threads that they start
rmSync('dist-test', { recursive: true, force: true });
mkdirSync('dist-test');
const tests = readdirSync('test', { recursive: true }).filter((name) =>
  /\.(test|bench|chaos|fixture)\.ts$/.test(name),
);
await build({
  ...common,
  plugins: [],
  packages: 'external',
  entryPoints: {
    ...Object.fromEntries(tests.map((name) => [name.slice(0, -3).replaceAll('/', '.'), `test/${name}`])),
    // a thread's code lies beside the code that starts it
    'regex-thread': 'src/engine/search/regex-thread.ts',
  },
  outdir: 'dist-test',
  sourcemap: 'inline',
});
writeFileSync('dist-test/package.json', '{"type":"commonjs"}\n');

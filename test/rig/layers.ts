/**
 * The rules about rooms, folders and names, as pure functions over a graph or over sources, so that the rules
 * can be tested too.
 */
import { basename, dirname } from 'node:path';

/**
 * File (relative to src) → what it imports: files of src, or names of packages and of Node. Or the same of
 * folders.
 */
export type Graph = Map<string, string[]>;

/**
 * The specifiers of every import in a source: static, of types, re-exports, `import('…')` and `require('…')`.
 */
export function importsOf(source: string): string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '');
  const forms = [
    /^\s*(?:import|export)\s(?:[^'";]*?\sfrom\s)?\s*['"]([^'"]+)['"]/gm,
    /\b(?:import|require)\(\s*['"]([^'"]+)['"]\s*\)/g,
  ];
  return [...new Set(forms.flatMap((form) => [...code.matchAll(form)].map(([, specifier]) => specifier!)))];
}

const ORDER: Record<string, number> = { base: 0, job: 1, engine: 2, supervisor: 3, services: 4, cli: 5 };
const roomOf = (file: string): string => file.split('/')[0]!;
const isFile = (target: string): boolean => target.endsWith('.ts');

/** Edges that go up, or into the supervisor, or out of the rooms. */
export function upwardEdges(graph: Graph): string[] {
  return [...graph].flatMap(([file, targets]) =>
    targets.filter(isFile).flatMap((target) => {
      const [from, to] = [roomOf(file), roomOf(target)];
      if (ORDER[from] === undefined) return [`${file} is in no room`];
      if (ORDER[to] === undefined) return [`${file} imports ${target}, which is in no room`];
      // the service of a target publishes as a supervisor does
      const isDown = ORDER[to] < ORDER[from]! && (to !== 'supervisor' || from === 'services');
      return from === to || isDown ? [] : [`${file} imports ${target}`];
    }),
  );
}

/** Cycles between files, or between folders, each as a path that ends where it began. */
export function cycles(graph: Graph): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    if (path.includes(file)) {
      found.push([...path.slice(path.indexOf(file)), file].join(' → '));
      return;
    }
    if (done.has(file)) return;
    for (const target of graph.get(file) ?? []) if (graph.has(target)) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return found;
}

/** The folders, and which others the files of each import. */
export function folderGraph(graph: Graph): Graph {
  const folders: Graph = new Map();
  for (const [file, targets] of graph) {
    const folder = dirname(file);
    const others = targets.filter((target) => graph.has(target)).map((target) => dirname(target));
    folders.set(folder, [...new Set([...(folders.get(folder) ?? []), ...others])]);
    folders.set(
      folder,
      folders.get(folder)!.filter((other) => other !== folder),
    );
  }
  return folders;
}

/** The files to which no import leads from these. */
export function unreachable(graph: Graph, entries: string[]): string[] {
  const reached = new Set<string>();
  const reach = (file: string): void => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const target of graph.get(file) ?? []) reach(target);
  };
  entries.forEach(reach);
  return [...graph.keys()].filter((file) => !reached.has(file));
}

/** A string as it stands in a source; in a template, text up to the first nested one. */
const LITERAL = /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g;
/** The declaration of a verb: its help is text, and stands where the verb does. */
const DECLARED = [
  /^( *)(?:description|examples): \[\n[\s\S]*?\n\1\],$/gm,
  /^ *(?:description|examples): \[.*\],$/gm,
  new RegExp(`\\b(?:text|group|summary|operands|value|brief):\\s*(?:(?:${LITERAL.source})[\\s+]*)+`, 'g'),
  new RegExp(`^const OPERANDS = (?:${LITERAL.source});`, 'gm'),
];

/** The literals of four words or more in a source: sentences, for which messages/ is the place. */
export function sentencesIn(source: string): string[] {
  let code = source.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$|new Error\(.*\)/gm, '');
  for (const declared of DECLARED) code = code.replace(declared, '');
  const literals = [...code.matchAll(LITERAL)].map(([literal]) => literal.slice(1, -1));
  // what a template puts in is no word of its own
  const wordsOf = (text: string) =>
    text.replace(/\$\{[^}]*\}/g, '').match(/(?<![\w$.-])[A-Za-z']{2,}(?![\w.(-])/g);
  // a command to type is no sentence, and no path is one
  const isText = (text: string) => !/^bgjob |^\/\S*$/.test(text);
  return literals.filter((text) => isText(text) && (wordsOf(text)?.length ?? 0) >= 4);
}

/** Folders with more files than that. */
export function crowded(files: Iterable<string>, most: number): string[] {
  const counts = new Map<string, number>();
  for (const file of files) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
  return [...counts]
    .filter(([, count]) => count > most)
    .map(([folder, count]) => `${folder}: ${count} files`);
}

/** Names that are declared and exported in more than one file; a re-export declares nothing. */
export function doubleNames(sources: Map<string, string>): string[] {
  const declaration =
    /^export (?:declare |abstract |async )*(?:function\*?|const|let|class|interface|type|enum|namespace) (\w+)/gm;
  const places = new Map<string, Set<string>>();
  for (const [file, source] of sources)
    for (const [, name] of source.matchAll(declaration))
      places.set(name!, (places.get(name!) ?? new Set()).add(file));
  return [...places].filter(([, at]) => at.size > 1).map(([name, at]) => `${name}: ${[...at].join(', ')}`);
}

/** Names that were used for several things at once, or that nobody else uses. */
const UNCLEAR = [
  'aside|beside|captured|desk|door|expression|glances?|growth|hold.*|intake|keep.*|kept|leave|lessons?|letter|lines?|lineup',
  'logsight|look.*|met|naps|patience|picking|placing|place.*|polite|pulse|rota|seal|shape|sieve|sight|sole|standing',
  'starter.*|tell.*|tones|turn|typing|who',
].join('|');
/** Names of places for anything. */
const VAGUE = 'utils?|helpers?|types?|common|misc|shared|lib|constants';

const named = (files: string[], words: string): string[] =>
  files.filter((file) =>
    file.split('/').some((part) => new RegExp(`^(${words})$`).test(basename(part, '.ts'))),
  );
/** Files and folders whose whole name is such a word. */
export const unclearNames = (files: string[]): string[] => named(files, UNCLEAR);
export const vagueNames = (files: string[]): string[] => named(files, VAGUE);

/**
 * Packages that are imported elsewhere than in the places named here, and packages that are named nowhere.
 */
export function strayPackages(graph: Graph, places: Record<string, (file: string) => boolean>): string[] {
  return [...graph].flatMap(([file, targets]) =>
    targets
      .filter(
        (target) =>
          !isFile(target) &&
          !target.startsWith('node:') &&
          !/\.(json|md|sh|bash|zsh|fish|pl|py)$/.test(target),
      )
      .filter((target) => !places[target]?.(file))
      .map((target) => `${file} imports ${target}`),
  );
}

/** The rules of the house about who may import whom, as pure functions over a graph, so that the rules can be tested too. */

/** File (relative to src) → what it imports: files of src, or names of packages and of Node. */
export type Graph = Map<string, string[]>;

/** The specifiers of every import in a source: static, of types, re-exports, `import('…')` and `require('…')`. */
export function importsOf(source: string): string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '');
  const forms = [
    /^\s*(?:import|export)\s(?:[^'";]*?\sfrom\s)?\s*['"]([^'"]+)['"]/gm,
    /\b(?:import|require)\(\s*['"]([^'"]+)['"]\s*\)/g,
  ];
  return [...new Set(forms.flatMap((form) => [...code.matchAll(form)].map(([, specifier]) => specifier!)))];
}

const ORDER: Record<string, number> = { base: 0, job: 1, engine: 2, supervisor: 3, services: 3, cli: 4 };
const roomOf = (file: string): string => file.split('/')[0]!;
const isFile = (target: string): boolean => target.endsWith('.ts');

/** Edges that go up, or into the supervisor, or out of the rooms. */
export function upwardEdges(graph: Graph): string[] {
  return [...graph].flatMap(([file, targets]) =>
    targets.filter(isFile).flatMap((target) => {
      const [from, to] = [roomOf(file), roomOf(target)];
      if (ORDER[from] === undefined) return [`${file} is in no room`];
      if (ORDER[to] === undefined) return [`${file} imports ${target}, which is in no room`];
      const isDown = ORDER[to] < ORDER[from]! && to !== 'supervisor';
      return from === to || isDown ? [] : [`${file} imports ${target}`];
    }),
  );
}

/** Cycles between files, each as a path that ends where it began. */
export function cycles(graph: Graph): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: string[]): void => {
    if (path.includes(file)) {
      found.push([...path.slice(path.indexOf(file)), file].join(' → '));
      return;
    }
    if (done.has(file)) return;
    for (const target of graph.get(file) ?? []) if (isFile(target)) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return found;
}

/** Packages that are imported elsewhere than in the places named here, and packages that are named nowhere. */
export function strayPackages(graph: Graph, places: Record<string, (file: string) => boolean>): string[] {
  return [...graph].flatMap(([file, targets]) =>
    targets
      .filter((target) => !isFile(target) && !target.startsWith('node:') && !/\.(json|md)$/.test(target))
      .filter((target) => !places[target]?.(file))
      .map((target) => `${file} imports ${target}`),
  );
}

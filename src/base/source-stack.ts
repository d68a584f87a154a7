/** Stacks of bugs, with positions in the sources instead of the bundles. */
import { readFileSync } from 'node:fs';

const POSITION = /(\/[^\n():]*\.js):(\d+):(\d+)/g;

/** The stack of something thrown, with `src/cli/main.ts:12` for `/…/dist/cli.js:1:4711`. Never throws. */
export function sourceStack(thrown: unknown): string {
  const { SourceMap } = require('node:module') as typeof import('node:module');
  const readMap = (file: string) => new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8')));
  const maps = new Map<string, ReturnType<typeof readMap>>();
  const stack = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return stack.replace(POSITION, (position, file, line, column) => {
    if (!file.startsWith(`${__dirname}/`)) return position;
    try {
      const map = maps.get(file) ?? readMap(file);
      maps.set(file, map);
      const entry = map.findEntry(line - 1, column - 1);
      if (!('originalSource' in entry)) return position;
      return `${entry.originalSource.replace(/^(\.\.\/)+/, '')}:${entry.originalLine + 1}`;
    } catch {
      // a build without maps
      return position;
    }
  });
}

/**
 * The I/O priority of this process, which every process that it starts inherits. The kernel has no file that tells it, so `ionice`
 * is asked: once per process, and only where a job is put into a queue or taken from one.
 */
import { findTool } from './programs.ts';

/** As `ionice` tells it: `none: prio 0`, `idle`, `best-effort: prio 7`. */
const PRIORITY = /^(none|realtime|best-effort|idle)(?:: prio ([0-7]))?$/;
const CLASSES: Record<string, string> = { none: '0', realtime: '1', 'best-effort': '2', idle: '3' };

let mine: string | null | undefined;

/** That of this process; null: nothing here can tell. */
export function ioPriority(): string | null {
  if (mine !== undefined) return mine;
  mine = null;
  const ionice = findTool('ionice');
  if (ionice === undefined) return mine;
  const { spawnSync } = require('node:child_process') as typeof import('node:child_process');
  const { stdout } = spawnSync(ionice, ['-p', String(process.pid)], {
    encoding: 'utf8',
    env: { LC_ALL: 'C' },
  });
  const text = stdout?.trim() ?? '';
  if (PRIORITY.test(text)) mine = text;
  return mine;
}

/** The words before a program that give it this priority; none where it has it already, or where nobody can tell. */
export function ioPriorityWords(wanted: string | null): string[] {
  const [, name, level] = PRIORITY.exec(wanted ?? '') ?? [];
  const own = name === undefined ? null : ioPriority();
  if (own === null || own === wanted) return [];
  // a level means something in these two classes alone
  const levels = level !== undefined && ['realtime', 'best-effort'].includes(name!) ? ['-n', level] : [];
  return [findTool('ionice')!, '-c', CLASSES[name!]!, ...levels];
}

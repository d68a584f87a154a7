/**
 * The I/O priority of this process, which its children inherit. The kernel shows it in no file, so `ionice`
 * is asked: once per process, and only where a job enters a queue or leaves it.
 */
import { findTool, runTool } from './programs.ts';

/** The output of `ionice`: `none: prio 0`, `idle`, `best-effort: prio 7`. */
const PRIORITY = /^(none|realtime|best-effort|idle)(?:: prio ([0-7]))?$/;
const CLASSES: Record<string, string> = { none: '0', realtime: '1', 'best-effort': '2', idle: '3' };

let mine: string | null | undefined;

export function ioPriority(): string | null {
  if (mine !== undefined) return mine;
  const text = findTool('ionice') ? runTool('ionice', ['-p', String(process.pid)]).trim() : '';
  mine = PRIORITY.test(text) ? text : null;
  return mine;
}

/** The words before a command that give it this priority; empty if it has it already, or ours is unknown. */
export function ioPriorityWords(wanted: string | null): string[] {
  const [, name, level] = PRIORITY.exec(wanted ?? '') ?? [];
  const own = name === undefined ? null : ioPriority();
  if (own === null || own === wanted) return [];
  // only these two classes have levels
  const levels = level !== undefined && ['realtime', 'best-effort'].includes(name!) ? ['-n', level] : [];
  return [findTool('ionice')!, '-c', CLASSES[name!]!, ...levels];
}

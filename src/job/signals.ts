/** Signals by name and number. A status of 128+N stands for signal N, or the program chose that number itself. */
import { constants } from 'node:os';

const NUMBERS: ReadonlyMap<string, number> = new Map(Object.entries(constants.signals));

/** `TERM`, `sigterm`, `15` → `SIGTERM`; undefined if there is no such signal. */
export function parseSignal(text: string): NodeJS.Signals | undefined {
  const upper = text.toUpperCase();
  const name = /^\d+$/.test(text) ? nameOf(Number(text)) : upper.startsWith('SIG') ? upper : `SIG${upper}`;
  return name !== undefined && NUMBERS.has(name) ? (name as NodeJS.Signals) : undefined;
}

const nameOf = (number: number): string | undefined => [...NUMBERS].find(([, n]) => n === number)?.[0];

/** The signal that an exit status above 128 may stand for. */
export const signalOfCode = (code: number): string | undefined =>
  code > 128 ? nameOf(code - 128) : undefined;

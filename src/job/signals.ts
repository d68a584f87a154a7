/**
 * Signals by name and number. An exit status of 128+N means signal N, or the program chose that number
 * itself.
 */
import { constants } from 'node:os';

const NUMBERS: ReadonlyMap<string, number> = new Map(Object.entries(constants.signals));

/** `TERM`, `sigterm`, `15` as `SIGTERM`. Of two names for a number, the one that signalOfCode gives. */
export function parseSignal(text: string): NodeJS.Signals | undefined {
  const upper = text.toUpperCase();
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`;
  const number = /^\d+$/.test(text) ? Number(text) : NUMBERS.get(name);
  return number === undefined ? undefined : (nameOf(number) as NodeJS.Signals | undefined);
}

const nameOf = (number: number): string | undefined => [...NUMBERS].find(([, n]) => n === number)?.[0];

export const signalOfCode = (code: number): string | undefined =>
  code > 128 ? nameOf(code - 128) : undefined;

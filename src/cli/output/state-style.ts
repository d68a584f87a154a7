/** The colour of a state. */

import { isWaiting, type JobView, type StateWord, stateWord } from '../../job/view.ts';
import type { Color, Output } from './output.ts';

const BAD: readonly StateWord[] = ['killed', 'memory', 'timed-out', 'start-failed', 'lost', 'unreadable'];

/** Red only for failures, green for running jobs and successes, dim for the rest. */
export type Tone = 'live' | 'good' | 'bad' | 'dim';

export function toneOf(word: StateWord, exitCode: number | null): Tone {
  if (BAD.includes(word) || (word === 'exited' && exitCode !== 0)) return 'bad';
  if (word === 'exited') return 'good';
  return word === 'running' || word === 'starting' || word === 'stopping' ? 'live' : 'dim';
}

/** Whether it ended because it was stopped on request: that is no failure. */
export const wasStopped = (view: JobView): boolean =>
  view.kind === 'ended' &&
  view.status.stop?.cause === 'kill' &&
  (view.status.outcome.kind === 'killed' || view.status.outcome.kind === 'exited');

const COLORS: Record<Tone, Color | null> = { live: null, good: 'green', bad: 'red', dim: null };

/** Colours the state of a job in the answer: red for a failure, green for a success. */
export const statePainter = (output: Output, view: JobView, stream = output.answerStream) => {
  const color = COLORS[toneOfView(view)];
  return (text: string): string => output.paint(stream, color, text);
};

export function toneOfView(view: JobView): Tone {
  if (wasStopped(view)) return 'dim';
  const outcome = view.kind === 'ended' ? view.status.outcome : null;
  return toneOf(stateWord(view), outcome?.kind === 'exited' ? outcome.code : null);
}

const SIGNS: Record<Tone, string> = { live: '▸', good: '✓', bad: '✗', dim: '-' };

/** One character for the kind of state, one column wide. */
export function signOf(view: JobView): string {
  if (isWaiting(view)) return '◦';
  return stateWord(view) === 'paused' ? '‖' : SIGNS[toneOfView(view)];
}

/** Our own characters in a locale that is not UTF-8. A key becomes another key that does the same. */
const ASCII: Record<string, string> = {
  ...{ '✓': '+', '✗': '!', '▸': '*', '◦': '.', '‖': '=', '─': '-', '…': '~', '·': '-', '×': 'x', '≥': '>' },
  ...{ '↑': 'k', '↓': 'j', '⏎': 'l', '←': '<', '→': '>' },
};
const OWN = new RegExp(`[${Object.keys(ASCII).join('')}]`, 'g');
export const toAscii = (line: string): string => line.replace(OWN, (sign) => ASCII[sign]!);

/** Whether the terminal of a call shows these characters: the locale, as libc chooses it. */
export function isUtf8(env: NodeJS.ProcessEnv): boolean {
  // the console of Linux has few characters
  if (env['TERM'] === 'linux') return false;
  return /utf-?8/i.test(env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '');
}

/** The colour of a state. */

import { type JobView, type StateWord, stateWord } from '../../job/view.ts';
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

/** How a state looks to a person. */
import type { StateWord } from '../job/job.ts';

const BAD: readonly StateWord[] = ['killed', 'timed-out', 'failed', 'lost', 'unreadable'];

/** How a state looks: red only for failure, green for what runs, dim for what is over. */
export type Tone = 'live' | 'good' | 'bad' | 'dim';

export function toneOf(word: StateWord, exitCode: number | null): Tone {
  if (BAD.includes(word) || (word === 'exited' && exitCode !== 0)) return 'bad';
  if (word === 'exited') return 'good';
  return word === 'running' || word === 'starting' || word === 'stopping' ? 'live' : 'dim';
}

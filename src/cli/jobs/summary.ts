/** How many jobs are in which state, in one line: `3 running · 2 queued · 1 failed · 12 done`. */
import { type JobView, stateWord } from '../../job/view.ts';
import { thousands } from '../messages/lists.ts';
import { wasStopped } from '../output/state-style.ts';

const LIVE = ['running', 'starting', 'stopping', 'paused', 'queued'];
const SHOWN = [...LIVE, 'failed', 'stopped', 'cancelled', 'skipped', 'elsewhere', 'done'];

/** Each kind of failure counts as `failed`. */
function kindOf(view: JobView): string {
  const word = stateWord(view);
  if (wasStopped(view)) return 'stopped';
  if (view.kind === 'ended' && view.status.outcome.kind === 'exited')
    return view.status.outcome.code === 0 ? 'done' : 'failed';
  if (['killed', 'memory', 'timed-out', 'start-failed', 'lost', 'unreadable'].includes(word)) return 'failed';
  return word;
}

/**
 * The parts of the line, live jobs first; `failed` marks the part that is red. `hidden`: so many more jobs
 * wait.
 */
export function countStates(views: JobView[], hidden = 0): { text: string; failed: boolean }[] {
  const counts = new Map<string, number>(hidden > 0 ? [['queued', hidden]] : []);
  for (const view of views) counts.set(kindOf(view), (counts.get(kindOf(view)) ?? 0) + 1);
  return SHOWN.flatMap((kind) => {
    const count = counts.get(kind);
    return count === undefined ? [] : [{ text: `${thousands(count)} ${kind}`, failed: kind === 'failed' }];
  });
}

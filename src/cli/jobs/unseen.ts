/**
 * `ls --unseen`: the ends of which the session of the call was not told yet, one sentence each. Made for the
 * prompt of an agent or a shell: silent when there is none.
 */
import { systemClock } from '../../base/clock.ts';
import { claimUnseen, type UnseenPlan } from '../../engine/observe/unseen-ends.ts';
import type { Home } from '../../job/home/home.ts';
import { endedAgo, sentence } from '../messages/job-text.ts';
import { OF_ANOTHER_SESSION, unseenText } from '../messages/lists.ts';
import type { Output } from '../output/output.ts';
import { statePainter } from '../output/state-style.ts';
import { objectsOf, RECENT_MOST, readProcessFacts } from './job-rows.ts';
import { printLostHint } from './lost-hint.ts';

export interface UnseenListPlan extends Omit<UnseenPlan, 'most'> {
  most: number | null;
  form: 'sentences' | 'ids';
}

/** Prints at most `most` (20) ends. They are marked when the reader of stdout has them. */
export async function printUnseen(output: Output, home: Home, plan: UnseenListPlan): Promise<void> {
  const { ends, more, told } = claimUnseen(home, { ...plan, most: plan.most ?? RECENT_MOST });
  if (ends.length === 0) return;
  const views = ends.map(({ view }) => view);
  if (plan.form === 'ids' && !output.json) {
    for (const { id } of views) output.line(String(id));
  } else {
    const facts = await readProcessFacts(home, false);
    const now = systemClock.now();
    if (output.json) output.objects(objectsOf(home, views, facts));
    else {
      for (const { view, isForeign } of ends) {
        const paint = statePainter(output, view);
        const text = sentence(view, now, facts.countLeftovers(view), undefined, paint) + endedAgo(view, now);
        output.line(isForeign ? `${text} ${OF_ANOTHER_SESSION}` : text);
      }
      printLostHint(output, home, views);
    }
  }
  output.whenDelivered(told);
  if (more > 0 && !output.json && !output.readerGone) output.note(unseenText(more));
}

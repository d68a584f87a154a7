/** What to type for jobs that were lost: bgjob does not start them again by itself. */
import type { Home } from '../../job/home/home.ts';
import { supersededBy } from '../../job/home/records.ts';
import { type JobView, stateWord } from '../../job/view.ts';
import { lostHintText } from '../messages/wait.ts';
import type { Output } from '../output/output.ts';

/**
 * Undefined where none is lost. One that was restarted or replaced since needs no hint, nor does a service of
 * our own.
 */
export function lostHint(home: Home, views: readonly JobView[]): string | undefined {
  const ids = views
    .filter((view) => stateWord(view) === 'lost' && !('spec' in view && view.spec.origin?.kind === 'own'))
    .map(({ id }) => id)
    .filter((id) => supersededBy(home.job(id)) === undefined);
  return ids.length === 0 ? undefined : lostHintText(ids);
}

export function printLostHint(output: Output, home: Home, views: readonly JobView[]): void {
  const hint = lostHint(home, views);
  if (hint !== undefined) output.hint(hint);
}

/**
 * `ls --unseen`: the ends that no command has shown yet, one sentence each. Made for the prompt of an agent
 * or a shell: silent when there is none, and quick with 10,000 ended jobs, because only the records of the
 * jobs that are shown are read.
 */
import { systemClock } from '../../base/clock.ts';
import { observe } from '../../engine/observe/observe.ts';
import type { Here } from '../../engine/observe/resolve.ts';
import type { Home } from '../../job/home/home.ts';
import {
  endedNames,
  idOfName,
  listLive,
  newestNames,
  projectKey,
  projectOfName,
} from '../../job/home/job-index.ts';
import { isSeen, markSeen } from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';
import type { EndedView, JobView } from '../../job/view.ts';
import { endedAgo, sentence } from '../messages/job-text.ts';
import { unseenText } from '../messages/lists.ts';
import type { Output } from '../output/output.ts';
import { statePainter } from '../output/state-style.ts';
import { objectsOf, RECENT_MOST, readProcessFacts } from './job-rows.ts';
import { printLostHint } from './lost-hint.ts';

/** Ids of the unseen jobs that have a marker of their end, the latest end first. */
function unseenIds(home: Home, here: Here | null): JobId[] {
  const keys = here && new Set(here.projects.map(projectKey));
  const names = endedNames(home).filter((name) => {
    const id = keys === null || keys.has(projectOfName(name)) ? idOfName(name) : undefined;
    return id !== undefined && !isSeen(home.job(id));
  });
  return newestNames(names, names.length, 0).flatMap((name) => idOfName(name) ?? []);
}

export interface UnseenPlan {
  /** Null: of all projects. */
  here: Here | null;
  most: number | null;
  /** Chooses among the unseen jobs; null: all. */
  isWanted: ((view: JobView) => boolean) | null;
  form: 'sentences' | 'ids';
}

/** Prints at most `most` (20) unseen ends, and marks them as seen. */
export async function printUnseen(output: Output, home: Home, plan: UnseenPlan): Promise<void> {
  const { here, isWanted, form } = plan;
  const most = plan.most ?? RECENT_MOST;
  const shown: EndedView[] = [];
  let more = 0;
  const visited = new Set<JobId>();
  const visit = (id: JobId): void => {
    // its marker may move from the live to the ended meanwhile
    if (visited.has(id)) return;
    visited.add(id);
    const view = observe(home, id);
    if (view?.kind !== 'ended' || isSeen(home.job(id))) return;
    // two projects may share a key: the spec decides
    if (here && !here.projects.includes(view.spec.project)) return;
    if (isWanted && !isWanted(view)) return;
    if (shown.length < most) shown.push(view);
    else more++;
  };
  // lost jobs: no process was left to mark them as ended
  for (const id of listLive(home)) visit(id);
  const ids = unseenIds(home, here);
  for (const [n, id] of ids.entries()) {
    if (shown.length === most && !isWanted) {
      // the others are only counted
      more += ids.length - n;
      break;
    }
    visit(id);
  }
  if (shown.length === 0) return;
  if (form === 'ids' && !output.json) {
    for (const { id } of shown) output.line(String(id));
  } else {
    const facts = await readProcessFacts(home, false);
    const now = systemClock.now();
    if (output.json) output.objects(objectsOf(home, shown, facts));
    else {
      for (const view of shown) {
        const paint = statePainter(output, view);
        output.line(sentence(view, now, facts.countLeftovers(view), undefined, paint) + endedAgo(view, now));
      }
      printLostHint(output, home, shown);
    }
  }
  // the reader of stdout was gone: it saw nothing
  if (output.readerGone) return;
  for (const { id } of shown) markSeen(home.job(id));
  if (more > 0 && !output.json) output.note(unseenText(more));
}

/**
 * `ls --unseen`: the ends that nobody was told about yet, one sentence each. Made for the prompt of an agent or a shell: silent
 * when there is nothing, and quick with 10,000 ended jobs, of which only what is told is read.
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
import { isSeen, noteSeen } from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';
import type { EndedView, JobView } from '../../job/view.ts';
import { endedAgo, jobs, sentence } from '../messages/job-text.ts';
import type { Output } from '../output/output.ts';
import { statePainter } from '../output/state-style.ts';
import { objectsOf, RECENT_MOST, readProcessFacts } from './job-rows.ts';
import { lostHint } from './lost-hint.ts';

/** Ids of the jobs with a marker of their end that nobody was told about, the latest end first. */
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
  /** Of the jobs that ended unseen, which are asked for; null: all. */
  isWanted: ((view: JobView) => boolean) | null;
  form: 'sentences' | 'ids';
}

/** Tells at most `most` (20) ends that nobody was told about, and notes that somebody was. */
export async function printUnseen(output: Output, home: Home, plan: UnseenPlan): Promise<void> {
  const { here, isWanted, form } = plan;
  const most = plan.most ?? RECENT_MOST;
  const told: EndedView[] = [];
  let more = 0;
  const looked = new Set<JobId>();
  const look = (id: JobId): void => {
    // its marker may move from the live to the ended while we look
    if (looked.has(id)) return;
    looked.add(id);
    const view = observe(home, id);
    if (view?.kind !== 'ended' || isSeen(home.job(id))) return;
    // two projects may share a key: the spec decides
    if (here && !here.projects.includes(view.spec.project)) return;
    if (isWanted && !isWanted(view)) return;
    if (told.length < most) told.push(view);
    else more++;
  };
  // what nobody is left to mark as ended: lost
  for (const id of listLive(home)) look(id);
  const ids = unseenIds(home, here);
  for (const [n, id] of ids.entries()) {
    if (told.length === most && !isWanted) {
      // a count is enough of what is not told
      more += ids.length - n;
      break;
    }
    look(id);
  }
  if (told.length === 0) return;
  if (form === 'ids' && !output.json) {
    for (const { id } of told) output.line(String(id));
  } else {
    const sight = await readProcessFacts(home, false);
    const now = systemClock.now();
    if (output.json) output.objects(objectsOf(home, told, sight));
    else {
      for (const view of told) {
        const paint = statePainter(output, view);
        output.line(sentence(view, now, sight.countLeftovers(view), undefined, paint) + endedAgo(view, now));
      }
      const hint = lostHint(home, told);
      if (hint !== undefined) output.hint(hint);
    }
  }
  // who reads through a pipe that was closed was told nothing
  if (output.readerGone) return;
  for (const { id } of told) noteSeen(home.job(id));
  if (more > 0 && !output.json) output.note(`(${jobs(more)} more: bgjob ls --unseen again)`);
}

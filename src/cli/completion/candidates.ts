/**
 * Words for Tab that come from the home: ids, names, queues, schedules. One word a line, and after a tab what
 * it means. A word has only letters, digits and `. _ - @`, whatever is on the disk: a shell takes it as it
 * is.
 */
import { ignoreSystemError } from '../../base/result.ts';
import { clip, safe } from '../../base/text/sanitize.ts';
import { observe } from '../../engine/observe/observe.ts';
import { type Here, liveHere } from '../../engine/observe/resolve.ts';
import { findCommand } from '../../engine/os/programs.ts';
import { listSchedules } from '../../job/automation/schedule.ts';
import { listTemplates } from '../../job/automation/template-records.ts';
import { readConfig } from '../../job/home/config.ts';
import type { Home } from '../../job/home/home.ts';
import { endedNames, idOfName, newestNames, projectKey, projectOfName } from '../../job/home/job-index.ts';
import { isName } from '../../job/home/project.ts';
import { listQueues } from '../../job/queue/queue-files.ts';
import { SLURM } from '../../job/target.ts';
import { commandText, type JobView, stateWord } from '../../job/view.ts';

/** `live`: live jobs; `jobs`: these, and jobs that ended lately; `names`: the names of these. */
export type WordKind = 'live' | 'jobs' | 'names' | 'queues' | 'schedules' | 'triggers' | 'targets';

/** At most so many jobs are read: Tab must be fast in any home. */
const MOST_LIVE = 100;
const MOST_ENDED = 20;
const LONGEST_NOTE = 50;

/** The live jobs of this project, and with `ended` the latest of the others; the newest first. */
function viewsHere(home: Home, here: Here, ended: boolean): JobView[] {
  const live = liveHere(home, here).reverse();
  if (!ended) return live.slice(0, MOST_LIVE);
  const keys = new Set(here.projects.map(projectKey));
  const names = newestNames(endedNames(home), MOST_ENDED, 0, (name) => keys.has(projectOfName(name)));
  const views = names.flatMap((name) => observe(home, idOfName(name) ?? 0) ?? []);
  return [...live.slice(0, MOST_LIVE), ...views];
}

const noteOf = (view: JobView): string =>
  'spec' in view ? clip(`${stateWord(view)}: ${safe(commandText(view.spec))}`, LONGEST_NOTE) : view.kind;

/** Each name once, for the newest job that has it, then each id. */
function jobLines(views: JobView[], ids: boolean): string[] {
  const lines = new Map<string, string>();
  for (const view of views) {
    const name = 'spec' in view ? view.spec.name : null;
    if (name !== null && isName(name) && !lines.has(name)) lines.set(name, noteOf(view));
  }
  if (ids) for (const view of views) lines.set(String(view.id), noteOf(view));
  return [...lines].map(([word, note]) => `${word}\t${note}`);
}

/** The lines of one kind. A damaged home gives fewer lines, and no error. */
export function liveWords(home: Home, here: Here, kind: WordKind): string[] {
  try {
    switch (kind) {
      case 'live':
        return jobLines(viewsHere(home, here, false), true);
      case 'jobs':
        return [...jobLines(viewsHere(home, here, true), true), '@last\tthe newest job here'];
      case 'names':
        return jobLines(viewsHere(home, here, true), false);
      case 'queues':
        return listQueues(home).filter(isName);
      case 'schedules':
        return listSchedules(home);
      case 'targets': {
        const config = readConfig(home.path);
        const named = config.ok ? [...config.value.targets.keys()] : [];
        const hasSlurm = !named.includes(SLURM) && findCommand('sbatch', process.env['PATH'], '/').ok;
        return hasSlurm ? [...named, SLURM] : named;
      }
      case 'triggers':
        return listTemplates(home.triggers);
    }
  } catch (thrown) {
    ignoreSystemError(thrown);
    return [];
  }
}

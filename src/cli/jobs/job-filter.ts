/** Which jobs a list shows: what `ls` was asked for, and the jobs that this means now. */
import { safe } from '../../base/text/sanitize.ts';
import { observe } from '../../engine/observe/observe.ts';
import type { Here } from '../../engine/observe/resolve.ts';
import { QueueOverview } from '../../engine/queue/queue-status.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { projectKey } from '../../job/home/job-index.ts';
import { isName } from '../../job/home/project.ts';
import type { JobId } from '../../job/spec.ts';
import { type JobView, STATE_WORDS, stateWord } from '../../job/view.ts';
import { parseTags } from '../command/tags.ts';
import { jobs, queueOf } from '../messages/job-text.ts';
import { listJobs } from './job-rows.ts';
import { QueuedList } from './queued-rows.ts';
import { requireQueue } from './select.ts';

/** What was asked for; an empty list asks for everything. */
export interface Choice {
  everywhere: boolean;
  /** So many that ended, however long ago; null: those that ended lately. */
  most: number | null;
  states: ReadonlySet<string>;
  queues: string[];
  tags: string[];
  names: string[];
}

/** The options of which a choice is made. */
interface Asked {
  all: boolean;
  number: number | null;
  state: string[];
  queue: string[];
  tag: string[];
  name: string[];
}

export const EVERYTHING: Choice = {
  everywhere: false,
  most: null,
  states: new Set(),
  queues: [],
  tags: [],
  names: [],
};

const words = (texts: string[]): string[] => texts.flatMap((text) => text.split(','));

/** Fails where a word means nothing; whether the queues are there is not asked. */
export function parseChoice(asked: Asked): Result<Choice> {
  // up to 0.9 the state was called `failed`
  const states = words(asked.state).map((word) => (word === 'failed' ? 'start-failed' : word));
  const stray = states.find((word) => !(STATE_WORDS as readonly string[]).includes(word));
  if (stray !== undefined)
    return fail({ code: 'usage', message: `--state: "${safe(stray)}" is none of ${STATE_WORDS.join(', ')}` });
  const tags = parseTags(asked.tag);
  if (!tags.ok) return tags;
  const names = words(asked.name);
  const wrong = names.find((name) => !isName(name));
  if (wrong !== undefined)
    return fail({ code: 'usage', message: `--name: "${safe(wrong)}" is not a name`, hint: 'bgjob ls -a' });
  return ok({
    everywhere: asked.all,
    most: asked.number,
    states: new Set(states),
    queues: words(asked.queue),
    tags: tags.value,
    names,
  });
}

/** Fails unless all queues that were named are there. */
export function requireQueues(home: Home | undefined, names: string[]): Result<void> {
  for (const name of names) {
    const found = requireQueue(home, name);
    if (!found.ok) return found;
  }
  return ok(undefined);
}

/** Whether a list leaves out some jobs that would otherwise be in it. */
export const isFiltered = ({ states, names, tags, queues }: Choice): boolean =>
  states.size + names.length + tags.length + queues.length > 0;

/** Whether a job was asked for, as far as its record tells. */
export const isAsked = ({ states, names, tags, queues }: Choice, view: JobView): boolean =>
  (queues.length === 0 || queues.includes(queueOf(view) ?? '')) &&
  (states.size === 0 || states.has(stateWord(view))) &&
  (names.length === 0 || ('spec' in view && names.includes(view.spec.name ?? ''))) &&
  tags.every((tag) => 'spec' in view && view.spec.tags.includes(tag));

/** Whether a job belongs here; one whose project nobody knows does. */
export const isNear = (here: Here, everywhere: boolean, view: JobView): boolean =>
  everywhere || !('spec' in view) || here.projects.includes(view.spec.project);

/** What may have ended long ago. */
const isEndWord = (word: string): boolean =>
  !['queued', 'starting', 'running', 'stopping', 'paused'].includes(word);

export interface Picked {
  overview: QueueOverview;
  /** One at a time: a list of thousands is not held in memory. */
  views(): Generator<JobView>;
  /** What is said below: what is not shown. Only when all views were taken. */
  rest(): string[];
  /** How many more wait; likewise. */
  hidden(): number;
}

/** The jobs of a choice. `whole`: a script gets all that wait; `look`: how a job is looked at. */
export function pickJobs(
  home: Home,
  here: Here,
  choice: Choice,
  whole = false,
  look: (id: JobId) => JobView | undefined = (id) => observe(home, id),
): Picked {
  const { everywhere, most, states, names, tags, queues } = choice;
  const overview = new QueueOverview(home);
  const mayWait = states.size === 0 || states.has('queued');
  const inLine = new QueuedList(overview, {
    keys: everywhere ? null : new Set(here.projects.map(projectKey)),
    queues,
    most: mayWait ? most : 0,
    alone: isFiltered(choice),
    whole: mayWait && whole,
    byRecord: names.length + tags.length > 0,
  });
  const listing = listJobs(home, here, {
    everywhere,
    most,
    named: names,
    queued: [...inLine.queued, ...inLine.admitted],
  });
  const mayHaveEnded = states.size === 0 ? queues.length === 0 : [...states].some(isEndWord);
  const ofQueues = [...inLine.ids, ...inLine.admitted];
  const ids = queues.length === 0 ? listing.ids : [...ofQueues, ...(mayHaveEnded ? listing.ids : [])];
  let others = mayWait ? inLine.others : 0;
  return {
    overview,
    *views() {
      for (const id of new Set(ids)) {
        const view = look(id);
        if (!view || (view.kind === 'ended' && !mayHaveEnded)) continue;
        if (!isNear(here, everywhere, view)) others++;
        else if (isAsked(choice, view) && inLine.isShown(view)) yield view;
      }
    },
    hidden: () => (mayWait ? inLine.hidden : 0),
    rest() {
      const rested = listing.rest();
      if (mayHaveEnded) others += rested.others;
      // what runs, or has a name, is shown however old it is
      const mayBeOlder = names.length === 0 && mayHaveEnded;
      return [
        ...(mayWait ? inLine.notes(isFiltered(choice)) : []),
        ...(rested.older > 0 && mayBeOlder ? [`${jobs(rested.older)} older: -n ${rested.ended}`] : []),
        ...(others > 0 ? [`${jobs(others)} of other projects: -a`] : []),
      ];
    },
  };
}

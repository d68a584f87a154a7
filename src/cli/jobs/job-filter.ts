/** Which jobs a list shows: the options of `ls`, parsed, and the jobs that they choose now. */
import { observe } from '../../engine/observe/observe.ts';
import type { Here } from '../../engine/observe/resolve.ts';
import { QueueOverview } from '../../engine/queue/queue-status.ts';
import { endedInLastRound } from '../../engine/wait/round.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { projectKey } from '../../job/home/job-index.ts';
import { isName } from '../../job/home/project.ts';
import { isNamedSession, type Session } from '../../job/session.ts';
import type { JobId } from '../../job/spec.ts';
import { type JobView, STATE_WORDS, stateWord } from '../../job/view.ts';
import { parseTags } from '../command/tags.ts';
import { queueOf } from '../messages/job-text.ts';
import { listRefusal, moreEndedText, olderText, othersText } from '../messages/lists.ts';
import { listJobs } from './job-rows.ts';
import { QueuedList } from './queued-rows.ts';
import { requireQueue } from './select.ts';

/** At most so many jobs that ended in the last round of a queue are shown. */
const ENDED_MOST = 20;

/** The options, parsed; an empty list chooses everything. */
export interface Choice {
  everywhere: boolean;
  /** So many ended jobs, however long ago they ended; null: those of the last hour. */
  most: number | null;
  states: ReadonlySet<string>;
  queues: string[];
  tags: string[];
  names: string[];
  session: Session | null;
}

/** The options of the call. */
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
  session: null,
};

const words = (texts: string[]): string[] => texts.flatMap((text) => text.split(','));

/** Fails for a word without a meaning; `requireQueues` checks that the queues exist. */
export function parseChoice(asked: Asked): Result<Choice> {
  // up to 0.9 the state was called `failed`
  const states = words(asked.state).map((word) => (word === 'failed' ? 'start-failed' : word));
  const stray = states.find((word) => !(STATE_WORDS as readonly string[]).includes(word));
  if (stray !== undefined) return fail(listRefusal.state(stray));
  const tags = parseTags(asked.tag);
  if (!tags.ok) return tags;
  const names = words(asked.name);
  const wrong = names.find((name) => !isName(name));
  if (wrong !== undefined) return fail(listRefusal.name(wrong));
  return ok({
    everywhere: asked.all,
    most: asked.number,
    states: new Set(states),
    queues: words(asked.queue),
    tags: tags.value,
    names,
    session: null,
  });
}

/** Fails unless all of these queues exist. */
export function requireQueues(home: Home | undefined, names: string[]): Result<void> {
  for (const name of names) {
    const found = requireQueue(home, name);
    if (!found.ok) return found;
  }
  return ok(undefined);
}

/** Whether an option leaves out jobs. */
export const isFiltered = ({ states, names, tags, queues, session }: Choice): boolean =>
  states.size + names.length + tags.length + queues.length > 0 || session !== null;

/** Whether a job is chosen, as far as its record tells. */
export const isAsked = ({ states, names, tags, queues, session }: Choice, view: JobView): boolean =>
  (session === null || ('spec' in view && isNamedSession(session, view.spec.session))) &&
  (queues.length === 0 || queues.includes(queueOf(view) ?? '')) &&
  (states.size === 0 || states.has(stateWord(view))) &&
  (names.length === 0 || ('spec' in view && names.includes(view.spec.name ?? ''))) &&
  tags.every((tag) => 'spec' in view && view.spec.tags.includes(tag));

/** Whether a job belongs to this project; one whose project is not known does. */
export const isNear = (here: Here, everywhere: boolean, view: JobView): boolean =>
  everywhere || !('spec' in view) || here.projects.includes(view.spec.project);

const isEndWord = (word: string): boolean =>
  !['queued', 'starting', 'running', 'stopping', 'paused'].includes(word);

export interface Picked {
  overview: QueueOverview;
  /** One at a time: a list of thousands needs no memory. */
  views(): Generator<JobView>;
  /** The notes below a list, or below a live view: what is not shown. Known when all views were taken. */
  rest(live?: boolean): string[];
  /** How many more jobs wait; likewise. */
  hidden(): number;
}

/** The jobs of a choice. `whole`: all jobs that wait, for a script. */
export function pickJobs(home: Home, here: Here, choice: Choice, whole = false): Picked {
  const { everywhere, most, states, names, tags, queues } = choice;
  const overview = new QueueOverview(home);
  const mayWait = states.size === 0 || states.has('queued');
  const waiting = new QueuedList(overview, {
    keys: everywhere ? null : new Set(here.projects.map(projectKey)),
    queues,
    most: mayWait ? most : 0,
    alone: isFiltered(choice),
    whole: mayWait && whole,
    byRecord: names.length + tags.length > 0 || choice.session !== null,
  });
  const listing = listJobs(home, here, {
    everywhere,
    most,
    named: names,
    queued: [...waiting.queued, ...waiting.admitted],
  });
  const mayHaveEnded = states.size === 0 ? queues.length === 0 : [...states].some(isEndWord);
  const ofQueues = [...waiting.ids, ...waiting.admitted];
  const ids = queues.length === 0 ? listing.ids : [...ofQueues, ...(mayHaveEnded ? listing.ids : [])];
  const roundOf = (queue: string) => {
    const scope = { here: everywhere ? null : here, queue, session: choice.session };
    const isHere = (id: JobId) => {
      const view = observe(home, id);
      return view?.kind === 'live' && isNear(here, everywhere, view);
    };
    const { running, admitted } = overview.queue(queue);
    const hasLive = waiting.queued.length > 0 || [...running].some(isHere);
    return { queue, ...endedInLastRound(home, scope, most ?? ENDED_MOST, hasLive, admitted) };
  };
  const rounds = whole || states.size > 0 ? [] : queues.map((queue) => roundOf(queue));
  const inRound = new Set(rounds.flatMap(({ ids }) => ids));
  let others = mayWait ? waiting.others : 0;
  return {
    overview,
    *views() {
      for (const id of new Set([...ids, ...inRound])) {
        const view = observe(home, id);
        if (!view || (view.kind === 'ended' && !mayHaveEnded && !inRound.has(id))) continue;
        if (!isNear(here, everywhere, view)) others++;
        else if (isAsked(choice, view) && waiting.isShown(view)) yield view;
      }
    },
    hidden: () => (mayWait ? waiting.hidden : 0),
    rest(live = false) {
      const rested = listing.rest();
      if (mayHaveEnded) others += rested.others;
      // live jobs, and the newest job of a name, are shown however old they are
      const mayBeOlder = names.length === 0 && mayHaveEnded;
      return [
        ...(mayWait ? waiting.notes(isFiltered(choice) && !live) : []),
        ...(rested.older > 0 && mayBeOlder ? [olderText(rested.older, rested.ended, live)] : []),
        ...rounds.flatMap(({ queue, more }) => (more ? [moreEndedText(queue)] : [])),
        ...(others > 0 ? [othersText(others, live)] : []),
      ];
    },
  };
}

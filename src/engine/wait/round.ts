/**
 * Rounds: which jobs `wait --queue` and `wait --all` answer for. A round is what was added since the last answered one, live or ended;
 * where nothing was, it is the last answered one again, with the verdict of its record.
 */
import { existsSync } from 'node:fs';
import type { Home } from '../../job/home/home.ts';
import { givenIds } from '../../job/home/ids.ts';
import { endedNames, idOfName, projectKey, projectOfName } from '../../job/home/job-index.ts';
import { readSpec } from '../../job/home/records.ts';
import { listQueues } from '../../job/queue/queue-files.ts';
import { idOfEntry, projectOfEntry } from '../../job/queue/queue-order.ts';
import { entryNames } from '../../job/queue/waiting-list.ts';
import {
  type AnsweredRound,
  type Bounds,
  isEndAnswered,
  type RoundOwner,
  readAnsweredRound,
} from '../../job/rounds/answered.ts';
import { idRanges, isInRanges } from '../../job/rounds/id-ranges.ts';
import { type RemovedFailure, readAllRemoved, readRemoved } from '../../job/rounds/removed-jobs.ts';
import type { JobId } from '../../job/spec.ts';
import { exitCodeOf } from '../../job/state.ts';
import type { EndedView, JobView } from '../../job/view.ts';
import { beginRounds } from '../observe/begin-rounds.ts';
import { observe } from '../observe/observe.ts';
import type { Here } from '../observe/resolve.ts';
import { endFacts, isLeftOut, roundQueueOf, whyNotCounted } from './counted.ts';

/** What is waited for: the jobs of this project (null: of all), in a queue (null: in any, or in none). */
export interface RoundScope {
  here: Here | null;
  queue: string | null;
}

export interface Round {
  scope: RoundScope;
  /** Its jobs that are there, by id; live or ended. */
  views: JobView[];
  /** Its failures that gc has removed. */
  removed: Pick<RemovedFailure, 'id' | 'code' | 'by'>[];
  /** Jobs of this scope that a round of the project leaves out. */
  leftOut: JobId[];
  /** What its record will say once all ends are told. */
  bounds: Bounds;
  /** Nothing was added since: its verdict was given before. */
  answered: AnsweredRound | null;
}

const ownerOf = ({ here, queue }: RoundScope): RoundOwner => ({
  project: here?.project ?? null,
  queue,
});

/** Projects by their key, where a name says it: most jobs of others are left out without a look at their records. */
function readProjectKeys(home: Home): Map<JobId, string> {
  const keys = new Map<JobId, string>();
  for (const name of listQueues(home))
    for (const entry of entryNames(home.queue(name))) keys.set(idOfEntry(entry), projectOfEntry(entry));
  for (const name of endedNames(home)) {
    const id = idOfName(name);
    if (id !== undefined) keys.set(id, projectOfName(name));
  }
  return keys;
}

/** Whether a job is of this project, and in this queue; null: not known, nothing of it can be read. */
function isInScope(home: Home, { here, queue }: RoundScope, view: JobView): boolean | null {
  // of a job whose state is damaged the spec may still be there
  const spec = 'spec' in view ? view.spec : undefined;
  const found = spec ? undefined : readSpec(home.job(view.id), view.id);
  const known = spec ?? (found?.kind === 'read' ? found.value : undefined);
  if (!known) return null;
  if (known.origin?.kind === 'own') return false;
  if (here !== null && !here.projects.includes(known.project)) return false;
  return queue === null || known.placement?.queue === queue;
}

/**
 * The round of a scope as it is now; undefined: the project has never had a job there. `callers`: the job in which the call is made,
 * and those that started it, see callerJobs: a round of the project leaves them out, but answers not for them.
 */
export function findRound(
  home: Home,
  scope: RoundScope,
  callers: ReadonlySet<JobId> = new Set(),
): Round | undefined {
  const { here, queue } = scope;
  const answered = readAnsweredRound(home, ownerOf(scope));
  const base: Bounds = answered ?? beginRounds(home);
  const keys = here && new Set(here.projects.map(projectKey));
  const keyOf = keys ? readProjectKeys(home) : new Map<JobId, string>();
  const views: JobView[] = [];
  const leftOut: JobId[] = [];
  const open: JobId[] = [];
  for (const id of givenIds(home)) {
    if (isEndAnswered(base, id)) continue;
    const key = keyOf.get(id);
    if (keys && key !== undefined && !keys.has(key)) continue;
    const view = observe(home, id);
    if (!view) {
      // it is being added: of whom, and where, nobody knows yet
      if (existsSync(home.job(id).dir)) open.push(id);
      continue;
    }
    // nothing of it can be read: it counts where the index says that it is of this project
    const inScope = isInScope(home, scope, view) ?? (queue === null && (keys === null || key !== undefined));
    if (!inScope) continue;
    if (queue === null && callers.has(id)) {
      leftOut.push(id);
      open.push(id);
    } else if (queue === null && isLeftOut(home, view)) leftOut.push(id);
    else views.push(view);
  }
  const there = new Set(views.map(({ id }) => id));
  const gone = removedOf(home, scope, base);
  const removed = gone.failures.filter(({ id }) => !there.has(id));
  if (views.length + removed.length + gone.upTo === 0 && answered)
    return { scope, ...stillThere(home, answered), leftOut, bounds: answered, answered };
  if (views.length + removed.length + leftOut.length === 0 && gone.upTo === 0) return undefined;
  const upTo = Math.max(base.upTo, gone.upTo, views.at(-1)?.id ?? 0, removed.at(-1)?.id ?? 0);
  const bounds: Bounds = { upTo, open: idRanges(open.filter((id) => id <= upTo)) };
  return { scope, views, removed, leftOut, bounds, answered: null };
}

/** The jobs of the last answered round of a scope that are still there. */
export function lastAnswered(home: Home, scope: RoundScope): JobView[] {
  const answered = readAnsweredRound(home, ownerOf(scope));
  return answered ? stillThere(home, answered).views : [];
}

/** What gc has left of an answered round; the failure that decided it is told in any case. */
function stillThere(home: Home, { jobs, first }: AnsweredRound): Pick<Round, 'views' | 'removed'> {
  const views = givenIds(home)
    .filter((id) => isInRanges(jobs, id))
    .flatMap((id) => observe(home, id) ?? []);
  return { views, removed: first === null || views.some(({ id }) => id === first.id) ? [] : [first] };
}

/** What gc has removed of a scope and was not answered for; `upTo`: the highest id of those, 0 if there is none. */
function removedOf(
  home: Home,
  { here, queue }: RoundScope,
  base: Bounds,
): { failures: RemovedFailure[]; upTo: JobId } {
  const failures: RemovedFailure[] = [];
  let upTo = 0;
  const all = here ? here.projects.map((project) => readRemoved(home, project)) : readAllRemoved(home);
  for (const removed of all) {
    for (const one of removed.failures) {
      if (isEndAnswered(base, one.id) || (queue !== null && one.queue !== queue)) continue;
      const why = whyNotCounted(one, one.queue, queue);
      if (why === null) failures.push(one);
      if (why === null || why === 'superseded') upTo = Math.max(upTo, one.id);
    }
    for (const one of removed.ended) {
      const inScope = queue === null ? !one.leftOut : one.queue === queue;
      if (inScope && one.upTo > base.upTo) upTo = Math.max(upTo, one.upTo);
    }
  }
  return { failures: failures.sort((a, b) => a.id - b.id), upTo };
}

/** Why a job of the round is told and not counted; null: it counts. */
export const notCountedIn = ({ scope }: Pick<Round, 'scope'>, home: Home, view: JobView) =>
  whyNotCounted(endFacts(home, view), roundQueueOf(view), scope.queue);

/** The failures of a round that count and are still there, by id: what `ls --failed` shows. */
export const failuresOf = (home: Home, round: Round): EndedView[] =>
  round.views.filter(
    (view): view is EndedView =>
      view.kind === 'ended' &&
      exitCodeOf(view.status.outcome) !== 0 &&
      notCountedIn(round, home, view) === null,
  );

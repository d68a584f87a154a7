/**
 * Rounds: for which jobs `wait --queue` and `wait --all` answer. A round is the set of jobs added since the
 * last answered one, live or ended. If none was added, it is the last answered round again, with the verdict
 * of its record.
 */
import { existsSync } from 'node:fs';
import type { Home } from '../../job/home/home.ts';
import { givenIds } from '../../job/home/ids.ts';
import { endedNames, idOfName, newestNames, projectKey, projectOfName } from '../../job/home/job-index.ts';
import { foundValue, readSpec } from '../../job/home/records.ts';
import { listQueues } from '../../job/queue/queue-files.ts';
import { idOfEntry, projectOfEntry } from '../../job/queue/queue-order.ts';
import { entryNames } from '../../job/queue/waiting-list.ts';
import {
  type AnsweredRound,
  type Bounds,
  isEndAnswered,
  type RoundKey,
  readAnsweredRound,
} from '../../job/rounds/answered.ts';
import { idRanges, isInRanges } from '../../job/rounds/id-ranges.ts';
import { type RemovedFailure, readAllRemoved, readRemoved } from '../../job/rounds/removed-jobs.ts';
import { isNamedSession, type Session, sessionText } from '../../job/session.ts';
import type { JobId } from '../../job/spec.ts';
import { exitCodeOf } from '../../job/state.ts';
import type { EndedView, JobView } from '../../job/view.ts';
import { beginRounds } from '../observe/begin-rounds.ts';
import { observe } from '../observe/observe.ts';
import type { Here } from '../observe/resolve.ts';
import { endFacts, isLeftOut, roundQueueOf, whyNotCounted } from './counted.ts';

/** The jobs to wait for: of this project (null: of all projects), in a queue (null: in any or none). */
export interface RoundScope {
  here: Here | null;
  queue: string | null;
  /** Only the jobs of this session; null: of any or none. */
  session: Session | null;
}

export interface Round {
  scope: RoundScope;
  views: JobView[];
  removed: Pick<RemovedFailure, 'id' | 'code' | 'by'>[];
  /** Jobs of this scope that a round of the project leaves out. */
  leftOut: JobId[];
  /** The bounds for its record, written when all ends are reported. */
  bounds: Bounds;
  /** The record of the last round, if no job was added since: its verdict is given again. */
  answered: AnsweredRound | null;
}

export const keyOfRound = ({ here, queue, session }: RoundScope): RoundKey => ({
  project: here?.project ?? null,
  queue,
  session: session && sessionText(session),
});

/** The project keys that names of files tell: so the records of most other jobs are not read. */
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

/** Whether a job is of this project and in this queue; null if no record of it can be read. */
function isInScope(home: Home, { here, queue, session }: RoundScope, view: JobView): boolean | null {
  // if the state is damaged the spec may still be readable
  const spec = 'spec' in view ? view.spec : foundValue(readSpec(home.job(view.id), view.id));
  if (!spec) return null;
  if (spec.origin?.kind === 'own') return false;
  if (here !== null && !here.projects.includes(spec.project)) return false;
  if (session !== null && !isNamedSession(session, spec.session)) return false;
  return queue === null || spec.placement?.queue === queue;
}

/**
 * The round of a scope as it is now; undefined if the project never had a job there. `callers`: the job from
 * which the call is made and those that started it (see callerJobs). A round of the project leaves them out,
 * and they stay open.
 */
export function findRound(
  home: Home,
  scope: RoundScope,
  callers: ReadonlySet<JobId> = new Set(),
): Round | undefined {
  const { here, queue, session } = scope;
  const answered = readAnsweredRound(home, keyOfRound(scope));
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
      // it is being added: its project is not known yet
      if (existsSync(home.job(id).dir)) open.push(id);
      continue;
    }
    // if no record can be read, it counts if the index says that it is of this project
    const isAnyones = queue === null && session === null;
    const inScope = isInScope(home, scope, view) ?? (isAnyones && (keys === null || key !== undefined));
    if (!inScope) continue;
    if (queue === null && callers.has(id)) {
      leftOut.push(id);
      open.push(id);
    } else if (queue === null && isLeftOut(home, view)) leftOut.push(id);
    else views.push(view);
  }
  const ids = new Set(views.map(({ id }) => id));
  const removedFacts = removedOf(home, scope, base);
  const removed = removedFacts.failures.filter(({ id }) => !ids.has(id));
  if (views.length + removed.length + removedFacts.upTo === 0 && answered)
    return { scope, ...findRemaining(home, answered), leftOut, bounds: answered, answered };
  if (views.length + removed.length + leftOut.length === 0 && removedFacts.upTo === 0) return undefined;
  const upTo = Math.max(base.upTo, removedFacts.upTo, views.at(-1)?.id ?? 0, removed.at(-1)?.id ?? 0);
  const bounds: Bounds = { upTo, open: idRanges(open.filter((id) => id <= upTo)) };
  return { scope, views, removed, leftOut, bounds, answered: null };
}

/** The jobs of the last answered round of a scope that still exist. */
export function lastAnswered(home: Home, scope: RoundScope): JobView[] {
  const answered = readAnsweredRound(home, keyOfRound(scope));
  return answered ? findRemaining(home, answered).views : [];
}

/**
 * The jobs of a queue that ended in its last round, the latest first, at most `most`; `more`: there are
 * others. The last round is the one for which `wait --queue` would wait now, or the one that it answered
 * last, if no job was added since. Of the project the records of ends that are in no answered round are read:
 * at most as many as gc keeps. `admitted`: the jobs in the slots, listed before. One of them may have ended
 * and have no marker yet, because its supervisor is stopped or slow.
 */
export function endedInLastRound(
  home: Home,
  scope: RoundScope & { queue: string },
  most: number,
  hasLive: boolean,
  admitted: ReadonlySet<JobId>,
): { ids: JobId[]; more: boolean } {
  const answered = readAnsweredRound(home, keyOfRound(scope));
  const base: Bounds = answered ?? beginRounds(home);
  const keys = scope.here && new Set(scope.here.projects.map(projectKey));
  const names = newestNames(endedNames(home), Number.POSITIVE_INFINITY, 0, (name) => {
    return keys === null || keys.has(projectOfName(name));
  });
  const marked = names.flatMap((name) => idOfName(name) ?? []);
  const isUnmarked = (id: JobId) => !marked.includes(id) && observe(home, id)?.kind === 'ended';
  const ended = [...[...admitted].filter(isUnmarked).reverse(), ...marked];
  const find = (isInRound: (id: JobId) => boolean): JobId[] => {
    const ids: JobId[] = [];
    for (const id of ended) {
      if (ids.length > most) break;
      if (!isInRound(id)) continue;
      const view = observe(home, id);
      if (view && isInScope(home, scope, view)) ids.push(id);
    }
    return ids;
  };
  const open = find((id) => !isEndAnswered(base, id));
  const ids = open.length > 0 || hasLive || !answered ? open : find((id) => isInRanges(answered.jobs, id));
  return { ids: ids.slice(0, most), more: ids.length > most };
}

/** The part of an answered round that gc left; the failure that decided it is always reported. */
function findRemaining(home: Home, { jobs, first }: AnsweredRound): Pick<Round, 'views' | 'removed'> {
  const views = givenIds(home)
    .filter((id) => isInRanges(jobs, id))
    .flatMap((id) => observe(home, id) ?? []);
  return { views, removed: first === null || views.some(({ id }) => id === first.id) ? [] : [first] };
}

/** The jobs of a scope that gc removed unanswered. `upTo`: their highest id, 0 if there is none. */
function removedOf(
  home: Home,
  { here, queue, session }: RoundScope,
  base: Bounds,
): { failures: RemovedFailure[]; upTo: JobId } {
  const failures: RemovedFailure[] = [];
  let upTo = 0;
  const all = here ? here.projects.map((project) => readRemoved(home, project)) : readAllRemoved(home);
  for (const removed of all) {
    for (const one of removed.failures) {
      if (isEndAnswered(base, one.id) || (queue !== null && one.queue !== queue)) continue;
      if (session !== null && !isNamedSession(session, one.session)) continue;
      const why = whyNotCounted(one, one.queue, queue);
      if (why === null) failures.push(one);
      if (why === null || why === 'superseded') upTo = Math.max(upTo, one.id);
    }
    // these do not name their session, and change no verdict
    for (const one of session === null ? removed.ended : []) {
      const inScope = queue === null ? !one.leftOut : one.queue === queue;
      if (inScope && one.upTo > base.upTo) upTo = Math.max(upTo, one.upTo);
    }
  }
  return { failures: failures.sort((a, b) => a.id - b.id), upTo };
}

/** Why a job of the round does not count though it is reported; null if it counts. */
export const notCountedIn = ({ scope }: Pick<Round, 'scope'>, home: Home, view: JobView) =>
  whyNotCounted(endFacts(home, view), roundQueueOf(view), scope.queue);

/** The failures of a round that count and still exist, by id: the jobs that `ls --failed` shows. */
export const failuresOf = (home: Home, round: Round): EndedView[] =>
  round.views.filter(
    (view): view is EndedView =>
      view.kind === 'ended' &&
      exitCodeOf(view.status.outcome) !== 0 &&
      notCountedIn(round, home, view) === null,
  );

/**
 * `watch --json`: the jobs as they are, then each change of one, a line each, for programs. Told are other states, outcomes,
 * attempts and reasons; not that output came, nor that somebody moved up in a queue.
 */
import { statSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import type { Here } from '../../engine/observe/resolve.ts';
import { ViewCache } from '../../engine/observe/view-cache.ts';
import { QueueOverview } from '../../engine/queue/queue-status.ts';
import type { HomeWatcher } from '../../engine/wait/home-watcher.ts';
import type { Home } from '../../job/home/home.ts';
import { endedNames, idOfName, listLive, projectKey, projectOfName } from '../../job/home/job-index.ts';
import { queuedIds } from '../../job/queue/waiting-list.ts';
import type { JobId } from '../../job/spec.ts';
import { shownEnd } from '../../job/state.ts';
import { type JobView, stateWord } from '../../job/view.ts';
import { type Choice, isAsked, isNear, pickJobs } from '../jobs/job-filter.ts';
import { BLIND, objectsOf, readProcessFacts } from '../jobs/job-rows.ts';
import { reasonOf } from '../messages/job-text.ts';
import type { Output } from '../output/output.ts';

type Event = 'present' | 'added' | 'changed';

/** What is remembered of a job that was told. */
interface Told {
  mark: string;
  name: string | null;
  project: string | null;
  hasEnded: boolean;
}

/** What makes a change. */
function markOf(view: JobView): string {
  if (view.kind === 'unreadable' || view.kind === 'elsewhere') return `${view.kind} ${reasonOf(view)}`;
  const { status, state } = view;
  const end = status.phase === 'ended' ? [status.outcome, shownEnd(status)] : [];
  const startedAt = 'startedAt' in status ? status.startedAt : null;
  // who waits is not told why, or 10,000 lines would come with each start
  const reason = status.phase === 'queued' ? null : reasonOf(view);
  return JSON.stringify([stateWord(view), reason, startedAt, state?.attempt ?? 1, ...end]);
}

/** Times of files are no finer than this, milliseconds, on any file system of today. */
const FRESH_MS = 3000;

export class Changes {
  private readonly output: Output;
  private readonly home: Home;
  private readonly here: Here;
  private readonly choice: Choice;
  private readonly glances: ViewCache;
  private readonly told = new Map<JobId, Told>();
  /** Live ones that were not asked for. */
  private foreign = new Set<JobId>();
  private queued = new Set<JobId>();
  /** Names of the markers of ended jobs, and their ids. */
  private ended = new Set<string>();
  private endedIds = new Set<JobId>();
  private endedStamp = '';

  /** Whether what is there is told as such: not where the home is new. */
  private readonly tellsPresent: boolean;

  constructor(output: Output, home: Home, here: Here, choice: Choice, tellsPresent: boolean) {
    this.tellsPresent = tellsPresent;
    this.output = output;
    this.home = home;
    this.here = here;
    this.choice = choice;
    this.glances = new ViewCache(home);
  }

  /** Tells what is there, then changes, until `abort` or until nobody reads. */
  async run(pulse: HomeWatcher, abort: AbortSignal, everyMs: number): Promise<void> {
    pulse.watchJobs(listLive(this.home));
    await this.begin();
    while (!abort.aborted && !this.output.readerGone) {
      await pulse.wait(everyMs, abort);
      if (abort.aborted) return;
      pulse.watchJobs(listLive(this.home).filter((id) => !this.foreign.has(id)));
      await this.look();
    }
  }

  private async begin(): Promise<void> {
    // the markers before the jobs: what ends in between is looked at again
    this.queued = new Set(this.listQueued());
    this.ended = this.listEnded();
    this.endedIds = new Set([...this.ended].map((name) => idOfName(name)!));
    const picked = pickJobs(this.home, this.here, this.choice, true, (id) => this.glances.view(id));
    const views = [...picked.views()].sort((a, b) => a.id - b.id);
    await this.tell(views.map((view) => [view, this.tellsPresent ? 'present' : 'added']));
    if (this.tellsPresent) this.output.object({ v: 1, event: 'ready', jobs: views.length });
  }

  private async look(): Promise<void> {
    this.glances.beginRound();
    // in the order in which a job moves
    const queued = new Set(this.listQueued());
    const live = new Set(listLive(this.home));
    const ended = this.listEnded();
    const ids = new Set<JobId>();
    for (const id of live) if (!this.foreign.has(id)) ids.add(id);
    for (const id of queued) if (!this.queued.has(id)) ids.add(id);
    for (const id of this.queued) if (!queued.has(id)) ids.add(id);
    for (const name of ended) if (!this.ended.has(name)) ids.add(idOfName(name)!);
    if (ended !== this.ended) this.endedIds = new Set([...ended].map((name) => idOfName(name)!));
    // what was told and has no marker any more is about to get one, is lost, or was removed
    for (const id of this.told.keys())
      if (!this.endedIds.has(id) && !queued.has(id) && !live.has(id)) ids.add(id);
    for (const id of this.foreign) if (!live.has(id)) this.foreign.delete(id);
    this.queued = queued;
    this.ended = ended;
    await this.compare(
      [...ids].sort((a, b) => a - b),
      live,
    );
  }

  private async compare(ids: JobId[], live: ReadonlySet<JobId>): Promise<void> {
    const news: [JobView, Event][] = [];
    for (const id of ids) {
      const view = this.glances.view(id);
      const told = this.told.get(id);
      if (!view) {
        if (!told) continue;
        this.told.delete(id);
        const { name, project } = told;
        this.output.object({ v: 1, event: 'removed', id, name, project });
      } else if (!this.isWanted(view)) {
        if (live.has(id)) this.foreign.add(id);
      } else if (told?.mark !== markOf(view)) news.push([view, told ? 'changed' : 'added']);
    }
    if (news.length > 0) await this.tell(news);
  }

  /** The words that never change; a state would come and go. */
  private isWanted(view: JobView): boolean {
    return isNear(this.here, this.choice.everywhere, view) && isAsked(this.choice, view);
  }

  private async tell(news: [JobView, Event][]): Promise<void> {
    const { home } = this;
    const hasEnds = news.some(([view]) => view.kind === 'ended');
    const sight = hasEnds ? await readProcessFacts(home, false) : BLIND;
    const events = news.map(([, event]) => event);
    const views = news.map(([view]) => view);
    const objects = objectsOf(home, views, sight, new QueueOverview(home));
    function* lines(): Generator<object> {
      let n = 0;
      for (const object of objects) yield { v: 1, event: events[n++], ...object };
    }
    this.output.objects(lines());
    for (const view of views) {
      const spec = 'spec' in view ? view.spec : null;
      this.told.set(view.id, {
        mark: markOf(view),
        name: spec?.name ?? null,
        project: spec?.project ?? null,
        hasEnded: view.kind === 'ended',
      });
    }
  }

  private isKey = (key: string): boolean => this.choice.everywhere || this.keys.has(key);
  private get keys(): Set<string> {
    this.knownKeys ??= new Set(this.here.projects.map(projectKey));
    return this.knownKeys;
  }
  private knownKeys: Set<string> | undefined;

  private listQueued(): JobId[] {
    return queuedIds(this.home, this.isKey);
  }
  /** The same set as before, where the folder is as it was: there may be 10,000. */
  private listEnded(): Set<string> {
    const { mtimeMs, ino } = statSync(this.home.ended, { throwIfNoEntry: false }) ?? {
      mtimeMs: 0,
      ino: 0,
    };
    const stamp = `${mtimeMs} ${ino}`;
    // a folder that changed just now may change again at the same time
    const isFresh = Math.abs(systemClock.now() - mtimeMs) < FRESH_MS;
    if (!isFresh && stamp === this.endedStamp) return this.ended;
    this.endedStamp = isFresh ? '' : stamp;
    return new Set(endedNames(this.home).filter((name) => this.isKey(projectOfName(name))));
  }
}

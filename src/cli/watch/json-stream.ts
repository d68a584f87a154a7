/**
 * `watch --json`: the jobs as they are, then each change, a line each, for programs. A change is another
 * state, outcome, attempt or reason; not new output, and not another position in a queue.
 */
import { statSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { observe } from '../../engine/observe/observe.ts';
import type { Here } from '../../engine/observe/resolve.ts';
import { QueueOverview } from '../../engine/queue/queue-status.ts';
import type { HomeWatcher } from '../../engine/wait/home-watcher.ts';
import type { Home } from '../../job/home/home.ts';
import { endedNames, idOfName, listLive, projectKey, projectOfName } from '../../job/home/job-index.ts';
import { queuedIds } from '../../job/queue/waiting-list.ts';
import type { JobId } from '../../job/spec.ts';
import { shownEnd } from '../../job/state.ts';
import { type JobView, stateWord } from '../../job/view.ts';
import { type Choice, isAsked, isNear, pickJobs } from '../jobs/job-filter.ts';
import { NO_PROCESS_FACTS, objectsOf, readProcessFacts } from '../jobs/job-rows.ts';
import { reasonOf } from '../messages/job-text.ts';
import type { Output } from '../output/output.ts';

type Event = 'present' | 'added' | 'changed';

/** A job that was printed. */
interface PrintedJob {
  /** Two equal ones are no change. */
  fingerprint: string;
  name: string | null;
  project: string | null;
  hasEnded: boolean;
}

function fingerprintOf(view: JobView): string {
  if (view.kind === 'unreadable' || view.kind === 'elsewhere') return `${view.kind} ${reasonOf(view)}`;
  const { status, state } = view;
  const end = status.phase === 'ended' ? [status.outcome, shownEnd(status)] : [];
  const startedAt = 'startedAt' in status ? status.startedAt : null;
  // without the reason of a job that waits: 10,000 lines would come with each start
  const reason = status.phase === 'queued' ? null : reasonOf(view);
  return JSON.stringify([stateWord(view), reason, startedAt, state?.attempt ?? 1, ...end]);
}

/** A file system may have no finer times than this, milliseconds. */
const FRESH_MS = 3000;

export class Changes {
  private readonly output: Output;
  private readonly home: Home;
  private readonly here: Here;
  private readonly choice: Choice;
  private readonly printed = new Map<JobId, PrintedJob>();
  /** Live jobs that were not chosen. */
  private others = new Set<JobId>();
  private queued = new Set<JobId>();
  /** Names of the markers of ended jobs, and their ids. */
  private ended = new Set<string>();
  private endedIds = new Set<JobId>();
  private endedStamp = '';

  /** The first jobs are printed as `present`; in a new home as `added`. */
  private readonly hasPresent: boolean;

  constructor(output: Output, home: Home, here: Here, choice: Choice, hasPresent: boolean) {
    this.hasPresent = hasPresent;
    this.output = output;
    this.home = home;
    this.here = here;
    this.choice = choice;
  }

  /** Prints the jobs, then changes, until `abort` or until the reader of stdout is gone. */
  async run(watcher: HomeWatcher, abort: AbortSignal, everyMs: number): Promise<void> {
    watcher.watchJobs(listLive(this.home));
    await this.begin();
    while (!abort.aborted && !this.output.readerGone) {
      await watcher.wait(everyMs, abort);
      if (abort.aborted) return;
      watcher.watchJobs(listLive(this.home).filter((id) => !this.others.has(id)));
      await this.poll();
    }
  }

  private async begin(): Promise<void> {
    // the markers are read before the jobs: a job that ends in between is read again
    this.queued = new Set(this.listQueued());
    this.ended = this.listEnded();
    this.endedIds = new Set([...this.ended].map((name) => idOfName(name)!));
    const picked = pickJobs(this.home, this.here, this.choice, true);
    const views = [...picked.views()].sort((a, b) => a.id - b.id);
    await this.print(views.map((view) => [view, this.hasPresent ? 'present' : 'added']));
    if (this.hasPresent) this.output.object({ v: 1, event: 'ready', jobs: views.length });
  }

  private async poll(): Promise<void> {
    // in the order in which a job moves
    const queued = new Set(this.listQueued());
    const live = new Set(listLive(this.home));
    const ended = this.listEnded();
    const ids = new Set<JobId>();
    for (const id of live) if (!this.others.has(id)) ids.add(id);
    for (const id of queued) if (!this.queued.has(id)) ids.add(id);
    for (const id of this.queued) if (!queued.has(id)) ids.add(id);
    for (const name of ended) if (!this.ended.has(name)) ids.add(idOfName(name)!);
    if (ended !== this.ended) this.endedIds = new Set([...ended].map((name) => idOfName(name)!));
    // a printed job without a marker is about to get one, is lost, or was removed
    for (const id of this.printed.keys())
      if (!this.endedIds.has(id) && !queued.has(id) && !live.has(id)) ids.add(id);
    for (const id of this.others) if (!live.has(id)) this.others.delete(id);
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
      const view = observe(this.home, id);
      const known = this.printed.get(id);
      if (!view) {
        if (!known) continue;
        this.printed.delete(id);
        const { name, project } = known;
        this.output.object({ v: 1, event: 'removed', id, name, project });
      } else if (!this.isWanted(view)) {
        if (live.has(id)) this.others.add(id);
      } else if (known?.fingerprint !== fingerprintOf(view)) news.push([view, known ? 'changed' : 'added']);
    }
    if (news.length > 0) await this.print(news);
  }

  /** By what never changes: not by state. */
  private isWanted(view: JobView): boolean {
    return isNear(this.here, this.choice.everywhere, view) && isAsked(this.choice, view);
  }

  private async print(news: [JobView, Event][]): Promise<void> {
    const { home } = this;
    const hasEnds = news.some(([view]) => view.kind === 'ended');
    const facts = hasEnds ? await readProcessFacts(home, false) : NO_PROCESS_FACTS;
    const events = news.map(([, event]) => event);
    const views = news.map(([view]) => view);
    const objects = objectsOf(home, views, facts, new QueueOverview(home));
    function* lines(): Generator<object> {
      let n = 0;
      for (const object of objects) yield { v: 1, event: events[n++], ...object };
    }
    this.output.objects(lines());
    for (const view of views) {
      const spec = 'spec' in view ? view.spec : null;
      this.printed.set(view.id, {
        fingerprint: fingerprintOf(view),
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
  /** The same set as before if the folder did not change: there may be 10,000. */
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

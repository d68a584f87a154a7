/**
 * `watch --ends`: a line for each end as it comes, and nothing else, until the reader is gone. Ends from the
 * start of this process on are printed, because a job may end while Node boots. No end is marked as told, because the
 * reader (a monitor of an agent's host) may drop the line; its hooks tell the end again.
 */
import { sleep, systemClock } from '../../base/clock.ts';
import { observe } from '../../engine/observe/observe.ts';
import { HAS_PROC, readStat, ticksNow } from '../../engine/os/process-identity.ts';
import { HomeWatcher } from '../../engine/wait/home-watcher.ts';
import { ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { endedNames, idOfName, listLive, timeOfName } from '../../job/home/job-index.ts';
import { isTold } from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';
import type { EndedView } from '../../job/view.ts';
import { type Exit, SUCCESS } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { type Choice, isAsked, isNear } from '../jobs/job-filter.ts';
import { objectsOf, readProcessFacts } from '../jobs/job-rows.ts';
import { endNotice } from '../messages/lists.ts';
import { watchReader } from './reader.ts';

/** The home is read again so often, if no watcher wakes the call earlier, milliseconds. */
const POLL_MS = 2000;
/** A job all of whose processes were killed changes no folder: the live jobs are read so often, milliseconds. */
const LOST_POLL_MS = 5000;
/** A `wait` of the session is woken by the same end. It tells it first, and then the line is not needed. */
const TOLD_FIRST_MS = 1000;
const MS_PER_TICK = 10;
/** An end so far in the future: the clock was wrong then, milliseconds. */
const CLOCK_WRONG_MS = 60_000;

/** The ends of one home that are new. */
class NewEnds {
  readonly home: Home;
  private readonly known: Set<JobId>;
  private readLiveAt = systemClock.monotonic();

  /** `since`: ends from this time on are new. Other ends that are there are old, also those in the future. */
  constructor(home: Home, since: number) {
    this.home = home;
    const isOld = (at: number) => at < since || at > systemClock.now() + CLOCK_WRONG_MS;
    // in the order in which a job moves
    const lost = this.endedAmong(listLive(home)).filter(
      ({ status }) => !status.endKnown || isOld(status.endedAt),
    );
    const old = endedNames(home).filter((name) => isOld(timeOfName(name)));
    this.known = new Set([...lost.map(({ id }) => id), ...old.map((name) => idOfName(name)!)]);
  }

  /** The jobs that ended since the last call, the earliest first. */
  poll(): EndedView[] {
    const now = systemClock.monotonic();
    const readsLive = now - this.readLiveAt >= LOST_POLL_MS;
    if (readsLive) this.readLiveAt = now;
    const ids = new Set(readsLive ? listLive(this.home) : []);
    for (const name of endedNames(this.home)) ids.add(idOfName(name)!);
    const ends = this.endedAmong([...ids].filter((id) => !this.known.has(id)));
    for (const { id } of ends) this.known.add(id);
    return ends.sort((a, b) => a.status.endedAt - b.status.endedAt || a.id - b.id);
  }

  private endedAmong(ids: JobId[]): EndedView[] {
    return ids.flatMap((id) => {
      const view = observe(this.home, id);
      return view?.kind === 'ended' ? [view] : [];
    });
  }
}

/** Ends of a session that wait for a call that tells them first. */
interface PendingEnd {
  view: EndedView;
  dueAt: number;
}

class EndPrinter {
  private pending: PendingEnd[] = [];
  constructor(
    private readonly context: Context,
    private readonly choice: Choice,
  ) {}

  /** How long the call may sleep. */
  get restMs(): number {
    const next = this.pending[0];
    return next ? Math.min(POLL_MS, Math.max(0, next.dueAt - systemClock.monotonic())) : POLL_MS;
  }

  async print({ home }: NewEnds, ends: EndedView[]): Promise<void> {
    const { choice } = this;
    const everywhere = choice.everywhere || choice.session !== null;
    const now = systemClock.monotonic();
    for (const view of ends)
      if (isNear(this.context.here(), everywhere, view) && isAsked(choice, view))
        this.pending.push({ view, dueAt: choice.session ? now + TOLD_FIRST_MS : now });
    const due = this.pending.filter(({ dueAt }) => dueAt <= now).map(({ view }) => view);
    this.pending = this.pending.filter(({ dueAt }) => dueAt > now);
    const news = choice.session ? due.filter(({ id }) => !isTold(home.job(id))) : due;
    if (news.length === 0) return;
    const { output } = this.context;
    if (output.json) output.objects(objectsOf(home, news, await readProcessFacts(home, false)));
    else for (const view of news) output.line(endNotice(view, false));
  }
}

/** A shell that has run for long may become this call by exec: so much of its time counts, milliseconds. */
const BOOT_MOST_MS = 60_000;

/** When the caller started this call. On a busy machine that is long before Node runs. */
function startOfCall(): number {
  const started = readStat(process.pid)?.startTicks;
  const ageMs = HAS_PROC && started !== undefined ? (ticksNow() - started + 1) * MS_PER_TICK : 0;
  // rounded like the times of the markers
  return Math.floor(performance.timeOrigin - Math.min(Math.max(0, ageMs - performance.now()), BOOT_MOST_MS));
}

/** A home that is being removed or moved is damaged for a while: so many polls. */
const MOST_REFUSALS = 3;

/** Fails if the home is refused at the start, or for some seconds later. */
export async function printEnds(context: Context, choice: Choice): Promise<Result<Exit>> {
  const since = startOfCall();
  const gone = new AbortController();
  const stop = watchReader(() => gone.abort());
  const printer = new EndPrinter(context, choice);
  let ends: NewEnds | undefined;
  let watcher: HomeWatcher | undefined;
  let refusals = MOST_REFUSALS;
  const closeWatcher = () => {
    watcher?.close();
    watcher = undefined;
  };
  try {
    while (!gone.signal.aborted && !context.output.isReaderGone()) {
      const opened = context.home();
      if (!opened.ok && refusals >= MOST_REFUSALS) return opened;
      refusals = opened.ok ? 0 : refusals + 1;
      const home = opened.ok ? opened.value : undefined;
      if (home) {
        const isOther = ends?.home.token !== home.token;
        if (isOther) closeWatcher();
        watcher ??= new HomeWatcher(home);
        // watched first, read then: an end between the two wakes
        watcher.watchJobs([]);
        if (!ends || isOther) ends = new NewEnds(home, since);
        await printer.print(ends, ends.poll());
      } else closeWatcher();
      const restMs = printer.restMs;
      await (watcher ? watcher.wait(restMs, gone.signal) : sleep(restMs, gone.signal));
    }
    return ok(SUCCESS);
  } finally {
    closeWatcher();
    stop();
  }
}

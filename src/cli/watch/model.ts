/**
 * The data of `watch`: the jobs as rows, the last line of each, its log. And the verbs that its keys call.
 */
import { statSync } from 'node:fs';
import { sleep, systemClock } from '../../base/clock.ts';
import { ignoreSystemError } from '../../base/result.ts';
import { safe } from '../../base/text/sanitize.ts';
import { recoverAll } from '../../engine/automation/recovery.ts';
import type { Here } from '../../engine/observe/resolve.ts';
import type { QueueOverview } from '../../engine/queue/queue-status.ts';
import { readUsage } from '../../engine/usage/job-usage.ts';
import { PastRuns } from '../../engine/usage/past-runs.ts';
import { HomeWatcher } from '../../engine/wait/home-watcher.ts';
import type { Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { listLive } from '../../job/home/job-index.ts';
import { jobNameOf } from '../../job/home/name-claims.ts';
import type { LineTimes } from '../../job/log/line-times.ts';
import type { Stream } from '../../job/log/log.ts';
import type { JobId } from '../../job/spec.ts';
import { isWaiting, type JobView, stateWord } from '../../job/view.ts';
import type { Verb } from '../command/command.ts';
import { Context } from '../command/context.ts';
import { parseWords } from '../command/split-argv.ts';
import { type Choice, isFiltered, pickJobs } from '../jobs/job-filter.ts';
import { cellsOf, type ProcessFacts, portsCell, readProcessFacts, targetCell } from '../jobs/job-rows.ts';
import { isOld } from '../jobs/ls-page.ts';
import { inStartOrder } from '../jobs/queued-rows.ts';
import { countStates } from '../jobs/summary.ts';
import { messageOf } from '../messages/failures.ts';
import { commandLine, jobLabel, queueOf, usageCells } from '../messages/job-text.ts';
import { agoText, NO_JOBS_HERE, NO_JOBS_YET, noJobsText, WHY_NO_RESTART } from '../messages/lists.ts';
import { MemoryOutput } from '../output/output.ts';
import { signOf, type Tone, toneOfView } from '../output/state-style.ts';
import { lineTimesOf } from '../tail/stamps.ts';
import { type LineFormat, type LogAmount, type LogEnding, readEnding } from './log-tail.ts';

/** A job as a row. */
export interface WatchRow {
  id: JobId;
  /** `web 42`. */
  label: string;
  /** Its name; null: it has none. */
  name: string | null;
  /** One character for its kind of state, also without colours. */
  sign: string;
  state: string;
  tone: Tone;
  /** How long it has run, ran, or waits; `1m05s of ~2m10s` while it runs. */
  time: string;
  shortTime: string;
  /** Of a live job the time since its last output, of an ended one since its end. */
  since: string;
  command: string;
  project: string;
  /** The name of its queue; null: it is in none. */
  queue: string | null;
  isOld: boolean;
  isLive: boolean;
  isPaused: boolean;
  isWaiting: boolean;
  /** Whether these verbs can be used on the job. */
  mayKill: boolean;
  mayPause: boolean;
  /** Why it cannot be restarted; null: it can. */
  whyNoRestart: string | null;
  /** `-`: this machine. */
  target: string;
  /** stderr has a log of its own. */
  isSplit: boolean;
}

export interface JobListing {
  rows: WatchRow[];
  counts: { text: string; failed: boolean }[];
  /** Notes about what is not shown. */
  rest: string[];
  /** What stands in the place of the rows if there are none. */
  none: string;
}

/** The process table is read this often at most, and takes a twentieth of the time at most. Milliseconds. */
const FACTS_MS = 2000;
const FACTS_SHARE = 20;
/** Recovery runs this often, milliseconds. */
const RECOVERY_MS = 5000;
const LAST_BYTES = 4096;
const LAST_LINES = 10;

/** Running jobs first, then waiting ones in the order in which they start; else as in `ls`. */
function inOrder(views: JobView[], overview: QueueOverview): JobView[] {
  const waiting = views.filter(isWaiting);
  const running = views.filter((view) => view.kind === 'live' && !isWaiting(view));
  return [
    ...running,
    ...inStartOrder(waiting, (view) => overview.waitingOf(view)),
    ...views.filter(({ kind }) => kind !== 'live'),
  ];
}

/** Names of live jobs, each with the job that has it. */
function ownersOf(views: JobView[]): Map<string, JobView> {
  const named = views.flatMap((view) => {
    const title = view.kind === 'live' ? jobNameOf(view.spec) : null;
    return title ? [[`${title.name}\n${title.project}`, view] as const] : [];
  });
  return new Map(named);
}

export class WatchModel {
  readonly choice: Choice;
  everywhere: boolean;
  private readonly context: Context;
  private readonly here: Here;
  private readonly verbs: readonly Verb[];
  private home: Home | undefined;
  private watcher: HomeWatcher | undefined;
  private facts: ProcessFacts = { countLeftovers: () => 0, portsOf: () => [] };
  private nextFacts = 0;
  /** Read again when a job has ended, and now and then. */
  private past: PastRuns | undefined;
  private endedWithFacts = new Set<JobId>();
  private nextRecovery = 0;
  /** Ports since the process table was read, and how long it took to find them, milliseconds. */
  private readonly ports = new Map<JobId, string>();
  private portsMs = 0;
  private views = new Map<JobId, JobView>();
  private readonly lasts = new Map<JobId, { stamp: string; text: string }>();

  constructor(context: Context, choice: Choice, verbs: readonly Verb[]) {
    this.context = context;
    this.here = context.here();
    this.choice = choice;
    this.everywhere = choice.everywhere;
    this.verbs = verbs;
  }

  /** The project of the call. */
  get project(): string {
    return safe(this.here.project);
  }

  /** The jobs as they are now. */
  async read(): Promise<JobListing> {
    const opened = this.open();
    if (!opened.ok) {
      const { message, hint } = messageOf(opened.failure);
      const none = safe(hint === undefined ? message : `${message} (${hint})`);
      return { rows: [], counts: [], rest: [], none };
    }
    const home = opened.value;
    if (!home) return { rows: [], counts: [], rest: [], none: NO_JOBS_YET };
    const live = listLive(home);
    this.watcher!.watchJobs(live);
    const choice = { ...this.choice, everywhere: this.everywhere };
    const picked = pickJobs(home, this.here, choice, false);
    const views = inOrder([...picked.views()], picked.overview);
    await this.readProcessFacts(home, views);
    this.views = new Map(views.map((view) => [view.id, view]));
    const now = systemClock.now();
    const owners = ownersOf(views);
    const rows = views.map((view) => this.rowOf(home, view, picked.overview, now, owners));
    const counts = countStates(views, picked.hidden());
    const none = isFiltered(choice) ? noJobsText(true) : NO_JOBS_HERE;
    return { rows, counts, rest: picked.rest(true), none };
  }

  /** Resolves when something may have changed, or with `abort`. */
  async wait(mostMs: number, abort: AbortSignal): Promise<boolean> {
    if (this.watcher) return this.watcher.wait(mostMs, abort);
    await sleep(mostMs, abort);
    return true;
  }

  close(): void {
    this.watcher?.close();
  }

  /**
   * The ports on which a job listens, as a cell; `-` if there are none. Slow: only for rows that are shown.
   */
  portsCell(row: WatchRow): string {
    const known = this.ports.get(row.id);
    if (known !== undefined) return known;
    const begun = systemClock.monotonic();
    const cell = portsCell(this.facts.portsOf(row) ?? []);
    this.ports.set(row.id, cell);
    this.portsMs += systemClock.monotonic() - begun;
    return cell;
  }

  /** CPU time and memory as cells. Slow: only for rows that are shown. */
  usageCells({ id }: WatchRow): [cpu: string, memory: string] {
    const view = this.views.get(id);
    return usageCells(this.home && view ? readUsage(this.home, view) : null);
  }

  /** The log with the newer output; stdout, with an empty stamp, if there is no output. */
  newestStream({ id, isSplit }: Pick<WatchRow, 'id' | 'isSplit'>): { stream: Stream; stamp: string } {
    const streams = isSplit ? (['log', 'err'] as const) : (['log'] as const);
    const stats = streams.flatMap((stream) => {
      const stat = this.home && statSync(this.home.job(id)[stream], { throwIfNoEntry: false });
      return stat && stat.size > 0 ? [{ stream, stat }] : [];
    });
    const [last] = stats.sort((a, b) => b.stat.mtimeMs - a.stat.mtimeMs);
    if (!last) return { stream: 'log', stamp: '' };
    return { stream: last.stream, stamp: `${last.stream} ${last.stat.size} ${last.stat.mtimeMs}` };
  }

  /** The last line with text; empty if there is none. Read again only when the log has grown. */
  lastLine(row: WatchRow): string {
    try {
      const { stream, stamp } = this.newestStream(row);
      if (stamp === '') return '';
      const known = this.lasts.get(row.id);
      if (known?.stamp === stamp) return known.text;
      const lines = this.readLog(row.id, stream, { lines: LAST_LINES, bytes: LAST_BYTES })?.lines ?? [];
      const text = (lines.findLast((line) => line.trim() !== '') ?? '').trim().replaceAll('\t', ' ');
      this.lasts.set(row.id, { stamp, text });
      return text;
    } catch (thrown) {
      ignoreSystemError(thrown);
      return '';
    }
  }

  /** The last lines of a log, readable; undefined if it is gone. */
  readLog(id: JobId, stream: Stream, most: LogAmount, format?: LineFormat): LogEnding | undefined {
    return this.home && readEnding(this.home.job(id), stream, most, format);
  }

  /** When the lines of a log were written; undefined: the job is gone. */
  lineTimes(id: JobId, stream: Stream): LineTimes | undefined {
    const view = this.views.get(id);
    return this.home && view && lineTimesOf(this.home, view, stream);
  }

  /** Changes when the log is written to; cheap. Empty: it is gone. */
  logStamp(id: JobId, stream: Stream): string {
    const stat = this.home && statSync(this.home.job(id)[stream], { throwIfNoEntry: false });
    return stat ? `${stat.size} ${stat.mtimeMs}` : '';
  }

  /** Calls a verb for a job as if it had been typed; its output in one line, and the id that it printed. */
  async act(name: string, { id }: WatchRow): Promise<{ text: string; failed: boolean; id?: JobId }> {
    const verb = this.verbs.find((one) => one.name === name)!;
    const output = new MemoryOutput(this.context.env);
    const parsed = parseWords(verb, [String(id)]);
    const done = parsed.ok ? await verb.run(new Context(this.context.env, output), parsed.value) : parsed;
    if (done.ok) return { text: output.text(), failed: false, ...output.id() };
    const { message, hint } = messageOf(done.failure);
    return { text: safe(hint === undefined ? message : `${message} (${hint})`), failed: true };
  }

  /** The home; undefined if there is none. It may come, go, and be another one at the same path. */
  private open(): Result<Home | undefined> {
    const opened = this.context.home();
    const home = opened.ok ? opened.value : undefined;
    if (home === undefined || home.token !== this.home?.token) {
      this.watcher?.close();
      this.watcher = home && new HomeWatcher(home);
      this.past = undefined;
      this.views.clear();
      this.lasts.clear();
    }
    this.home = home;
    return opened;
  }

  /** Ports and leftovers, as long as that is cheap; and the recovery that every command does at its end. */
  private async readProcessFacts(home: Home, views: JobView[]): Promise<void> {
    const begun = systemClock.monotonic();
    const ended = views.filter(({ kind }) => kind === 'ended').map(({ id }) => id);
    // a job ended since then: its processes are gone, or left over
    if (begun >= this.nextFacts || ended.some((id) => !this.endedWithFacts.has(id))) {
      this.endedWithFacts = new Set(ended);
      this.past = undefined;
      this.facts = await readProcessFacts(home, true);
      const took = systemClock.monotonic() - begun + this.portsMs;
      this.nextFacts = begun + Math.max(FACTS_MS, took * FACTS_SHARE);
      this.ports.clear();
      this.portsMs = 0;
    }
    if (begun < this.nextRecovery) return;
    this.nextRecovery = begun + RECOVERY_MS;
    await recoverAll(home, true);
  }

  private rowOf(
    home: Home,
    view: JobView,
    overview: QueueOverview,
    now: number,
    owners: Map<string, JobView>,
  ): WatchRow {
    const facts = { ...this.facts, portsOf: () => undefined };
    this.past ??= new PastRuns(home);
    const [, name, cell, age, took, idle] = cellsOf(home, view, facts, overview, undefined, this.past);
    const spec = 'spec' in view ? view.spec : null;
    const queue = queueOf(view);
    const isLive = view.kind === 'live';
    // how long a job waits is its age
    const time = isLive && took === '-' ? age! : took!;
    const ended = view.kind === 'ended' && view.status.endKnown ? agoText(now - view.status.endedAt) : '-';
    return {
      id: view.id,
      label: jobLabel(view),
      name: spec?.name == null ? null : name!,
      sign: signOf(view),
      state: isWaiting(view) && queue !== null ? `${cell} (${safe(queue)})` : cell!,
      tone: toneOfView(view),
      time,
      shortTime: time.replace(/ of ~.*/, ''),
      since: isLive ? idle! : ended,
      command: commandLine(view),
      project: safe(spec?.project ?? ''),
      queue: queue === null ? null : safe(queue),
      isOld: isOld(view, now),
      isLive,
      isPaused: stateWord(view) === 'paused',
      isWaiting: isWaiting(view),
      mayKill: isLive || facts.countLeftovers(view) > 0,
      mayPause: isLive && view.status.phase !== 'stopping' && !isWaiting(view) && spec?.target === null,
      whyNoRestart: whyNoRestart(view, owners),
      target: targetCell(view),
      isSplit: spec?.split === true,
    };
  }
}

/** As far as the list knows it; the verb may know more. */
function whyNoRestart(view: JobView, owners: Map<string, JobView>): string | null {
  if (view.kind !== 'live' && view.kind !== 'ended') return WHY_NO_RESTART.unreadable;
  if (isWaiting(view)) return WHY_NO_RESTART.waits;
  const title = jobNameOf(view.spec);
  const owner = title && owners.get(`${title.name}\n${title.project}`);
  return owner && owner.id !== view.id ? WHY_NO_RESTART.follower(jobLabel(owner)) : null;
}

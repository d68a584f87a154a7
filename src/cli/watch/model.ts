/**
 * The data of `watch`: the jobs as rows, the last line of each, its log. And the verbs that its keys call.
 */
import { statSync } from 'node:fs';
import { sleep, systemClock } from '../../base/clock.ts';
import { ignoreSystemError } from '../../base/result.ts';
import { readableLines, safe } from '../../base/text/sanitize.ts';
import { recoverAll } from '../../engine/automation/recovery.ts';
import type { Here } from '../../engine/observe/resolve.ts';
import { readUsage } from '../../engine/usage/job-usage.ts';
import { PastRuns } from '../../engine/usage/past-runs.ts';
import { HomeWatcher } from '../../engine/wait/home-watcher.ts';
import type { Home } from '../../job/home/home.ts';
import { listLive } from '../../job/home/job-index.ts';
import { Log, type Stream } from '../../job/log/log.ts';
import type { JobId } from '../../job/spec.ts';
import { isWaiting, type JobView, stateWord } from '../../job/view.ts';
import type { Verb } from '../command/command.ts';
import { Context } from '../command/context.ts';
import { parseWords } from '../command/split-argv.ts';
import { type Choice, pickJobs } from '../jobs/job-filter.ts';
import { cellsOf, type ProcessFacts, portsCell, readProcessFacts, targetCell } from '../jobs/job-rows.ts';
import { isOld } from '../jobs/ls-page.ts';
import { countStates } from '../jobs/summary.ts';
import { messageOf } from '../messages/failures.ts';
import { commandLine, jobLabel, usageCells } from '../messages/job-text.ts';
import { NO_JOBS_YET } from '../messages/lists.ts';
import { MemoryOutput } from '../output/output.ts';
import { type Tone, toneOfView } from '../output/state-style.ts';

/** A job as a row. */
export interface WatchRow {
  id: JobId;
  /** `web 42`. */
  label: string;
  /** Its name; null: it has none. */
  name: string | null;
  state: string;
  tone: Tone;
  age: string;
  idle: string;
  command: string;
  project: string;
  isOld: boolean;
  isLive: boolean;
  isPaused: boolean;
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
}

/** The process table is read this often at most, and takes a twentieth of the time at most. Milliseconds. */
const FACTS_MS = 2000;
const FACTS_SHARE = 20;
/** Recovery runs this often, milliseconds. */
const RECOVERY_MS = 5000;
const LAST_BYTES = 4096;
const LAST_LINES = 10;

/** Running jobs first, then waiting ones; else as in `ls`. */
function rankOf(view: JobView): number {
  if (view.kind !== 'live') return 2;
  return isWaiting(view) ? 1 : 0;
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
    const home = this.open();
    if (!home) return { rows: [], counts: [], rest: [NO_JOBS_YET] };
    const live = listLive(home);
    this.watcher!.watchJobs(live);
    const choice = { ...this.choice, everywhere: this.everywhere };
    const picked = pickJobs(home, this.here, choice, false);
    const views = [...picked.views()].sort((a, b) => rankOf(a) - rankOf(b));
    await this.readProcessFacts(home, views);
    this.views = new Map(views.map((view) => [view.id, view]));
    const now = systemClock.now();
    const rows = views.map((view) => this.rowOf(home, view, picked.overview, now));
    return { rows, counts: countStates(views, picked.hidden()), rest: picked.rest() };
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

  /** The last line with text; empty if there is none. Read again only when the log has grown. */
  lastLine({ id, isSplit }: WatchRow): string {
    const job = this.home!.job(id);
    try {
      const stats = (isSplit ? (['log', 'err'] as const) : (['log'] as const)).flatMap((stream) => {
        const stat = statSync(job[stream], { throwIfNoEntry: false });
        return stat && stat.size > 0 ? { stream, stat } : [];
      });
      // the log with the newer output
      const [last] = stats.sort((a, b) => b.stat.mtimeMs - a.stat.mtimeMs);
      if (!last) return '';
      const stamp = `${last.stream} ${last.stat.size} ${last.stat.mtimeMs}`;
      const known = this.lasts.get(id);
      if (known?.stamp === stamp) return known.text;
      const lines = this.logLines(id, last.stream, LAST_LINES, LAST_BYTES).lines;
      const text = (lines.findLast((line) => line.trim() !== '') ?? '').trim().replaceAll('\t', ' ');
      this.lasts.set(id, { stamp, text });
      return text;
    } catch (thrown) {
      ignoreSystemError(thrown);
      return '';
    }
  }

  /** The last lines of a log, readable, and its size in bytes. */
  logLines(id: JobId, stream: Stream, most: number, mostBytes: number): { lines: string[]; bytes: number } {
    const log = this.home && Log.open(this.home.job(id), stream);
    if (!log) return { lines: [], bytes: 0 };
    try {
      const piece = log.lastLines(most, mostBytes);
      return { lines: readableLines(piece.bytes), bytes: piece.size };
    } finally {
      log.close();
    }
  }

  /** Changes when the log is written to; cheap. */
  logStamp(id: JobId, stream: Stream): string {
    const stat = statSync(this.home!.job(id)[stream], { throwIfNoEntry: false });
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

  private open(): Home | undefined {
    if (this.home) return this.home;
    const opened = this.context.home();
    if (!opened.ok || !opened.value) return undefined;
    this.home = opened.value;
    this.watcher = new HomeWatcher(this.home);
    return this.home;
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

  private rowOf(home: Home, view: JobView, overview: Parameters<typeof cellsOf>[3], now: number): WatchRow {
    const facts = { ...this.facts, portsOf: () => undefined };
    this.past ??= new PastRuns(home);
    const [, name, state, age, took, idle] = cellsOf(home, view, facts, overview, undefined, this.past);
    const spec = 'spec' in view ? view.spec : null;
    return {
      id: view.id,
      label: jobLabel(view),
      name: spec?.name == null ? null : name!,
      state: state!,
      tone: toneOfView(view),
      // `1m05s of ~2m10s` says more
      age: took!.includes('~') ? took! : age!,
      idle: idle!,
      command: commandLine(view),
      project: safe(spec?.project ?? ''),
      isOld: isOld(view, now),
      isLive: view.kind === 'live',
      isPaused: stateWord(view) === 'paused',
      target: targetCell(view),
      isSplit: spec?.split === true,
    };
  }
}

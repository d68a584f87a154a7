/**
 * `tail -f` of several jobs: their lines as they come, each with the name of its job before it. With --queue
 * and --all jobs that begin meanwhile join. One loop reads all logs (job/log/many-logs.ts). It ends when all
 * jobs have ended.
 */
import { sleep, systemClock } from '../../base/clock.ts';
import { observe } from '../../engine/observe/observe.ts';
import { JobEnds } from '../../engine/wait/job-ends.ts';
import { EXIT, fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { Log, type Stream } from '../../job/log/log.ts';
import { type LogSink, ManyLogs } from '../../job/log/many-logs.ts';
import type { JobId } from '../../job/spec.ts';
import { type JobView, stateWord } from '../../job/view.ts';
import { type Exit, SUCCESS } from '../command/command.ts';
import { printLostHint } from '../jobs/lost-hint.ts';
import { streamsOf } from '../jobs/stderr-log.ts';
import { sentence } from '../messages/job-text.ts';
import { againBeginsText, joinsText, noMatchText } from '../messages/log.ts';
import { stillRunningText } from '../messages/wait.ts';
import { markReported } from '../output/mark-reported.ts';
import type { Output } from '../output/output.ts';
import { statePainter } from '../output/state-style.ts';
import type { Deadline } from '../wait/deadline.ts';
import { printPauses, watchPauses } from '../wait/pause-notes.ts';
import { goneView, printStillRunning } from '../wait/report-outcome.ts';
import { followsItself, LineGate, LogView } from './follow.ts';
import { FollowedSearch, type GrepAsk, type Searched, type Tally } from './grep.ts';
import { JobNames } from './job-names.ts';
import { Stamps } from './stamps.ts';
import { endObject, type Reading, type ReadingInput, startOf } from './view.ts';

/** As tail(1) of several files. */
const LINES = 10;
const LIMIT_BYTES = 8192;
const LINE_BYTES = 500;
/**
 * Between two polls of the logs, milliseconds: after output, and at most. A poll takes a fifth of the time.
 */
const SOON_MS = 40;
const LATEST_MS = 250;
const SHARE = 4;
/** Between two polls of the group for jobs that began, milliseconds. */
const GROUP_POLL_MS = 1000;
/** Of more jobs than this, a log that is not open yet is looked for only if its job runs. */
const FEW = 200;

interface ManyAsk {
  views: JobView[];
  /** Returns the jobs that began since its last call; undefined: no job joins. */
  more: (() => JobView[]) | undefined;
  options: ReadingInput;
  grep: GrepAsk | null;
  /** The command that goes on where this call ends. */
  again: string;
}

interface Part {
  reading: Reading;
  /** Up to which byte it was printed. */
  to: number;
  end(): Promise<void>;
}

class ManyFollowed {
  readonly parts = new Map<JobId, Part[]>();
  readonly living = new Set<JobId>();
  readonly searched: Searched[] = [];
  readonly tally: Tally = { shown: 0 };
  /** The failure of a search. */
  failed: Result<void> = ok(undefined);
  private readonly gate = new LineGate();
  private readonly names: JobNames;
  readonly logs: ManyLogs;
  readonly ends: JobEnds;
  private readonly ended: JobView[] = [];

  constructor(
    private readonly output: Output,
    private readonly home: Home,
    private readonly ask: ManyAsk,
  ) {
    this.names = new JobNames(output);
    this.logs = new ManyLogs(home);
    this.ends = new JobEnds(home, []);
  }

  /** As many matches as --max allows are printed. */
  get isFull(): boolean {
    const max = this.ask.grep?.max ?? null;
    return max !== null && this.tally.shown >= max;
  }

  /** All jobs have ended, and their ends are printed. */
  get isDone(): boolean {
    return this.living.size === 0 && this.ended.length === 0;
  }

  /** Follows these jobs, too; `isNew`: they began meanwhile. */
  add(views: JobView[], isNew: boolean): void {
    const { home, ask } = this;
    // before the first line: all names have one width
    for (const view of views) this.names.add(view);
    for (const view of views) {
      const all = ask.options.err ? (['err'] as const) : streamsOf(view);
      const streams = all.filter((stream) => !isNew || !followsItself(home, view.id, stream));
      if (isNew && streams.length > 0) this.note(joinsText(view));
      this.parts.set(
        view.id,
        streams.map((stream) => this.partOf(view, stream, isNew)),
      );
      if (view.kind === 'live') {
        this.living.add(view.id);
        this.ends.add([view.id]);
      } else this.ended.push(view);
    }
  }

  private partOf(view: JobView, stream: Stream, isNew: boolean): Part {
    const { output, home, names, ask } = this;
    const { again, options } = ask;
    const start = isNew ? 0 : this.startOf(view, stream);
    const stamps = options.timestamps ? new Stamps(output, home, view, stream) : undefined;
    const name = (to: 1 | 2 = 1) => names.before(view.id, stream, to);
    const reading: Reading = { output, home, view, stream, options, start, again, stamps, name };
    const part: Part = { reading, to: start, end: async () => {} };
    this.logs.add(view.id, stream, start, ask.grep ? this.search(part, ask.grep) : this.print(part));
    return part;
  }

  private startOf(view: JobView, stream: Stream): number {
    const { home, ask } = this;
    const { options, grep } = ask;
    const start = startOf(options, home, view, stream);
    // a time is no position in a log of stderr
    if (start.ok && start.value !== null) return start.value;
    if (options.full || grep) return 0;
    const log = Log.open(home.job(view.id), stream);
    const lines = options.lines ?? LINES;
    const { from } = log?.lastLines(lines, Math.max(LIMIT_BYTES, lines * LINE_BYTES)) ?? { from: 0 };
    const size = log?.size ?? 0;
    log?.close();
    return lines === 0 ? size : from;
  }

  private print(part: Part): LogSink {
    const { view, stream, stamps, options, name } = part.reading;
    const asked = { stream, raw: options.raw, stamps };
    const shown = new LogView(this.output, this.home, view.id, asked, { gate: this.gate, name: name! });
    part.end = async () => shown.end();
    return {
      piece: (piece) => {
        shown.piece(piece);
        part.to = piece.to;
      },
      quiet: () => shown.quiet(),
    };
  }

  private search(part: Part, grep: GrepAsk): LogSink {
    const searching = new FollowedSearch(part.reading, grep, this.tally);
    const take = <T>(result: Result<T>): T | undefined => {
      if (!result.ok) this.failed = result;
      return result.ok ? result.value : undefined;
    };
    part.end = async () => {
      const found = take(await searching.end());
      part.to = found?.to ?? part.to;
      searching.close();
    };
    return {
      open: (log) => searching.open(log),
      piece: async (piece) => void take(await searching.push(piece)),
    };
  }

  /** A line on stderr: no unfinished line goes on behind it. */
  note(text: string): void {
    if (!this.output.json) this.around(() => this.output.note(text));
  }
  around(write: () => void): void {
    this.gate.close();
    write();
  }

  /** Marks jobs that ended; the next poll prints their last lines. */
  take(views: JobView[]): void {
    this.ended.push(...views);
  }

  /** Prints new output and the ends of jobs; true if there was any. */
  async poll(abort: AbortSignal): Promise<boolean> {
    const isFew = this.parts.size <= FEW;
    let grew = await this.logs.poll((id) => isFew || this.ends.running.has(id), abort);
    for (const view of this.ended.splice(0)) {
      grew = true;
      await this.logs.finish(view.id, abort);
      await this.finish(view.id);
      if (this.output.readerGone) break;
      this.printEnd(view);
      this.living.delete(view.id);
    }
    return grew;
  }

  /** Prints the unfinished line or the last matches of a job, and notes where its logs were read to. */
  async finish(id: JobId): Promise<void> {
    for (const part of this.parts.get(id) ?? []) {
      await part.end();
      this.searched.push({ reading: part.reading, to: part.to });
    }
    this.parts.set(id, []);
  }

  private printEnd(view: JobView): void {
    const { output, home } = this;
    if (view.kind === 'ended') markReported(output, home, view);
    if (output.json) {
      output.object(endObject(home, view));
      return;
    }
    this.note(sentence(view, systemClock.now(), 0, undefined, statePainter(output, view, 2)));
    if (stateWord(view) === 'lost') printLostHint(output, home, [view]);
  }
}

export async function followMany(
  output: Output,
  home: Home,
  ask: ManyAsk,
  deadline: Deadline,
): Promise<Result<{ exit: Exit; searched: Searched[] }>> {
  const many = new ManyFollowed(output, home, ask);
  const { signal, stop } = deadline.part();
  let woken = new AbortController();
  let waiting: Promise<void> | undefined;
  let thrown: unknown;
  const wait = (): Promise<void> =>
    many.ends
      .wait(signal, async (endings) => {
        many.take(endings.map(({ id, view }) => view ?? goneView(id)).filter(({ kind }) => kind !== 'live'));
        woken.abort();
      })
      .catch((error) => {
        thrown = error;
        stop();
      })
      .finally(() => {
        waiting = undefined;
      });
  many.add(ask.views, false);
  const stopNotes = watchPauses(
    output,
    home,
    () => [...many.living],
    (write) => many.around(write),
  );
  let polledAt = systemClock.monotonic();
  const pollGroup = () => {
    polledAt = systemClock.monotonic();
    many.add(ask.more?.() ?? [], true);
  };
  try {
    for (let pauseMs = SOON_MS; ; ) {
      const begun = systemClock.monotonic();
      woken = new AbortController();
      if (begun - polledAt >= GROUP_POLL_MS) pollGroup();
      const grew = await many.poll(signal);
      if (output.readerGone || signal.aborted || many.isFull || !many.failed.ok) break;
      // a job may have begun since the last poll
      if (many.isDone) pollGroup();
      if (many.isDone) break;
      waiting ??= wait();
      pauseMs = grew ? SOON_MS : Math.min(LATEST_MS, pauseMs * 1.5);
      await sleep(Math.max(pauseMs, (systemClock.monotonic() - begun) * SHARE), signal, woken.signal);
    }
  } finally {
    stop();
    stopNotes();
    await waiting;
    many.logs.close();
  }
  if (thrown !== undefined) throw thrown;
  if (!many.failed.ok) return many.failed;
  for (const id of many.parts.keys()) await many.finish(id);
  return ok({ exit: exitOf(output, home, ask, many, deadline), searched: many.searched });
}

/** Prints which jobs still run, or that no line matched. */
function exitOf(output: Output, home: Home, ask: ManyAsk, many: ManyFollowed, deadline: Deadline): Exit {
  if (output.readerGone) return SUCCESS;
  if (!output.json) for (const { reading } of many.searched) reading.stamps?.printNotes();
  if (many.living.size > 0 && !many.isFull) {
    const ids = [...many.living];
    const views = ids.map((id) => observe(home, id)).filter((view) => view?.kind === 'live') as JobView[];
    if (output.json) return printStillRunning(output, home, views, deadline, ask.again);
    printPauses(output, home, ids);
    if (!ask.options.new) output.note(againBeginsText(ask.grep !== null));
    output.next(stillRunningText(views, ids.length), ask.again);
    return deadline.exit();
  }
  deadline.end();
  if (!ask.grep || many.tally.shown > 0) return SUCCESS;
  if (!output.json) output.note(noMatchText(ask.grep.pattern));
  return { code: EXIT.no, by: 'bgjob' };
}

/** Fails if one of these logs is the output of this call. */
export function refuseOwn(home: Home, views: JobView[], err: boolean): Result<void> {
  for (const view of views)
    for (const stream of err ? (['err'] as const) : streamsOf(view)) {
      const own = followsItself(home, view.id, stream);
      if (own) return fail(own);
    }
  return ok(undefined);
}

/**
 * Waiting for jobs and printing each end as it comes: the one way of `wait`, `run --wait` and `run --batch
 * --wait`. A few jobs are waited for one by one, each with a descriptor and a timer; of many those that wait
 * in queues cost next to nothing.
 */
import { countLeftovers, markedProcesses, processesOf } from '../../engine/observe/leftovers.ts';
import { observe } from '../../engine/observe/observe.ts';
import { observeAgain, waitEnded } from '../../engine/wait/job-end.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import { type EndedView, isWaiting, type JobView, type LiveView, stateWord } from '../../job/view.ts';
import { type Exit, SUCCESS } from '../command/command.ts';
import { printLostHint } from '../jobs/lost-hint.ts';
import { manyFailedText, moreRunningText } from '../messages/wait.ts';
import { markReported } from '../output/mark-reported.ts';
import type { Output } from '../output/output.ts';
import type { Deadline } from './deadline.ts';
import { watchPauses } from './pause-notes.ts';
import {
  goneView,
  type Judgement,
  judgeEnd,
  type LastLines,
  printEnd,
  printStillRunning,
  printTrouble,
} from './report-outcome.ts';
import { aroundSpinner, startProgress, startSpinner } from './waiting-line.ts';

/** How a call waits for several jobs. */
export interface WaitPlan {
  any?: boolean;
  failFast?: boolean;
  /** The command that goes on waiting for the same jobs. */
  again: string;
  /** Without it `judgeEnd`. */
  judge?: (view: JobView) => Judgement;
  /** Which last lines come with an end; without it those of a failure. */
  lastLines?: LastLines;
  /** The jobs are a batch, and treated as many however few they are. */
  isBatch?: boolean;
  /** Nothing is printed of a job that did not fail: a person sees the progress. */
  failuresOnly?: boolean;
  exits?: Map<number, Exit>;
}

const FEW = 50;
/** So many failures of many jobs come with their last lines. */
const MOST_EXCERPTS = 5;
/** So many of many jobs that go on are printed in a line each. */
const MOST_LIVE_SHOWN = 20;

class Wait {
  readonly exits: Map<JobId, Exit>;
  readonly left: Set<JobId>;
  private failed = 0;
  private readonly lost: JobView[] = [];
  /** The exit of the end that ended the call: --any, --fail-fast. */
  decided: Exit | undefined;
  /** Whether they are more than a person reads about one by one. */
  readonly isMany: boolean;

  constructor(
    private readonly output: Output,
    private readonly home: Home,
    ids: JobId[],
    private readonly plan: WaitPlan,
    private readonly deadline: Deadline,
  ) {
    this.exits = plan.exits ?? new Map();
    this.left = new Set(ids);
    this.isMany = ids.length > FEW || plan.isBatch === true;
  }

  private print(view: JobView, leftovers: number): void {
    const { output, plan } = this;
    const judgement = plan.judge?.(view) ?? judgeEnd(view);
    const isShown = !this.isMany || this.failed < MOST_EXCERPTS;
    const lastLines = isShown ? (plan.lastLines ?? 'of a failure') : 'none';
    if (judgement.failed || !plan.failuresOnly || output.json)
      printEnd(output, this.home, view, lastLines, leftovers, judgement);
    else markReported(output, this.home, view);
    const { exit } = judgement;
    this.exits.set(view.id, exit);
    this.left.delete(view.id);
    if (judgement.failed) this.failed++;
    if (stateWord(view) === 'lost') this.lost.push(view);
    if (!plan.any && !(plan.failFast && exit.code !== 0)) return;
    this.decided ??= exit;
    this.deadline.end();
  }

  /** The notes below all ends. */
  printNotes(): void {
    if (this.output.json) return;
    if (this.isMany && this.failed > MOST_EXCERPTS)
      this.output.note(manyFailedText(this.failed, MOST_EXCERPTS));
    printLostHint(this.output, this.home, this.lost);
  }

  /** Each on its own; returns those that live. */
  async forFew(): Promise<ReadonlySet<JobId>> {
    const { output, home, plan, left, deadline } = this;
    const views = [...left].map((id) => observe(home, id) ?? goneView(id));
    const spinner =
      views.length === 1
        ? await startSpinner(output, views[0]!)
        : await startProgress(output, () => ({
            ...{ total: views.length, ended: this.exits.size, failed: this.failed },
            running: [...left].filter((id) => isStarted(observe(home, id))).length,
          }));
    const print = async (view: JobView): Promise<void> => {
      const leftovers = view.kind === 'ended' ? (await processesOf(home, view)).length : 0;
      aroundSpinner(spinner)(() => this.print(view, leftovers));
    };
    // those that ended before, one after the other: each call prints them in the same order
    const living = views.filter((view) => view.kind === 'live');
    const missed = endedBefore(home, living, views);
    const known = views.map((view) => missed.find(({ id }) => id === view.id) ?? view);
    for (const view of sortEnded(known, Boolean(plan.any || plan.failFast)))
      if (!this.decided) await print(view);
    const stopNotes = watchPauses(output, home, () => [...left], aroundSpinner(spinner));
    const heard = new Map<JobId, JobView>();
    // A process of ours may hold the FIFO of a job longer than that of a job that ends later.
    const printHeard = async (): Promise<void> => {
      const seen = [...heard.values()].filter(({ id }) => left.has(id));
      const others = living.filter(({ id }) => left.has(id) && !heard.has(id));
      for (const view of sortEnded([...seen, ...endedBefore(home, others, seen)], true))
        if (!this.decided) await print(view);
      if (left.size === 0) deadline.end();
    };
    let printing: Promise<void> | undefined;
    await Promise.all(
      living.map(async ({ id }) => {
        if (this.decided) return;
        const view = await waitEnded(home, id, deadline.signal, printTrouble(output, id));
        if (this.decided || !left.has(id) || (view?.kind === 'live' && deadline.signal.aborted)) return;
        heard.set(id, view ?? goneView(id));
        // one after the other: a print looks for what the job left running first
        printing = (printing ?? Promise.resolve()).then(printHeard);
        await printing;
      }),
    );
    stopNotes();
    spinner?.stop();
    return left;
  }

  /** All together; returns those that run. */
  async forMany(): Promise<ReadonlySet<JobId>> {
    const { output, home } = this;
    const { JobEnds } =
      require('../../engine/wait/job-ends.ts') as typeof import('../../engine/wait/job-ends.ts');
    const total = this.left.size;
    const endings = new JobEnds(home, this.left);
    const spinner = await startProgress(output, () => ({
      ...{ total, ended: this.exits.size, failed: this.failed, running: endings.running.size },
    }));
    const stopNotes = watchPauses(output, home, () => endings.left, aroundSpinner(spinner));
    await endings.wait(this.deadline.signal, async (ended) => {
      const marked = await markedProcesses(home);
      aroundSpinner(spinner)(() => {
        for (const { id, view = goneView(id) } of ended) {
          if (this.decided) return;
          this.print(view, view.kind === 'ended' ? countLeftovers(home, view, marked) : 0);
        }
      });
    });
    stopNotes();
    spinner?.stop();
    return endings.running;
  }

  /** Of many jobs the first that run, and how many more there are; in JSON all. */
  printLeft(running: ReadonlySet<JobId>): Exit {
    const { output, home, isMany } = this;
    const ids = [...this.left].sort((a, b) => a - b);
    const shown =
      isMany && !output.json ? ids.filter((id) => running.has(id)).slice(0, MOST_LIVE_SHOWN) : ids;
    const views = shown.flatMap((id): JobView | JobView[] => observe(home, id) ?? []);
    const more = ids.length - shown.length;
    if (more > 0 && !output.json) output.note(moreRunningText(shown.length, more));
    return printStillRunning(output, home, views, this.deadline, this.plan.again, ids);
  }
}

/** Waits for all of them, and returns the exit of the first that failed, in the order given. */
export async function waitForEnds(
  output: Output,
  home: Home,
  ids: JobId[],
  plan: WaitPlan,
  deadline: Deadline,
): Promise<Exit> {
  const wait = new Wait(output, home, ids, plan, deadline);
  const running = await (wait.isMany ? wait.forMany() : wait.forFew());
  wait.printNotes();
  if (wait.decided) return wait.decided;
  if (wait.left.size > 0) return wait.printLeft(running);
  deadline.end();
  return ids.map((id) => wait.exits.get(id)).find((exit) => exit !== undefined && exit.code !== 0) ?? SUCCESS;
}

const isStarted = (view: JobView | undefined): boolean => view?.kind === 'live' && !isWaiting(view);

/**
 * Reads these jobs again, and returns those that ended before one of `seen`. Reads take time, and the job that
 * was read first may have ended meanwhile.
 */
function endedBefore(home: Home, jobs: LiveView[], seen: JobView[]): EndedView[] {
  const last = Math.max(...seen.map((view) => (view.kind === 'ended' ? view.status.endedAt : 0)));
  const views = last > 0 ? jobs.map((view) => observeAgain(home, view)) : [];
  return views.filter((view) => view?.kind === 'ended').filter(({ status }) => status.endedAt <= last);
}

/** Those that live no more: in the order given, or where the first decides in that of their ends. */
function sortEnded(views: JobView[], byEnd: boolean): JobView[] {
  const endedAt = (view: JobView) => (view.kind === 'ended' ? view.status.endedAt : Number.POSITIVE_INFINITY);
  const ended = views.filter(({ kind }) => kind !== 'live');
  return byEnd ? ended.sort((a, b) => endedAt(a) - endedAt(b) || a.id - b.id) : ended;
}

/** Waiting for jobs and telling how they ended: the one way of `wait`, `run --wait` and `run --follow`. */
import { systemClock } from '../base/clock.ts';
import { readableLines } from '../base/text.ts';
import type { Home } from '../job/home.ts';
import type { JobView } from '../job/job.ts';
import { Log } from '../job/log.ts';
import { markSeen } from '../job/store.ts';
import { readTrimmedBytes } from '../job/trimmed.ts';
import { waitEnded } from '../process/conditions.ts';
import { processesOf } from '../process/leftovers.ts';
import { type Exit, SUCCESS } from './command.ts';
import type { Output } from './output.ts';
import type { Patience } from './patience.ts';
import { jobLabel, jobObject, sentence, verdict } from './wording.ts';

const TAIL_LINES = 20;
const TAIL_BYTES = 8192;

/** The last lines of a job's output, clean and bounded, and whether there were more. */
function lastWords(home: Home, view: JobView): { lines: string[]; cut: boolean; bytes: number } {
  const log = Log.open(home.job(view.id));
  if (!log) return { lines: [], cut: false, bytes: 0 };
  const piece = log.lastLines(TAIL_LINES, TAIL_BYTES);
  log.close();
  return { lines: readableLines(piece.bytes), cut: piece.from > 0, bytes: piece.size };
}

/** Tells how a job ended, with its last lines if it failed (`withTail`); notes that somebody was told. */
export async function tellEnd(output: Output, home: Home, view: JobView, withTail: boolean): Promise<Exit> {
  const exit = verdict(view);
  const leftovers = view.kind === 'ended' ? (await processesOf(home, view)).length : 0;
  const { lines, cut, bytes } = lastWords(home, view);
  const now = systemClock.now();
  if (output.json) {
    const log = home.job(view.id).log;
    const trimmedBytes = readTrimmedBytes(home.job(view.id));
    const job = jobObject(view, now, { leftovers, logPath: log, logBytes: bytes, trimmedBytes });
    output.object({
      ...job,
      result: view.kind === 'ended' ? 'ended' : view.kind,
      ...exit,
      tail: exit.code === 0 ? [] : lines,
    });
  } else {
    output.line(sentence(view, now, leftovers));
    if (exit.code !== 0 && withTail) {
      for (const line of lines) output.line(`| ${line}`);
      if (cut) output.note(`(the last ${lines.length} lines; all: bgjob tail ${view.id} --full)`);
    }
    if (leftovers > 0) output.note(`(${leftovers} left running: bgjob kill ${view.id})`);
  }
  if (view.kind === 'ended') markSeen(home.job(view.id));
  return exit;
}

/** Tells that jobs go on although this call ends, and how to go on waiting. */
export function tellStillRunning(output: Output, home: Home, views: JobView[], patience: Patience): Exit {
  const exit = patience.exit();
  const now = systemClock.now();
  for (const view of views) {
    const logPath = home.job(view.id).log;
    if (output.json)
      output.object({ ...jobObject(view, now, { logPath }), result: 'running', ...exit, tail: [] });
    else output.line(sentence(view, now));
  }
  if (!output.json) {
    const ids = views.map(({ id }) => id).join(' ');
    output.note(`not finished, and not to be restarted: wait again with bgjob wait ${ids}`);
  }
  return exit;
}

export interface WaitPlan {
  /** Return with the first that ends. */
  any: boolean;
  /** Return with the first that fails. */
  failFast: boolean;
}

/** Waits for the jobs and tells each end as it comes. Returns the first failed job's exit, in the order given. */
export async function waitForAll(
  output: Output,
  home: Home,
  views: JobView[],
  plan: WaitPlan,
  patience: Patience,
): Promise<Exit> {
  const exits = new Map<number, Exit>();
  const stillLive = new Map(views.map((view) => [view.id, view]));
  let decided: Exit | undefined;
  const spinner = await startSpinner(output, views);
  await Promise.all(
    views.map(async ({ id }) => {
      const view = await waitEnded(home, id, patience.signal);
      // as it is now: what was seen when the waiting began may be hours old
      if (view?.kind === 'live') stillLive.set(id, view);
      if (decided || (view?.kind === 'live' && patience.signal.aborted)) return;
      spinner?.pause();
      const gone: JobView = { kind: 'unreadable', id, why: 'it was removed while it was waited for' };
      const exit = await tellEnd(output, home, view ?? gone, true);
      spinner?.resume();
      exits.set(id, exit);
      stillLive.delete(id);
      if (plan.any || (plan.failFast && exit.code !== 0)) {
        decided ??= exit;
        patience.end();
      }
    }),
  );
  spinner?.stop();
  if (decided) return decided;
  const failed = views.map(({ id }) => exits.get(id)).find((exit) => exit !== undefined && exit.code !== 0);
  if (stillLive.size === 0) {
    patience.end();
    return failed ?? SUCCESS;
  }
  return tellStillRunning(output, home, [...stillLive.values()], patience);
}

/** A spinner while a person waits: only on a terminal is it even loaded. */
async function startSpinner(output: Output, views: JobView[]) {
  if (output.json || !output.isTerminal(2)) return undefined;
  const { Spinner } = await import('./spinner.ts');
  return new Spinner(`waiting for ${views.length === 1 ? jobLabel(views[0]!) : `${views.length} jobs`}`);
}

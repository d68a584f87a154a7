/**
 * What a call does once its job is started, where that is asked for: wait for its end, follow it, or wait for a condition. stdout is
 * the id alone, or with --follow the job's output alone: everything else is told on stderr. In JSON all of it is on stdout.
 */
import { processesOf } from '../../engine/observe/leftovers.ts';
import { observe } from '../../engine/observe/observe.ts';
import { findListener, portTaken } from '../../engine/observe/port-owner.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import type { JobView } from '../../job/view.ts';
import type { Exit } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { referenceHere } from '../jobs/select.ts';
import { streamsOf } from '../jobs/stderr-log.ts';
import type { Output } from '../output/output.ts';
import { followTo } from '../tail/follow.ts';
import { Deadline } from '../wait/deadline.ts';
import { CONDITION_OPTIONS, type Conditions, isConditional } from '../wait/parse-conditions.ts';
import { watchPauses } from '../wait/pause-notes.ts';
import { reportEnd, reportStillRunning } from '../wait/report-outcome.ts';
import { noteSelfWait } from '../wait/self-wait.ts';
import { waitForCondition } from '../wait/wait-for-condition.ts';
import { waitForAll } from '../wait/wait-for-ends.ts';

/** As for every program that writes into a pipe without a reader (SIGPIPE): how the job ends is not known yet. */
const READER_GONE: Exit = { code: 141, by: 'bgjob' };

/** The options that make the call stay. */
export const WATCH_OPTIONS = {
  wait: {
    kind: 'optional-duration',
    short: '-w',
    value: 'DUR',
    text: 'for its end and output; 75 if that takes longer',
    group: 'Wait',
  },
  follow: { kind: 'flag', short: '-f', text: 'and show its output as it comes' },
  ...CONDITION_OPTIONS,
} as const;

interface Watch {
  wait: { ms: number | null } | null;
  follow: boolean;
}

/** Whether the call stays at all. */
export const isWatched = (options: Watch & Parameters<typeof isConditional>[0]): boolean =>
  options.wait !== null || options.follow || isConditional(options);

/** What does not go together. */
export const checkWatch = ({ follow }: Watch, conditions: Conditions | null): Result<void> =>
  conditions && follow
    ? fail({ code: 'usage', message: '--follow and conditions such as --until exclude each other' })
    : ok(undefined);

/** A job that is to listen on a port which somebody has is not even started. */
export async function portsAreFree(
  home: Home,
  conditions: Conditions | null,
  leaving: JobId[] = [],
): Promise<Result<void>> {
  if (!conditions || conditions.anyOwner) return ok(undefined);
  if (conditions.ports.length === 0) return ok(undefined);
  const except: number[] = [];
  for (const id of leaving) {
    const view = observe(home, id);
    if (view) except.push(...(await processesOf(home, view)).map(({ pid }) => pid));
  }
  for (const port of conditions.ports) {
    const listener = await findListener(home, port, except);
    if (listener !== undefined && listener !== 'unknown') return fail(portTaken(port, listener));
  }
  return ok(undefined);
}

/** Prints the id that was started. With --follow stdout belongs to the job. */
export const printId = (output: Output, id: JobId, { follow }: Watch): void =>
  (follow ? output.sideOutput() : output).line(String(id));

/** Streams the output to stdout, and a stderr with a log of its own to stderr, until the job ends or nobody reads. */
async function followOutput(output: Output, home: Home, id: JobId, patience: Deadline): Promise<void> {
  const view = observe(home, id);
  const ask = { from: 0, raw: false };
  const abort = new AbortController();
  const stop = () => abort.abort();
  patience.signal.addEventListener('abort', stop, { once: true });
  if (patience.signal.aborted) stop();
  await Promise.all(
    (view ? streamsOf(view) : []).map(async (stream) => {
      const to = stream === 'err' ? output.sideOutput() : output;
      await followTo(to, home, id, { stream, ...ask }, abort.signal);
      if (output.readerGone) stop();
    }),
  );
}

/** Streams the output until the job ends, then tells the end as `wait` does, without the lines that were just shown. */
async function followEnd(context: Context, home: Home, id: JobId, patience: Deadline): Promise<Exit> {
  const { output } = context;
  const stopNotes = watchPauses(output, home, () => [id]);
  // who cannot have it on stdout does not get all of it on stderr
  output.diverts = false;
  await followOutput(output, home, id, patience);
  stopNotes();
  const view = observe(home, id) ?? { kind: 'unreadable' as const, id, why: 'it was removed' };
  if (view.kind === 'live' && output.readerGone) {
    output.note(`nobody reads the output any more; the job goes on: bgjob wait ${id}`);
    return READER_GONE;
  }
  const told = output.sideOutput();
  if (view.kind === 'live')
    return reportStillRunning(told, home, [view], patience, waitAgain(context, home, view));
  patience.end();
  return reportEnd(told, home, view, 'none');
}

const waitAgain = (context: Context, home: Home, view: JobView): string =>
  `bgjob wait ${referenceHere(home, context.here(), view)}`;

/** Stays with a job that was started, as long as was asked for. */
export async function watchStarted(
  context: Context,
  home: Home,
  id: JobId,
  { follow, conditions, deadlineMs }: Watch & { conditions: Conditions | null; deadlineMs: number | null },
): Promise<Result<Exit>> {
  const { output } = context;
  const patience = new Deadline(deadlineMs);
  const told = output.sideOutput();
  const view = observe(home, id);
  if (view) noteSelfWait(output, home, [view]);
  if (follow) return ok(await followEnd(context, home, id, patience));
  if (!view)
    return fail({
      code: 'no-such-job',
      reference: String(id),
      known: [],
      elsewhere: [],
      typed: 'bgjob show',
    });
  if (conditions) {
    const exit = await waitForCondition(
      told,
      home,
      view,
      conditions,
      patience,
      referenceHere(home, context.here(), view),
    );
    const goesOn = !exit.ok && observe(home, id)?.kind === 'live';
    if (goesOn && !output.json) output.note(`(the job goes on: bgjob tail ${id} · bgjob kill ${id})`);
    return exit;
  }
  const plan = { any: false, failFast: false, again: waitAgain(context, home, view) };
  return ok(await waitForAll(told, home, [view], plan, patience, 'always'));
}

/**
 * What a call does after its job is started: it waits for the end, follows the output, or waits for a
 * condition. stdout carries only the id, or with --follow only the job's output; everything else goes to
 * stderr. In JSON everything is on stdout.
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
import { readerGoneText, stillRunsText } from '../messages/run.ts';
import { cannotCombine } from '../messages/usage.ts';
import type { Output } from '../output/output.ts';
import { followTo } from '../tail/follow.ts';
import { type Deadline, deadlineOf } from '../wait/deadline.ts';
import {
  CONDITION_OPTIONS,
  type Conditions,
  isConditional,
  parseConditions,
} from '../wait/parse-conditions.ts';
import { watchPauses } from '../wait/pause-notes.ts';
import { printStillRunning, reportEnd } from '../wait/report-outcome.ts';
import { noteSelfWait } from '../wait/self-wait.ts';
import { waitForCondition } from '../wait/wait-for-condition.ts';
import { waitForEnds } from '../wait/wait-for-ends.ts';

/** As a program that writes into a pipe without a reader (SIGPIPE): how the job ends is not known yet. */
const READER_GONE: Exit = { code: 141, by: 'bgjob' };

export const WATCH_OPTIONS = {
  wait: {
    kind: 'optional-duration',
    short: '-w',
    value: 'DUR',
    text: 'wait for the end and print the output; exit with 75 after DUR',
    group: 'Wait',
  },
  follow: { kind: 'flag', short: '-f', text: 'the same, and print the output as it comes' },
  ...CONDITION_OPTIONS,
} as const;

interface Watch {
  wait: { ms: number | null } | null;
  follow: boolean;
}
type WatchOptions = Watch & Parameters<typeof parseConditions>[0];

export const isWatched = (options: WatchOptions): boolean =>
  options.wait !== null || options.follow || isConditional(options);

/** Whether the call says that the job is a server: it is to run on. */
export const isServer = (options: {
  'until-port': string[];
  'until-url': string[];
  'until-cmd': string[];
  reuse?: boolean;
}): boolean =>
  (['until-port', 'until-url', 'until-cmd'] as const).some((name) => options[name].length > 0) ||
  options.reuse === true;

/** The deadline of the call, milliseconds; null: there is none, or the call does not wait. */
export const watchDeadline = (context: Context, options: WatchOptions): Result<number | null> =>
  isWatched(options) ? deadlineOf(context, options.wait?.ms ?? null) : ok(null);

/** The conditions that a job which runs in `cwd` is waited for; null: none. */
export function watchConditions(options: WatchOptions, cwd: string): Result<Conditions | null> {
  const conditions = parseConditions(options, null, () => ok(cwd));
  return conditions.ok && conditions.value && options.follow
    ? fail(cannotCombine('--follow', 'conditions such as --until'))
    : conditions;
}

/** Fails if another process listens on a port that the job is to listen on: the job is not started then. */
export async function portsAreFree(
  home: Home,
  conditions: Conditions | null,
  leaving: JobId[] = [],
): Promise<Result<void>> {
  if (!conditions || conditions.anyOwner || conditions.ports.length === 0) return ok(undefined);
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

/** Of a job on a target that was just started; for the other ones nothing is loaded. */
export function acceptanceOf(
  context: Context,
  home: Home,
  id: JobId,
): ReturnType<typeof import('../wait/await-accepted.ts')['awaitAccepted']> {
  const { awaitAccepted } =
    require('../wait/await-accepted.ts') as typeof import('../wait/await-accepted.ts');
  return awaitAccepted(context, home, id);
}

/** Copies the output until the job ends or the reader is gone; a log of stderr goes to stderr. */
async function followOutput(output: Output, home: Home, id: JobId, deadline: Deadline): Promise<void> {
  const view = observe(home, id);
  const { signal, stop } = deadline.part();
  await Promise.all(
    (view ? streamsOf(view) : []).map(async (stream) => {
      const to = stream === 'err' ? output.sideOutput() : output;
      await followTo(to, home, id, { stream, from: 0, raw: false }, signal);
      if (output.readerGone) stop();
    }),
  );
}

/** Follows the output, then reports the end as `wait` does, without an excerpt. */
async function followEnd(context: Context, home: Home, id: JobId, deadline: Deadline): Promise<Exit> {
  const { output } = context;
  const stopNotes = watchPauses(output, home, () => [id]);
  // where stdout takes no output, not all of it goes to stderr
  output.diverts = false;
  await followOutput(output, home, id, deadline);
  stopNotes();
  const view = observe(home, id) ?? { kind: 'unreadable' as const, id, why: 'it was removed' };
  if (view.kind === 'live' && output.readerGone) {
    output.note(readerGoneText(id));
    return READER_GONE;
  }
  const side = output.sideOutput();
  if (view.kind === 'live')
    return printStillRunning(side, home, [view], deadline, waitAgain(context, home, view));
  deadline.end();
  return reportEnd(side, home, view, 'none');
}

const waitAgain = (context: Context, home: Home, view: JobView): string =>
  `bgjob wait ${referenceHere(home, context.here(), view)}`;

/** Waits with a job that was started, as the options say. */
export async function watchStarted(
  context: Context,
  home: Home,
  id: JobId,
  { follow, conditions, deadline }: Watch & { conditions: Conditions | null; deadline: Deadline },
): Promise<Result<Exit>> {
  const { output } = context;
  const view = observe(home, id);
  if (view) noteSelfWait(output, home, [view]);
  if (follow) return ok(await followEnd(context, home, id, deadline));
  if (!view) {
    const reference = String(id);
    return fail({ code: 'no-such-job', reference, known: [], elsewhere: [], typed: 'bgjob show' });
  }
  const side = output.sideOutput();
  if (conditions) {
    const reference = referenceHere(home, context.here(), view);
    const exit = await waitForCondition(side, home, view, conditions, deadline, reference);
    const stillRuns = !exit.ok && observe(home, id)?.kind === 'live';
    if (stillRuns && !output.json) output.note(stillRunsText(id));
    return exit;
  }
  const plan = { again: waitAgain(context, home, view), lastLines: 'always' } as const;
  return ok(await waitForEnds(side, home, [id], plan, deadline));
}

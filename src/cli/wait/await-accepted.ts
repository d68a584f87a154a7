/**
 * After the start of a job on a target: the call waits until the job is accepted there or refused, so that the
 * user hears of a refusal at once. It waits only for a job that fails if its target refuses it; a job that waits
 * for anything else waits for its target, too. The job is on disk before, and its service sends it: a call that
 * ends here changes nothing.
 */
import { sleep, systemClock } from '../../base/clock.ts';
import { observe } from '../../engine/observe/observe.ts';
import { waitingOf } from '../../engine/queue/queue-status.ts';
import { attendFar } from '../../engine/wait/job-end.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { foundValue, readState } from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';
import { isPlain, listTargetJobs } from '../../job/targets/target-records.ts';
import type { JobView, LiveView } from '../../job/view.ts';
import type { Context } from '../command/context.ts';
import { interruptedBy } from '../command/interrupt.ts';
import { notAnsweredText, targetLabel } from '../messages/targets.ts';
import { markReported } from '../output/mark-reported.ts';
import type { Output } from '../output/output.ts';
import { Deadline, deadlineOf } from './deadline.ts';
import { startSpinner } from './waiting-line.ts';

/** A login has 30 s until it is ready (engine/targets/shim-engine.ts), and its service starts before. */
const LIMIT_MS = 35_000;
/** The state is read so often, milliseconds: a job on an open connection is accepted within 6 ms. */
const FIRST_POLL_MS = 2;
const LAST_POLL_MS = 100;
/** How often the rest is looked at: whether its service runs, whether the job waits for something else. */
const CHECK_MS = 1000;

export interface Acceptance {
  /** Null: the call did not wait for it. */
  accepted: boolean | null;
  /** What to say below the id, and the command that goes on. */
  next: [text: string, command: string] | null;
}

const NOT_AWAITED: Acceptance = { accepted: null, next: null };

/** Whether jobs that were started before have all slots of the target. */
function waitsForSlot(home: Home, { id, spec, status }: LiveView): boolean {
  const { key, slots } = spec.target!;
  if (slots === null) return false;
  const others = status.phase === 'queued' ? listTargetJobs(home, key).filter((other) => other !== id) : [];
  const isStarted = (other: JobId): boolean => {
    const phase = foundValue(readState(home.job(other)))?.status.phase;
    return phase !== undefined && phase !== 'queued' && phase !== 'ended';
  };
  return others.length >= slots && others.filter(isStarted).length >= slots;
}

/** Whether it waits for something else than the answer of its target. */
function waitsForOthers(home: Home, view: LiveView): boolean {
  if (view.status.phase !== 'queued') return false;
  const reason = waitingOf(home, view)?.kind;
  return (reason !== undefined && reason !== 'target' && reason !== 'slot') || waitsForSlot(home, view);
}

/** A job that the engine there has in its queue is accepted, however long it waits in that. */
const isUnsent = (view: JobView | undefined): view is LiveView =>
  view?.kind === 'live' &&
  (view.status.phase === 'queued' ||
    (view.status.phase === 'starting' && view.state?.there?.nativeId == null));

/** The job when it is accepted or over, when it waits for others, or when `abort` fires. */
async function waitAccepted(
  output: Output,
  home: Home,
  id: JobId,
  abort: AbortSignal,
): Promise<JobView | undefined> {
  let checkedAt = systemClock.monotonic();
  let spinner: Awaited<ReturnType<typeof startSpinner>>;
  try {
    for (let pauseMs = FIRST_POLL_MS; ; pauseMs = Math.min(LAST_POLL_MS, pauseMs * 1.2)) {
      const view = observe(home, id);
      if (!isUnsent(view) || abort.aborted) return view;
      if (waitsForSlot(home, view)) return view;
      if (systemClock.monotonic() - checkedAt >= CHECK_MS) {
        if (waitsForOthers(home, view)) return view;
        await attendFar(home, view);
        spinner ??= await startSpinner(output, view, targetLabel(view.spec.target!));
        checkedAt = systemClock.monotonic();
      }
      await sleep(pauseMs, abort);
    }
  } finally {
    spinner?.stop();
  }
}

/** Fails if the target does not take the job; then the job has ended, and stays in the list. */
export async function awaitAccepted(context: Context, home: Home, id: JobId): Promise<Result<Acceptance>> {
  const { output } = context;
  const first = observe(home, id);
  if (!first || !('spec' in first) || !first.spec.target) return ok(NOT_AWAITED);
  const { target, cwd, retry } = first.spec;
  if (!isPlain(first.spec) || retry > 0) return ok(NOT_AWAITED);
  const most = deadlineOf(context, null);
  const deadline = new Deadline(Math.min(LIMIT_MS, (most.ok ? most.value : null) ?? LIMIT_MS));
  const view = await waitAccepted(output, home, id, deadline.signal);
  deadline.end();
  if (view?.kind === 'ended' && view.status.outcome.kind === 'failed') {
    markReported(output, home, view);
    return fail({ code: 'not-started-there', id, target, cwd, why: view.status.outcome.why });
  }
  // another call removed it
  if (view?.kind !== 'live' && view?.kind !== 'ended') return ok(NOT_AWAITED);
  // another call cancelled it
  if (view.kind === 'ended' && view.status.startedAt === null) return ok(NOT_AWAITED);
  if (!isUnsent(view)) return ok({ accepted: true, next: null });
  if (waitsForOthers(home, view)) return ok(NOT_AWAITED);
  return ok({ accepted: false, next: notAnsweredText(view, interruptedBy() !== undefined) });
}

/** Stops the server at the end of `with` as `kill` does, and prints the result on stderr. */
import { callAfter, systemClock } from '../../base/clock.ts';
import { homeNow } from '../../engine/observe/home-now.ts';
import { observe } from '../../engine/observe/observe.ts';
import { wakeQueueWaiters } from '../../engine/queue/queue-waiter.ts';
import { stopJob } from '../../engine/stop/stop-job.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import type { Stop } from '../../job/state.ts';
import { judgeable } from '../jobs/select.ts';
import { killedText, serverNotStopped, serverWithoutHome, stoppingServerText } from '../messages/control.ts';
import { messageOf } from '../messages/failures.ts';
import { forcedNote, hiddenNote } from '../messages/job-text.ts';
import { markReported } from '../output/mark-reported.ts';
import type { Output } from '../output/output.ts';

export const WITH_STOP = { by: 'with', cause: 'kill', signal: 'SIGTERM' } as const;

/** A stop that takes longer is announced on a terminal, milliseconds. */
const QUIET_MS = 500;

/** Stops the server with all its processes. What goes wrong is printed, and changes no exit code. */
export async function endServer(output: Output, opened: Home, id: JobId): Promise<void> {
  const home = await homeNow(opened.path, opened.token, id);
  const view = home && observe(home, id);
  if (!home || !view) {
    output.error(...serverWithoutHome(id, opened.path));
    return;
  }
  const judged = judgeable(view);
  const isStopping = judged.ok && judged.value.kind === 'live' && output.isTerminal(2);
  const disarm = isStopping
    ? callAfter(QUIET_MS, () => output.note(stoppingServerText(view, judged.value.spec.graceMs)))
    : () => {};
  const stopped = judged.ok ? await stopJob(home, judged.value, stopOf(judged.value.spec.graceMs)) : judged;
  disarm();
  if (!stopped.ok) {
    output.error(
      ...serverNotStopped(view, messageOf(stopped.failure).message, home.path !== opened.path && home.path),
    );
    return;
  }
  wakeQueueWaiters(home, [view]);
  const { before, after, processes, forced, hidden } = stopped.value;
  // the end of a server that ended before, and left no process, was printed then
  if (before.kind === 'live' || processes > 0) output.note(killedText(stopped.value, systemClock.now()));
  const note = forcedNote(forced, stopOf(before.spec.graceMs).graceMs, WITH_STOP.signal);
  if (note !== undefined) output.note(note);
  for (const one of hidden) output.note(hiddenNote(one));
  if (after.kind === 'ended') markReported(output, home, after);
}

const stopOf = (graceMs: number): Stop => ({ ...WITH_STOP, graceMs, at: systemClock.now() });

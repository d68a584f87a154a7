/** Notes about pauses: a paused job or queue goes on only on request. */
import { systemClock } from '../../base/clock.ts';
import { ignoreSystemError } from '../../base/result.ts';
import { findPauses } from '../../engine/queue/pauses.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import { pauseNotes } from '../messages/control.ts';
import type { Output } from '../output/output.ts';

const POLL_MS = 2000;
/** Polls take at most this part of the time. */
const SHARE = 0.02;

/** Prints the pauses behind which these jobs wait now. JSON has the reason in each object. */
export function printPauses(output: Output, home: Home, ids: readonly JobId[]): void {
  if (output.json) return;
  for (const note of notesOf(home, ids)) output.note(note);
}

/** Where a record cannot be read there are no notes: the wait itself fails then. */
function notesOf(home: Home, ids: readonly JobId[]): string[] {
  try {
    return pauseNotes(findPauses(home, ids));
  } catch (thrown) {
    ignoreSystemError(thrown);
    return [];
  }
}

/** Notes each pause that begins, until the returned function is called. `around`: pauses a spinner. */
export function watchPauses(
  output: Output,
  home: Home,
  ids: () => readonly JobId[],
  around: (write: () => void) => void = (write) => write(),
): () => void {
  if (output.json) return () => {};
  let printed = new Set<string>();
  let timer: NodeJS.Timeout;
  const poll = (): void => {
    const begun = systemClock.monotonic();
    const notes = notesOf(home, ids());
    const begins = notes.filter((note) => !printed.has(note));
    printed = new Set(notes);
    if (begins.length > 0) around(() => begins.forEach((note) => void output.note(note)));
    timer = setTimeout(poll, Math.max(POLL_MS, (systemClock.monotonic() - begun) / SHARE));
    // the wait itself keeps the process alive
    timer.unref();
  };
  poll();
  return () => clearTimeout(timer);
}

/** That jobs wait behind a pause, which ends only when somebody resumes it: told at once, when one begins, and with the 75. */
import { systemClock } from '../../base/clock.ts';
import { ignoreSystemError } from '../../base/result.ts';
import { findPauses } from '../../engine/queue/pauses.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import { pauseNotes } from '../messages/pause.ts';
import type { Output } from '../output/output.ts';

/** Between two looks, milliseconds; they take a part of the time that is at most this. */
const POLL_MS = 2000;
const SHARE = 0.02;

/** Tells behind which pauses these jobs wait now. Programs read the reason of each. */
export function printPauses(output: Output, home: Home, ids: readonly JobId[]): void {
  if (output.json) return;
  for (const note of notesOf(home, ids)) output.note(note);
}

/** Only notes: where a record cannot be read, the waiting itself says so. */
function notesOf(home: Home, ids: readonly JobId[]): string[] {
  try {
    return pauseNotes(findPauses(home, ids));
  } catch (thrown) {
    ignoreSystemError(thrown);
    return [];
  }
}

/**
 * Tells them at once, and while the jobs are waited for each that begins; the call ends it. `say`: how a line is written where a
 * spinner turns.
 */
export function watchPauses(
  output: Output,
  home: Home,
  ids: () => readonly JobId[],
  say: (write: () => void) => void = (write) => write(),
): () => void {
  if (output.json) return () => {};
  let told = new Set<string>();
  let timer: NodeJS.Timeout;
  const look = (): void => {
    const begun = systemClock.monotonic();
    const notes = notesOf(home, ids());
    const begins = notes.filter((note) => !told.has(note));
    told = new Set(notes);
    if (begins.length > 0) say(() => begins.forEach((note) => void output.note(note)));
    timer = setTimeout(look, Math.max(POLL_MS, (systemClock.monotonic() - begun) / SHARE));
    // the waiting itself keeps the process
    timer.unref();
  };
  look();
  return () => clearTimeout(timer);
}

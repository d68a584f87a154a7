/**
 * `--notify`: notifies the user of the end of a job, on the desktop or on the terminal from which the job was
 * started.
 */
import { withChecksum } from '../base/checksum.ts';
import { renderDuration, systemClock } from '../base/clock.ts';
import { writeAtomic } from '../base/fs/atomic-write.ts';
import { attemptQuietly } from '../base/result.ts';
import { clip, safe } from '../base/text/sanitize.ts';
import { type Notified, noticeDue } from '../engine/hooks/notification-status.ts';
import { ringTerminal } from '../engine/os/caller-terminal.ts';
import { notifyDesktop } from '../engine/os/desktop-notification.ts';
import { howEnded } from '../engine/queue/queued-job.ts';
import type { Home } from '../job/home/home.ts';
import type { Notice, Spec } from '../job/spec.ts';
import { ranMs } from '../job/state.ts';
import { commandText, type EndedView } from '../job/view.ts';

/** `web 42 exited 1 after 2m14s`. */
function titleOf({ id, name }: Spec, { status }: EndedView): string {
  const took = ranMs(status);
  const after = took === null ? '' : ` after ${renderDuration(took)}`;
  return `${name === null ? 'job' : safe(name)} ${id} ${howEnded(status.outcome)}${after}`;
}

async function notifyUser(spec: Spec, view: EndedView, { desktop, terminal }: Notice): Promise<Notified> {
  const title = titleOf(spec, view);
  const done = (by: Notified['by'], why: string | null = null): Notified => {
    return { v: 1, at: systemClock.now(), by, why };
  };
  const trouble = await notifyDesktop(desktop, title, clip(safe(commandText(spec)), 200));
  if (trouble === undefined) return done('desktop');
  if (!terminal) return done('nobody', `${trouble}, and it was started from no terminal`);
  const silence = ringTerminal(terminal, title);
  return silence === undefined ? done('terminal') : done('nobody', `${trouble}, and ${silence}`);
}

/** Records how. A failure has no other effect. */
export async function notifyEnd(home: Home, spec: Spec, view: EndedView): Promise<void> {
  if (spec.notify === null || !noticeDue(view)) return;
  const notified = await notifyUser(spec, view, spec.notify);
  attemptQuietly(() => writeAtomic(home.job(spec.id).notified, withChecksum(notified)));
}

/** Messages of `kill`. */
import { renderDuration } from '../../base/clock.ts';
import { plural, safe } from '../../base/text/sanitize.ts';
import type { Stopped } from '../../engine/stop/stop-job.ts';
import { shownEnd } from '../../job/state.ts';
import type { UnreadableView } from '../../job/view.ts';
import { jobLabel, outcomeText, stateText } from './job-text.ts';
import { portText } from './run.ts';
import { type UsageFailure, usageError } from './usage.ts';

export const notASignal = (text: string): UsageFailure =>
  usageError(`-s: "${safe(text)}" is not a signal`, 'kill -l');

/** `serves`: what the service that was stopped is for. */
export const serviceReturnsText = (serves: 'schedules' | 'triggers'): string =>
  `(the next bgjob command starts it again, as long as it is needed: bgjob ${
    serves === 'triggers' ? 'trigger' : 'cron'
  } --help)`;

/** A job whose records cannot be read: the kernel showed which processes belong to it. */
export const killedUnreadableText = (view: UnreadableView, stopped: number): string =>
  `${jobLabel(view)} ${stateText(view)}: killed ${plural(stopped, 'process', 'processes')} of it`;

/** What became of one job. */
export function killedText({ before, after, processes, listened, tookMs }: Stopped, now: number): string {
  const label = jobLabel(before);
  const count = plural(processes, 'process', 'processes');
  if (before.kind === 'ended') {
    const endedAt = shownEnd(before.status);
    const ago = endedAt === null ? '' : ` ${renderDuration(now - endedAt)} ago`;
    const swept = processes > 0 ? `; killed ${count} that it left${portText(listened)}` : '';
    return `${label} already ${outcomeText(before.status.outcome, before.spec)}${ago}${swept}`;
  }
  const took = renderDuration(tookMs);
  if (after.kind !== 'ended') return `${label} killed (${took}): ${count}${portText(listened)}`;
  const { outcome } = after.status;
  if (outcome.kind === 'cancelled') return `${label} cancelled before it started`;
  const how =
    outcome.kind === 'killed'
      ? `killed (${safe(outcome.signal).replace(/^SIG/, '')}, ${took})`
      : `${outcomeText(outcome, after.spec)} (${took})`;
  return `${label} ${how}: ${count}${portText(listened)}`;
}

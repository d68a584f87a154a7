/** The status of `--notify` for readers: whether the end was notified, and how. */
import * as is from '../../base/schema.ts';
import type { Home } from '../../job/home/home.ts';
import { readChecked } from '../../job/home/records.ts';
import { isNotified } from '../../job/spec.ts';
import { exitCodeOf } from '../../job/state.ts';
import type { EndedView, JobView } from '../../job/view.ts';
import { hookProgress } from './exit-hook.ts';

const notifiedSchema = is.object({
  v: is.version(1),
  at: is.time,
  by: is.literal('desktop', 'terminal', 'nobody'),
  why: is.nullable(is.text),
});
export type Notified = is.SchemaType<typeof notifiedSchema>;

export function noticeDue({ spec, status }: EndedView): boolean {
  const { outcome, stop } = status;
  return spec.notify !== null && isNotified(spec.notify, { outcome, code: exitCodeOf(outcome), stop });
}

/** How far it is. `not-needed`: the job succeeded, and only failures are notified. */
export type NoticeView =
  | { kind: 'waits' | 'not-needed' | 'due' | 'runs' | 'not-run' | 'unseen' }
  | { kind: 'told'; notified: Notified };

/** Undefined if the job has no --notify. */
export function noticeOf(home: Home, view: JobView): NoticeView | undefined {
  if (!('spec' in view) || view.spec.notify === null) return undefined;
  if (view.kind !== 'ended') return { kind: 'waits' };
  if (!noticeDue(view)) return { kind: 'not-needed' };
  // read first: a record written meanwhile is found below
  const progress = hookProgress(home, view);
  const told = readChecked(home.job(view.id).notified, 'notified.json', notifiedSchema);
  return told.kind === 'read' ? { kind: 'told', notified: told.value } : { kind: progress.kind };
}

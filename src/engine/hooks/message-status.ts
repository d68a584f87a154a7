/** The status of `--tell` for readers: whether the end was queued into the agent's thread. */
import * as is from '../../base/schema.ts';
import type { Home } from '../../job/home/home.ts';
import { readChecked } from '../../job/home/records.ts';
import { isNotified } from '../../job/spec.ts';
import { exitCodeOf } from '../../job/state.ts';
import type { EndedView, JobView } from '../../job/view.ts';
import { hookProgress } from './exit-hook.ts';

const queuedSchema = is.object({
  v: is.version(1),
  at: is.time,
  /** Null: the host took it. */
  why: is.nullable(is.text),
});
export type QueuedMessage = is.SchemaType<typeof queuedSchema>;

export function tellDue({ spec, status }: EndedView): boolean {
  const { outcome, stop } = status;
  return spec.tell !== null && isNotified(spec.tell, { outcome, code: exitCodeOf(outcome), stop });
}

/** `not-needed`: the job succeeded, and Codex gets only failures. */
export type TellView =
  | { kind: 'waits' | 'not-needed' | 'due' | 'runs' | 'not-run' | 'unseen' | 'queued' }
  | { kind: 'failed'; why: string };

/** Undefined if the job has no --tell, or was not started by an agent that can be told. */
export function tellOf(home: Home, view: JobView): TellView | undefined {
  if (!('spec' in view) || view.spec.tell === null) return undefined;
  if (view.kind !== 'ended') return { kind: 'waits' };
  if (!tellDue(view)) return { kind: 'not-needed' };
  // read first: a record written meanwhile is found below
  const progress = hookProgress(home, view);
  const queued = readChecked(home.job(view.id).queuedMessage, 'tell.json', queuedSchema);
  if (queued.kind !== 'read') return { kind: progress.kind };
  return queued.value.why === null ? { kind: 'queued' } : { kind: 'failed', why: queued.value.why };
}

/** References on the command line to jobs. */
import { type Here, jobNamedHere, resolveReference } from '../../engine/observe/resolve.ts';
import { type Failure, fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { listQueues } from '../../job/queue/queue-files.ts';
import { NO_QUEUE } from '../../job/queue/queue-order.ts';
import type { JobView } from '../../job/view.ts';
import type { Context } from '../command/context.ts';

/**
 * The home, and the job that a reference means. `typed`: the command up to the reference (`bgjob wait`), for
 * the hint.
 */
export function select(
  context: Context,
  reference: string,
  typed: string,
): Result<{ home: Home; view: JobView }> {
  const opened = context.home();
  return opened.ok ? resolveReference(opened.value, context.here(), reference, typed) : opened;
}

/** The job in words that mean it later, too: as it was typed, but `@last` may be another one by then. */
export const referenceTo = ({ id }: JobView, typed: string): string =>
  typed === '@last' ? String(id) : typed;

/** The job as a person would type it here: its name, if that means this job. */
export function referenceHere(home: Home, here: Here, view: JobView): string {
  const name = 'spec' in view ? view.spec.name : null;
  return name !== null && jobNamedHere(home, here.projects, name)?.id === view.id ? name : String(view.id);
}

/** All of them, each once, in the order given; fails at the first that does not exist. */
export function selectAll(context: Context, references: string[], typed: string): Result<JobView[]> {
  const views = new Map<number, JobView>();
  if (references.length === 0) return ok([]);
  // read once: there may be thousands of references
  const [opened, here] = [context.home(), context.here()];
  if (!opened.ok) return opened;
  for (const reference of references) {
    const found = resolveReference(opened.value, here, reference, typed);
    if (!found.ok) return found;
    const { view } = found.value;
    views.set(view.id, view);
  }
  return ok([...views.values()]);
}

/** Fails unless there is a queue of that name. */
export function requireQueue(home: Home | undefined, name: string): Result<string> {
  const known = home ? listQueues(home).filter((one) => one !== NO_QUEUE) : [];
  return known.includes(name) ? ok(name) : fail({ code: 'no-such-queue', name, known });
}

/** A job whose records are readable here, or why they are not. */
export function judgeable(view: JobView): Result<Exclude<JobView, { kind: 'unreadable' | 'elsewhere' }>> {
  if (view.kind === 'live' || view.kind === 'ended') return ok(view);
  const failure: Failure =
    view.kind === 'unreadable'
      ? { code: 'unreadable', id: view.id, why: view.why }
      : { code: 'elsewhere', id: view.id, machine: view.machine };
  return fail(failure);
}

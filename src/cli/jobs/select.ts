/** References on the command line → jobs. */
import { safe } from '../../base/text/sanitize.ts';
import {
  type Here,
  resolveReference,
  soleLiveElsewhere,
  soleNamedElsewhere,
} from '../../engine/observe/resolve.ts';
import { type Failure, fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { parseReference, type Reference } from '../../job/home/project.ts';
import { listQueues } from '../../job/queue/queue-files.ts';
import { NO_QUEUE } from '../../job/queue/queue-order.ts';
import type { JobView } from '../../job/view.ts';
import type { Context } from '../command/context.ts';
import { jobLabel } from '../messages/job-text.ts';

/** A command that only reads may take the one live job of another project, and says so; one that acts may not. */
export interface Reach {
  elsewhere: boolean;
}

/** The home, and the job that a reference means. */
export function select(
  context: Context,
  reference: string,
  reach: Reach,
): Result<{ home: Home; view: JobView }> {
  const opened = context.home();
  return opened.ok ? selectIn(context, opened.value, context.here(), reference, reach) : opened;
}

function selectIn(
  context: Context,
  home: Home | undefined,
  here: Here,
  reference: string,
  reach: Reach,
): Result<{ home: Home; view: JobView }> {
  const found = resolveReference(home, here, reference);
  if (found.ok || !home || !reach.elsewhere) return found;
  const wanted = parseReference(reference);
  const view = wanted && elsewhere(home, wanted);
  if (!view || !('spec' in view)) return found;
  const what = wanted.kind === 'name' ? `no job "${wanted.name}"` : 'no job';
  context.output.note(
    `(${what} in this project; ${jobLabel(view)} is the only live one, in ${safe(view.spec.project)})`,
  );
  return ok({ home, view });
}

function elsewhere(home: Home, wanted: Reference): JobView | undefined {
  if (wanted.kind === 'name') return soleNamedElsewhere(home, wanted.name);
  return wanted.kind === 'last' ? soleLiveElsewhere(home) : undefined;
}

/** All of them, each once, in the order given; fails at the first that is not there. */
export function selectAll(context: Context, references: string[], reach: Reach): Result<JobView[]> {
  const views = new Map<number, JobView>();
  if (references.length === 0) return ok([]);
  // once: there may be thousands
  const [opened, here] = [context.home(), context.here()];
  if (!opened.ok) return opened;
  for (const reference of references) {
    const found = selectIn(context, opened.value, here, reference, reach);
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

/** A job that we can judge, or why we cannot. */
export function judgeable(view: JobView): Result<Exclude<JobView, { kind: 'unreadable' | 'elsewhere' }>> {
  if (view.kind === 'live' || view.kind === 'ended') return ok(view);
  const failure: Failure =
    view.kind === 'unreadable'
      ? { code: 'unreadable', id: view.id, why: view.why }
      : { code: 'elsewhere', id: view.id, machine: view.machine };
  return fail(failure);
}

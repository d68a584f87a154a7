/**
 * Which failures of a round count. A failure that a later job replaced does not; outside of queues, one that
 * was requested does not either.
 */
import type { Home } from '../../job/home/home.ts';
import { supersededBy } from '../../job/home/records.ts';
import { NO_QUEUE } from '../../job/queue/queue-order.ts';
import type { JobView } from '../../job/view.ts';

/** The facts of a job that decide whether its failure counts. */
export interface EndFacts {
  /** A later job takes its place: `run --replace` or `restart`. */
  superseded: boolean;
  stopped: boolean;
  automatic: boolean;
}

/** Why a failure is reported but does not count. */
export type NotCounted = keyof EndFacts;

/** The verbs that stop one job in favour of the next; they write their name into the stop. */
const REPLACING_VERBS = ['run --replace', 'restart'];

export function endFacts(home: Home, view: JobView): EndFacts {
  if (view.kind !== 'ended') return { superseded: false, stopped: false, automatic: false };
  const { stop, outcome } = view.status;
  const wasKilled = stop?.cause === 'kill';
  return {
    superseded:
      (wasKilled && REPLACING_VERBS.includes(stop.by)) || supersededBy(home.job(view.id)) !== undefined,
    stopped: outcome.kind === 'cancelled' || (wasKilled && ['killed', 'exited'].includes(outcome.kind)),
    automatic: view.spec.origin !== null,
  };
}

/** The queue of a job; null if it has none. */
export function roundQueueOf(view: JobView): string | null {
  const queue = 'spec' in view ? view.spec.placement?.queue : undefined;
  return queue === undefined || queue === NO_QUEUE ? null : queue;
}

/** Why a failure does not count in a round of a queue (`round`) or of the project (null); null: it counts. */
export function whyNotCounted(
  { superseded, stopped, automatic }: EndFacts,
  queue: string | null,
  round: string | null,
): NotCounted | null {
  if (superseded) return 'superseded';
  if (round !== null) return null;
  if (automatic) return 'automatic';
  return stopped && queue === null ? 'stopped' : null;
}

/** Whether a round of the project leaves out an ended job: then it is not reported. */
export function isLeftOut(home: Home, view: JobView): boolean {
  if (view.kind !== 'ended') return false;
  const why = whyNotCounted(endFacts(home, view), roundQueueOf(view), null);
  return why === 'automatic' || why === 'stopped';
}

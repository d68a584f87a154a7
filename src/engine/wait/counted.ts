/** Which failures of a round count: not those that a later job stands for, nor, outside of queues, what somebody wanted to end. */
import type { Home } from '../../job/home/home.ts';
import { supersededBy } from '../../job/home/records.ts';
import { NO_QUEUE } from '../../job/queue/queue-order.ts';
import type { JobView } from '../../job/view.ts';

/** What of a job decides whether its failure counts. */
export interface EndFacts {
  /** A later job stands for it: `run --replace` or `restart`. */
  superseded: boolean;
  /** Somebody asked for its end. */
  stopped: boolean;
  /** A schedule or a trigger started it. */
  automatic: boolean;
}

/** Why a failure is told and not counted. */
export type NotCounted = keyof EndFacts;

/** Who writes these into a stop stops one job for the next. */
const FOR_THE_NEXT = ['run --replace', 'restart'];

export function endFacts(home: Home, view: JobView): EndFacts {
  if (view.kind !== 'ended') return { superseded: false, stopped: false, automatic: false };
  const { stop, outcome } = view.status;
  const asked = stop?.cause === 'kill';
  return {
    superseded: (asked && FOR_THE_NEXT.includes(stop.by)) || supersededBy(home.job(view.id)) !== undefined,
    stopped: outcome.kind === 'cancelled' || (asked && ['killed', 'exited'].includes(outcome.kind)),
    automatic: view.spec.origin !== null,
  };
}

/** The name of its queue; null: it is in none. */
export function roundQueueOf(view: JobView): string | null {
  const queue = 'spec' in view ? view.spec.placement?.queue : undefined;
  return queue === undefined || queue === NO_QUEUE ? null : queue;
}

/** Why the failure of a job counts not in a round of a queue (`round`), or of the project (null); null: it counts. */
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

/** Whether a round of the project leaves out a job that has ended: then nobody is told of it. */
export function isLeftOut(home: Home, view: JobView): boolean {
  if (view.kind !== 'ended') return false;
  const why = whyNotCounted(endFacts(home, view), roundQueueOf(view), null);
  return why === 'automatic' || why === 'stopped';
}

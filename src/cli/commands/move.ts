/** `bgjob move`: another place in line for jobs that wait. */
import { errnoOf } from '../../base/result.ts';
import { wasQueued } from '../../engine/launch/stored-environment.ts';
import { QueueOverview } from '../../engine/queue/queue-status.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { findEntry, listEntries, moveEntry } from '../../job/queue/queue-files.ts';
import {
  idOfEntry,
  MOST_PRIORITY,
  rankBefore,
  rankBehind,
  rankOf,
  rankOfEntry,
} from '../../job/queue/queue-order.ts';
import { type JobView, stateWord } from '../../job/view.ts';
import { SUCCESS, verb } from '../command/command.ts';
import { judgeable, selectAll } from '../jobs/select.ts';
import { jobLabel, queueOf } from '../messages/job-text.ts';

/** Where jobs go: to the front of their line, to its end, or among those of a priority. */
type Aim = 'first' | 'last' | number;

/** The ranks of the jobs of one queue, in the order in which they were named. */
function ranksFor(aim: Aim, count: number, ranks: number[]): number[] {
  if (typeof aim === 'number') return Array.from({ length: count }, () => rankOf(aim));
  // at the front each has a rank of its own, or the order of their ids would decide
  const first = aim === 'first' ? rankBefore(ranks, count) : rankBehind(ranks);
  return Array.from({ length: count }, (_, n) => first + n);
}

/** Fails where one of them does not wait for its turn: nothing is moved then. */
function checkWaiting(views: JobView[]): Result<Map<string, JobView[]>> {
  const byQueue = new Map<string, JobView[]>();
  for (const view of views) {
    const judged = judgeable(view);
    if (!judged.ok) return judged;
    const queue = queueOf(view);
    const isQueued = view.kind === 'live' && view.status.phase === 'queued';
    if (!isQueued || queue === null)
      return fail({ code: 'not-waiting', id: view.id, state: stateWord(view), inQueue: !isQueued });
    byQueue.set(queue, [...(byQueue.get(queue) ?? []), view]);
  }
  return ok(byQueue);
}

/** Moves the jobs of one queue; fails at one that is started meanwhile. Throws system errors. */
function moveIn(home: Home, name: string, views: JobView[], aim: Aim): Result<void> {
  const queue = home.queue(name);
  const own = new Set(views.map(({ id }) => id));
  const entries = listEntries(queue);
  const others = entries.filter((entry) => !own.has(idOfEntry(entry.name)));
  const ranks = ranksFor(
    aim,
    views.length,
    others.map((entry) => rankOfEntry(entry.name)),
  );
  for (const [n, view] of views.entries()) {
    const entry = 'spec' in view && wasQueued(view.spec) ? findEntry(home, view.spec) : undefined;
    if (!entry || !moveEntry(queue, entry, ranks[n]!))
      return fail({ code: 'not-waiting', id: view.id, state: 'being started', inQueue: true });
  }
  return ok(undefined);
}

export const move = verb({
  name: 'move',
  operands: 'REF...',
  arity: [1, Number.POSITIVE_INFINITY],
  brief: 'in a queue',
  changes: true,
  summary: 'another place in its queue for a job that waits',
  description: [
    'To the front of its queue, before jobs of every priority, or to its end, or among those of another priority. Several jobs',
    'keep the order in which they are named. What has started already is not touched.',
  ],
  examples: [
    ['bgjob move 42 --first', 'the next of its queue'],
    ['bgjob move 42 --priority 10', 'as run -Q api --priority 10 would have placed it'],
  ],
  options: {
    first: { kind: 'flag', text: 'to the front' },
    last: { kind: 'flag', text: 'to the end' },
    priority: { kind: 'integer', value: 'N', text: 'among those of this priority, by their ids' },
  },
  async run(context, { options, words }) {
    const { output } = context;
    const { first, last, priority } = options;
    if (Number(first) + Number(last) + Number(priority !== null) !== 1)
      return fail({
        code: 'usage',
        message: 'move needs one of --first, --last, --priority N',
        hint: `bgjob move ${words[0]} --first`,
      });
    if (priority !== null && Math.abs(priority) > MOST_PRIORITY)
      return fail({ code: 'usage', message: `--priority: from -${MOST_PRIORITY} to ${MOST_PRIORITY}` });
    const selected = selectAll(context, words, 'bgjob move');
    if (!selected.ok) return selected;
    const waiting = checkWaiting(selected.value);
    if (!waiting.ok) return waiting;
    const opened = context.home();
    if (!opened.ok) return opened;
    const home = opened.value!;
    try {
      for (const [name, views] of waiting.value) {
        const moved = moveIn(home, name, views, first ? 'first' : last ? 'last' : priority!);
        if (!moved.ok) return moved;
      }
    } catch (thrown) {
      return fail({ code: 'io', doing: 'move jobs in', path: home.queues, errno: errnoOf(thrown) });
    }
    const overview = new QueueOverview(home);
    for (const view of selected.value) {
      const queue = queueOf(view)!;
      const place = overview.queue(queue).positionOf(view.id);
      if (output.json) output.object({ v: 1, id: view.id, queue, place });
      else output.line(`${jobLabel(view)} ${place === null ? 'starts' : `is #${place} in line in ${queue}`}`);
    }
    return ok(SUCCESS);
  },
});

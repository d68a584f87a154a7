/** `bgjob move`: changes the place of waiting jobs in their queue. */
import { errnoOf } from '../../base/result.ts';
import { wasQueued } from '../../engine/launch/stored-environment.ts';
import { QueueOverview } from '../../engine/queue/queue-status.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { writeSettings } from '../../job/home/records.ts';
import { findEntry, listEntries, moveEntry } from '../../job/queue/queue-files.ts';
import { idOfEntry, rankBefore, rankBehind, rankOf, rankOfEntry } from '../../job/queue/queue-order.ts';
import { type JobView, stateWord } from '../../job/view.ts';
import { SUCCESS, verb } from '../command/command.ts';
import { judgeable, selectAll } from '../jobs/select.ts';
import { jobLabel, queueOf } from '../messages/job-text.ts';
import { movedText } from '../messages/queue.ts';
import { moveNeedsTarget } from '../messages/usage.ts';
import { checkPriority } from '../run/queue-options.ts';

/** Where jobs go: to the front of their queue, to its end, or to those of a priority. */
type Target = 'first' | 'last' | number;

/** The ranks of the jobs of one queue, in the order in which they were named. */
function ranksFor(target: Target, count: number, ranks: number[]): number[] {
  if (typeof target === 'number') return Array.from({ length: count }, () => rankOf(target));
  // at the front each needs a rank of its own: with equal ranks the ids would decide
  const first = target === 'first' ? rankBefore(ranks, count) : rankBehind(ranks);
  return Array.from({ length: count }, (_, n) => first + n);
}

/** The jobs by queue. Fails if one of them does not wait in a queue: nothing is moved then. */
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

/** Moves the jobs of one queue. Fails at a job that is being started. Throws system errors. */
function moveIn(home: Home, name: string, views: JobView[], target: Target): Result<void> {
  const queue = home.queue(name);
  const own = new Set(views.map(({ id }) => id));
  const entries = listEntries(queue);
  const others = entries.filter((entry) => !own.has(idOfEntry(entry.name)));
  const ranks = ranksFor(
    target,
    views.length,
    others.map((entry) => rankOfEntry(entry.name)),
  );
  for (const [n, view] of views.entries()) {
    const entry = 'spec' in view && wasQueued(view.spec) ? findEntry(home, view.spec) : undefined;
    if (!entry || !moveEntry(queue, entry, ranks[n]!))
      return fail({ code: 'not-waiting', id: view.id, state: 'being started', inQueue: true });
    // the entry has the priority of this attempt; later attempts and restart read it here
    if (typeof target === 'number') writeSettings(home.job(view.id), { priority: target });
  }
  return ok(undefined);
}

export const move = verb({
  name: 'move',
  operands: 'REF...',
  arity: [1, Number.POSITIVE_INFINITY],
  brief: '',
  changes: true,
  summary: 'change the place of a waiting job in its queue',
  description: [
    'Moves the job to the front of its queue, before jobs of every priority, or to the end, or to the',
    'jobs of another priority. Several jobs keep the order in which they are named. A job that has',
    'started cannot be moved.',
  ],
  examples: [
    ['bgjob move 42 --first', 'the next job of its queue'],
    ['bgjob move 42 --priority 10', 'as if run with --priority 10'],
  ],
  options: {
    first: { kind: 'flag', text: 'to the front' },
    last: { kind: 'flag', text: 'to the end' },
    priority: { kind: 'integer', value: 'N', text: 'to the jobs of this priority, in the order of ids' },
  },
  async run(context, { options, words }) {
    const { output } = context;
    const { first, last, priority } = options;
    if (Number(first) + Number(last) + Number(priority !== null) !== 1)
      return fail(moveNeedsTarget(words[0]!));
    const ranked = checkPriority(priority);
    if (!ranked.ok) return ranked;
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
      else output.line(movedText(jobLabel(view), queue, place));
    }
    return ok(SUCCESS);
  },
});

/** Queues as rows of a table and as objects. */

import { renderDuration, systemClock } from '../../base/clock.ts';
import { observe } from '../../engine/observe/observe.ts';
import { QueueOverview, type QueueStatus } from '../../engine/queue/queue-status.ts';
import { ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { NO_QUEUE } from '../../job/queue/queue-order.ts';
import { type Exit, SUCCESS } from '../command/command.ts';
import { jobLabel } from '../messages/job-text.ts';
import { inNoQueueText, NO_QUEUES_YET, queueText } from '../messages/lists.ts';
import { waitingText } from '../messages/queue.ts';
import { plainTable } from '../output/columns.ts';
import type { Output } from '../output/output.ts';

const HEADS = ['NAME', 'SLOTS', 'RUNNING', 'WAITING', 'STATE', 'NEXT'];
const STATE_COLUMN = 4;

/** A queue in a table and in JSON. */
interface Row {
  name: string;
  slots: number;
  running: number;
  waiting: number;
  state: 'idle' | 'busy' | 'waiting' | 'paused';
  paused: boolean;
  next: { id: number; label: string; reason: string; sinceMs: number } | null;
}

function rowOf(home: Home, overview: QueueOverview, status: QueueStatus): Row {
  const [running, waiting] = [status.running.size, status.waiting];
  const { view, reason } = firstOf(home, overview, status) ?? {};
  const { name, slots, isPaused: paused } = status;
  const state = paused ? 'paused' : running > 0 ? 'busy' : waiting > 0 ? 'waiting' : 'idle';
  const next =
    view?.kind === 'live' && reason !== undefined
      ? {
          ...{ id: view.id, label: jobLabel(view), reason },
          sinceMs: Math.max(0, systemClock.now() - view.spec.createdAt),
        }
      : null;
  return { name, slots, running, waiting, state, paused, next };
}

/** The first job that waits; the job of an entry may be gone. */
function firstOf(home: Home, overview: QueueOverview, status: QueueStatus) {
  for (const id of status.first) {
    const view = observe(home, id);
    const waiting = view && overview.waitingOf(view);
    if (waiting) return { view, reason: waitingText(waiting) };
  }
  return undefined;
}

function nextText({ next, paused }: Row): string {
  if (!next) return '-';
  const reason = paused || /^#\d+ in line$/.test(next.reason) ? '' : `, ${next.reason}`;
  return `${next.label} (${renderDuration(next.sinceMs)}${reason})`;
}

function objectOf({ next, ...row }: Row): object {
  return { v: 1, ...row, next: next && { id: next.id, reason: next.reason, waitingMs: next.sinceMs } };
}

/** Lists all queues. */
export async function printQueues(output: Output, home: Home | undefined): Promise<Result<Exit>> {
  if (!home) {
    if (!output.json) output.note(NO_QUEUES_YET);
    return ok(SUCCESS);
  }
  const overview = new QueueOverview(home);
  const statuses = overview.queues;
  const rows = statuses
    .filter(({ name }) => name !== NO_QUEUE)
    .map((status) => rowOf(home, overview, status));
  if (output.json) {
    for (const row of rows) output.object(objectOf(row));
    return ok(SUCCESS);
  }
  const cells = rows.map((row) => [
    ...[row.name, String(row.slots), String(row.running), String(row.waiting), row.state],
    nextText(row),
  ]);
  if (rows.length === 0) output.note(NO_QUEUES_YET);
  else if (output.isTerminal(1) || output.hasColor(1)) {
    const { renderTable } = await import('../output/table.ts');
    const toned = cells.map((row, n) => ({ cells: row, tone: STATE_STYLES[rows[n]!.state] }));
    output.line(renderTable(HEADS, toned, STATE_COLUMN, output.width(), output.hasColor(1)));
  } else {
    for (const line of plainTable(HEADS, cells)) output.line(line);
  }
  const outside = statuses.find(({ name }) => name === NO_QUEUE)?.waiting ?? 0;
  if (outside > 0) output.note(inNoQueueText(outside));
  return ok(SUCCESS);
}

const STATE_STYLES = { idle: 'dim', busy: 'live', waiting: 'dim', paused: 'dim' } as const;

/** Prints one queue as it is now. */
export function printQueue(output: Output, home: Home, name: string): Result<Exit> {
  const overview = new QueueOverview(home);
  const row = rowOf(home, overview, overview.queue(name));
  if (output.json) output.object(objectOf(row));
  else output.line(queueText(row));
  return ok(SUCCESS);
}

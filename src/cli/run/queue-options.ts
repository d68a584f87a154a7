/** The options of `run` that put a job into a queue, and what they say. */
import { systemClock } from '../../base/clock.ts';
import { safe } from '../../base/text/sanitize.ts';
import { type PlacementWish, setSlots } from '../../engine/queue/enqueue.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { isName } from '../../job/home/project.ts';
import { MOST_SLOTS } from '../../job/queue/queue-files.ts';
import { MOST_PRIORITY, NO_QUEUE } from '../../job/queue/queue-order.ts';
import type { Dependency } from '../../job/spec.ts';
import type { Context } from '../command/context.ts';
import { selectAll } from '../jobs/select.ts';

const DEFAULT_BACKOFF_MS = 1000;
/** Where a batch goes for which no queue is named, here or in config.json. */
const DEFAULT_QUEUE = 'default';

export const QUEUE_OPTIONS = {
  queue: {
    kind: 'text',
    short: '-Q',
    value: 'NAME',
    text: 'wait in this queue for a slot',
    group: 'Queue',
  },
  slots: { kind: 'count', value: 'N', text: 'how many jobs of the queue run at once (default 1)' },
  priority: { kind: 'integer', value: 'N', text: 'the higher comes first (default 0)' },
  after: { kind: 'list', value: 'REF', text: 'start when REF has succeeded; skipped if it fails' },
  'after-any': { kind: 'list', value: 'REF', text: 'start when REF has ended, however' },
  delay: { kind: 'duration', value: 'DUR', text: 'not before DUR from now' },
  retry: { kind: 'count', value: 'N', text: 'after a failure run it again, up to N times' },
  backoff: {
    kind: 'duration',
    value: 'DUR',
    text: 'before the first retry (default 1s); then twice as long each time',
  },
  batch: { kind: 'text', value: 'FILE|-', text: 'a job for each line of FILE, a shell line' },
  'skip-bad': { kind: 'flag', text: 'with --batch: leave bad lines out, and add the rest' },
} as const;

interface QueueInput {
  queue: string | null;
  slots: number | null;
  priority: number | null;
  after: string[];
  'after-any': string[];
  delay: number | null;
  retry: number | null;
  backoff: number | null;
  batch: string | null;
  'skip-bad': boolean;
}

export interface Queueing {
  /** Null: the job starts at once. */
  wish: PlacementWish | null;
  /** What the slots of the queue are set to. */
  slots: number | null;
  retry: number;
  backoffMs: number;
}

const usage = (message: string, hint?: string) =>
  fail({ code: 'usage', message, ...(hint !== undefined && { hint }) });

/** Checks the name of a queue. */
export const checkQueueName = (name: string): Result<string> =>
  isName(name)
    ? ok(name)
    : usage(
        `--queue: "${safe(name)}" is not a name: letters, digits and . _ - (64 at most), a letter or digit first, not digits alone`,
      );

/** Checks a number of slots. */
export const checkSlots = (slots: number): Result<number> =>
  slots >= 1 && slots <= MOST_SLOTS
    ? ok(slots)
    : usage(
        slots === 0
          ? '--slots: with 0 nothing would ever start'
          : `--slots: ${slots} are too many (${MOST_SLOTS} at most)`,
        slots === 0 ? 'bgjob queue pause NAME' : undefined,
      );

function dependenciesOf(context: Context, references: string[], any: boolean): Result<Dependency[]> {
  const words = references.flatMap((text) => text.split(','));
  const selected = selectAll(context, words, `bgjob run --after${any ? '-any' : ''}`);
  return selected.ok ? ok(selected.value.map(({ id }) => ({ id, any }))) : selected;
}

/** Where a batch waits for which no queue is named. */
export const batchQueue = (context: Context): string => context.configOrNone().queue ?? DEFAULT_QUEUE;

/** What the options say, checked against each other. */
export function parseQueueing(context: Context, options: QueueInput): Result<Queueing> {
  const { queue, slots, priority, delay, batch } = options;
  if (options['skip-bad'] && batch === null) return usage('--skip-bad is for --batch', 'bgjob run --help');
  const named = queue ?? (batch === null ? null : batchQueue(context));
  if (named !== null) {
    const name = checkQueueName(named);
    if (!name.ok) return name;
  }
  if (named === null && (slots !== null || priority !== null))
    return usage(
      `--${slots !== null ? 'slots' : 'priority'} needs --queue`,
      'bgjob run -Q NAME --slots 2 -- command',
    );
  if (slots !== null) {
    const checked = checkSlots(slots);
    if (!checked.ok) return checked;
  }
  if (priority !== null && Math.abs(priority) > MOST_PRIORITY)
    return usage(`--priority: from -${MOST_PRIORITY} to ${MOST_PRIORITY}`);
  if (options.backoff !== null && options.retry === null)
    return usage('--backoff needs --retry', 'bgjob run --retry 3 --backoff 10s -- command');
  const success = dependenciesOf(context, options.after, false);
  if (!success.ok) return success;
  const end = dependenciesOf(context, options['after-any'], true);
  if (!end.ok) return end;
  const after = [
    ...success.value,
    ...end.value.filter(({ id }) => !success.value.some((one) => one.id === id)),
  ];
  const retry = options.retry ?? 0;
  const waits = named !== null || after.length > 0 || delay !== null || retry > 0;
  return ok({
    slots,
    retry,
    backoffMs: retry === 0 ? 0 : (options.backoff ?? DEFAULT_BACKOFF_MS),
    wish: waits
      ? {
          queue: named ?? NO_QUEUE,
          priority: priority ?? 0,
          notBefore: delay === null ? null : Math.round(systemClock.now() + delay),
          after,
        }
      : null,
  });
}

/** Sets the slots that were asked for. */
export const applySlots = (home: Home, { wish, slots }: Queueing): Result<void> =>
  wish === null || slots === null ? ok(undefined) : setSlots(home, wish.queue, slots);

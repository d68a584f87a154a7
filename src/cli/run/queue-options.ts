/** The options of `run` that put a job into a queue, or make it wait. */
import { systemClock } from '../../base/clock.ts';
import { type PlacementOptions, setSlots } from '../../engine/queue/enqueue.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { isName } from '../../job/home/project.ts';
import { MOST_SLOTS } from '../../job/queue/queue-files.ts';
import { MOST_PRIORITY, NO_QUEUE } from '../../job/queue/queue-order.ts';
import type { CodeRange, Dependency } from '../../job/spec.ts';
import type { Context } from '../command/context.ts';
import { selectAll } from '../jobs/select.ts';
import { badCodes } from '../messages/queue.ts';
import { badSlots, priorityOutOfRange } from '../messages/run.ts';
import { needsOption, notAName } from '../messages/usage.ts';
import { findTarget } from '../targets/on-option.ts';

const RETRY_ON_EXAMPLE = 'bgjob run --retry 3 --retry-on 75,100-110 -- command';
const DEFAULT_BACKOFF_MS = 1000;
/** The queue of a batch if none is named, here or in config.json. */
const DEFAULT_QUEUE = 'default';

export const QUEUE_OPTIONS = {
  queue: {
    kind: 'text',
    short: '-Q',
    value: 'NAME',
    text: 'wait in this queue until a slot is free',
    group: 'Queue',
  },
  slots: { kind: 'count', value: 'N', text: 'how many jobs of the queue may run at once (default 1)' },
  priority: { kind: 'integer', value: 'N', text: 'jobs with a higher number start first (default 0)' },
  after: {
    kind: 'list',
    value: 'REF',
    text: 'start after REF has succeeded; if REF fails the job is skipped',
  },
  'after-any': { kind: 'list', value: 'REF', text: 'start after REF has ended, with any result' },
  delay: { kind: 'duration', value: 'DUR', text: 'start DUR from now, not earlier' },
  retry: { kind: 'count', value: 'N', text: 'after a failure run the job again, up to N times' },
  'retry-on': {
    kind: 'text',
    value: 'CODES',
    text: 'with --retry: only after these exit codes (75,100-110); 124 is a timeout',
  },
  backoff: {
    kind: 'duration',
    value: 'DUR',
    text: 'wait DUR before the first retry (default 1s), then twice as long each time',
  },
  batch: { kind: 'text', value: 'FILE|-', text: 'start a job for each line of FILE; each is a shell line' },
  'skip-bad': { kind: 'flag', text: 'with --batch: leave out bad lines, and add the others' },
} as const;

interface QueueInput {
  queue: string | null;
  slots: number | null;
  priority: number | null;
  after: string[];
  'after-any': string[];
  delay: number | null;
  retry: number | null;
  'retry-on': string | null;
  backoff: number | null;
  batch: string | null;
  'skip-bad': boolean;
  on?: string | null;
}

export interface Queueing {
  /** Null: the job starts at once. */
  wish: PlacementOptions | null;
  slots: number | null;
  retry: number;
  backoffMs: number;
  retryOn: CodeRange[] | null;
}

/** The ranges of `75,100-110`. */
function parseCodes(text: string): Result<CodeRange[]> {
  const ranges: CodeRange[] = [];
  for (const part of text.split(',')) {
    const match = /^\s*(\d{1,9})(?:-(\d{1,9}))?\s*$/.exec(part);
    const [from, to] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
    if (!match) return fail(badCodes(part, 'syntax'));
    if (from === 0) return fail(badCodes(part, 'zero'));
    if (from > 255 || to > 255) return fail(badCodes(part, 'high'));
    if (from > to) return fail(badCodes(part, 'order'));
    ranges.push({ from, to });
  }
  return ok(ranges);
}

export const checkQueueName = (name: string): Result<string> =>
  isName(name) ? ok(name) : fail(notAName('--queue', name));

export const checkSlots = (slots: number): Result<number> =>
  slots >= 1 && slots <= MOST_SLOTS ? ok(slots) : fail(badSlots(slots, MOST_SLOTS));

export const checkPriority = (priority: number | null): Result<void> =>
  priority === null || Math.abs(priority) <= MOST_PRIORITY
    ? ok(undefined)
    : fail(priorityOutOfRange(MOST_PRIORITY));

function dependenciesOf(context: Context, references: string[], any: boolean): Result<Dependency[]> {
  const words = references.flatMap((text) => text.split(','));
  const selected = selectAll(context, words, `bgjob run --after${any ? '-any' : ''}`);
  return selected.ok ? ok(selected.value.map(({ id }) => ({ id, any }))) : selected;
}

const batchQueue = (context: Context): string => context.configOrNone().queue ?? DEFAULT_QUEUE;

/** Slurm has a queue of its own: the lines of a batch go there together, as an array. */
function isOnSlurm(context: Context, on: string | null): boolean {
  if (on === null) return false;
  const found = findTarget(on, context.configOrNone());
  return found.ok && found.value?.slurm !== undefined;
}

export function parseQueueing(context: Context, options: QueueInput): Result<Queueing> {
  const { queue, slots, priority, delay, batch } = options;
  if (options['skip-bad'] && batch === null)
    return fail(needsOption('--skip-bad', '--batch', 'bgjob run --help'));
  const isPlain = batch === null || isOnSlurm(context, options.on ?? null);
  const named = queue ?? (isPlain ? null : batchQueue(context));
  if (named !== null) {
    const name = checkQueueName(named);
    if (!name.ok) return name;
  }
  if (named === null && (slots !== null || priority !== null))
    return fail(
      needsOption(
        slots !== null ? '--slots' : '--priority',
        '--queue',
        'bgjob run -Q NAME --slots 2 -- command',
      ),
    );
  if (slots !== null) {
    const checked = checkSlots(slots);
    if (!checked.ok) return checked;
  }
  const ranked = checkPriority(priority);
  if (!ranked.ok) return ranked;
  if (options.backoff !== null && options.retry === null)
    return fail(needsOption('--backoff', '--retry', 'bgjob run --retry 3 --backoff 10s -- command'));
  const codes = options['retry-on'] === null ? ok(null) : parseCodes(options['retry-on']);
  if (!codes.ok) return codes;
  if (codes.value !== null && !options.retry)
    return fail(needsOption('--retry-on', '--retry N', RETRY_ON_EXAMPLE));
  const success = dependenciesOf(context, options.after, false);
  if (!success.ok) return success;
  const end = dependenciesOf(context, options['after-any'], true);
  if (!end.ok) return end;
  const after = [
    ...success.value,
    ...end.value.filter(({ id }) => !success.value.some((one) => one.id === id)),
  ];
  const retry = options.retry ?? 0;
  const waits = batch !== null || named !== null || after.length > 0 || delay !== null || retry > 0;
  return ok({
    slots,
    retry,
    retryOn: codes.value,
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

export const applySlots = (home: Home, { wish, slots }: Queueing): Result<void> =>
  wish === null || slots === null ? ok(undefined) : setSlots(home, wish.queue, slots);

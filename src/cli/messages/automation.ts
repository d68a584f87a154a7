/** Messages of `cron`, `trigger` and `boot`. */
import { plural, safe } from '../../base/text/sanitize.ts';
import type { Failure } from '../../job/failure.ts';
import { type UsageFailure, usageError } from './usage.ts';

/** The verb of each. */
const VERB = { schedule: 'cron', trigger: 'trigger', schedules: 'cron', triggers: 'trigger' } as const;

export function automationMessageOf(
  failure: Extract<
    Failure,
    { code: 'no-such-starter' | 'starter-taken' | 'started-before' | 'starter-newer' | 'not-served' }
  >,
): { message: string; hint?: string } {
  switch (failure.code) {
    case 'no-such-starter': {
      const { kind, name, known } = failure;
      const verb = VERB[kind];
      const here = known.length > 0 ? `; ${kind}s: ${known.slice(0, 10).map(safe).join(', ')}` : '';
      return {
        message: `no ${kind} "${safe(name)}"${here}`,
        hint: known.length > 0 ? `bgjob ${verb} ls` : `bgjob ${verb} --help`,
      };
    }
    case 'starter-taken':
      return {
        message: `there is a ${failure.kind} ${safe(failure.name)} already`,
        hint: `another --name, or first: bgjob ${VERB[failure.kind]} rm ${safe(failure.name)}`,
      };
    case 'started-before':
      return { message: `${safe(failure.name)}: another process has started this job` };
    case 'starter-newer':
      return {
        message: `${safe(failure.name)}: ${safe(failure.why)}; nothing was started`,
        hint: 'npm install -g bgjob@latest',
      };
    case 'not-served': {
      const job = failure.id === null ? '' : ` (job ${failure.id})`;
      return {
        message: `the ${failure.kind === 'schedules' ? 'scheduler' : 'listener'}${job} is not running: ${failure.why}`,
        hint: failure.id === null ? 'bgjob doctor' : `bgjob tail ${failure.id}`,
      };
    }
  }
}

/** `@every 3`. */
export function everyWithoutUnit(expression: string): UsageFailure {
  const text = safe(expression.trim());
  return usageError(
    `"${text}" has no unit`,
    `'${text}s' (seconds), '${text}m' (minutes), '${text}h' (hours)`,
  );
}

/** A schedule or trigger whose record cannot be read. */
export const unreadableTemplate = (kind: 'schedule' | 'trigger', name: string, why: string): UsageFailure =>
  usageError(`${kind} ${name}: ${safe(why)}; nothing was done`, `bgjob ${VERB[kind]} rm ${name}`);

export const noRecord = (): string => 'it has no record';

export const stillRuns = (id: number, name: string): UsageFailure =>
  usageError(`job ${id} of ${name} still runs, and --overlap is skip`, `bgjob wait ${id}`);

export const historyNotWritten = (): string => '(started, but the history could not be written)';

export const pausedText = (name: string, wasPaused: boolean, paused: boolean): string =>
  wasPaused === paused
    ? `${name} is ${paused ? 'paused' : 'not paused'} already`
    : `${name} ${paused ? 'paused' : 'resumed'}`;

export const noDeliveries = (name: string): string => `${name}: no delivery has come yet`;

/** `boot` in a home without jobs. */
export const nothingToBoot = (): string => 'nothing to start: there are no jobs yet';

/** `queue` null: jobs that wait outside of queues. */
export const bootedQueue = (queue: string | null, waiting: number): string =>
  `${queue === null ? 'in no queue' : `queue ${queue}`}: ${plural(waiting, 'job')} waited`;

export const bootedService = (serves: string, names: string[], id: number): string =>
  `${serves}: ${names.join(', ')} (job ${id})`;

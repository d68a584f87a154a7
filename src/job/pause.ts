/** What is written down of pauses: the requests, and what they have done to a running job. */
import * as is from '../base/schema.ts';

/** A request to pause a job, or to let it go on; the highest number of its attempt counts. */
export const holdShape = is.object({
  paused: is.flag,
  /** Who asked, in words. */
  by: is.text,
  attempt: is.count,
});
export type Hold = is.Shaped<typeof holdShape>;

/** What pauses have done to a running job. */
export const holdingShape = is.object({
  /** The last request that was answered. */
  request: is.count,
  /** How long it was paused, all pauses that are over. */
  pausedMs: is.amount,
  /** The pause that lasts. */
  since: is.nullable(is.object({ at: is.time, monotonicMs: is.amount, by: is.text })),
});

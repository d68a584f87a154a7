/** Where a job comes from that nobody typed: a time of a schedule, or a delivery to a trigger. */
import * as is from '../base/schema.ts';

export const originShape = is.variant('kind', {
  /** `at`: the time for which it was due; null: `cron run`. */
  schedule: { name: is.text, at: is.nullable(is.time) },
  /** `delivery`: what the sender calls it, if it does. */
  trigger: { name: is.text, delivery: is.nullable(is.text) },
  /** One of our own: it starts what schedules and triggers say. */
  own: { serves: is.literal('schedules', 'triggers') },
});
export type Origin = is.Shaped<typeof originShape>;

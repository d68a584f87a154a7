/** Which process a record means. */
import * as is from '../base/schema.ts';

/** A pid alone is reused within seconds; together with the start time of its process it is not. */
export const identitySchema = is.object({
  pid: is.count,
  /** Start of the process in clock ticks since boot (`/proc/PID/stat` field 22; macOS: seconds since 1970). */
  startTicks: is.count,
  bootId: is.text,
  pidNamespace: is.text,
  machine: is.text,
});
export type Identity = is.Shaped<typeof identitySchema>;

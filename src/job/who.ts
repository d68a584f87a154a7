/** Who a process is, as records keep it. */
import * as is from '../base/schema.ts';

/** Who a process is: a pid is reused within seconds, together with its start time it is not. */
export const identityShape = is.object({
  pid: is.count,
  /** Start of the process in clock ticks since boot (`/proc/PID/stat` field 22; macOS: seconds since 1970). */
  startTicks: is.count,
  bootId: is.text,
  pidNamespace: is.text,
  machine: is.text,
});
export type Identity = is.Shaped<typeof identityShape>;

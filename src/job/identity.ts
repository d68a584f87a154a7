/** The identity of a process in records. */
import * as is from '../base/schema.ts';

/** A pid alone is not enough: the kernel may give it to another process within seconds. */
export const identitySchema = is.object({
  pid: is.count,
  /** Start time in clock ticks since boot (`/proc/PID/stat` field 22); on macOS in seconds since 1970. */
  startTicks: is.count,
  bootId: is.text,
  pidNamespace: is.text,
  machine: is.text,
});
export type Identity = is.SchemaType<typeof identitySchema>;

/** The variable that marks the processes of a job on a target; its value is the uid there, and a dot. */
export const FAR_MARKER = 'BGJOB_REMOTE';

/** What a job reads, and the terminal in which it runs: the parts of a spec. */
import * as is from '../base/schema.ts';

/** What a job reads on stdin; null in a spec: nothing. */
export const stdinShape = is.variant('kind', {
  /** What `send` writes, until somebody says that it was all. */
  hold: {},
  /** A file of the caller's. */
  file: { path: is.text },
  /** What `run` copied into the job's directory. */
  kept: {},
});
export type Stdin = is.Shaped<typeof stdinShape>;

/** The size of a terminal, in characters. */
export const terminalShape = is.object({ columns: is.count, rows: is.count });
export type Terminal = is.Shaped<typeof terminalShape>;

/** Whether `send` reaches the job, once it runs. */
export const isSendable = ({ stdin }: { stdin: Stdin | null }): boolean => stdin?.kind === 'hold';

/** What a person sees who waits: a spinner for one job, a line that counts for many. Nobody else loads what draws it. */
import type { JobView } from '../../job/view.ts';
import { jobLabel } from '../messages/job-text.ts';
import type { Output } from '../output/output.ts';
import type { Amounts } from './progress.ts';

const isWatched = (output: Output): boolean => !output.json && output.isTerminal(2);

/** Writes a line where a spinner may turn. */
export const beside =
  (spinner: { pause(): void; resume(): void } | undefined) =>
  (write: () => void): void => {
    spinner?.pause();
    write();
    spinner?.resume();
  };

/** A spinner while a person waits: only on a terminal is it even loaded. */
export async function startSpinner(output: Output, view: JobView) {
  if (!isWatched(output)) return undefined;
  const { Spinner } = await import('./spinner.ts');
  return Spinner.start(`waiting for ${jobLabel(view)}`);
}

/** The same for many jobs: how far they are. `read` is asked some times a second; it appears after `quietMs`. */
export async function startProgress(output: Output, read: () => Amounts, verb = 'ended', quietMs = 0) {
  if (!isWatched(output)) return undefined;
  const { Spinner } = await import('./spinner.ts');
  const { Progress } = require('./progress.ts') as typeof import('./progress.ts');
  const progress = new Progress(verb);
  return Spinner.startLines((columns) => progress.line(read(), columns), quietMs, output.hasColor(2));
}

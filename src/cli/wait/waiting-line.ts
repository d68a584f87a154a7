/** The line that a person sees while a call waits. Only a terminal loads it. */
import type { JobView } from '../../job/view.ts';
import { jobLabel } from '../messages/job-text.ts';
import type { Output } from '../output/output.ts';
import type { Amounts } from './progress.ts';

const isWatched = (output: Output): boolean => !output.json && output.isTerminal(2);

/** Calls `write` while the spinner, if there is one, is off the screen. */
export const aroundSpinner =
  (spinner: { pause(): void; resume(): void } | undefined) =>
  (write: () => void): void => {
    spinner?.pause();
    write();
    spinner?.resume();
  };

export async function startSpinner(output: Output, view: JobView, label = jobLabel(view)) {
  if (!isWatched(output)) return undefined;
  const { Spinner } = await import('./spinner.ts');
  return Spinner.start(`waiting for ${label}`, output.hasColor(2));
}

/** `read` is called some times a second; the line appears after `quietMs`. */
export async function startProgress(output: Output, read: () => Amounts, verb = 'ended', quietMs = 0) {
  if (!isWatched(output)) return undefined;
  const { Spinner } = await import('./spinner.ts');
  const { Progress } = require('./progress.ts') as typeof import('./progress.ts');
  const progress = new Progress(verb);
  return Spinner.startLines((columns) => progress.line(read(), columns), quietMs, output.hasColor(2));
}

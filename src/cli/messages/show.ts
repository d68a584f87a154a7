/** The rows of `show` that need a sentence. */
import { renderSize, renderTime } from '../../base/clock.ts';
import { safe } from '../../base/text/sanitize.ts';
import type { Log } from '../../job/log/log.ts';
import type { Spec } from '../../job/spec.ts';

/** For a time that was not recorded. */
export const NOT_KNOWN = 'not known';

export const NO_PIPEFAIL = 'sh -c: a failure before the last | is not noticed';

/** The path of a log, its size, and which part of it is gone. `isAway`: another file is at the path now. */
export function logText(
  path: string,
  log: Pick<Log, 'size' | 'gap' | 'emptiedBytes' | 'isApproximate'> | undefined,
  isAway: boolean,
): string {
  if (!log) return `${safe(path)} (missing: moved away or removed)`;
  const { size, gap, emptiedBytes, isApproximate } = log;
  const about = isApproximate ? '; offsets are approximate: no holes on this file system' : '';
  const trimmed = gap ? `, ${renderSize(gap.to - gap.from)} trimmed from byte ${gap.from} on${about}` : '';
  const emptied = emptiedBytes > 0 ? `; the job emptied it: ${renderSize(emptiedBytes)} gone` : '';
  const away = isAway ? '; not the log of the job, which was moved away' : '';
  return `${safe(path)} (${renderSize(size)}${trimmed}${emptied}${away})`;
}

/** What the job reads; null: nothing. */
export function stdinText({ id, stdin, pty }: Spec): string | null {
  if (pty) return `a terminal of ${pty.columns} x ${pty.rows}: bgjob send ${id} TEXT`;
  if (stdin?.kind === 'hold') return `open: bgjob send ${id} TEXT`;
  return stdin && (stdin.kind === 'file' ? safe(stdin.path) : 'a copy of the input that run got');
}

/** The job, schedule or trigger that started it; empty: a person did. */
export function startedText({ origin, parent }: Spec): string {
  const job = parent === null ? '' : `job ${parent}`;
  const inJob = job && ` (${job})`;
  if (origin?.kind === 'trigger') return `trigger ${safe(origin.name)}${inJob}`;
  if (origin?.kind !== 'schedule') return job;
  const at = origin.at === null ? ', by hand' : `, for ${renderTime(origin.at)}`;
  return `schedule ${safe(origin.name)}${at}${inJob}`;
}

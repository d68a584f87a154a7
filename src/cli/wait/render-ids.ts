/** A list of ids in few words, as a shell takes them. */
import type { JobId } from '../../job/spec.ts';

/** A list of more ranges is written id by id. */
const MOST_RANGES = 20;

/** `$(seq 3 90) 95`: ids as a shell takes them. */
export function renderIds(ids: JobId[]): string {
  const ranges: [JobId, JobId][] = [];
  for (const id of ids) {
    const last = ranges.at(-1);
    if (last && last[1] + 1 === id) last[1] = id;
    else ranges.push([id, id]);
  }
  if (ranges.length > MOST_RANGES) return ids.join(' ');
  return ranges
    .map(([from, to]) => (to - from < 2 ? [...new Set([from, to])].join(' ') : `$(seq ${from} ${to})`))
    .join(' ');
}

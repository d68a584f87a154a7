/** Sets of ids as ranges, `[[3, 90], [95, 95]]`, so that thousands of ids fit into a small record. Pure. */
import * as is from '../../base/schema.ts';
import type { JobId } from '../spec.ts';

const rangeSchema: is.Schema<[JobId, JobId]> = (value, at) => {
  const [from, to] = is.listOf(is.count)(value, at);
  if (from === undefined || to === undefined || from > to) throw new is.SchemaError(at, 'is not a range');
  return [from, to];
};
export const idRangesSchema = is.listOf(rangeSchema);
/** Ascending, without overlaps. */
export type IdRanges = [JobId, JobId][];

export function idRanges(ids: Iterable<JobId>): IdRanges {
  const ranges: IdRanges = [];
  for (const id of [...new Set(ids)].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last && last[1] + 1 === id) last[1] = id;
    else ranges.push([id, id]);
  }
  return ranges;
}

export function isInRanges(ranges: IdRanges, id: JobId): boolean {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle]![1] < id) low = middle + 1;
    else high = middle;
  }
  return low < ranges.length && ranges[low]![0] <= id;
}

export const countIds = (ranges: IdRanges): number =>
  ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0);

/** Pure: which times of a schedule are due between two looks at the clock, and what is to become of them. */
import type { Schedule } from './schedule.ts';
import type { Timetable } from './timetable.ts';

/** A time that is this late is missed, milliseconds: the machine slept, or nobody was there. */
export const LATE_MS = 60_000;
/** So many are counted; beyond that it is this many "or more". */
export const MOST_COUNTED = 1000;

/** Several times in a row that are not kept. */
export interface Missed {
  at: number;
  until: number;
  times: number;
}

export interface Due {
  /** The time to start a job for; null: none. */
  fire: number | null;
  /** For how many times the one job stands, itself included. */
  covers: number;
  /** The times that are missed. */
  missed: Missed | null;
}

/** What is due after `from` up to `now`; null: nothing. */
export function dueBetween(
  timetable: Timetable,
  { catchUp }: Pick<Schedule, 'catchUp'>,
  from: number,
  now: number,
): Due | null {
  const newest = timetable.last(now);
  if (newest === null || newest <= from) return null;
  const isOnTime = now - newest <= LATE_MS;
  const before = countBetween(timetable, from, newest - 1);
  if (isOnTime || catchUp) {
    if (catchUp) return { fire: newest, covers: (before?.times ?? 0) + 1, missed: null };
    return { fire: newest, covers: 1, missed: before };
  }
  const missed = before ?? { at: newest, until: newest, times: 0 };
  return { fire: null, covers: 0, missed: { ...missed, until: newest, times: missed.times + 1 } };
}

/** The times after `from` up to `until`; null: there is none. */
export function countBetween(timetable: Timetable, from: number, until: number): Missed | null {
  const first = timetable.next(from);
  if (first === null || first > until) return null;
  let [last, times] = [first, 1];
  for (let next = timetable.next(first); next !== null && next <= until; next = timetable.next(next)) {
    last = next;
    if (++times === MOST_COUNTED) break;
  }
  return { at: first, until: times === MOST_COUNTED ? (timetable.last(until) ?? last) : last, times };
}

/** Which times of a schedule are due between two polls, and what happens with them. Pure. */
import type { Schedule } from './schedule.ts';
import type { Timetable } from './timetable.ts';

/** A later time, milliseconds, is missed: the machine was suspended, or no scheduler ran. */
export const LATE_MS = 60_000;
/** More missed times are shown as "or more". */
export const MOST_COUNTED = 1000;

export interface Missed {
  at: number;
  until: number;
  times: number;
}

interface Due {
  /** The time for which a job starts; null: none. */
  fire: number | null;
  covers: number;
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
  if (catchUp) return { fire: newest, covers: (before?.times ?? 0) + 1, missed: null };
  if (isOnTime) return { fire: newest, covers: 1, missed: before };
  const missed = before ?? { at: newest, until: newest, times: 0 };
  return { fire: null, covers: 0, missed: { ...missed, until: newest, times: missed.times + 1 } };
}

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

/**
 * The requests for which a listener started no job, in one record per listener: counted by trigger, status
 * and reason. It has a bounded size, so no sender can fill the disk or hide the journal. The listener writes
 * it; after a kill its last second may be missing.
 */
import { withChecksum } from '../../base/checksum.ts';
import { writeAtomic } from '../../base/fs/atomic-write.ts';
import * as is from '../../base/schema.ts';
import { readValid } from '../home/records.ts';

const rejectionSchema = is.object({
  /** The trigger; null: no trigger has the name that was asked for, or the request could not be read. */
  name: is.nullable(is.text),
  /** 200: the sender is genuine, and the trigger ignores this event. 0: there was no answer. */
  status: is.count,
  why: is.text,
  times: is.count,
  firstAt: is.time,
  lastAt: is.time,
  /** The address of the last sender. */
  from: is.text,
  /** The id of the last delivery, of a genuine sender. */
  delivery: is.nullable(is.text),
});
export type Rejection = is.SchemaType<typeof rejectionSchema>;

const rejectionsSchema = is.object({ v: is.version(1), rejections: is.listOf(rejectionSchema) });

/** For each trigger, and for the requests without one. */
const MOST_PER_NAME = 16;
const REMEMBERED_MS = 30 * 86_400_000;

export const readRejections = (path: string): Rejection[] =>
  readValid(path, rejectionsSchema)?.rejections ?? [];

export const writeRejections = (path: string, rejections: Rejection[]): void =>
  writeAtomic(path, withChecksum({ v: 1, rejections }), 'none');

/** With one more; the oldest of its trigger goes if there are too many. */
export function withRejection(
  rejections: Rejection[],
  one: Omit<Rejection, 'times' | 'firstAt' | 'lastAt'>,
  now: number,
): Rejection[] {
  const { name, status, why } = one;
  const isSame = (other: Rejection) => other.name === name && other.status === status && other.why === why;
  const before = rejections.find(isSame);
  const counted = { times: (before?.times ?? 0) + 1, firstAt: before?.firstAt ?? now, lastAt: now };
  const others = rejections.filter((other) => !isSame(other) && Math.abs(now - other.lastAt) < REMEMBERED_MS);
  const own = others.filter((other) => other.name === name);
  const oldest = own.length >= MOST_PER_NAME ? own.reduce((a, b) => (b.lastAt < a.lastAt ? b : a)) : null;
  return [...others.filter((other) => other !== oldest), { ...one, ...counted }];
}

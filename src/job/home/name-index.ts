/**
 * The names of a folder of thousands (`ended`, a batch of jobs that wait), read from one file instead of the
 * folder: a seventh of the CPU time. Only lists use it. It is never the truth: it is believed only while
 * nothing can have changed since it was made. Whatever decides about jobs reads the folder.
 *
 * The file lies in the cache, which may be deleted at any time; gc deletes it, and the next list makes it anew.
 * It is renamed into place as a whole, so a reader that is killed leaves the one before.
 */
import { lstatSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { writeAtomic } from '../../base/fs/atomic-write.ts';
import { namesIn, readText } from '../../base/fs/read-record.ts';
import { attemptQuietly } from '../../base/result.ts';

export const INDEX_NAME = /^names\.\d+\.\d+(\.tmp)?$/;

/** Smaller folders, bytes, are read faster than an index is checked. */
const SMALL_BYTES = 16_384;
const FEW_NAMES = 500;

/** Two changes in one tick of the kernel's clock leave one time: what is so young may change unseen. */
const YOUNG_MS = 50;
/** A file system that keeps whole seconds. One in a billion times is whole by chance. */
const WHOLE_NS = 1_000_000_000n;

/** Wall clock minus monotonic clock may drift by this much a second, while NTP adjusts the clock. */
const DRIFT = 0.0005;
const SLACK_MS = 50;

/** When an index was made. */
interface Moment {
  boot: string;
  wallMs: number;
  monotonicMs: number;
}

const thisMoment = (): Moment => ({
  boot: readText('/proc/sys/kernel/random/boot_id').trim(),
  wallMs: systemClock.now(),
  monotonicMs: systemClock.monotonic(),
});

/** Whether the clock ran evenly: no other boot (macOS has no boot id to read), no step, no suspend. */
export function isSameClock(then: Moment, now: Moment): boolean {
  const elapsed = now.monotonicMs - then.monotonicMs;
  const step = Math.abs(now.wallMs - then.wallMs - elapsed);
  return then.boot === now.boot && elapsed >= 0 && step <= SLACK_MS + elapsed * DRIFT;
}

/**
 * The first line of the file: version, stamp of the folder, count of names, moment. Each change of a folder
 * changes its stamp, unless it comes in the same tick.
 */
const HEADER = /^1 ([\d.]+) (\d+) ([\w-]*) (\d+) ([\d.]+)\n/;

/** Behind each name: no name has a slash. */
const BETWEEN = '/';

function readIndex(path: string, stamp: string): string[] | undefined {
  const text = readText(path);
  const [header, of, count, boot, wallMs, monotonicMs] = HEADER.exec(text) ?? [];
  if (header === undefined || of !== stamp) return undefined;
  const then = { boot: boot!, wallMs: Number(wallMs), monotonicMs: Number(monotonicMs) };
  if (!isSameClock(then, thisMoment())) return undefined;
  const names = text.slice(header.length).split(BETWEEN);
  // two writers at once may have cut it
  return names.pop() === '' && names.length === Number(count) ? names : undefined;
}

/** The names in a folder of this home, in their order. For lists alone. */
export function listedNames(home: { readonly cache: string }, folder: string): string[] {
  const stat = attemptQuietly(() => lstatSync(folder, { bigint: true }));
  if (!stat?.isDirectory() || stat.size < SMALL_BYTES) return namesIn(folder).sort();
  const { dev, ino, size, ctimeNs, mtimeNs } = stat;
  // ctime, too: `cp -p` and `touch -d` set the other back
  const stamp = [size, ctimeNs, mtimeNs].join('.');
  const path = `${home.cache}/names.${dev}.${ino}`;
  const isFine = ctimeNs % WHOLE_NS !== 0n && mtimeNs % WHOLE_NS !== 0n;
  const indexed = isFine ? readIndex(path, stamp) : undefined;
  if (indexed) return indexed;
  // before the folder is read: a later change gives it another stamp
  const { boot, wallMs, monotonicMs } = thisMoment();
  const names = namesIn(folder).sort();
  const isOld = wallMs - Number(ctimeNs / 1_000_000n) >= YOUNG_MS;
  if (isFine && isOld && names.length >= FEW_NAMES) {
    const header = [1, stamp, names.length, boot, wallMs, monotonicMs].join(' ');
    // a full disk, or a home that cannot be written: the next list reads the folder, too
    attemptQuietly(() => writeAtomic(path, `${header}\n${names.join(BETWEEN)}${BETWEEN}`, 'none'));
  }
  return names;
}

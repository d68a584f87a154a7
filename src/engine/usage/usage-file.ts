/**
 * The file `usage.N` of an attempt: the CPU time of all processes that the shim has waited for, as the
 * builtin `times` of a shell writes it. It is written after `exit.N` and is never needed: if it is absent or
 * damaged, that CPU time is not known. It is not flushed.
 */
import { openBlank } from '../../base/fs/preallocated.ts';
import { readText } from '../../base/fs/read-record.ts';
import { attemptQuietly } from '../../base/result.ts';
import type { JobPaths } from '../../job/home/paths.ts';

/** Four lines of two times. */
const USAGE_BYTES = 192;

/** Opens the file for a shim to inherit; undefined if that cannot be done. */
export const openUsage = (job: JobPaths, attempt: number): number | undefined =>
  attemptQuietly(() => openBlank(job.usage(attempt), USAGE_BYTES));

/** `1m2.345678s`; a locale may have another sign in the place of the point. */
const TIME = String.raw`(\d{1,9})m(\d{1,2})[^\d\s]{1,3}(\d{1,6})s`;
/** The first line is the CPU time of the shell itself. */
const TIMES = new RegExp(`^\\S+ \\S+\\n${TIME} ${TIME}\\n`);

/**
 * User and system time, milliseconds; null: not known. A shim that serves several jobs writes `times` twice,
 * before and after its job: then it is the difference.
 */
export function parseTimes(text: string): number | null {
  const written = text.trimEnd();
  const first = timesOf(`${written}\n`);
  if (!first) return null;
  if (first.rest === '') return first.ms;
  const second = timesOf(first.rest);
  return second?.rest === '' && second.ms >= first.ms ? second.ms - first.ms : null;
}

function timesOf(text: string): { ms: number; rest: string } | undefined {
  const match = TIMES.exec(text);
  if (!match) return undefined;
  const [all, ...numbers] = match as unknown as [string, ...string[]];
  const msOf = (minutes: string, seconds: string, fraction: string) =>
    Number(minutes) * 60_000 + Number(seconds) * 1000 + Number(`0.${fraction}`) * 1000;
  const [a, b, c, d, e, f] = numbers as [string, string, string, string, string, string];
  return { ms: Math.round(msOf(a, b, c) + msOf(d, e, f)), rest: text.slice(all.length) };
}

export const readShimCpuMs = (job: JobPaths, attempt: number): number | null =>
  parseTimes(readText(job.usage(attempt)));

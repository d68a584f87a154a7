/**
 * Time: clock, timers, and durations and sizes as people type and read them. Code that decides by time gets
 * the clock as a parameter. Lengths are measured on the monotonic clock; wall time is only shown and
 * recorded.
 */
import { uptime } from 'node:os';

export interface Clock {
  /** Wall time in milliseconds since 1970. */
  now(): number;
  /** Monotonic time in milliseconds since boot, the same for all processes. */
  monotonic(): number;
  sleep(ms: number, ...signals: AbortSignal[]): Promise<void>;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => Number(process.hrtime.bigint() / 1000n) / 1000,
  sleep,
};

/**
 * Resolves after `ms` milliseconds, or earlier when one of the signals fires. Several are accepted because
 * Node 20 leaks some bytes with each AbortSignal.any of a long-lived signal, and loops sleep often.
 */
export function sleep(ms: number, ...signals: AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    for (const signal of signals) signal.addEventListener('abort', finish, { once: true });
    if (signals.some(({ aborted }) => aborted)) finish();
  });
}

export const sleepSync = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
};

/** Wall and monotonic time may differ by this much, milliseconds, without a change of the wall clock. */
const SLACK_MS = 1000;

/** How long this machine was suspended since boot, milliseconds. The monotonic clock does not count that. */
const sleptMs = (): number => Math.max(0, uptime() * 1000 - systemClock.monotonic());

/**
 * How long something took, milliseconds. If the wall clock was changed meanwhile, the monotonic clock
 * decides, plus the time in which the machine was suspended.
 */
export function elapsedMs(wallMs: number, monotonicMs: number, slept = sleptMs): number {
  if (Math.abs(wallMs - monotonicMs) <= SLACK_MS) return Math.max(0, wallMs);
  return Math.max(0, monotonicMs, Math.min(wallMs, monotonicMs + slept()));
}

/** setTimeout stores the delay in 32 bits, and a longer one fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Calls `act` after `ms` milliseconds, perhaps more than 24 days. Returns a function that cancels the call.
 */
export function callAfter(ms: number, act: () => void): () => void {
  let timer: NodeJS.Timeout;
  const arm = (left: number) => {
    timer = setTimeout(
      () => (left > LONGEST_TIMER_MS ? arm(left - LONGEST_TIMER_MS) : act()),
      Math.min(Math.max(left, 0), LONGEST_TIMER_MS),
    );
  };
  arm(ms);
  return () => clearTimeout(timer);
}

const UNITS_MS: Record<string, number> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
/** A hundred years. */
export const LONGEST_DURATION = '36500d';
const LONGEST_DURATION_MS = 36_500 * UNITS_MS['d']!;

/** However long it is; undefined for text that is no duration. */
function durationMs(text: string): number | undefined {
  if (/^\d{1,99}(\.\d{1,6})?$/.test(text)) text += 's';
  if (!/^(\d{1,99}(\.\d{1,6})?(ms|[dhms]))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(ms|[dhms])/g))
    total += Number(amount) * UNITS_MS[unit!]!;
  return total;
}

export const isTooLong = (text: string): boolean => (durationMs(text) ?? 0) > LONGEST_DURATION_MS;

/** `90`, `90s`, `5m`, `1h30m`, `2d`, `250ms`, `1.5s` as milliseconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const ms = durationMs(text);
  return ms !== undefined && ms <= LONGEST_DURATION_MS ? Math.round(ms) : undefined;
}

/** Milliseconds as at most two units: `0.02s`, `0.4s`, `12s`, `2m14s`, `1h30m`, `3d4h`. */
export function renderDuration(ms: number): string {
  if (ms < 95) return `${Math.max(0, Math.round(ms / 10)) / 100}s`;
  if (ms < 9_950) return `${(Math.round(ms / 100) / 10).toString()}s`;
  const pairs: [string, number][] = [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
    ['s', 1],
  ];
  let seconds = Math.round(ms / 1000);
  const first = pairs.findIndex(([, size]) => seconds >= size);
  let text = '';
  for (const [unit, size] of pairs.slice(first, first + 2)) {
    const amount = Math.floor(seconds / size);
    seconds -= amount * size;
    if (amount > 0) text += `${amount}${unit}`;
  }
  return text;
}

/** A time for people, in the zone of the reader: `2026-11-30 09:04:22`. JSON has UTC. */
export const renderTime = (at: number): string => new Date(at).toLocaleString('sv', { hour12: false });

const SIZES: Record<string, number> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** The largest that a number holds exactly. */
export const LARGEST_SIZE = '8191T';

/** However large it is; undefined for text that is no size. */
function sizeBytes(text: string): number | undefined {
  const match = /^(\d{1,99}(?:\.\d{1,6})?)([kmgt]?)(?:i?b)?$/i.exec(text);
  return match ? Math.round(Number(match[1]) * SIZES[match[2]!.toLowerCase()]!) : undefined;
}

export const isTooLarge = (text: string): boolean => (sizeBytes(text) ?? 0) > Number.MAX_SAFE_INTEGER;

/** `500`, `500k`, `64M`, `2G`, `1.5GiB` as bytes; undefined for anything else. */
export const parseSize = (text: string): number | undefined =>
  isTooLarge(text) ? undefined : sizeBytes(text);

/** Bytes for people: `0 B`, `812 B`, `38 KB`, `1.2 GB` (powers of 1024). */
export function renderSize(bytes: number): string {
  let value = bytes;
  for (const unit of ['B', 'KB', 'MB', 'GB']) {
    if (value < 1024 || unit === 'GB')
      return `${value < 10 && unit !== 'B' ? value.toFixed(1) : Math.round(value)} ${unit}`;
    value /= 1024;
  }
  return `${bytes} B`;
}

/** A size as it is typed, exact: `10M`, `1G`, `65537`. */
export function renderExactSize(bytes: number): string {
  const unit = ['t', 'g', 'm', 'k'].find((name) => bytes > 0 && bytes % SIZES[name]! === 0);
  if (unit === undefined) return String(bytes);
  return `${bytes / SIZES[unit]!}${unit === 'k' ? unit : unit.toUpperCase()}`;
}

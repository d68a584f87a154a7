/**
 * Waits for a line of a job's output. Output before the wait counts. The unfinished last line counts if it
 * matches however it goes on, or if it is a prompt that has not changed for a while: a prompt has no newline.
 * The heading of an attempt is none of the job's lines. It checks first whether the job ended, then reads the
 * log to its end, then gives up.
 */
import { systemClock } from '../../base/clock.ts';
import type { Pattern } from '../../base/text/pattern.ts';
import { clip } from '../../base/text/sanitize.ts';
import { ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { isHeading } from '../../job/log/attempt-start.ts';
import type { Stream } from '../../job/log/log.ts';
import type { JobId } from '../../job/spec.ts';
import { type Hit, Search } from '../search/search.ts';
import type { ConditionMet } from './condition.ts';
import { follow } from './follow-log.ts';

interface MatchOptions {
  stream: Stream;
  since: number;
  until: Pattern[];
  failOn: Pattern[];
}

/** A prompt must not change for this long, milliseconds. */
const SETTLED_MS = 1000;
const MAX_SHOWN = 200;
/** Fifty waiters at 10,000 lines a second then use a twentieth of a core. */
const SLOWEST_MS = 1000;

/** The first line that matches; undefined if the job ended without one, or `abort` fired. */
export async function waitMatch(
  home: Home,
  id: JobId,
  options: MatchOptions,
  abort: AbortSignal,
): Promise<Result<ConditionMet | undefined>> {
  // on the same line the lowest index wins: a failure is reported as one
  const search = new Search([...options.failOn, ...options.until]);
  // a line may be in the regex thread: giving up does not wait for that
  const giveUp = () => search.close();
  abort.addEventListener('abort', giveUp, { once: true });
  let cameMs = systemClock.monotonic();
  try {
    for await (const piece of follow(home, id, options.stream, options.since, SLOWEST_MS, abort)) {
      const hits =
        piece === 'quiet'
          ? await peek(search, systemClock.monotonic() - cameMs >= SETTLED_MS)
          : await search.push(piece.bytes, piece.from, piece.emptied > 0);
      if (piece !== 'quiet') cameMs = systemClock.monotonic();
      if (!hits.ok) return hits;
      const hit = firstOf(hits.value);
      if (hit) return ok(outputMet(hit, options));
    }
    const rest = await search.end();
    if (!rest.ok) return rest;
    const last = firstOf(rest.value);
    return ok(last && outputMet(last, options));
  } finally {
    abort.removeEventListener('abort', giveUp);
    search.close();
  }
}

const firstOf = (hits: Hit[]): Hit | undefined => hits.find(({ text }) => !isHeading(text));

async function peek(search: Search, settled: boolean): Promise<Result<Hit[]>> {
  const hit = await search.peek(settled);
  return hit.ok ? ok(hit.value ? [hit.value] : []) : hit;
}

function outputMet(
  { pattern, from, to, text, matched }: Hit,
  { stream, failOn }: MatchOptions,
): ConditionMet {
  // a long line is shown from its match on
  const at = text.indexOf(matched);
  const shown = clip(at > MAX_SHOWN - 80 ? text.slice(at) : text, MAX_SHOWN);
  return {
    condition: pattern < failOn.length ? 'fail' : 'match',
    facts: { stream, from, to, line: shown, cursor: to },
  };
}

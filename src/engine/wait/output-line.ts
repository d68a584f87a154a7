/**
 * Waiting for a line of a job's output. Text that was there before the wait began counts, and so does the unfinished last line, if
 * it matches however it goes on or is a prompt that has stood there for a while: a prompt has no newline. The line that tells one attempt from the next is none of the job's. Ask
 * whether the job ended, then drain, then give up.
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

export interface MatchAsk {
  stream: Stream;
  /** From this byte on. */
  since: number;
  until: Pattern[];
  failOn: Pattern[];
}

/** A prompt has stood there for so long, milliseconds. */
const SETTLED_MS = 1000;
const SHOWN = 200;
/** Fifty waiters at a stream of 10,000 lines a second cost a twentieth of a core. */
const SLOWEST_MS = 1000;

/** The first line that matches; undefined when the job ended without one, or `abort` fired. */
export async function waitMatch(
  home: Home,
  id: JobId,
  ask: MatchAsk,
  abort: AbortSignal,
): Promise<Result<ConditionMet | undefined>> {
  // the lowest index wins on the same line: what is a failure is told as one
  const search = new Search([...ask.failOn, ...ask.until]);
  // a line may be in the hands of its thread: whoever gives up does not wait for that
  const giveUp = () => search.close();
  abort.addEventListener('abort', giveUp, { once: true });
  let cameMs = systemClock.monotonic();
  try {
    for await (const piece of follow(home, id, ask.stream, ask.since, SLOWEST_MS, abort)) {
      const hits =
        piece === 'quiet'
          ? await peek(search, systemClock.monotonic() - cameMs >= SETTLED_MS)
          : await search.push(piece.bytes, piece.from, piece.emptied > 0);
      if (piece !== 'quiet') cameMs = systemClock.monotonic();
      if (!hits.ok) return hits;
      const hit = firstOf(hits.value);
      if (hit) return ok(outputMet(hit, ask));
    }
    const rest = await search.end();
    if (!rest.ok) return rest;
    const last = firstOf(rest.value);
    return ok(last && outputMet(last, ask));
  } finally {
    abort.removeEventListener('abort', giveUp);
    search.close();
  }
}

/** The first line that the job wrote. */
const firstOf = (hits: Hit[]): Hit | undefined => hits.find(({ text }) => !isHeading(text));

async function peek(search: Search, settled: boolean): Promise<Result<Hit[]>> {
  const hit = await search.peek(settled);
  return hit.ok ? ok(hit.value ? [hit.value] : []) : hit;
}

function outputMet({ pattern, from, to, text, matched }: Hit, { stream, failOn }: MatchAsk): ConditionMet {
  // a long line is shown from where it matches
  const at = text.indexOf(matched);
  const shown = clip(at > SHOWN - 80 ? text.slice(at) : text, SHOWN);
  return {
    condition: pattern < failOn.length ? 'fail' : 'match',
    facts: { stream, from, to, line: shown, cursor: to },
  };
}

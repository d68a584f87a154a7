/** `--since`: a position in a log, as tail and wait take it. */
import { parseDuration, systemClock } from '../../base/clock.ts';
import { safe } from '../../base/text/sanitize.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { readLogSize, type Stream } from '../../job/log/log.ts';
import { readLastSize, readOffsetAt } from '../../job/log/time-index.ts';
import { readEmptiedBytes } from '../../job/log/trim-record.ts';

/** `38122` → that byte, if the log is as long; `5m` → where the log ended so long ago. */
export function parsePosition(
  text: string,
  job: ReturnType<Home['job']>,
  stream: Stream,
  label: string,
): Result<number> {
  const refuse = (message: string) => fail({ code: 'usage', message: `--since: ${message}` });
  const agoMs = /^\d+$/.test(text) ? undefined : parseDuration(text);
  // the time index knows how long the log was, not the other one
  if (agoMs !== undefined && stream === 'err')
    return refuse('with --err it takes a cursor: when stderr came is not noted');
  const size = readLogSize(job, stream) ?? 0;
  if (agoMs !== undefined) {
    const offset = readOffsetAt(job, systemClock.now() - agoMs);
    return ok(offset > size ? 0 : offset);
  }
  if (!/^\d{1,15}$/.test(text))
    return refuse(`"${safe(text)}" is neither a cursor such as 38122 nor a duration such as 90s, 5m`);
  // the job emptied its log, and its supervisor has not noted that yet: all that is there is new
  if (Number(text) > size && stream === 'log' && Number(text) <= readLastSize(job))
    return ok(readEmptiedBytes(job));
  if (Number(text) > size) return refuse(`${text} is beyond the ${size} bytes that ${label} wrote so far`);
  return ok(Number(text));
}

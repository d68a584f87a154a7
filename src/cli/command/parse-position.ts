/** `--since` of tail and wait: a position in a log. */
import { parseDuration, systemClock } from '../../base/clock.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { readLogSize, type Stream } from '../../job/log/log.ts';
import { readLastSize, readOffsetAt } from '../../job/log/time-index.ts';
import { readEmptiedBytes } from '../../job/log/trim-record.ts';
import { badPosition } from '../messages/usage.ts';

/** `38122` is that byte, if the log is as long; `5m` is where the log ended five minutes ago. */
export function parsePosition(
  text: string,
  job: ReturnType<Home['job']>,
  stream: Stream,
  label: string,
): Result<number> {
  const agoMs = /^\d+$/.test(text) ? undefined : parseDuration(text);
  // the times of the log of stderr are not recorded
  if (agoMs !== undefined && stream === 'err') return fail(badPosition.ofStderr());
  const size = readLogSize(job, stream) ?? 0;
  if (agoMs !== undefined) {
    const offset = readOffsetAt(job, systemClock.now() - agoMs);
    return ok(offset > size ? 0 : offset);
  }
  if (!/^\d{1,15}$/.test(text)) return fail(badPosition.unreadable(text));
  // the job emptied its log, and its supervisor has not recorded that yet: all of the log is new
  if (Number(text) > size && stream === 'log' && Number(text) <= readLastSize(job))
    return ok(readEmptiedBytes(job));
  if (Number(text) > size) return fail(badPosition.beyond(text, size, label));
  return ok(Number(text));
}

/** What our own jobs say: a line each with the time, into their log, where `bgjob tail` finds it. */
import { writeAll } from '../base/fs/atomic-write.ts';
import { ignoreSystemError } from '../base/result.ts';
import { safe } from '../base/text/sanitize.ts';

/** Writes a line; a full disk loses it, and nothing else. */
export function tell(text: string): void {
  const time = new Date().toLocaleString('sv', { hour12: false });
  try {
    writeAll(1, Buffer.from(`${time} ${safe(text)}\n`));
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}

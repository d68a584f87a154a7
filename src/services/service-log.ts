/** The log of a service: one line with the time per event, on stdout, where `bgjob tail` finds it. */
import { writeAll } from '../base/fs/atomic-write.ts';
import { attemptQuietly } from '../base/result.ts';
import { safe } from '../base/text/sanitize.ts';

/** On a full disk the line is lost. */
export function logLine(text: string): void {
  const time = new Date().toLocaleString('sv', { hour12: false });
  attemptQuietly(() => writeAll(1, Buffer.from(`${time} ${safe(text)}\n`)));
}

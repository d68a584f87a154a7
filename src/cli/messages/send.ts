/** What `send` could not do, in words: why, and how much of it was sent. */
import { unreachable } from '../../base/result.ts';
import { plural, safe } from '../../base/text/sanitize.ts';
import type { Failure } from '../../job/failure.ts';

type NotSent = Extract<Failure, { code: 'not-sent' }>;

/** How much had been sent before. */
function sentText({ lines, bytes, halfBytes }: NotSent): string {
  const half = halfBytes > 0 ? `the first ${plural(halfBytes, 'byte')} of a line` : '';
  const whole = lines > 0 ? `${plural(lines, 'line')} (${plural(bytes, 'byte')})` : '';
  const all = [whole, half].filter((text) => text !== '').join(' and ');
  return all === '' ? 'nothing was sent' : `${all} had been sent`;
}

/** Why nothing, or not all, was sent. */
export function sendMessageOf(failure: NotSent): { message: string; hint: string } {
  const { id, why, how } = failure;
  const sent = sentText(failure);
  switch (why) {
    case 'not-held':
      return {
        message: `job ${id} reads nothing: it was started without --stdin hold and without --pty`,
        hint: 'bgjob run --stdin hold -- command',
      };
    case 'ended':
      return { message: `job ${id} ${safe(how)}; ${sent}`, hint: `bgjob show ${id}` };
    case 'closed':
      return { message: `job ${id} has closed its stdin; ${sent}`, hint: `bgjob tail ${id}` };
    case 'let-go':
      return {
        message: `the stdin of job ${id} has been ended (send --eof); ${sent}`,
        hint: `bgjob tail ${id}`,
      };
    case 'full':
      return {
        message: `job ${id} does not read what it is sent, and its pipe is full; ${sent}`,
        hint:
          failure.lines + failure.halfBytes > 0
            ? 'when it reads on, send the rest alone'
            : `bgjob tail ${id} says what it does; then send it again`,
      };
    case 'queued':
      return {
        message: `job ${id} waits in its queue; ${sent}`,
        hint: `bgjob show ${id} says for what it waits`,
      };
    case 'starting':
      return { message: `job ${id} is being started; ${sent}`, hint: 'the same again in a moment' };
    default:
      return unreachable(why);
  }
}

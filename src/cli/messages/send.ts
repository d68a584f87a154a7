/** Messages of `send`: why it failed, and how much was sent. */
import { unreachable } from '../../base/result.ts';
import { plural, safe } from '../../base/text/sanitize.ts';
import type { Failure } from '../../job/failure.ts';
import { type UsageFailure, usageError } from './usage.ts';

type NotSent = Extract<Failure, { code: 'not-sent' }>;

/** How much was sent before the failure. */
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
        message: `job ${id} has no input: it was started without --stdin hold and without --pty`,
        hint: 'bgjob run --stdin hold -- command',
      };
    case 'ended':
      return { message: `job ${id} ${safe(how)}; ${sent}`, hint: `bgjob show ${id}` };
    case 'closed':
      return { message: `job ${id} has closed its stdin; ${sent}`, hint: `bgjob tail ${id}` };
    case 'let-go':
      return {
        message: `the stdin of job ${id} was ended before (send --eof); ${sent}`,
        hint: `bgjob tail ${id}`,
      };
    case 'full':
      return {
        message: `job ${id} does not read its input, and the pipe is full; ${sent}`,
        hint:
          failure.lines + failure.halfBytes > 0
            ? 'when it reads again, send only the rest'
            : `bgjob tail ${id} shows what it does; then send it again`,
      };
    case 'queued':
      return {
        message: `job ${id} waits in its queue; ${sent}`,
        hint: `bgjob show ${id} says what it waits for`,
      };
    case 'starting':
      return { message: `job ${id} is being started; ${sent}`, hint: 'try again in a moment' };
    default:
      return unreachable(why);
  }
}

export const readingText = (): string => 'reading the text to send from here, until Ctrl-D';

export const tooMuchText = (limit: string): UsageFailure =>
  usageError(`send -: more than ${limit} at once`, 'run --stdin FILE');

export const noText = (reference: string): UsageFailure =>
  usageError('send needs a text, or --eof', `bgjob send ${reference} 'a line'`);

export const newlineOfNothing = (): UsageFailure =>
  usageError('--no-newline needs a TEXT: what is read with - is sent as it is');

/** `web 42 sent 2 lines (30 bytes), then end of file`. */
export function sentResult(label: string, lines: number, bytes: number, eof: boolean): string {
  const parts = [
    ...(lines === 0 ? [] : [`${plural(lines, 'line')} (${plural(bytes, 'byte')})`]),
    ...(eof ? ['end of file'] : []),
  ];
  return `${label} sent ${parts.join(', then ')}`;
}

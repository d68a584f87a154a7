/**
 * `bgjob send`: writes lines to the stdin of a job (--stdin hold), or types them into its terminal (--pty).
 */
import { systemClock } from '../../base/clock.ts';
import { LIMIT_TEXT, readToEnd } from '../../base/fs/read-all.ts';
import { errnoOf } from '../../base/result.ts';
import { howEnded } from '../../engine/queue/queued-job.ts';
import { type StdinInput, sendTo } from '../../engine/stop/send.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import { SUCCESS, verb } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { judgeable, select } from '../jobs/select.ts';
import { newlineOfNothing, noText, READING_TEXT, sentResult, tooMuchText } from '../messages/control.ts';
import { jobLabel } from '../messages/job-text.ts';
import { refuseThere } from '../targets/on-option.ts';

/** How long the call waits for a job that does not read, milliseconds. */
const GIVE_UP_MS = 2000;

/** The text on stdin. */
function readText(context: Context): Result<Buffer> {
  const { output } = context;
  if (output.isTerminal(0) && !output.json) output.note(READING_TEXT);
  try {
    const text = readToEnd(0);
    return text ? ok(text) : fail(tooMuchText(LIMIT_TEXT));
  } catch (thrown) {
    return fail({ code: 'io', doing: 'read', path: 'stdin', errno: errnoOf(thrown) });
  }
}

/** Each line with its end. */
function* linesOf(bytes: Buffer): Generator<Buffer> {
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(10, from);
    const next = end === -1 ? bytes.length : end + 1;
    yield bytes.subarray(from, next);
    from = next;
  }
}

/** As if typed: Enter is a carriage return, which the terminal turns into a line feed. */
const typed = (bytes: Buffer): Buffer =>
  Buffer.from(bytes.toString('latin1').replaceAll('\n', '\r'), 'latin1');

export const send = verb({
  name: 'send',
  operands: 'REF [TEXT...] | REF -',
  arity: [1, Number.POSITIVE_INFINITY],
  brief: '',
  changes: true,
  summary: 'write lines to a job that was started with --stdin hold or --pty',
  description: [
    'Each TEXT is a line: `bgjob send 42 y n` answers two questions. A line with blanks is one word in',
    'quotes. A TEXT that begins with - stands after --. The word - sends the stdin of this call as it is.',
    'Into the terminal of a --pty job the text is typed, with Enter at the end of each line.',
    '',
    'If the job does not read, its pipe takes 64 KiB; after that the call waits two seconds, says how',
    'much was sent, and exits with 75. A line of up to 4096 bytes is sent whole or not at all.',
  ],
  examples: [
    ['bgjob run -n py --stdin hold -- python3 -i', 'a job that reads lines'],
    ["bgjob send py 'x = 6 * 7' 'print(x)'", 'two lines'],
    ['bgjob send py --eof', 'the job reads end of file'],
    ["printf '\\003' | bgjob send web -", 'Ctrl-C in its terminal (--pty)'],
  ],
  options: {
    eof: { kind: 'flag', text: 'end of file after the texts (--pty: Ctrl-D)' },
    'no-newline': { kind: 'flag', text: 'do not end the last TEXT with a newline' },
  },
  async run(context, { options, words, separated }) {
    const { output } = context;
    const [reference = '', ...texts] = words;
    const isPiped = texts.length === 1 && texts[0] === '-' && !separated;
    if (texts.length === 0 && !options.eof) return fail(noText(reference));
    if (options['no-newline'] && (texts.length === 0 || isPiped)) return fail(newlineOfNothing());
    const selected = select(context, reference, 'bgjob send');
    if (!selected.ok) return selected;
    const { home, view: given } = selected.value;
    const judged = judgeable(given);
    if (!judged.ok) return judged;
    const view = judged.value;
    const fits = refuseThere(view, 'send');
    if (!fits.ok) return fits;
    if (view.kind === 'ended')
      return fail({
        ...{ code: 'not-sent', id: view.id, why: 'ended', lines: 0, bytes: 0, halfBytes: 0 },
        how: howEnded(view.status.outcome),
      });
    const text = isPiped
      ? readText(context)
      : ok(
          Buffer.from(
            texts
              .map((one) => `${one}\n`)
              .join('')
              .slice(0, options['no-newline'] ? -1 : undefined),
          ),
        );
    if (!text.ok) return text;
    const lines = [...linesOf(text.value)].map((line) => (view.spec.pty ? typed(line) : line));
    const parcel: StdinInput = { lines, eof: options.eof };
    const sent = await sendTo(home, view, parcel, GIVE_UP_MS);
    if (!sent.ok) return sent;
    const { bytes } = sent.value;
    if (output.json) {
      output.object({
        v: 1,
        id: view.id,
        name: view.spec.name,
        lines: lines.length,
        bytes,
        eof: options.eof,
        at: new Date(systemClock.now()).toISOString(),
      });
    } else output.line(sentResult(jobLabel(view), lines.length, bytes, options.eof));
    return ok(SUCCESS);
  },
});

/** `bgjob send`: writes lines to a job whose stdin is held, or types them into its terminal. */
import { systemClock } from '../../base/clock.ts';
import { LIMIT_TEXT, readToEnd } from '../../base/fs/read-all.ts';
import { errnoOf } from '../../base/result.ts';
import { plural } from '../../base/text/sanitize.ts';
import { howEnded } from '../../engine/queue/queued-job.ts';
import { type Parcel, sendTo } from '../../engine/stop/send.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import { SUCCESS, verb } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { judgeable, select } from '../jobs/select.ts';
import { jobLabel } from '../messages/job-text.ts';

/** How long a job may take to make room, or to start, milliseconds. */
const GIVE_UP_MS = 2000;

/** What stands on stdin. */
function readText(context: Context): Result<Buffer> {
  const { output } = context;
  if (output.isTerminal(0) && !output.json) output.note('reading what to send from here, until Ctrl-D');
  try {
    const text = readToEnd(0);
    return text
      ? ok(text)
      : fail({ code: 'usage', message: `send -: more than ${LIMIT_TEXT} at once`, hint: 'run --stdin FILE' });
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

/** As if typed: Enter is a carriage return, which the terminal hands on as a line feed to whoever reads lines. */
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
    'Each TEXT is a line of its own: `bgjob send 42 y n` answers two questions; a line with blanks is one word in quotes, and one that',
    'begins with - stands after --. With - what stands on stdin is sent as it is. Into the terminal of a --pty job it is typed: Enter ends each line.',
    'A job that does not read gets what its pipe takes (64 KiB); then nothing is waited for longer than two seconds (75), and what',
    'was sent until then is told. A line of up to 4096 bytes is sent as a whole or not at all.',
  ],
  examples: [
    ['bgjob run -n py --stdin hold -- python3 -i', 'a job that takes lines'],
    ["bgjob send py 'x = 6 * 7' 'print(x)'", 'two lines'],
    ['bgjob send py --eof', 'that was all: it reads end of file'],
    ["printf '\\003' | bgjob send web -", 'Ctrl-C in its terminal (--pty)'],
  ],
  options: {
    eof: { kind: 'flag', text: 'then end of file: it gets nothing more (--pty: Ctrl-D)' },
    'no-newline': { kind: 'flag', text: 'no line end after the last TEXT' },
  },
  async run(context, { options, words, separated }) {
    const { output } = context;
    const [reference = '', ...texts] = words;
    const isPiped = texts.length === 1 && texts[0] === '-' && !separated;
    if (texts.length === 0 && !options.eof)
      return fail({
        code: 'usage',
        message: 'send needs a text, or --eof',
        hint: `bgjob send ${reference} 'a line'`,
      });
    if (options['no-newline'] && (texts.length === 0 || isPiped))
      return fail({
        code: 'usage',
        message: '--no-newline is for a TEXT; what comes through - is sent as it is',
      });
    const selected = select(context, reference, 'bgjob send');
    if (!selected.ok) return selected;
    const { home, view: given } = selected.value;
    const judged = judgeable(given);
    if (!judged.ok) return judged;
    const view = judged.value;
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
    const parcel: Parcel = { lines, eof: options.eof };
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
    } else {
      const what = lines.length === 0 ? [] : [`${plural(lines.length, 'line')} (${plural(bytes, 'byte')})`];
      output.line(
        `${jobLabel(view)} sent ${[...what, ...(options.eof ? ['end of file'] : [])].join(', then ')}`,
      );
    }
    return ok(SUCCESS);
  },
});

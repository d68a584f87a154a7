/** `bgjob tail`: what a job wrote, bounded; what is new in it; what matches. */
import { errnoOf } from '../../base/result.ts';
import { parsePattern } from '../../base/text/pattern.ts';
import { safe } from '../../base/text/sanitize.ts';
import { type Failure, fail, ok } from '../../job/failure.ts';
import { noteSeen } from '../../job/home/records.ts';
import { READER_NAME, writeCursor } from '../../job/log/cursors.ts';
import { Log, type Stream } from '../../job/log/log.ts';
import { readEmptiedBytes } from '../../job/log/trim-record.ts';
import { type JobView, quoteWord } from '../../job/view.ts';

import { type Input, SUCCESS, verb } from '../command/command.ts';
import { referenceTo, select } from '../jobs/select.ts';
import { streamsOf } from '../jobs/stderr-log.ts';
import { errnoText } from '../messages/failures.ts';
import { jobLabel } from '../messages/job-text.ts';
import { NOTHING, printStderr } from '../tail/excerpt.ts';
import { followsItself } from '../tail/follow.ts';
import { followMatches, printMatches } from '../tail/grep.ts';
import {
  printFooter,
  printRest,
  printView,
  READING_OPTIONS,
  type Reading,
  readerOf,
  startOf,
} from '../tail/view.ts';
import { watchPauses } from '../wait/pause-notes.ts';

const OPTIONS = {
  ...READING_OPTIONS,
  grep: { kind: 'text', value: 'RE', text: 'only lines that match (1 if none does)', group: 'Search' },
  context: { kind: 'count', short: '-C', value: 'N', text: 'N lines around each' },
  max: { kind: 'count', value: 'N', text: 'at most N lines that match (default 40)' },
} as const;

/** What may not be said together, or only together. */
function refusalOf(options: Input<typeof OPTIONS>['options']): Failure | undefined {
  const refuse = (message: string): Failure => ({ code: 'usage', message, hint: 'bgjob tail --help' });
  const { head, follow, since, reader, grep } = options;
  if (head && follow) return refuse('--head and --follow exclude each other; all of it: -f --full');
  if (since !== null && options.new) return refuse('--since and --new exclude each other');
  if (head && (since !== null || options.new))
    return refuse('--head begins at 0: leave --since and --new out');
  if (reader !== null && !options.new) return refuse('--reader needs --new');
  if (reader !== null && !READER_NAME.test(reader))
    return refuse(`--reader: "${safe(reader)}" is not a name of letters, digits and . _ -`);
  if (grep === null && (options.context !== null || options.max !== null))
    return refuse('-C and --max need --grep');
  if (grep !== null && (head || options.lines !== null))
    return refuse('--grep looks at everything: -n and --head mean nothing with it, --max bounds it');
  return undefined;
}

/** The options that say how it is shown, to be typed again. */
function wordsAgain({ follow, err, raw, grep, context }: Input<typeof OPTIONS>['options']): string[] {
  return [
    ...(follow ? ['-f'] : []),
    ...(err ? ['--err'] : []),
    ...(raw ? ['--raw'] : []),
    ...(grep === null ? [] : ['--grep', safe(quoteWord(grep))]),
    ...(context === null ? [] : [`-C${context}`]),
  ];
}

/** The logs that are looked at: a search looks at both, but with a cursor, which is one of stdout. */
const streamsAsked = (view: JobView, { err, grep, since }: Input<typeof OPTIONS>['options']): Stream[] =>
  err ? ['err'] : grep !== null && since === null ? streamsOf(view) : ['log'];

/** The same search in the log of stderr. */
function inStderr(reading: Reading, options: Input<typeof OPTIONS>['options']): Reading {
  const { home, view } = reading;
  const own = { ...options, err: true };
  const start = startOf(own, home, view, 'err');
  const again = `bgjob ${['tail', ...wordsAgain(own), view.id].join(' ')}`;
  return { ...reading, stream: 'err', options: own, start: start.ok ? start.value : null, again };
}

/** Remembers how far this reader came; only after everything was written out, so that nothing is missed. */
function remember({ output, home, view, stream, options }: Reading, to: number): void {
  if (!options.new || output.readerGone) return;
  // nothing was written yet, and there is no folder for it
  if (to === 0 && view.kind === 'live' && view.status.phase === 'queued') return;
  try {
    const job = home.job(view.id);
    const floor = Math.min(to, readEmptiedBytes(job, stream));
    writeCursor(job, stream, readerOf(options), { at: to, floor });
  } catch (thrown) {
    output.note(
      `(the cursor could not be remembered: ${errnoText(errnoOf(thrown))}; next time: --since ${to})`,
    );
  }
}

export const tail = verb({
  name: 'tail',
  operands: 'REF',
  arity: [1, 1],
  // as for tail(1): -40
  shorthand: (word) => (/^-\d+$/.test(word) ? ['--lines', word.slice(1)] : undefined),
  summary: 'the end of what a job wrote, what is new in it, or what matches',
  description: [
    'The last 40 lines and at most 8 KiB, readable: progress bars in their last state, no escape sequences.',
    'The last line, on stderr, says which bytes these are; the cursor is where the next read goes on (--since, --new).',
    'Of a job with --split that is its stdout, with --err its stderr; --grep without a cursor looks at both.',
    "The exit code is 0 however the job ended: wait, status and run --follow pass the job's own on.",
  ],
  examples: [
    ['bgjob tail 42', 'the last lines'],
    ['bgjob tail -f @last', 'what comes, to its end'],
    ['bgjob tail web --new', 'new since last time'],
    ["bgjob tail test --grep 'FAIL|Error' -C2 --max 20", 'the first failures'],
  ],
  options: OPTIONS,
  async run(context, { options, words }) {
    const { output } = context;
    const refusal = refusalOf(options);
    if (refusal) return fail(refusal);
    const pattern = options.grep === null ? null : parsePattern('--grep', options.grep);
    if (pattern && !pattern.ok) return pattern;
    const deadline = context.deadline(null);
    if (!deadline.ok) return deadline;
    const found = select(context, words[0]!, 'bgjob tail');
    if (!found.ok) return found;
    const { home, view } = found.value;
    const stream: Stream = options.err ? 'err' : 'log';
    if (options.err && !('spec' in view && view.spec.split)) {
      const message = `${jobLabel(view)} was not started with --split: its stderr is in its log`;
      return fail({ code: 'usage', message, hint: `bgjob tail ${view.id}` });
    }
    const streams = streamsAsked(view, options);
    for (const one of options.follow ? streams : []) {
      const own = followsItself(home, view.id, one);
      if (own) return fail(own);
    }
    const start = startOf(options, home, view, stream);
    if (!start.ok) return start;
    const again = `bgjob ${['tail', ...wordsAgain(options), referenceTo(view, words[0]!)].join(' ')}`;
    const reading: Reading = { output, home, view, stream, options, start: start.value, again };
    if (pattern) {
      const ask = { pattern: pattern.value, context: options.context ?? 0, max: options.max };
      if (options.since !== null) printStderr(output, home, view, stream);
      const readings = streams.length > 1 ? [reading, inStderr(reading, options)] : [reading];
      const told = options.follow
        ? await followMatches(readings, ask, deadline.value)
        : await printMatches(readings, ask);
      if (!told.ok) return told;
      for (const { reading, to } of told.value.searched) remember(reading, to);
      if (view.kind === 'ended') noteSeen(home.job(view.id));
      return ok(told.value.exit);
    }
    const log = Log.open(home.job(view.id), stream);
    const stopNotes = options.follow ? watchPauses(output, home, () => [view.id]) : undefined;
    try {
      const piece = log ? printView(reading, log) : NOTHING;
      if (options.follow) {
        const { exit, to } = await printRest(reading, piece, deadline.value);
        remember(reading, to);
        return ok(exit);
      }
      printFooter(reading, piece);
      remember(reading, piece.to);
    } finally {
      stopNotes?.();
      log?.close();
    }
    if (view.kind === 'ended') noteSeen(home.job(view.id));
    return ok(SUCCESS);
  },
});

/** `bgjob tail`: prints the end of a log, what is new in it, or the lines that match. */
import { errnoOf } from '../../base/result.ts';
import { parsePattern } from '../../base/text/pattern.ts';
import { safe } from '../../base/text/sanitize.ts';
import { type Failure, fail, ok } from '../../job/failure.ts';
import { READER_NAME, writeCursor } from '../../job/log/cursors.ts';
import { Log, type Stream } from '../../job/log/log.ts';
import { readEmptiedBytes } from '../../job/log/trim-record.ts';
import { isWaiting, type JobView, quoteWord } from '../../job/view.ts';
import { type Input, SUCCESS, verb } from '../command/command.ts';
import { referenceTo, select } from '../jobs/select.ts';
import { streamsOf } from '../jobs/stderr-log.ts';
import { jobLabel } from '../messages/job-text.ts';
import { errnoText, needsOption, noStderrLog } from '../messages/usage.ts';
import { cursorNotStored, tailRefusal } from '../messages/wait.ts';
import { markReported } from '../output/mark-reported.ts';
import { NOTHING, printStderr } from '../tail/excerpt.ts';
import { followsItself } from '../tail/follow.ts';
import { followMatches, printMatches } from '../tail/grep.ts';
import { Stamps } from '../tail/stamps.ts';
import {
  printFooter,
  printRest,
  printView,
  READING_OPTIONS,
  type Reading,
  readerOf,
  startOf,
} from '../tail/view.ts';
import { Deadline, deadlineOf } from '../wait/deadline.ts';
import { watchPauses } from '../wait/pause-notes.ts';

const HELP = 'bgjob tail --help';

const OPTIONS = {
  ...READING_OPTIONS,
  grep: {
    kind: 'text',
    value: 'RE',
    text: 'print only lines that match; exit code 1 if none does',
    group: 'Search',
  },
  context: { kind: 'count', short: '-C', value: 'N', text: 'print N lines around each match' },
  max: { kind: 'count', value: 'N', text: 'print at most N matches (default 40)' },
} as const;

/** The error in options that contradict each other. */
function refusalOf(options: Input<typeof OPTIONS>['options']): Failure | undefined {
  const { head, follow, since, reader, grep } = options;
  if (options.raw && options.timestamps) return tailRefusal.rawTimes();
  if (head && follow) return tailRefusal.headFollow();
  if (since !== null && options.new) return tailRefusal.sinceNew();
  if (head && (since !== null || options.new)) return tailRefusal.headSince();
  if (reader !== null && !options.new) return needsOption('--reader', '--new', HELP);
  if (reader !== null && !READER_NAME.test(reader)) return tailRefusal.badReader(reader);
  if (grep === null && (options.context !== null || options.max !== null))
    return needsOption('-C and --max', '--grep', HELP);
  if (grep !== null && (head || options.lines !== null)) return tailRefusal.grepLines();
  return undefined;
}

/** The options for output, as they can be typed again. */
function wordsAgain({
  follow,
  timestamps,
  err,
  raw,
  grep,
  context,
}: Input<typeof OPTIONS>['options']): string[] {
  return [
    ...(follow ? ['-f'] : []),
    ...(timestamps ? ['-t'] : []),
    ...(err ? ['--err'] : []),
    ...(raw ? ['--raw'] : []),
    ...(grep === null ? [] : ['--grep', safe(quoteWord(grep))]),
    ...(context === null ? [] : [`-C${context}`]),
  ];
}

/**
 * The logs that are read: a search reads both, except with a cursor, which is a position in the log of
 * stdout.
 */
const streamsAsked = (view: JobView, { err, grep, since }: Input<typeof OPTIONS>['options']): Stream[] =>
  err ? ['err'] : grep !== null && since === null ? streamsOf(view) : ['log'];

/** The same search in the log of stderr. */
function inStderr(reading: Reading, options: Input<typeof OPTIONS>['options']): Reading {
  const { home, view } = reading;
  const own = { ...options, err: true };
  const start = startOf(own, home, view, 'err');
  const again = `bgjob ${['tail', ...wordsAgain(own), view.id].join(' ')}`;
  const stamps = reading.stamps && new Stamps(reading.output, home, view, 'err');
  return { ...reading, stream: 'err', options: own, stamps, start: start.ok ? start.value : null, again };
}

/** Stores the cursor of this reader: after everything was printed, so that nothing is missed. */
function storeCursor({ output, home, view, stream, options }: Reading, to: number): void {
  if (!options.new || output.readerGone) return;
  // the job has not started, and has no folder for its log yet
  if (to === 0 && isWaiting(view)) return;
  try {
    const job = home.job(view.id);
    const floor = Math.min(to, readEmptiedBytes(job, stream));
    writeCursor(job, stream, readerOf(options), { at: to, floor });
  } catch (thrown) {
    output.note(cursorNotStored(errnoText(errnoOf(thrown)), to));
  }
}

export const tail = verb({
  name: 'tail',
  operands: 'REF',
  arity: [1, 1],
  // as for tail(1): -40
  shorthand: (word) => (/^-\d+$/.test(word) ? ['--lines', word.slice(1)] : undefined),
  summary: 'print the end of the output of a job, what is new, or what matches',
  description: [
    'Prints the last 40 lines, at most 8 KiB, as they would look on a terminal: the final state of',
    'progress bars, no escape sequences. The last line, on stderr, says which bytes these are, and the',
    'cursor for the next read (--since, --new).',
    '',
    'Of a job with --split it prints stdout, with --err stderr; --grep without a cursor searches both.',
    '',
    "The exit code is 0, however the job ended: wait, status and run --follow return the job's exit code.",
  ],
  examples: [
    ['bgjob tail 42', 'the last lines'],
    ['bgjob tail -f @last', 'the output as it comes, until the job ends'],
    ['bgjob tail web --new', 'what is new since the last call'],
    ["bgjob tail test --grep 'FAIL|Error' -C2 --max 20", 'the first failures'],
  ],
  options: OPTIONS,
  async run(context, { options, words }) {
    const { output } = context;
    const refusal = refusalOf(options);
    if (refusal) return fail(refusal);
    const pattern = options.grep === null ? null : parsePattern('--grep', options.grep);
    if (pattern && !pattern.ok) return pattern;
    const deadline = deadlineOf(context, null);
    if (!deadline.ok) return deadline;
    const found = select(context, words[0]!, 'bgjob tail');
    if (!found.ok) return found;
    const { home, view } = found.value;
    const stream: Stream = options.err ? 'err' : 'log';
    if (options.err && !('spec' in view && view.spec.split))
      return fail(noStderrLog.tail(view.id, jobLabel(view)));
    const streams = streamsAsked(view, options);
    for (const one of options.follow ? streams : []) {
      const own = followsItself(home, view.id, one);
      if (own) return fail(own);
    }
    const start = startOf(options, home, view, stream);
    if (!start.ok) return start;
    const again = `bgjob ${['tail', ...wordsAgain(options), referenceTo(view, words[0]!)].join(' ')}`;
    const stamps = options.timestamps ? new Stamps(output, home, view, stream) : undefined;
    const reading: Reading = { output, home, view, stream, options, start: start.value, stamps, again };
    if (pattern) {
      const ask = { pattern: pattern.value, context: options.context ?? 0, max: options.max };
      if (options.since !== null) printStderr(output, home, view, stream);
      const readings = streams.length > 1 ? [reading, inStderr(reading, options)] : [reading];
      const searched = options.follow
        ? await followMatches(readings, ask, deadline.value)
        : await printMatches(readings, ask);
      if (!searched.ok) return searched;
      for (const { reading, to } of searched.value.searched) storeCursor(reading, to);
      if (view.kind === 'ended') markReported(output, home, view);
      return ok(searched.value.exit);
    }
    const log = Log.open(home.job(view.id), stream);
    // before the first output: Ctrl-C after it says that the job goes on
    const until = options.follow ? new Deadline(deadline.value) : undefined;
    const stopNotes = options.follow ? watchPauses(output, home, () => [view.id]) : undefined;
    try {
      const piece = log ? printView(reading, log) : NOTHING;
      if (until) {
        const { exit, to } = await printRest(reading, piece, until);
        storeCursor(reading, to);
        return ok(exit);
      }
      printFooter(reading, piece);
      storeCursor(reading, piece.to);
    } finally {
      stopNotes?.();
      log?.close();
    }
    if (view.kind === 'ended') markReported(output, home, view);
    return ok(SUCCESS);
  },
});

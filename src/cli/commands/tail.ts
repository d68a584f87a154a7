/** `bgjob tail`: prints the end of a log, what is new in it, or the lines that match. */
import { errnoOf } from '../../base/result.ts';
import { parsePattern } from '../../base/text/pattern.ts';
import { safe } from '../../base/text/sanitize.ts';
import { type Failure, fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { READER_NAME, writeCursor } from '../../job/log/cursors.ts';
import { Log, type Stream } from '../../job/log/log.ts';
import { readEmptiedBytes } from '../../job/log/trim-record.ts';
import { isWaiting, type JobView, quoteWord } from '../../job/view.ts';
import { type Exit, type Input, SUCCESS, verb } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { requireQueues } from '../jobs/job-filter.ts';
import { referenceTo, selectAll } from '../jobs/select.ts';
import { streamsOf } from '../jobs/stderr-log.ts';
import { jobLabel } from '../messages/job-text.ts';
import { cursorNotStored, headLineOf, nothingRunsText, tailRefusal } from '../messages/log.ts';
import { errnoText, needsOption, noStderrLog } from '../messages/usage.ts';
import { markReported } from '../output/mark-reported.ts';
import { NOTHING, printStderr } from '../tail/excerpt.ts';
import { followsItself } from '../tail/follow.ts';
import { followMatches, type GrepAsk, printMatches } from '../tail/grep.ts';
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
  queue: {
    kind: 'list',
    short: '-Q',
    value: 'NAME',
    text: 'with -f: the live jobs of this queue, and those that are added to it',
    group: 'Several jobs',
  },
  all: { kind: 'flag', text: 'with -f: all live jobs of this project, and those that begin' },
  'all-projects': { kind: 'flag', short: '-a', text: 'with --queue, --all: jobs of all projects' },
} as const;
type TailOptions = Input<typeof OPTIONS>['options'];

/** The error in options that contradict each other. */
function refusalOf(options: TailOptions, words: string[], isJson: boolean): Failure | undefined {
  const { head, follow, since, reader, grep, all, queue, raw } = options;
  const isGroup = all || queue.length > 0;
  if (isGroup && words.length > 0) return tailRefusal.groupAndReference(words[0]!);
  if (all && queue.length > 0) return tailRefusal.allAndQueue();
  if (isGroup && !follow) return tailRefusal.group(all ? '--all' : `--queue ${safe(queue[0]!)}`);
  if (options['all-projects'] && !isGroup) return tailRefusal.everywhere();
  if (words.length === 0 && !isGroup) return tailRefusal.nothing();
  if (words.length > 1 || isGroup) {
    if (since !== null && /^\d+$/.test(since)) return tailRefusal.cursorMany();
    if (raw && follow && !isJson) return tailRefusal.rawMany();
  }
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
function wordsAgain({ follow, timestamps, err, raw, grep, context }: TailOptions): string[] {
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
const streamsAsked = (view: JobView, { err, grep, since }: TailOptions): Stream[] =>
  err ? ['err'] : grep !== null && since === null ? streamsOf(view) : ['log'];

/** The same search in the log of stderr. */
function inStderr(reading: Reading, options: TailOptions): Reading {
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
  operands: 'REF...',
  arity: [0, Number.POSITIVE_INFINITY],
  // as for tail(1): -40
  shorthand: (word) => (/^-\d+$/.test(word) ? ['--lines', word.slice(1)] : undefined),
  summary: 'print the end of the output of a job, what is new, or what matches',
  description: [
    'Prints the last 40 lines, at most 8 KiB, as they would look on a terminal: the final state of',
    'progress bars, and no escape sequences, except colours on a terminal. The last line, on stderr,',
    'says which bytes these are, and the cursor for the next read (--since, --new).',
    '',
    'Of a job with --split it prints stdout, with --err stderr; --grep without a cursor searches both.',
    '',
    'Of several jobs it prints one after the other, as tail(1) does. With -f their lines come as they are',
    'printed, each with the name of its job before it, those on stderr of a --split job too; the end of each',
    'is one line on stderr. The output begins with the last 10 lines of each. The call ends when all',
    'have ended.',
    '',
    'With -t, ~ before a time means: by then at the latest; - means: not known. The times of stderr of a',
    '--split job are not recorded.',
    '',
    "The exit code is 0, however the job ended: wait, status and run --follow return the job's exit code.",
  ],
  examples: [
    ['bgjob tail 42', 'the last lines'],
    ['bgjob tail -f @last', 'the output as it comes, until the job ends'],
    ['bgjob tail -f web api', 'the output of both, each line with its name'],
    ['bgjob tail web --new', 'what is new since the last call'],
    ["bgjob tail test --grep 'FAIL|Error' -C2 --max 20", 'the first failures'],
  ],
  options: OPTIONS,
  async run(context, { options, words }) {
    const refusal = refusalOf(options, words, context.output.json);
    if (refusal) return fail(refusal);
    const pattern = options.grep === null ? null : parsePattern('--grep', options.grep);
    if (pattern && !pattern.ok) return pattern;
    const deadline = deadlineOf(context, null);
    if (!deadline.ok) return deadline;
    const grep = pattern && { pattern: pattern.value, context: options.context ?? 0, max: options.max };
    const call: Call = { context, options, words, grep, deadlineMs: deadline.value };
    if (options.all || options.queue.length > 0) return followGroup(call);
    const found = selectAll(context, words, 'bgjob tail');
    if (!found.ok) return found;
    const opened = context.home();
    if (!opened.ok) return opened;
    const home = opened.value!;
    const views = found.value;
    for (const view of views)
      if (options.err && !('spec' in view && view.spec.split))
        return fail(noStderrLog.tail(view.id, jobLabel(view)));
    if (views.length === 1) return readOne(call, home, views[0]!, referenceTo(views[0]!, words[0]!));
    if (options.follow) return followSeveral(call, home, views, undefined);
    if (grep) return searchSeveral(call, home, views, grep);
    for (const [n, view] of views.entries()) {
      if (!context.output.json) context.output.line(`${n > 0 ? '\n' : ''}${headLineOf(view)}`);
      const read = await readOne(call, home, view, String(view.id));
      if (!read.ok || context.output.readerGone) return read;
    }
    return ok(SUCCESS);
  },
});

interface Call {
  context: Context;
  options: TailOptions;
  words: string[];
  grep: GrepAsk | null;
  deadlineMs: number | null;
}

/** How one job is read. `reference`: a word that means this job in a later call, too. */
function readingOf(call: Call, home: Home, view: JobView, reference: string): Result<Reading> {
  const { options } = call;
  const { output } = call.context;
  const stream: Stream = options.err ? 'err' : 'log';
  const start = startOf(options, home, view, stream);
  if (!start.ok) return start;
  const again = `bgjob ${['tail', ...wordsAgain(options), reference].join(' ')}`;
  const stamps = options.timestamps ? new Stamps(output, home, view, stream) : undefined;
  return ok({ output, home, view, stream, options, start: start.value, stamps, again });
}

/** Prints of one job the end of its log, new output, lines that match, or the output as it comes. */
async function readOne(call: Call, home: Home, view: JobView, reference: string): Promise<Result<Exit>> {
  const { options, grep, deadlineMs } = call;
  const { output } = call.context;
  const streams = streamsAsked(view, options);
  for (const one of options.follow ? streams : []) {
    const own = followsItself(home, view.id, one);
    if (own) return fail(own);
  }
  const found = readingOf(call, home, view, reference);
  if (!found.ok) return found;
  const reading = found.value;
  const { stream } = reading;
  if (grep) {
    const readings = withStderr(call, reading);
    const searched = options.follow
      ? await followMatches(readings, grep, deadlineMs)
      : await printMatches(readings, grep);
    if (!searched.ok) return searched;
    for (const { reading, to } of searched.value.searched) storeCursor(reading, to);
    if (view.kind === 'ended') markReported(output, home, view);
    return ok(searched.value.exit);
  }
  const log = Log.open(home.job(view.id), stream);
  // before the first output: Ctrl-C after it says that the job goes on
  const until = options.follow ? new Deadline(deadlineMs) : undefined;
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
}

/** A search reads both logs of a job, if it has two. */
function withStderr({ options }: Call, reading: Reading): Reading[] {
  const { output, home, view, stream } = reading;
  if (options.since !== null) printStderr(output, home, view, stream);
  return streamsAsked(view, options).length > 1 ? [reading, inStderr(reading, options)] : [reading];
}

/** Searches one job after the other; --max limits the lines of all. */
async function searchSeveral(call: Call, home: Home, views: JobView[], grep: GrepAsk): Promise<Result<Exit>> {
  const readings: Reading[] = [];
  for (const view of views) {
    const found = readingOf(call, home, view, String(view.id));
    if (!found.ok) return found;
    const [first, ...others] = withStderr(call, found.value);
    readings.push({ ...first!, heading: `${readings.length > 0 ? '\n' : ''}${headLineOf(view)}` }, ...others);
  }
  const searched = await printMatches(readings, grep);
  if (!searched.ok) return searched;
  for (const { reading, to } of searched.value.searched) storeCursor(reading, to);
  for (const view of views) if (view.kind === 'ended') markReported(call.context.output, home, view);
  return ok(searched.value.exit);
}

/** Follows the live jobs of queues or of the project, and those that begin meanwhile. */
async function followGroup(call: Call): Promise<Result<Exit>> {
  const { context, options } = call;
  const opened = context.home();
  if (!opened.ok) return opened;
  const home = opened.value;
  const queues = options.queue.flatMap((text) => text.split(','));
  const { GrowingGroup } = await import('../jobs/live-group.ts');
  const known = requireQueues(home, queues);
  if (!known.ok) return known;
  const group = home && new GrowingGroup(context, home, queues, options['all-projects']);
  const views = group?.take() ?? [];
  if (home && group && views.length > 0) return followSeveral(call, home, views, group);
  if (!context.output.json) context.output.note(nothingRunsText(queues, options['all-projects']));
  return ok(SUCCESS);
}

/** Follows several jobs at once; jobs that are added to `group` join. */
async function followSeveral(
  call: Call,
  home: Home,
  views: JobView[],
  group: { take(): JobView[] } | undefined,
): Promise<Result<Exit>> {
  const { context, options, words, grep, deadlineMs } = call;
  const { followMany, refuseOwn } = await import('../tail/follow-many.ts');
  const own = refuseOwn(home, views, options.err);
  if (!own.ok) return own;
  const chosen = group
    ? [
        ...(options.all ? ['--all'] : options.queue.map((name) => `--queue ${safe(quoteWord(name))}`)),
        ...(options['all-projects'] ? ['-a'] : []),
      ]
    : words.includes('@last')
      ? views.map(({ id }) => id)
      : words;
  const cursor = options.new
    ? ['--new', ...(options.reader === null ? [] : ['--reader', options.reader])]
    : [];
  const again = `bgjob ${['tail', ...wordsAgain(options), ...cursor, ...chosen].join(' ')}`;
  const ask = { views, more: group && (() => group.take()), options, grep, again };
  const followed = await followMany(context.output, home, ask, new Deadline(deadlineMs));
  if (!followed.ok) return followed;
  for (const { reading, to } of followed.value.searched) storeCursor(reading, to);
  return ok(followed.value.exit);
}

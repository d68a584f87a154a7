/** Telling how jobs ended, or that they go on: the one way of `wait`, `run --wait` and `run --follow`. */
import { statSync } from 'node:fs';
import { renderDuration, renderSize, systemClock } from '../../base/clock.ts';
import { foldRepeats, readableLines, safe } from '../../base/text/sanitize.ts';
import { forgetUnownedEnvironment } from '../../engine/launch/stored-environment.ts';
import { processesOf } from '../../engine/observe/leftovers.ts';
import { QueueOverview } from '../../engine/queue/queue-status.ts';
import type { Failure } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { noteSeen } from '../../job/home/records.ts';
import { Log, readLogSize, type Stream } from '../../job/log/log.ts';
import { readEmptiedBytes, readTrimmedBytes } from '../../job/log/trim-record.ts';
import type { JobId } from '../../job/spec.ts';
import type { JobView } from '../../job/view.ts';
import type { Exit } from '../command/command.ts';
import { lostHint } from '../jobs/lost-hint.ts';
import { awayNote, stderrOf, streamsOf } from '../jobs/stderr-log.ts';
import { messageOf } from '../messages/failures.ts';
import { type Extras, forcedNoteOf, jobObject, sentence, verdict } from '../messages/job-text.ts';
import { stillRunningText } from '../messages/wait.ts';
import type { Output } from '../output/output.ts';
import { statePainter } from '../output/state-style.ts';
import type { Deadline, Judgement } from './deadline.ts';
import { printPauses } from './pause-notes.ts';

const TAIL_LINES = 20;
const OUTPUT_LINES = 40;
const TAIL_BYTES = 8192;
const LAST_OUTPUT_CHARACTERS = 100;

interface LastWords {
  stream: Stream;
  lines: string[];
  cut: boolean;
  /** The last line was not ended, and looks like a question. */
  asks: boolean;
}

/** `Overwrite?`, `Password:`, `Proceed? [Y/n]`, `(yes/no) `: what programs print before they read an answer. */
const QUESTION = /(\?|:|[[(](y|n|yes|no)(\/[^\])]{1,16})?[\])][?:]?)[ \t]*$/i;

/** The last lines of one log of a job, clean and bounded, and whether there were more. */
function lastWords(home: Home, view: JobView, stream: Stream, mostLines: number): LastWords {
  const log = Log.open(home.job(view.id), stream);
  if (!log) return { stream, lines: [], cut: false, asks: false };
  const piece = log.lastLines(mostLines, TAIL_BYTES);
  log.close();
  const lines = readableLines(piece.bytes);
  const asks = piece.bytes.at(-1) !== 0x0a && QUESTION.test(lines.at(-1) ?? '');
  return { stream, lines, cut: piece.from > 0, asks };
}

/** Prints last lines; those of a stderr with a log of its own come after a word that says so. */
function printLastWords(output: Output, { id }: JobView, { stream, lines, cut }: LastWords): void {
  if (stream === 'err' && lines.length > 0) output.line('stderr:');
  for (const line of foldRepeats(lines)) output.line(`| ${line}`);
  const [what, option] = stream === 'err' ? [' of stderr', ' --err'] : ['', ''];
  if (cut) output.note(`(the last ${lines.length} lines${what}; all: bgjob tail ${id}${option} --full)`);
}

/** Which last lines come with an end: none, those of a failure, or, and then more of them, of any end. */
export type LastLines = 'none' | 'of a failure' | 'always';

/** What a call makes of an end where nothing else was asked for: the code is the job's. */
export function judgeEnd(view: JobView, exit = verdict(view)): Judgement {
  return { exit, failed: exit.code !== 0, counted: true, remark: '' };
}

/** Tells how a job ended; notes that somebody was told. `judgement`: what this call makes of it. */
export async function reportEnd(
  output: Output,
  home: Home,
  view: JobView,
  lastLines: LastLines,
  judgement = judgeEnd(view),
): Promise<Exit> {
  const leftovers = view.kind === 'ended' ? (await processesOf(home, view)).length : 0;
  return printKnownEnd(output, home, view, lastLines, leftovers, judgement);
}

/** The same where it is known how many processes it left. */
export function printKnownEnd(
  output: Output,
  home: Home,
  view: JobView,
  lastLines: LastLines,
  leftovers: number,
  { exit, failed, counted, remark } = judgeEnd(view),
): Exit {
  // in an object they are in nobody's way
  const withFailure = lastLines === 'of a failure' || output.json;
  const isShown = lastLines === 'always' || (withFailure && failed);
  const mostLines = lastLines === 'always' ? OUTPUT_LINES : TAIL_LINES;
  const words = isShown ? streamsOf(view).map((stream) => lastWords(home, view, stream, mostLines)) : [];
  const now = systemClock.now();
  const job = home.job(view.id);
  if (output.json) {
    output.object({
      ...jobObject(view, now, { leftovers, ...logFacts(home, view) }),
      result: view.kind === 'ended' ? 'ended' : view.kind,
      ...exit,
      counted,
      tail: words[0]?.lines ?? [],
      stderrTail: words[1]?.lines ?? [],
    });
  } else {
    output.line(`${sentence(view, now, leftovers, undefined, statePainter(output, view))}${remark}`);
    for (const one of words) printLastWords(output, view, one);
    // without an answer some programs take none for "no", and exit 0
    const asks = words.some((one) => one.asks);
    if (asks && view.kind === 'ended' && view.status.outcome.kind === 'exited')
      output.note('(its last words look like a question: nobody answers a job; use an option such as --yes)');
    const cutBytes = readTrimmedBytes(job) + readTrimmedBytes(job, 'err');
    if (cutBytes > 0)
      output.note(`(${renderSize(cutBytes)} of its output trimmed by --max-log: bgjob show ${view.id})`);
    const emptiedBytes = readEmptiedBytes(job) + readEmptiedBytes(job, 'err');
    if (emptiedBytes > 0)
      output.note(`(the job emptied its log: ${renderSize(emptiedBytes)} gone: bgjob show ${view.id})`);
    const away = awayNote(home, view);
    if (away !== undefined) output.note(away);
    const forced = forcedNoteOf(view);
    if (forced !== undefined) output.note(forced);
    if (leftovers > 0) output.note(`(${leftovers} left running: bgjob kill ${view.id})`);
    const hint = lastLines === 'none' ? undefined : lostHint(home, [view]);
    if (hint !== undefined) output.hint(hint);
  }
  if (view.kind === 'ended') noteSeen(home.job(view.id));
  forgetUnownedEnvironment(home, view);
  return exit;
}

/** The logs of a job, for its object. */
export function logFacts(home: Home, view: JobView): Extras {
  const job = home.job(view.id);
  const logBytes = readLogSize(job);
  return {
    ...{ logPath: job.log, trimmedBytes: readTrimmedBytes(job), emptiedBytes: readEmptiedBytes(job) },
    stderr: stderrOf(home, view),
    ...(logBytes !== undefined && { logBytes }),
  };
}

interface LastOutput {
  text: string;
  agoMs: number;
}

/** The last line that says something, of whichever log was written last; null if there is no output yet. */
function lastOutput(home: Home, view: JobView, now: number): LastOutput | null {
  const all = streamsOf(view).flatMap((stream) => lastOutputOf(home, view, stream, now) ?? []);
  return all.sort((a, b) => a.agoMs - b.agoMs)[0] ?? null;
}

function lastOutputOf(home: Home, view: JobView, stream: Stream, now: number): LastOutput | null {
  const job = home.job(view.id);
  const log = Log.open(job, stream);
  if (!log) return null;
  const { bytes, size } = log.lastLines(OUTPUT_LINES, TAIL_BYTES);
  log.close();
  const stat = statSync(job[stream], { throwIfNoEntry: false });
  if (size === 0 || !stat) return null;
  const text = readableLines(bytes, LAST_OUTPUT_CHARACTERS).findLast((line) => line.trim() !== '') ?? '';
  return { text: text.trim(), agoMs: Math.max(0, Math.round(now - stat.mtimeMs)) };
}

function lastOutputText(last: ReturnType<typeof lastOutput>): string {
  if (!last) return 'no output yet';
  return `last output ${renderDuration(last.agoMs)} ago${last.text === '' ? '' : `: "${last.text}"`}`;
}

/**
 * Tells that jobs go on although this call ends, and with which command to go on waiting (`again`). `waited`: all that did not end,
 * where `views` are some of them.
 */
export function reportStillRunning(
  output: Output,
  home: Home,
  views: JobView[],
  patience: Deadline,
  again: string,
  waited: readonly JobId[] = views.map(({ id }) => id),
): Exit {
  const exit = patience.exit();
  const now = systemClock.now();
  const overview = new QueueOverview(home);
  for (const view of views) {
    const last = lastOutput(home, view, now);
    const waiting = overview.waitingOf(view);
    if (output.json)
      output.object({
        ...jobObject(view, now, { ...logFacts(home, view), ...(waiting && { waiting }) }),
        result: 'running',
        ...exit,
        tail: [],
        stderrTail: [],
        lastOutput: last,
      });
    else if (waiting && !last) output.line(sentence(view, now, 0, waiting));
    else output.line(`${sentence(view, now, 0, waiting)}, ${lastOutputText(last)}`);
  }
  printPauses(output, home, waited);
  if (!output.json)
    output.note(`${stillRunningText(views, waited.length)} ${output.paint(2, 'cyan', `Next: ${again}`)}`);
  return exit;
}

/** Tells why a job that waits in its queue cannot be started, nor its end be heard of at once. */
export const printTrouble =
  (output: Output, id: number) =>
  (failure: Failure): void => {
    if (output.json) return;
    output.note(
      `(job ${id} cannot start, and is looked at once a second: ${safe(messageOf(failure).message)})`,
    );
  };

/** A job that is there no more. */
export const goneView = (id: number): JobView => ({
  kind: 'unreadable',
  id,
  why: 'it was removed while it was waited for',
});

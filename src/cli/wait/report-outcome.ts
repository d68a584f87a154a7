/** How an end, or a job that goes on, is printed: the one way of `wait`, `run --wait` and `run --follow`. */
import { statSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { foldRepeats, readableLines } from '../../base/text/sanitize.ts';
import { forgetUnownedEnvironment } from '../../engine/launch/stored-environment.ts';
import { processesOf } from '../../engine/observe/leftovers.ts';
import { QueueOverview } from '../../engine/queue/queue-status.ts';
import { PastRuns } from '../../engine/usage/past-runs.ts';
import type { Failure } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { countLines, startOfLastLines } from '../../job/log/last-lines.ts';
import { Log, readLogSize, type Stream } from '../../job/log/log.ts';
import { readEmptiedBytes, readTrimmedBytes } from '../../job/log/trim-record.ts';
import type { JobId } from '../../job/spec.ts';
import { exitCodeOf } from '../../job/state.ts';
import type { JobView } from '../../job/view.ts';
import type { Exit } from '../command/command.ts';
import { printLostHint } from '../jobs/lost-hint.ts';
import { awayNote, stderrOf, streamsOf } from '../jobs/stderr-log.ts';
import { messageOf } from '../messages/failures.ts';
import {
  type Extras,
  endedUsageText,
  failedHint,
  forcedNoteOf,
  jobObject,
  sentence,
  verdict,
} from '../messages/job-text.ts';
import {
  betweenText,
  cannotStartText,
  cutText,
  emptiedText,
  lastOutputText,
  leftText,
  QUESTION_TEXT,
  REMOVED_MEANWHILE,
  stillRunningText,
  trimmedText,
  usuallyText,
} from '../messages/wait.ts';
import { markReported } from '../output/mark-reported.ts';
import type { Output } from '../output/output.ts';
import { statePainter } from '../output/state-style.ts';
import type { Deadline } from './deadline.ts';
import { printPauses } from './pause-notes.ts';

/** What a call makes of one end. */
export interface Judgement {
  exit: Exit;
  /** The job failed: its last lines are shown. */
  failed: boolean;
  /** Its failure decides the code of the call, if it is the first. */
  counted: boolean;
  /** Stands behind the sentence of the end. */
  remark: string;
}

/** The judgement where nothing else was asked for: the code is the job's. */
export function judgeEnd(view: JobView, exit = verdict(view)): Judgement {
  return { exit, failed: exit.code !== 0, counted: true, remark: '' };
}

/** None, those of a failure, or those of any end, and then more of them. */
export type LastLines = 'none' | 'of a failure' | 'always';

const TAIL_LINES = 20;
const OUTPUT_LINES = 40;
const TAIL_BYTES = 8192;
const LAST_OUTPUT_CHARACTERS = 100;

/**
 * Where the first failing line is shown, too, the end has at least and at most these shares of the lines and
 * bytes: more than the least if that shows the last failing line. The first one may be a wrong guess.
 */
const END_SHARE = 1 / 4;
const MOST_END_SHARE = 3 / 5;
const LINES_BEFORE = 2;

/** The lines around the first one that says what failed; it is not among the last lines. */
interface FirstFailure {
  /** Where `lines` begin. */
  cursor: number;
  lines: string[];
  /** The bytes between these lines and `last`, the end of the log. */
  bytesBetween: number;
  last: string[];
}

interface Excerpt {
  stream: Stream;
  lines: string[];
  isCut: boolean;
  /** The last line was not ended, and looks like a question. */
  asks: boolean;
  first: FirstFailure | null;
}

/** What programs print before they read an answer: `Password:`, `Proceed? [Y/n]`, `(yes/no) `. */
const QUESTION = /(\?|:|[[(](y|n|yes|no)(\/[^\])]{1,16})?[\])][?:]?)[ \t]*$/i;

function readExcerpt(home: Home, view: JobView, stream: Stream, mostLines: number): Excerpt {
  const log = Log.open(home.job(view.id), stream);
  if (!log) return { stream, lines: [], isCut: false, asks: false, first: null };
  try {
    const { bytes, from } = log.lastLines(mostLines, TAIL_BYTES);
    const lines = readableLines(bytes);
    const asks = bytes.at(-1) !== 10 && QUESTION.test(lines.at(-1) ?? '');
    const first = from > 0 && endedByItself(view) ? readFirstFailure(log, from, mostLines) : null;
    return { stream, lines, isCut: from > 0, asks, first };
  } finally {
    log.close();
  }
}

/** Of a job that was stopped the end of the log says what it was doing. */
const endedByItself = (view: JobView): boolean => {
  if (view.kind !== 'ended') return false;
  const { outcome, stop } = view.status;
  return stop === null && outcome.kind === 'exited' && exitCodeOf(outcome) !== 0;
};

/** Null if the failure is not before `lastLines`, which are shown anyway. */
function readFirstFailure(log: Log, lastLines: number, mostLines: number): FirstFailure | null {
  const { findFirstFailure, findLastFailure } =
    require('../../engine/search/first-failure.ts') as typeof import('../../engine/search/first-failure.ts');
  const at = findFirstFailure(log);
  if (at === undefined || at >= lastLines) return null;
  const most = log.lastLines(mostLines * MOST_END_SHARE, Math.floor(TAIL_BYTES * MOST_END_SHARE));
  const least = log.lastLines(mostLines * END_SHARE, TAIL_BYTES * END_SHARE);
  const skipped = Math.min(
    findLastFailure(most.bytes) ?? most.bytes.length,
    Math.max(0, least.from - most.from),
  );
  const [last, end] = [most.bytes.subarray(skipped), most.from + skipped];
  const before = log.read(Math.max(0, at - TAIL_BYTES * END_SHARE), at);
  const start =
    before.from +
    startOfLastLines(before.bytes.subarray(0, Math.max(0, at - before.from)), LINES_BEFORE, true);
  const { bytes, from } = log.read(start, Math.min(end, start + TAIL_BYTES - last.length));
  let length = 0;
  for (let left = mostLines - countLines(last); left > 0 && length < bytes.length; left--)
    length = bytes.indexOf(10, length) + 1 || bytes.length;
  return {
    cursor: from,
    lines: readableLines(bytes.subarray(0, length)),
    bytesBetween: Math.max(0, end - from - length),
    last: readableLines(last),
  };
}

/** Those of a stderr with a log of its own come after a heading. */
function printExcerpt(output: Output, { id }: JobView, { stream, lines, isCut, first }: Excerpt): void {
  if (stream === 'err' && lines.length > 0) output.line('stderr:');
  for (const line of foldRepeats(first?.lines ?? lines)) output.line(`| ${line}`);
  if (first && first.bytesBetween > 0) output.line(betweenText(first.bytesBetween));
  for (const line of foldRepeats(first?.last ?? [])) output.line(`| ${line}`);
  if (isCut) output.note(cutText(id, stream, (first?.last ?? lines).length, first !== null));
}

/** The lines that are shown of a job that failed, of one that still runs. */
export function printLastLines(output: Output, home: Home, view: JobView): void {
  for (const stream of streamsOf(view))
    printExcerpt(output, view, readExcerpt(home, view, stream, TAIL_LINES));
}

/** Prints how a job ended, as far as it left processes behind, too. */
export async function reportEnd(
  output: Output,
  home: Home,
  view: JobView,
  lastLines: LastLines,
  judgement = judgeEnd(view),
): Promise<Exit> {
  const leftovers = view.kind === 'ended' ? (await processesOf(home, view)).length : 0;
  printEnd(output, home, view, lastLines, leftovers, judgement);
  if (!output.json) printLostHint(output, home, [view]);
  return judgement.exit;
}

/** The same where the number of leftover processes is known. The end counts as seen then. */
export function printEnd(
  output: Output,
  home: Home,
  view: JobView,
  lastLines: LastLines,
  leftovers: number,
  { exit, failed, counted, remark } = judgeEnd(view),
): void {
  // in an object they are in nobody's way
  const isShown = lastLines === 'always' || ((lastLines === 'of a failure' || output.json) && failed);
  const mostLines = lastLines === 'always' ? OUTPUT_LINES : TAIL_LINES;
  const excerpts = isShown ? streamsOf(view).map((stream) => readExcerpt(home, view, stream, mostLines)) : [];
  const now = systemClock.now();
  if (output.json) {
    output.object({
      ...jobObject(view, now, { leftovers, ...logFacts(home, view) }),
      result: view.kind === 'ended' ? 'ended' : view.kind,
      ...exit,
      counted,
      tail: excerpts[0]?.lines ?? [],
      stderrTail: excerpts[1]?.lines ?? [],
      firstFailure: excerpts.flatMap(firstFailureObject)[0] ?? null,
    });
  } else {
    const end = sentence(view, now, leftovers, undefined, statePainter(output, view));
    output.line(`${end}${endedUsageText(view)}${remark}`);
    for (const excerpt of excerpts) printExcerpt(output, view, excerpt);
    for (const note of notesOf(home, view, excerpts, leftovers)) output.note(note);
    const hint = failedHint(view);
    if (hint !== undefined) output.hint(hint);
  }
  if (view.kind === 'ended') markReported(output, home, view);
  forgetUnownedEnvironment(home, view);
}

const firstFailureObject = ({ stream, first }: Excerpt) =>
  first ? [{ stream, cursor: first.cursor, lines: first.lines }] : [];

function notesOf(home: Home, view: JobView, excerpts: Excerpt[], leftovers: number): string[] {
  const { id } = view;
  const job = home.job(id);
  const exited = view.kind === 'ended' && view.status.outcome.kind === 'exited';
  const trimmed = readTrimmedBytes(job) + readTrimmedBytes(job, 'err');
  const emptied = readEmptiedBytes(job) + readEmptiedBytes(job, 'err');
  return [
    exited && excerpts.some(({ asks }) => asks) && QUESTION_TEXT,
    trimmed > 0 && trimmedText(id, trimmed),
    emptied > 0 && emptiedText(id, emptied),
    awayNote(home, view),
    forcedNoteOf(view),
    leftovers > 0 && leftText(id, leftovers),
  ].filter((note) => typeof note === 'string');
}

export function logFacts(home: Home, view: JobView): Extras {
  const job = home.job(view.id);
  const logBytes = readLogSize(job);
  return {
    ...{ logPath: job.log, trimmedBytes: readTrimmedBytes(job), emptiedBytes: readEmptiedBytes(job) },
    stderr: stderrOf(home, view),
    ...(logBytes !== undefined && { logBytes }),
  };
}

/** The last line with text, of the log that was written last; null if there is no output yet. */
function lastOutput(home: Home, view: JobView, now: number) {
  const all = streamsOf(view).flatMap((stream) => lastOutputOf(home, view, stream, now) ?? []);
  return all.sort((a, b) => a.agoMs - b.agoMs)[0] ?? null;
}

function lastOutputOf(home: Home, view: JobView, stream: Stream, now: number) {
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

/** `again`: the command that waits on. `waited`: all that did not end; `views` are some of them. */
export function printStillRunning(
  output: Output,
  home: Home,
  views: JobView[],
  deadline: Deadline,
  again: string,
  waited: readonly JobId[] = views.map(({ id }) => id),
): Exit {
  const exit = deadline.exit();
  const now = systemClock.now();
  const overview = new QueueOverview(home);
  const past = new PastRuns(home);
  for (const view of views) {
    const usual = past.usualOf(view);
    const last = lastOutput(home, view, now);
    const waiting = overview.waitingOf(view);
    if (output.json)
      output.object({
        ...jobObject(view, now, { ...logFacts(home, view), ...(waiting && { waiting }), usual }),
        result: 'running',
        ...exit,
        tail: [],
        stderrTail: [],
        lastOutput: last,
      });
    else if (waiting && !last) output.line(sentence(view, now, 0, waiting));
    else output.line(`${sentence(view, now, 0, waiting)}, ${usuallyText(usual)}${lastOutputText(last)}`);
  }
  printPauses(output, home, waited);
  if (!output.json) output.next(stillRunningText(views, waited.length), again);
  return exit;
}

/** Prints why a job that waits in its queue cannot be started. */
export const printTrouble =
  (output: Output, id: number) =>
  (failure: Failure): void => {
    if (!output.json) output.note(cannotStartText(id, messageOf(failure).message));
  };

/** A job that was removed while it was waited for. */
export const goneView = (id: number): JobView => ({ kind: 'unreadable', id, why: REMOVED_MEANWHILE });

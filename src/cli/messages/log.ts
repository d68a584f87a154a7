/** What `tail` and other views of logs say, and the usage errors of `tail`. */
import { renderDuration, renderSize, systemClock } from '../../base/clock.ts';
import type { Pattern } from '../../base/text/pattern.ts';
import { clip, safe } from '../../base/text/sanitize.ts';
import type { Piece, Stream } from '../../job/log/log.ts';
import type { JobId } from '../../job/spec.ts';
import type { JobView } from '../../job/view.ts';
import { jobLabel, stateText, tookMs } from './job-text.ts';
import { cannotCombine, needsOperands, usageError } from './usage.ts';

// around the lines of a log

const MOST_PATTERN = 80;

/** How a job can add to its log without emptying it. */
export const EMPTIED_HINT = '(`> /dev/stderr` empties a log, as `: > log` does; `>&2` and `>> log` do not)';

/** The lines that stand where a part of the log is gone: the job emptied it, or it was trimmed. */
export function gapTexts({ gone, emptied }: Pick<Piece, 'gone' | 'emptied'>): string[] {
  // after an emptying more is gone than was asked for
  const trimmed = gone - Math.min(gone, emptied);
  return [
    ...(emptied > 0 ? [`[the job emptied its log: ${renderSize(emptied)} gone]`] : []),
    ...(trimmed > 0 ? [`[… ${renderSize(trimmed)} trimmed by --max-log …]`] : []),
  ];
}

/** Says that the view does not begin at the beginning. `full`: the command that shows all. */
export function notAllText(trimmed: number, emptied: number, full: string): string {
  const gone = [
    ...(emptied > 0 ? [`the job emptied its log: ${renderSize(emptied)} gone`] : []),
    ...(trimmed > 0 ? [`${renderSize(trimmed)} trimmed by --max-log`] : []),
  ];
  return `(not all of it; ${gone.length > 0 ? `${gone.join(', ')}, the rest` : 'all'}: ${full})`;
}

export const stderrText = (id: JobId, bytes: number) =>
  `(stderr: ${renderSize(bytes)}: bgjob tail ${id} --err)`;

/** The last line of every read: the state, the bytes that were shown, and the cursor of the next read. */
export function footer(view: JobView, stream: Stream, { from, to, size }: Piece, extra = ''): string {
  const [stdout, stderr] = 'spec' in view && view.spec.split ? [' on stdout', ' on stderr'] : ['', ''];
  const nothing = `no output${stream === 'err' ? stderr : stdout}${view.kind === 'live' ? ' yet' : ''}`;
  const bytes = `${stream === 'err' ? 'stderr ' : ''}bytes ${from}-${to} of ${size}`;
  return `[${stateAndTime(view)} | ${size > 0 ? bytes : nothing}${extra} | cursor ${to}]`;
}

/** The same where a read from a cursor found nothing. `prompt`: the line at which the job may wait. */
export function emptyFooter(
  view: JobView,
  cursor: number,
  quiet: number | null,
  prompt: string | undefined,
): string {
  const since = view.kind === 'live' && quiet !== null ? ` for ${renderDuration(quiet)}` : '';
  const line = prompt === undefined ? '' : ` | its last line: "${clip(safe(prompt), 80)}"`;
  return `[${stateAndTime(view)} | nothing new${since}${line} | cursor ${cursor}]`;
}

function stateAndTime(view: JobView): string {
  const took = tookMs(view, systemClock.now());
  const time = took === null ? '' : ` ${view.kind === 'ended' ? 'after ' : ''}${renderDuration(took)}`;
  return `${jobLabel(view)} ${stateText(view)}${time}`;
}

// searches

export const NO_OUTPUT = '(no output yet)';
export const NOTHING_NEW = '(nothing new)';

export const noMatchText = ({ text }: Pattern) => `(no line matches "${clip(safe(text), MOST_PATTERN)}")`;

export const tailRefusal = {
  nothing: () => needsOperands('tail', 'REF..., or -f with --queue NAME or --all'),
  rawMany: () =>
    usageError('--raw prints bytes without names: it follows one job', 'bgjob tail -f --raw REF'),
  cursorMany: () =>
    usageError('--since CURSOR is a position in one log', 'one REF, or a time: --since 5m, or --new'),
  group: (option: string) => usageError(`${option} goes with -f`, `bgjob tail -f ${option}`),
  groupAndReference: (reference: string) =>
    usageError(`--queue and --all take no REF: "${safe(reference)}"`, 'use one call for each of them'),
  allAndQueue: () => cannotCombine('--all', '--queue', 'bgjob tail -f --all'),
  everywhere: () => usageError('-a goes with --queue or --all', 'bgjob tail -f --all -a'),
  rawTimes: () => cannotCombine('--raw', '--timestamps', 'bgjob tail --help'),
  headFollow: () =>
    cannotCombine('--head', '--follow', 'bgjob tail -f --full REF shows everything from the beginning'),
  sinceNew: () => cannotCombine('--since', '--new', 'bgjob tail --help'),
  headSince: () => usageError('--head begins at 0: leave out --since and --new', 'bgjob tail --help'),
  badReader: (name: string) =>
    usageError(`--reader: "${safe(name)}" is not a name of letters, digits and . _ -`, 'bgjob tail --help'),
  grepLines: () =>
    usageError(
      '--grep searches the whole log: leave out -n and --head; --max limits the lines',
      'bgjob tail --help',
    ),
} as const;

/** The cursor of `tail --new` could not be written; `reason`: a system error in words. */
export const cursorNotStored = (reason: string, to: number) =>
  `(the cursor could not be stored: ${reason}; next time: --since ${to})`;

/** `all`: how many match, as far as they were counted. */
export const moreMatchesText = (shown: number, all: string, stream: Stream, to: number) =>
  `(${shown} of ${all} lines that match; more: --max N, or ${stream === 'err' ? '--err ' : ''}--since ${to})`;

export const followsItselfRefusal = (id: JobId) =>
  usageError(
    `the output of this call goes into the log of job ${id}: following that log would never end`,
    `bgjob tail ${id}`,
  );

/** For a view that shows only the end of a log. */
export const beginningHint = (id: number) => `the beginning: bgjob tail ${id} --full`;

// output of several jobs

/** The line above the output of each of several jobs, as tail(1) has it. */
export const headLineOf = (view: JobView): string => {
  const name = 'spec' in view && view.spec.name !== null ? `${safe(view.spec.name)} (${view.id})` : view.id;
  return `==> ${name} <==`;
};

export const joinsText = (view: JobView) => `${jobLabel(view)} joins (${stateText(view)})`;

/** Below a `tail -f` of several jobs, if some of them still live at its end. */
export const againBeginsText = (searched: boolean) =>
  searched
    ? '(the next call searches the logs from the beginning; with --new it goes on where the last one ended)'
    : '(the next call prints the last lines of each again; with --new it goes on where the last one ended)';

/** No live job is chosen. */
export const nothingRunsText = (queues: string[], everywhere: boolean) =>
  `(no live job${queues.length > 0 ? ` in queue ${safe(queues.join(', '))}` : ''}${
    everywhere ? '' : ' in this project'
  })`;

// times of lines

/** What `~` before a time means. `target`: that of a job on another machine. */
export const roughTimesText = (target: object | null) =>
  target === null
    ? '(~: the line was written by then at the latest)'
    : '(~: when the line arrived here from the target)';

/** What `-` in the place of a time means. */
export const unknownTimesText = (stream: Stream) =>
  stream === 'err'
    ? '(-: the times of stderr are not recorded)'
    : '(-: the times of these lines were not recorded)';

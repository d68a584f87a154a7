/**
 * What lists of jobs and queues say (`ls`, `queue`, `watch`, `gc`, `kill --all`), rows of `show`, and
 * their usage errors.
 */
import { renderDuration, renderSize } from '../../base/clock.ts';
import { unreachable } from '../../base/result.ts';
import { plural, safe } from '../../base/text/sanitize.ts';
import type { HookView } from '../../engine/hooks/exit-hook.ts';
import { howEnded } from '../../engine/queue/queued-job.ts';
import type { PausedJob, PauseVerb } from '../../engine/stop/pause-job.ts';
import type { JobId } from '../../job/spec.ts';
import { type JobView, STATE_WORDS, stateWord } from '../../job/view.ts';
import { jobLabel, jobs, sentence } from './job-text.ts';
import { cannotCombine, notAName, notOneOf, usageError } from './usage.ts';

/** `9,587`. */
export const thousands = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ',');

// lists

export const NO_JOBS_YET = 'no jobs yet: bgjob run -- command';
export const NO_QUEUES_YET = 'no queues yet: bgjob run -Q NAME --slots 2 -- command';

/** `filtered`: an option chose some of the jobs. */
export const noJobsText = (filtered: boolean): string => (filtered ? 'no such jobs here' : 'no jobs here');

export const olderText = (older: number, ended: number): string => `${jobs(older)} older: -n ${ended}`;
export const othersText = (others: number): string => `${jobs(others)} of other projects: -a`;
export const unseenText = (more: number): string => `(${jobs(more)} more: bgjob ls --unseen again)`;
export const moreRowsText = (more: number): string => `(${more} more rows: bgjob watch scrolls)`;

/** `queue` null: they wait in none. `alone`: the list has only jobs that wait. */
export function moreQueuedText(queue: string | null, count: number, all: number, alone: boolean): string {
  const where = queue === null ? '' : ` in ${queue}`;
  const wait = `${thousands(count)} more ${count === 1 ? 'waits' : 'wait'}${where}`;
  if (alone) return `${wait}: -n ${all}`;
  return `${wait}: bgjob ls ${queue === null ? `--state queued -n ${all}` : `--queue ${queue}`}`;
}

export const pausedQueueText = (queue: string): string =>
  `queue ${queue} is paused: bgjob queue resume ${queue}`;

export const inNoQueueText = (count: number): string =>
  `(${jobs(count)} ${count === 1 ? 'waits' : 'wait'} in no queue: bgjob ls -a --state queued)`;

export function queueText(queue: {
  name: string;
  slots: number;
  running: number;
  waiting: number;
  paused: boolean;
}): string {
  const { name, slots, running, waiting, paused } = queue;
  const size = `${plural(slots, 'slot')}${paused ? ', paused' : ''}`;
  return `${name}: ${size}; ${running} running, ${waiting} waiting`;
}

/** `2 failures were removed by gc`. */
export const removedFailuresText = (removed: number): string =>
  `${plural(removed, 'failure was', 'failures were')} removed by gc`;

/** That nothing failed in the last round. */
export function nothingFailedText(
  removed: number,
  { queues, tags, everywhere }: { queues: string[]; tags: string[]; everywhere: boolean },
): string {
  const what = [
    ...queues.map((name) => `of queue ${safe(name)} `),
    ...tags.map((tag) => `with tag ${safe(tag)} `),
    ...(everywhere ? [] : ['of this project ']),
  ].join('');
  const gone = removed === 0 ? '' : `; ${removedFailuresText(removed)}`;
  return `nothing ${what}failed in the last round${gone}`;
}

/** Usage errors of `ls` and `watch`. */
export const listRefusal = {
  state: (word: string) => notOneOf('--state', word, STATE_WORDS, 'bgjob ls --state running'),
  name: (name: string) => notAName('--name', name),
  watchJson: () => usageError('ls --watch is for people', 'bgjob watch --json'),
  watchTable: () => usageError('ls --watch draws a table: no -q, no --unseen', 'bgjob ls --help'),
  screen: (verb: string, why: keyof typeof NO_SCREEN) =>
    usageError(
      `${verb} draws on a terminal: ${NO_SCREEN[why]}`,
      'bgjob watch --json (a stream of changes), or: bgjob ls',
    ),
} as const;

const NO_SCREEN = {
  stdout: 'stdout is none',
  stdin: 'stdin is none, and its keys come from there',
  dumb: 'TERM=dumb has no cursor that can be moved',
} as const;

/** `ls --state failed`: the state was called so up to 0.9, while people call every failure so. */
export const failedStateNote = (): string =>
  '(--state failed means start-failed: the job could not be started; for all failed jobs: bgjob ls --failed)';

/** After the first `ls` of a home that shows a live job. */
export const watchHint = (): string =>
  '(bgjob watch shows this live: the last lines of output, logs, kill and restart with a key)';

/** What `gc` removed and kept. */
export const removedJobsText = (
  dryRun: boolean,
  done: { removed: unknown[]; freedBytes: number; kept: number; live: number },
): string =>
  `${dryRun ? 'would remove' : 'removed'} ${jobs(done.removed.length)}, ${renderSize(done.freedBytes)}; ` +
  `kept ${done.kept} ended, ${done.live} live`;

// watch

export const NO_JOBS_HERE = 'no jobs here: bgjob run -- command';
export const NO_JOB_MATCHES = 'no job matches: Esc shows all';

/** What a key is about to do. */
export const KEY_TEXT = {
  kill: (label: string, state: string): string => `kill ${label} (${state}) and all its processes? y/n`,
  restart: (label: string, state: string, isLive: boolean): string =>
    isLive ? `stop ${label} (${state}) and start it again? y/n` : `start ${label} (${state}) again? y/n`,
} as const;

// groups: kill --all, --queue, --tag

/** Usage errors of `kill`. */
export const groupRefusal = {
  reference: (option: string, reference: string) =>
    usageError(
      `${option} and REF cannot be used together: "${safe(reference)}"`,
      'use one call for each of them',
    ),
  all: (option: string, value: string) =>
    cannotCombine('--all', option, `bgjob kill ${option} ${safe(value)}`),
  allProjects: () => usageError('-a needs --all, --queue or --tag', 'bgjob ls'),
  nothing: () => usageError('kill needs REF..., --queue NAME, --tag TAG or --all', 'bgjob ls'),
} as const;

/**
 * That there is nothing to stop, and which jobs were left out. `callers`: the job of this call and those that
 * started it.
 */
export function groupNotes(
  options: { queue: string[]; tag: string[]; 'all-projects': boolean },
  { views, callers, others }: { views: JobView[]; callers: JobId[]; others: number },
): string[] {
  const where = [
    ...options.queue.map((name) => ` in queue ${safe(name)}`),
    ...options.tag.map((one) => ` with tag ${safe(one)}`),
    ...(options['all-projects'] ? [] : [' of this project']),
  ].join('');
  const ids = callers.join(' ');
  const leftOut = `(left out: ${ids}, in which this is called; to stop it, too: bgjob kill ${ids})`;
  const nothing = `(nothing to stop: no live job${where}${callers.length > 0 ? ' but these' : ''})`;
  return [
    ...(callers.length > 0 ? [leftOut] : []),
    ...(views.length > 0 ? [] : [nothing]),
    ...(others > 0 ? [`(${othersText(others)})`] : []),
  ];
}

// pause and resume

/** The result of `pause` or `resume` for one job. */
export function pauseResultText(
  { view, already, undone, processes }: PausedJob,
  verb: PauseVerb,
  now: number,
): string {
  const done = verb === 'pause' ? 'paused' : 'resumed';
  const count = plural(processes, 'process', 'processes');
  if (already)
    return verb === 'pause'
      ? `${sentence(view, now)} already: ${count}`
      : `${jobLabel(view)} is not paused: it is ${stateWord(view)}`;
  if (view.kind === 'ended') return `${jobLabel(view)} ${done}; it ${howEnded(view.status.outcome)} since`;
  const since = undone ? `, and ${verb === 'pause' ? 'resumed' : 'paused'} again since` : '';
  return `${jobLabel(view)} ${done}${since}: ${count}`;
}

// rows of `show`

/** How far `--on-exit` is. */
export function hookText(hook: HookView, now: number): string {
  switch (hook.kind) {
    case 'waits':
      return 'when it has ended';
    case 'due':
      return 'is about to run';
    case 'not-run':
      return 'was not run: no process was left to start it';
    case 'unseen':
      return 'it ran, but its end was not recorded';
    case 'runs':
      return `runs ${renderDuration(now - hook.since)}, pid ${hook.pid}; one minute at most`;
    case 'done': {
      const { code, why, startedAt, endedAt } = hook.end;
      const how = code === null ? `failed: ${safe(why ?? '')}` : `exited ${code}`;
      return `${how} after ${renderDuration(endedAt - startedAt)}`;
    }
    default:
      return unreachable(hook);
  }
}

/** A priority that was set by `move`. */
export const movedToText = (to: 'first' | 'last'): string =>
  `moved ${to === 'first' ? 'to the front' : 'to the end'}`;

export const awayText = (path: string): string =>
  `(the log of the job was moved away or removed: its output is not in ${safe(path)})`;

/**
 * Messages of `kill`, `with`, `send`, `set`, `pause` and `resume`, and which pause keeps a job from going on.
 */
import { renderDuration } from '../../base/clock.ts';
import { clip, plural, safe } from '../../base/text/sanitize.ts';
import type { Pause } from '../../engine/queue/pauses.ts';
import { howEnded } from '../../engine/queue/queued-job.ts';
import type { PausedJob, PauseVerb } from '../../engine/stop/pause-job.ts';
import type { Stopped } from '../../engine/stop/stop-job.ts';
import type { Failure } from '../../job/failure.ts';
import { type Session, sessionText } from '../../job/session.ts';
import type { Settings } from '../../job/settings.ts';
import type { JobId } from '../../job/spec.ts';
import { shownEnd } from '../../job/state.ts';
import {
  type EndedView,
  type JobView,
  type LiveView,
  stateWord,
  type UnreadableView,
} from '../../job/view.ts';
import { jobLabel, outcomeText, sentence, stateText } from './job-text.ts';
import { othersText } from './lists.ts';
import { portText } from './run.ts';
import { cannotCombine, textFor, typed, usageError } from './usage.ts';

const processText = (count: number) => plural(count, 'process', 'processes');

// kill

export const notASignal = (text: string) => usageError(`-s: "${safe(text)}" is not a signal`, 'kill -l');

/** `serves`: what the service that was stopped is for. */
export const serviceReturnsText = (serves: 'schedules' | 'triggers' | 'target') =>
  `(the next bgjob command starts it again, as long as it is needed: bgjob ${
    { triggers: 'trigger', schedules: 'cron', target: 'targets' }[serves]
  } --help)`;

/** A job whose records cannot be read: the kernel showed which processes belong to it. */
export const killedUnreadableText = (view: UnreadableView, stopped: number) =>
  `${jobLabel(view)} ${stateText(view)}: killed ${processText(stopped)} of it`;

export function killedText({ before, after, processes, listened, tookMs }: Stopped, now: number): string {
  const label = jobLabel(before);
  const count = processText(processes);
  if (before.kind === 'ended') {
    const endedAt = shownEnd(before.status);
    const ago = endedAt === null ? '' : ` ${renderDuration(now - endedAt)} ago`;
    const swept = processes > 0 ? `; killed ${count} that it left${portText(listened)}` : '';
    return `${label} already ${outcomeText(before.status.outcome, before.spec)}${ago}${swept}`;
  }
  const took = renderDuration(tookMs);
  if (after.kind !== 'ended') return `${label} killed (${took}): ${count}${portText(listened)}`;
  const { outcome } = after.status;
  if (outcome.kind === 'cancelled') return `${label} cancelled before it started`;
  const how =
    outcome.kind === 'killed'
      ? `killed (${safe(outcome.signal).replace(/^SIG/, '')}, ${took})`
      : `${outcomeText(outcome, after.spec)} (${took})`;
  return `${label} ${how}: ${count}${portText(listened)}`;
}

export const groupRefusal = {
  reference: (option: string, reference: string) =>
    usageError(
      `${option} and REF cannot be used together: "${safe(reference)}"`,
      option === '--session' ? `bgjob kill --session=${safe(reference)}` : 'use one call for each of them',
    ),
  all: (option: string, value: string) =>
    cannotCombine('--all', option, `bgjob kill ${option} ${safe(value)}`),
  allProjects: () => usageError('-a needs --all, --queue, --tag or --session', 'bgjob ls'),
  nothing: () => usageError('kill needs REF..., --queue NAME, --tag TAG, --session or --all', 'bgjob ls'),
} as const;

/** `callers`: the job of this call and those that started it. They are left out. */
export function groupNotes(
  options: { queue: string[]; tag: string[]; session: Session | null; 'all-projects': boolean },
  { views, callers, others }: { views: JobView[]; callers: JobId[]; others: number },
): string[] {
  const where = [
    ...options.queue.map((name) => ` in queue ${safe(name)}`),
    ...options.tag.map((one) => ` with tag ${safe(one)}`),
    ...(options.session ? [` of session ${sessionText(options.session)}`] : []),
    ...(options['all-projects'] ? [] : [options.session ? ' in this project' : ' of this project']),
  ].join('');
  const ids = callers.join(' ');
  return [
    ...(callers.length > 0
      ? [`(left out: ${ids}, in which this is called; to stop it, too: bgjob kill ${ids})`]
      : []),
    ...(views.length > 0
      ? []
      : [`(nothing to stop: no live job${where}${callers.length > 0 ? ' but these' : ''})`]),
    ...(others > 0 ? [`(${othersText(others)})`] : []),
  ];
}

// with

const WITH_CALL = 'bgjob with --until-port 3000 -- npm run dev -- npm test';
const LONGEST_CALL = 300;
const callText = (words: string) => clip(safe(`bgjob with ${words}`), LONGEST_CALL);

export const withRefusal = {
  words: () => usageError('with needs the command of a server, and that of the tests', WITH_CALL),
  oneCommand: (call: string) =>
    usageError(
      'with needs a second command behind -- : the tests that the server is started for',
      callText(`${call} -- TESTS...`),
    ),
  noTests: (call: string) =>
    usageError('with: there is no command behind the last --', callText(`${call} TESTS...`)),
  serverLine: (word: string, call: string) =>
    usageError(
      `with: behind the second -- begins the command of the tests, and "${clip(safe(word), 80)}" is none; ` +
        'a server that needs a -- is one word, a shell line',
      callText(call),
    ),
  script: () => usageError('with reads no script: stdin belongs to the tests', WITH_CALL),
  json: () =>
    usageError(
      'with has no --json: stdout belongs to the tests',
      'bgjob ls --json and bgjob show show the server',
    ),
  noCondition: () =>
    usageError(
      'with needs a condition that says when the server is ready: --until RE, --until-port N, ' +
        '--until-url URL, --until-cmd CMD, --until-file PATH or --until-idle DUR',
      WITH_CALL,
    ),
} as const;

export const guardNotStarted = (errno: string): Failure => ({
  code: 'io',
  doing: 'start',
  path: 'sh',
  errno,
});

export const reusedServerText = (view: JobView) =>
  `(${jobLabel(view)} runs already: it is used, and not stopped at the end)`;

export const notReadyText = (view: JobView, afterMs: number) =>
  `${jobLabel(view)} is not ready after ${renderDuration(afterMs)}: the tests do not run`;

export const serverEndedText = (sentence: string) => `(the server ended: ${sentence}; the tests go on)`;

export const serverLogText = (reference: string) => `(the log of the server: bgjob tail ${reference})`;

export const testsLeftText = (processes: number) =>
  `(killed ${plural(processes, 'process', 'processes')} that the tests left)`;

export const withOutOfTimeText = () =>
  'the time of this call is over (BGJOB_MAX_WAIT): tests and server are stopped. ' +
  'In a job they may take longer.';

export const stoppingServerText = (view: JobView, graceMs: number) =>
  `(stopping ${jobLabel(view)}; what is left after ${renderDuration(graceMs)} is killed)`;

/** `elsewhere`: where the home is by now; false: where it was. */
export const serverNotStopped = (view: JobView, why: string, elsewhere: string | false): [string, string] => [
  `${jobLabel(view)} could not be stopped: ${safe(why)}`,
  `${elsewhere === false ? '' : `BGJOB_HOME=${typed(elsewhere)} `}bgjob kill ${view.id}`,
];

export const serverWithoutHome = (id: JobId, home: string): [string, string] => [
  `job ${id} could not be stopped: its home is no longer at ${safe(home)}`,
  `if the home was moved: BGJOB_HOME=PATH bgjob kill ${id}`,
];

// send

export const READING_TEXT = 'reading the text to send from here, until Ctrl-D';
export const tooMuchText = (limit: string) =>
  usageError(`send -: more than ${limit} at once`, 'run --stdin FILE');
export const noText = (reference: string) =>
  usageError('send needs a text, or --eof', `bgjob send ${reference} 'a line'`);
export const newlineOfNothing = () =>
  usageError('--no-newline needs a TEXT: what is read with - is sent as it is');

/** `web 42 sent 2 lines (30 bytes), then end of file`. */
export function sentResult(label: string, lines: number, bytes: number, eof: boolean): string {
  const sent = lines === 0 ? [] : [`${plural(lines, 'line')} (${plural(bytes, 'byte')})`];
  return `${label} sent ${[...sent, ...(eof ? ['end of file'] : [])].join(', then ')}`;
}

// pause and resume

export function pauseResultText(
  { view, already, undone, processes }: PausedJob,
  verb: PauseVerb,
  now: number,
): string {
  const [done, opposite] = verb === 'pause' ? ['paused', 'resumed'] : ['resumed', 'paused'];
  const count = processText(processes);
  if (already)
    return verb === 'pause'
      ? `${sentence(view, now)} already: ${count}`
      : `${jobLabel(view)} is not paused: it is ${stateWord(view)}`;
  if (view.kind === 'ended') return `${jobLabel(view)} ${done}; it ${howEnded(view.status.outcome)} since`;
  return `${jobLabel(view)} ${done}${undone ? `, and ${opposite} again since` : ''}: ${count}`;
}

const MOST_NAMED = 5;

/** Which pauses keep jobs from going on: a line for paused jobs, one for all other pauses. */
export function pauseNotes(pauses: Pause[]): string[] {
  const own = pauses.flatMap(({ via, what }) => (what.kind === 'job' && via === null ? [what.id] : []));
  const others = pauses.filter(({ via, what }) => what.kind !== 'job' || via !== null).map(pauseText);
  const more = others.length > MOST_NAMED ? `; and ${plural(others.length - MOST_NAMED, 'more pause')}` : '';
  return [
    ...(own.length > 0 ? [`(paused; to go on: bgjob resume ${own.join(' ')})`] : []),
    ...(others.length > 0 ? [`(${others.slice(0, MOST_NAMED).join('; ')}${more})`] : []),
  ];
}

function pauseText({ of, via, what }: Pause): string {
  const waits = via === null ? '' : `${of} waits for ${via}, ${what.kind === 'job' ? 'which' : 'and'} `;
  return (
    waits +
    textFor('kind', what, {
      job: ({ id }) => `is paused: bgjob resume ${id}`,
      queue: ({ queue }) => `queue ${queue} is paused: bgjob queue resume ${queue}`,
      slots: ({ ids: { length }, ids, queue }) => {
        const state =
          length === 1 ? 'is paused and holds the only slot' : `are paused and hold all ${length} slots`;
        return `${ids.join(' ')} ${state} of queue ${queue}: bgjob resume ${ids.join(' ')}`;
      },
    })
  );
}

// set

/** How much of a limit is left: it counts from the start of the job, without its pauses. */
function leftText({ status }: LiveView | EndedView, timeoutMs: number, monotonicMs: number): string {
  if (status.phase === 'ended') return status.outcome.kind === 'timed-out' ? 'over: the job is stopped' : '';
  if (!('startedMonotonicMs' in status)) return 'from its start';
  const { since = null, pausedMs = 0 } = (status.phase === 'running' && status.holding) || {};
  const spentMs = (since?.monotonicMs ?? monotonicMs) - status.startedMonotonicMs - pausedMs;
  if (spentMs < timeoutMs) return `${renderDuration(timeoutMs - spentMs)} left`;
  return since ? 'over: the job is stopped when it is resumed' : 'over: the job is stopped';
}

/** `42 web has --timeout 2h (1h3m left)`. `monotonicMs`: now. */
export function setResultText(view: LiveView | EndedView, changes: Settings, monotonicMs: number): string {
  const { status } = view;
  const parts: string[] = [];
  const { timeoutMs, idleTimeoutMs, graceMs, priority } = changes;
  if (timeoutMs === null) parts.push('no --timeout');
  else if (timeoutMs !== undefined) {
    const left = leftText(view, timeoutMs, monotonicMs);
    parts.push(`--timeout ${renderDuration(timeoutMs)}${left && ` (${left})`}`);
  }
  if (idleTimeoutMs === null) parts.push('no --idle-timeout');
  else if (idleTimeoutMs !== undefined) parts.push(`--idle-timeout ${renderDuration(idleTimeoutMs)}`);
  if (graceMs !== undefined) parts.push(`--grace ${renderDuration(graceMs)}`);
  if (priority !== undefined) parts.push(`--priority ${priority}`);
  const isByItself = status.phase === 'ended' && status.outcome.kind !== 'timed-out';
  const since = isByItself ? `; it ${howEnded(status.outcome)} since` : '';
  return `${jobLabel(view)} has ${parts.join(', ')}${since}`;
}

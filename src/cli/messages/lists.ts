/** What lists of jobs and queues say, rows of `show`, and their usage errors. */
import { renderDuration, renderExactSize, renderSize, renderTime } from '../../base/clock.ts';
import { plural, safe } from '../../base/text/sanitize.ts';
import type { HookView } from '../../engine/hooks/exit-hook.ts';
import type { SlurmFacts } from '../../engine/targets/engine.ts';
import type { MemoryWay } from '../../engine/usage/control-group.ts';
import type { PastRun, Usual } from '../../engine/usage/past-runs.ts';
import type { Log } from '../../job/log/log.ts';
import type { Spec } from '../../job/spec.ts';
import {
  agentEndText,
  agentLabel,
  type EndedView,
  type LiveView,
  STATE_WORDS,
  stateWord,
} from '../../job/view.ts';
import { jobs, outcomeText, stateText, tookMs } from './job-text.ts';
import { notAName, notOneOf, textFor, usageError } from './usage.ts';

/** `9,587`. */
export const thousands = (count: number) => String(count).replace(/\B(?=(\d{3})+$)/g, ',');

// lists

export const NO_JOBS_YET = 'no jobs yet: bgjob run -- command';
export const NO_QUEUES_YET = 'no queues yet: bgjob run -Q NAME --slots 2 -- command';

/** `filtered`: an option chose some of the jobs. */
export const noJobsText = (filtered: boolean) => (filtered ? 'no such jobs here' : 'no jobs here');

/** How --memory is kept. */
export const MEMORY_TEXTS: Record<MemoryWay['way'], string> = {
  scope: 'kept by the kernel (a scope of systemd)',
  group: 'kept by the kernel (a control group)',
  samples: 'checked every second',
};

/** `--memory 8G (checked every second)`; null: it has ended, and that is not known. */
export const memoryLimitText = (bytes: number, way: MemoryWay['way'] | null): string =>
  `--memory ${renderExactSize(bytes)}${way === null ? '' : ` (${MEMORY_TEXTS[way]})`}`;

/** How long it has run, or ran: `1m05s of ~2m10s` while it runs. */
export function tookCell(took: number | null, usual: Usual | null): string {
  if (took === null) return '-';
  return usual ? `${renderDuration(took)} of ~${renderDuration(usual.durationMs)}` : renderDuration(took);
}

/** A row of `show`: `exited 0 after 2m8s, 3h ago`. */
export function pastRunText({ outcome, tookMs, endedAt }: PastRun, spec: Spec, now: number): string {
  const after = tookMs === null ? '' : ` after ${renderDuration(tookMs)}`;
  return `${outcomeText(outcome, spec, 'cell')}${after}, ${renderDuration(now - endedAt)} ago`;
}

// `live`: below a live view, which has keys, and no -n
export const olderText = (older: number, ended: number, live: boolean) =>
  `${jobs(older)} older: ${live ? 'bgjob ls ' : ''}-n ${ended}`;
export const moreEndedText = (queue: string) =>
  `more ended in the last round: bgjob ls --queue ${queue} -n 1000`;
export const othersText = (others: number, live = false) =>
  `${jobs(others)} of other projects: ${live ? 'a shows all' : '-a'}`;
/** Behind the end of a job of another session than that of the call. */
export const OF_ANOTHER_SESSION = '(of another session)';
export const unseenText = (more: number) => `(${jobs(more)} more: bgjob ls --unseen again)`;

// hooks: facts for an agent, each in a line of its own. Commands stand in brackets: hosts distrust orders

const withOrigin = (text: string, isForeign: boolean): string =>
  isForeign ? `${text} ${OF_ANOTHER_SESSION}` : text;

export const endNotice = (view: EndedView, isForeign: boolean): string =>
  withOrigin(agentEndText(view, stateText(view)), isForeign);

export const moreEndsNotice = (more: number): string =>
  `bgjob: ${plural(more, 'more job')} ended (bgjob ls --unseen)`;

export function runsNotice(view: LiveView, isForeign: boolean, now: number): string {
  const took = tookMs(view, now);
  // not "for": a job that is paused, or stops, was not so all the time
  const time = took === null ? '' : `, ${renderDuration(took)} after its start`;
  return withOrigin(`${agentLabel(view)} is ${stateWord(view)}${time} (bgjob tail ${view.id})`, isForeign);
}

export const stillRunsNotice = (view: LiveView, now: number): string =>
  `${agentLabel(view)}, started since the last prompt, is still ${stateWord(view)} after ` +
  `${renderDuration(tookMs(view, now) ?? 0)} (bgjob wait ${view.id})`;

export const moreLiveNotice = (more: number): string =>
  `bgjob: ${plural(more, 'more job is live', 'more jobs are live')} (bgjob ls)`;

export const hookForPrograms = (): string =>
  'bgjob: the host of an agent calls bgjob hook EVENT --host claude|codex, with its JSON on stdin';

export const moreRowsText = (more: number) => `(${more} more rows: bgjob watch scrolls)`;

/** `queue` null: they wait in none. `alone`: the list has only jobs that wait. */
export function moreQueuedText(queue: string | null, count: number, all: number, alone: boolean): string {
  const where = queue === null ? '' : ` in ${queue}`;
  const wait = `${thousands(count)} more ${count === 1 ? 'waits' : 'wait'}${where}`;
  if (alone) return `${wait}: -n ${all}`;
  return `${wait}: bgjob ls ${queue === null ? `--state queued -n ${all}` : `--queue ${queue}`}`;
}

export const pausedQueueText = (queue: string) => `queue ${queue} is paused: bgjob queue resume ${queue}`;

export const inNoQueueText = (count: number) =>
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

export const removedFailuresText = (removed: number) =>
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
export const FAILED_STATE_NOTE =
  '(--state failed means start-failed: the job could not be started; for all failed jobs: bgjob ls --failed)';

/** After the first `ls` of a home that shows a live job. */
export const WATCH_HINT =
  '(bgjob watch shows this live: the last lines of output, logs, kill and restart with a key)';

export const removedJobsText = (
  dryRun: boolean,
  done: { removed: unknown[]; freedBytes: number; kept: number; live: number },
) =>
  `${dryRun ? 'would remove' : 'removed'} ${jobs(done.removed.length)}, ${renderSize(done.freedBytes)}; ` +
  `kept ${done.kept} ended, ${done.live} live`;

// watch

export const NO_JOBS_HERE = 'no jobs here: bgjob run -- command';
export const NO_JOB_MATCHES = 'no job matches: Esc shows all';
export const NO_FAILED_JOB = 'no job of this list failed: F shows all';
export const NO_OUTPUT_YET = 'no output yet';

export const KEY_TEXT = {
  kill: (label: string, state: string) => `kill ${label} (${state}) and all its processes? y/n`,
  cancel: (label: string, state: string) => `cancel ${label} (${state})? It never starts then. y/n`,
  restart: (label: string, state: string, isLive: boolean) =>
    isLive ? `stop ${label} (${state}) and start it again? y/n` : `start ${label} (${state}) again? y/n`,
  // why a key can do nothing for this job
  notKilled: (label: string, state: string) => `${label} has ended (${state}): there is nothing to kill`,
  notRestarted: (label: string, why: string) => `${label} cannot be restarted: ${why}`,
  noStderr: (label: string) => `${label} has one log for both streams: bgjob run --split makes two`,
} as const;

/** Why a job of the list cannot be restarted. */
export const WHY_NO_RESTART = {
  waits: 'it waits, and has not started',
  unreadable: 'its records cannot be read here',
  follower: (label: string) => `${label} has its name now`,
} as const;

/** The head of an open log. `below`: so many lines are below the window; null: it follows. */
export function logHeadText(log: {
  job: string;
  isSplit: boolean;
  isErr: boolean;
  size: string;
  below: number | null;
  /** There are more lines, which are not read yet. */
  isBehind: boolean;
  isLive: boolean;
  /** The first column that is shown; null: lines are wrapped. */
  column: number | null;
}): string {
  const { job, isSplit, isErr, size, below, isBehind, isLive, column } = log;
  const isAtEnd = below === null || below === 0;
  const end = !isLive ? 'end' : below === null ? 'following' : 'not following';
  const more = isBehind ? 'more than ' : '';
  const where = isAtEnd && !isBehind ? end : `${more}${plural(below ?? 0, 'line')} below`;
  return [
    job,
    ...(isSplit ? [isErr ? 'stderr' : 'stdout'] : []),
    size,
    where,
    ...(column === null ? [] : [column === 1 ? 'lines are cut' : `from column ${column}`]),
  ].join('  ');
}

export const agoText = (ms: number): string => `${renderDuration(Math.max(0, ms))} ago`;
export const removedLogText = (label: string): string => `${label} was removed: its last lines`;

/** `3 more above, 9 more below`. */
export const moreJobsText = (above: number, below: number): string =>
  [
    ...(above > 0 ? [`${thousands(above)} more above`] : []),
    ...(below > 0 ? [`${thousands(below)} more below`] : []),
  ].join(', ');

/** In the head of `watch`: `failures only, /web: 2 of 30`; empty: all jobs are shown. */
export function shownText(failuresOnly: boolean, filter: string, shown: number, all: number): string {
  const by = [...(failuresOnly ? ['failures only'] : []), ...(filter === '' ? [] : [`/${filter}`])];
  return by.length === 0 ? '' : `${by.join(', ')}: ${shown} of ${all}`;
}

/** What a search in an open log found; `number`: from 1, of `count`. `isWhole`: all of the log is there. */
export const searchText = {
  /** `number` 0: the line of the current one is gone. */
  found: (term: string, number: number, count: number, wrapped: 'start' | 'end' | null): string => {
    const where = wrapped === null ? '' : ` (the search went on at the ${wrapped})`;
    const of = number === 0 ? '' : `${thousands(number)} of `;
    const counted = `${thousands(count)} ${count === 1 ? 'match' : 'matches'}`;
    return `/${term}: ${of}${counted}${where}`;
  },
  none: (term: string, id: number, isWhole: boolean): string =>
    isWhole
      ? `/${term}: not found`
      : `/${term}: not found in the end of the log that is shown; in all of it: bgjob tail ${id} --grep ...`,
} as const;

/** The keys of `watch`, in groups, for the page that `?` shows. */
export const KEY_HELP: [title: string, keys: [key: string, what: string][]][] = [
  [
    'The list',
    [
      ['↑ ↓, j k', 'choose a job'],
      ['g G', 'the first, the last job'],
      ['PgUp PgDn', 'a page up, down'],
      ['⏎, l', 'open the log'],
      ['/', 'filter by words; Esc: all'],
      ['F', 'failures only, or all'],
      ['a', 'all projects, or this one'],
    ],
  ],
  [
    'The chosen job, also in its log',
    [
      ['x', 'kill (y confirms)'],
      ['r', 'restart (y confirms)'],
      ['p', 'pause, resume'],
    ],
  ],
  [
    'The log',
    [
      ['↑ ↓, j k', 'scroll'],
      ['PgUp PgDn', 'a page up, down'],
      ['g G', 'the start; follow the end'],
      ['/', 'search for a text'],
      ['n N', 'the next, previous match'],
      ['w', 'wrap or cut long lines'],
      ['← →, < >', 'sideways in cut lines'],
      ['t', 'the time of each line'],
      ['e', 'stderr, or stdout'],
      ['q, Esc, h', 'back to the list'],
    ],
  ],
  [
    'Everywhere',
    [
      ['?', 'this page'],
      ['^L', 'draw anew'],
      ['^Z', 'to the shell (fg: back)'],
      ['q, ^C', 'quit'],
    ],
  ],
];
export const HELP_TITLE = 'bgjob watch: the keys';
export const HELP_END = 'any key leaves this page';
export const HELP_MORE = 'any key: more';

// rows of `show`

export const hookText = (hook: HookView, now: number): string =>
  textFor('kind', hook, {
    waits: 'when it has ended',
    due: 'is about to run',
    'not-run': 'was not run: no process was left to start it',
    unseen: 'it ran, but its end was not recorded',
    runs: ({ since, pid }) => `runs ${renderDuration(now - since)}, pid ${pid}; one minute at most`,
    done: ({ end: { code, why, startedAt, endedAt } }) => {
      const how = code === null ? `failed: ${safe(why ?? '')}` : `exited ${code}`;
      return `${how} after ${renderDuration(endedAt - startedAt)}`;
    },
  });

export const movedToText = (to: 'first' | 'last') =>
  `moved ${to === 'first' ? 'to the front' : 'to the end'}`;

export const awayText = (path: string) =>
  `(the log of the job was moved away or removed: its output is not in ${safe(path)})`;

export const NOT_KNOWN = 'not known';

export const NO_PIPEFAIL = 'sh -c: a failure before the last | is not noticed';

/** The path of a log, its size, and which part of it is gone. `isAway`: another file is at the path now. */
export function logText(
  path: string,
  log: Pick<Log, 'size' | 'gap' | 'emptiedBytes' | 'isApproximate'> | undefined,
  isAway: boolean,
): string {
  if (!log) return `${safe(path)} (missing: moved away or removed)`;
  const { size, gap, emptiedBytes, isApproximate } = log;
  const about = isApproximate ? '; offsets are approximate: no holes on this file system' : '';
  const trimmed = gap ? `, ${renderSize(gap.to - gap.from)} trimmed from byte ${gap.from} on${about}` : '';
  const emptied = emptiedBytes > 0 ? `; the job emptied it: ${renderSize(emptiedBytes)} gone` : '';
  const away = isAway ? '; not the log of the job, which was moved away' : '';
  return `${safe(path)} (${renderSize(size)}${trimmed}${emptied}${away})`;
}

/** What the job reads; null: nothing. `isLive`: `send` can still write to it. */
export function stdinText({ id, stdin, pty }: Spec, isLive: boolean): string | null {
  const send = isLive ? `: bgjob send ${id} TEXT` : '';
  if (pty) return `a terminal of ${pty.columns} x ${pty.rows}${send}`;
  if (stdin?.kind === 'hold') return `open${send}`;
  return stdin && (stdin.kind === 'file' ? safe(stdin.path) : 'a copy of the input that run got');
}

/** `/srv/app/releases/1 (/srv/app/current leads there)`. `now`: where the link leads. */
export function directoryText(
  { cwd, cwdLink }: Pick<Spec, 'cwd' | 'cwdLink'>,
  now: string | undefined,
): string {
  if (cwdLink === null) return safe(cwd);
  const leads = now === cwd ? 'there' : now === undefined ? 'to no directory now' : `to ${safe(now)} now`;
  return `${safe(cwd)} (${safe(cwdLink)} leads ${leads})`;
}

/** The job, schedule or trigger that started it; empty: a person did. */
export function startedText({ origin, parent }: Spec): string {
  const job = parent === null ? '' : `job ${parent}`;
  const inJob = job && ` (${job})`;
  if (origin?.kind === 'trigger') return `trigger ${safe(origin.name)}${inJob}`;
  if (origin?.kind !== 'schedule') return job;
  const at = origin.at === null ? ', by hand' : `, for ${renderTime(origin.at)}`;
  return `schedule ${safe(origin.name)}${at}${inJob}`;
}

const partitionText = ({ name, isDefault, state, nodes, timeLimit }: SlurmFacts['partitions'][number]) =>
  `${name}${isDefault ? ' (default)' : ''}: ${state}, ${plural(nodes, 'node')}, time limit ${timeLimit}`;

const MOST_PARTITIONS = 20;

/** What Slurm says of itself. `asked`: the partition of the target. */
export function slurmRows(facts: SlurmFacts, asked: string | null) {
  const { version, cluster, accounting, maxArray, minJobAge, partitions } = facts;
  const memory = minJobAge === 0 ? 'does not forget' : `forgets after ${renderDuration(minJobAge * 1000)}`;
  const shown = partitions.slice(0, MOST_PARTITIONS);
  const more = partitions.length - shown.length;
  const isListed =
    asked === null || asked.split(',').every((name) => partitions.some((one) => one.name === name));
  return [
    ['slurm', safe(`${version}, cluster ${cluster}`)],
    ['ended jobs', accounting ? 'kept in its database (not needed)' : `${memory} (does not matter)`],
    ['arrays', `up to ${maxArray} tasks`],
    ...(isListed ? [] : [['partition', safe(`${asked}: sinfo does not list it`)]]),
    ...shown.map((one) => ['partition', safe(partitionText(one))]),
    ...(more > 0 ? [['', `and ${more} more: sinfo`]] : []),
  ] as [string, string][];
}

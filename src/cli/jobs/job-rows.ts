/** Jobs in a list: which of them `ls` shows, and each as a row of a table or as an object. */
import { statSync } from 'node:fs';
import { renderDuration, systemClock } from '../../base/clock.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import { ignoreSystemError } from '../../base/result.ts';
import { safe } from '../../base/text/sanitize.ts';
import { countLeftovers, markedProcesses } from '../../engine/observe/leftovers.ts';
import { type Here, newestNamed } from '../../engine/observe/resolve.ts';
import { portsOf } from '../../engine/os/sockets.ts';
import { QueueOverview } from '../../engine/queue/queue-status.ts';
import { readUsage } from '../../engine/usage/job-usage.ts';
import { PastRuns, type Usual } from '../../engine/usage/past-runs.ts';
import type { Home } from '../../job/home/home.ts';
import { parseId } from '../../job/home/ids.ts';
import {
  idOfName,
  idTextOfName,
  isEndedName,
  listLive,
  newestNames,
  projectKey,
  projectOfName,
} from '../../job/home/job-index.ts';
import { listedNames } from '../../job/home/name-index.ts';
import { readLogSize } from '../../job/log/log.ts';
import { readEmptiedBytes, readTrimmedBytes } from '../../job/log/trim-record.ts';
import { queuedIds } from '../../job/queue/waiting-list.ts';
import type { JobId } from '../../job/spec.ts';
import type { JobView } from '../../job/view.ts';
import { commandLine, jobObject, stateText, tookMs, usageCells } from '../messages/job-text.ts';
import { tookCell } from '../messages/lists.ts';
import { targetLabel } from '../messages/targets.ts';
import type { Output } from '../output/output.ts';
import { stderrOf } from './stderr-log.ts';

const RECENT_MS = 3_600_000;
/** So many ended jobs are shown without -n. */
export const RECENT_MOST = 20;
/** With more live jobs than this the ports are shown only with --ports. */
const PORTS_MOST = 50;
/** Ports of one job in the table. */
const PORTS_SHOWN = 4;

export interface Listing {
  /** The newest first. */
  ids: JobId[];
  /** Counts all that ended here, those of them that are not listed, and those that ended elsewhere. Slow. */
  rest(): { ended: number; older: number; others: number };
}

/** Ids without a marker: a power cut or a person removed it. Only `ls -a` looks for them. */
function unmarked(home: Home, live: number[], ended: string[]): number[] {
  // compared as texts: of 10,000 names nearly all have a marker
  const marked = new Set([...live.map(String), ...ended.map(idTextOfName)]);
  return namesIn(home.jobs).flatMap((name) => (marked.has(name) ? [] : (parseId(name) ?? [])));
}

export interface ListPlan {
  everywhere: boolean;
  most: number | null;
  named: string[];
  /** Jobs that wait: the caller decides how many. */
  queued?: JobId[];
}

/**
 * All live jobs, those that ended in the last hour or the last `most`, and the newest of each of these names.
 */
export function listJobs(
  home: Home,
  here: Here,
  { everywhere, most, named, queued = [] }: ListPlan,
): Listing {
  const live = listLive(home);
  // only what is shown or counted is tested: a pass over 10,000 names takes a millisecond
  const ended = listedNames(home, home.ended);
  const keys = new Set(here.projects.map(projectKey));
  const isNear = (name: string) => isEndedName(name) && (everywhere || keys.has(projectOfName(name)));
  const since = most === null ? systemClock.now() - RECENT_MS : 0;
  const chosen = newestNames(ended, most ?? RECENT_MOST, since, isNear);
  const strays = everywhere ? unmarked(home, [...live, ...queuedIds(home)], ended) : [];
  const recent = chosen.flatMap((name) => idOfName(name) ?? []);
  const ids = new Set([
    ...live,
    ...queued,
    ...strays,
    ...recent,
    ...newestNamed(home, here, named, everywhere),
  ]);
  return {
    ids: [...ids].sort((a, b) => b - a),
    rest: () => {
      const near = ended.filter(isNear).length;
      return { ended: near, older: near - chosen.length, others: ended.filter(isEndedName).length - near };
    },
  };
}

/** Facts about the processes of each job: the process table is read once for the whole list. */
export interface ProcessFacts {
  countLeftovers(view: JobView): number;
  /** Undefined where ports are not shown. */
  portsOf(view: { id: JobId }): number[] | undefined;
}

/** For a list of live jobs alone: the process table is not read. */
export const NO_PROCESS_FACTS: ProcessFacts = { countLeftovers: () => 0, portsOf: () => undefined };

export async function readProcessFacts(home: Home, withPorts: boolean): Promise<ProcessFacts> {
  const marked = await markedProcesses(home);
  return {
    countLeftovers: (view) => (view.kind === 'ended' ? countLeftovers(home, view, marked) : 0),
    portsOf: ({ id }) => (withPorts ? portsOf(marked.get(id) ?? []) : undefined),
  };
}

/** Whether ports are shown: with --ports, and on a terminal where that is cheap. */
export const showsPorts = (output: Output, home: Home, asked: boolean): boolean =>
  asked || (!output.json && output.isTerminal(1) && listLive(home).length <= PORTS_MOST);

function idleMs(home: Home, view: JobView, now: number): number | null {
  if (view.kind !== 'live' || !('startedAt' in view.status)) return null;
  try {
    const { log, err } = home.job(view.id);
    const written = (view.spec.split ? [log, err] : [log]).map((path) => statSync(path).mtimeMs);
    return now - Math.max(...written, view.status.startedAt);
  } catch (thrown) {
    ignoreSystemError(thrown);
    return null;
  }
}

function logOf(home: Home, view: JobView, leftovers: number): { logPath: string; logBytes?: number } {
  const job = home.job(view.id);
  const logPath = job.log;
  // no process writes to it: it has the size that it had at the end
  const known = view.kind === 'ended' && leftovers === 0 ? view.state?.logBytes : null;
  if (known != null) return { logPath, logBytes: known };
  const logBytes = readLogSize(job);
  return { logPath, ...(logBytes !== undefined && { logBytes }) };
}

/** The jobs as objects, one at a time. */
export function* objectsOf(
  home: Home,
  views: Iterable<JobView>,
  facts: ProcessFacts,
  overview = new QueueOverview(home),
  looks = { usage: false, usual: false },
): Generator<object> {
  const now = systemClock.now();
  const past = looks.usual ? new PastRuns(home) : null;
  for (const view of views) {
    const leftovers = facts.countLeftovers(view);
    const ports = facts.portsOf(view);
    const log = logOf(home, view, leftovers);
    const limit = 'spec' in view ? view.spec.maxLogBytes : null;
    // only a log that is larger than its limit can have been trimmed
    const isLarge = limit !== null && (log.logBytes ?? 0) > limit;
    const trimmedBytes = isLarge ? readTrimmedBytes(home.job(view.id)) : 0;
    // the size counts them, too: of a job without output nothing was emptied
    const emptiedBytes = (log.logBytes ?? 0) > 0 ? readEmptiedBytes(home.job(view.id)) : 0;
    const waiting = overview.waitingOf(view);
    const gone = { trimmedBytes, emptiedBytes };
    const stderr = stderrOf(home, view);
    const usage = looks.usage ? readUsage(home, view) : null;
    const known = {
      leftovers,
      ...(ports && { ports }),
      ...log,
      ...gone,
      waiting,
      stderr,
      usage,
      usual: usualOf(view, past),
    };
    yield jobObject(view, now, known);
  }
}

interface ShownColumns {
  withPorts: boolean;
  withTargets: boolean;
  withUsage: boolean;
}

/** The heads of the table. */
export const headsOf = ({ withPorts, withTargets, withUsage }: ShownColumns): string[] => [
  ...['ID', 'NAME', 'STATE', 'AGE', 'TOOK', 'IDLE'],
  ...(withUsage ? ['CPU', 'MEMORY'] : []),
  ...(withTargets ? ['TARGET'] : []),
  ...(withPorts ? ['PORTS'] : []),
  'COMMAND',
];
/** This column has the colour of the state. */
export const STATE_COLUMN = 2;
/** These are left out first where the terminal is narrow. */
export const SPARE_COLUMNS = ['TOOK', 'IDLE', 'PORTS', 'AGE'];

/** Ports as a cell: the first few of them. */
export function portsCell(ports: number[]): string {
  const more = ports.length - PORTS_SHOWN;
  return ports.slice(0, PORTS_SHOWN).join(',') + (more > 0 ? `,+${more}` : '') || '-';
}

/** Whether a list has a column for them. */
export const hasTarget = (views: JobView[]): boolean =>
  views.some((view) => 'spec' in view && view.spec.target !== null);

export function targetCell(view: JobView): string {
  const target = 'spec' in view ? view.spec.target : null;
  return target ? targetLabel(target) : '-';
}

/** Of a job that runs; else no command asks how long it will take. */
const usualOf = (view: JobView, past: PastRuns | null): Usual | null =>
  past !== null && view.kind === 'live' && 'startedAt' in view.status ? past.usualOf(view) : null;

/** One row of the table. */
export function cellsOf(
  home: Home,
  view: JobView,
  facts: ProcessFacts,
  overview = new QueueOverview(home),
  { withTargets, withUsage }: Omit<ShownColumns, 'withPorts'> = { withTargets: false, withUsage: false },
  past: PastRuns | null = null,
): string[] {
  const now = systemClock.now();
  const created = 'spec' in view ? view.spec.createdAt : null;
  const duration = (ms: number | null) => (ms === null ? '-' : renderDuration(ms));
  const name = 'spec' in view ? view.spec.name : null;
  const age = created === null ? null : now - created;
  const took = tookCell(tookMs(view, now), usualOf(view, past));
  const times = [duration(age), took, duration(idleMs(home, view, now))];
  const ports = facts.portsOf(view);
  const state = stateText(view, facts.countLeftovers(view), overview.waitingOf(view), 'cell');
  return [
    ...[String(view.id), name === null ? '-' : safe(name), state, ...times],
    ...(withUsage ? usageCells(readUsage(home, view)) : []),
    ...(withTargets ? [targetCell(view)] : []),
    ...(ports ? [portsCell(ports)] : []),
    commandLine(view),
  ];
}

/** What `ls` shows of jobs: which of them, and each as a row of a table or as an object. */
import { statSync } from 'node:fs';
import { renderDuration, systemClock } from '../../base/clock.ts';
import { ignoreSystemError } from '../../base/result.ts';
import { safe } from '../../base/text/sanitize.ts';
import { countLeftovers, markedProcesses } from '../../engine/observe/leftovers.ts';
import { type Here, newestNamed } from '../../engine/observe/resolve.ts';
import { portsOf } from '../../engine/os/sockets.ts';
import { QueueOverview } from '../../engine/queue/queue-status.ts';
import type { Home } from '../../job/home/home.ts';
import { listIds } from '../../job/home/ids.ts';
import {
  endedNames,
  idOfName,
  listLive,
  newestNames,
  projectKey,
  projectOfName,
} from '../../job/home/job-index.ts';
import { readLogSize } from '../../job/log/log.ts';
import { readEmptiedBytes, readTrimmedBytes } from '../../job/log/trim-record.ts';
import { queuedIds } from '../../job/queue/waiting-list.ts';
import type { JobId } from '../../job/spec.ts';
import type { JobView } from '../../job/view.ts';
import { commandLine, jobObject, stateText, tookMs } from '../messages/job-text.ts';
import type { Output } from '../output/output.ts';
import { stderrOf } from './stderr-log.ts';

const RECENT_MS = 3_600_000;
/** So many ended jobs are shown where no number is given. */
export const RECENT_MOST = 20;
/** With more live jobs than this the ports are shown only if asked for. */
const PORTS_MOST = 50;
/** Ports of one job in the table. */
const PORTS_SHOWN = 4;

export interface Listing {
  /** The newest first; of those that wait, as many of each queue as were asked for. */
  ids: JobId[];
  /** Counts what ended here and is not listed, all that ended here, and what did elsewhere. Only who asks pays for it. */
  rest(): { ended: number; older: number; others: number };
}

/** Ids that have no marker: a power cut, or a hand, took it. Only the whole list looks for them. */
function unmarked(home: Home, live: number[], ended: string[]): number[] {
  const marked = new Set([...live, ...ended.map(idOfName)]);
  return listIds(home).filter((id) => !marked.has(id));
}

export interface ListPlan {
  everywhere: boolean;
  most: number | null;
  named: string[];
  /** Those that wait: the caller decides how many. */
  queued?: JobId[];
}

/** The jobs to list: all that live, those that ended lately or the last `most`, and the newest of each of these names. */
export function listJobs(
  home: Home,
  here: Here,
  { everywhere, most, named, queued = [] }: ListPlan,
): Listing {
  const live = listLive(home);
  const ended = endedNames(home);
  const keys = new Set(here.projects.map(projectKey));
  const isNear = (name: string) => everywhere || keys.has(projectOfName(name));
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
      return { ended: near, older: near - chosen.length, others: ended.length - near };
    },
  };
}

/** What the running processes tell of each job: one look at the process table serves the whole list. */
export interface ProcessFacts {
  countLeftovers(view: JobView): number;
  /** Undefined where ports are not asked for. */
  portsOf(view: { id: JobId }): number[] | undefined;
}

/** Of jobs that all live. */
export const BLIND: ProcessFacts = { countLeftovers: () => 0, portsOf: () => undefined };

export async function readProcessFacts(home: Home, withPorts: boolean): Promise<ProcessFacts> {
  const marked = await markedProcesses(home);
  return {
    countLeftovers: (view) => (view.kind === 'ended' ? countLeftovers(home, view, marked) : 0),
    portsOf: ({ id }) => (withPorts ? portsOf(marked.get(id) ?? []) : undefined),
  };
}

/** Whether ports are shown: if asked for, and on a terminal where that is cheap. */
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
  // what nobody writes to any more has the size that it had at the end
  const known = view.kind === 'ended' && leftovers === 0 ? view.state?.logBytes : null;
  if (known != null) return { logPath, logBytes: known };
  const logBytes = readLogSize(job);
  return { logPath, ...(logBytes !== undefined && { logBytes }) };
}

/** Each job as an object, made when its turn comes. */
export function* objectsOf(
  home: Home,
  views: Iterable<JobView>,
  sight: ProcessFacts,
  overview = new QueueOverview(home),
): Generator<object> {
  const now = systemClock.now();
  for (const view of views) {
    const leftovers = sight.countLeftovers(view);
    const ports = sight.portsOf(view);
    const log = logOf(home, view, leftovers);
    const limit = 'spec' in view ? view.spec.maxLogBytes : null;
    // only a log that is larger than its limit can have been trimmed
    const isLarge = limit !== null && (log.logBytes ?? 0) > limit;
    const trimmedBytes = isLarge ? readTrimmedBytes(home.job(view.id)) : 0;
    const emptiedBytes = log.logBytes === undefined ? 0 : readEmptiedBytes(home.job(view.id));
    const waiting = overview.waitingOf(view);
    const gone = { trimmedBytes, emptiedBytes };
    const stderr = stderrOf(home, view);
    yield jobObject(view, now, { leftovers, ...(ports && { ports }), ...log, ...gone, waiting, stderr });
  }
}

/** The heads of the table. */
export const headsOf = (withPorts: boolean): string[] => [
  ...['ID', 'NAME', 'STATE', 'AGE', 'TOOK', 'IDLE'],
  ...(withPorts ? ['PORTS'] : []),
  'COMMAND',
];
/** Which of them gets the colour of the state. */
export const STATE_COLUMN = 2;
/** Which are left out first where the terminal is narrow. */
export const SPARE_COLUMNS = ['TOOK', 'IDLE', 'PORTS', 'AGE'];

/** Ports as a cell: the first few of them. */
export function portsCell(ports: number[]): string {
  const more = ports.length - PORTS_SHOWN;
  return ports.slice(0, PORTS_SHOWN).join(',') + (more > 0 ? `,+${more}` : '') || '-';
}

/** One row of the table. */
export function cellsOf(
  home: Home,
  view: JobView,
  sight: ProcessFacts,
  overview = new QueueOverview(home),
): string[] {
  const now = systemClock.now();
  const created = 'spec' in view ? view.spec.createdAt : null;
  const duration = (ms: number | null) => (ms === null ? '-' : renderDuration(ms));
  const name = 'spec' in view ? view.spec.name : null;
  const age = created === null ? null : now - created;
  const times = [age, tookMs(view, now), idleMs(home, view, now)].map(duration);
  const ports = sight.portsOf(view);
  const state = stateText(view, sight.countLeftovers(view), overview.waitingOf(view), 'cell');
  return [
    ...[String(view.id), name === null ? '-' : safe(name), state, ...times],
    ...(ports ? [portsCell(ports)] : []),
    commandLine(view),
  ];
}

/**
 * Finds the process that listens on a port, its command line in a form that is safe to show, and its job.
 * `run` uses it to refuse a taken port, `wait` to name the process that is in the way.
 */
import { clip, safe } from '../../base/text/sanitize.ts';
import type { Failure } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { listLive } from '../../job/home/job-index.ts';
import { foundValue, readSpec } from '../../job/home/records.ts';
import type { Identity } from '../../job/identity.ts';
import type { JobId } from '../../job/spec.ts';
import { HAS_PROC, matchesIdentity, type ProcessStat, readStat } from '../os/process-identity.ts';
import { readCommandLine, readEnvironment, readTable } from '../os/process-table.ts';
import { isInTheWay, type PortSocket, processesWith, socketsOn } from '../os/sockets.ts';
import { readShim } from '../shim/shim-record.ts';
import { markedJob } from './process-tree.ts';

const COMMAND_LIMIT = 80;
const MAX_ANCESTORS = 16;

interface NamedJob {
  id: JobId;
  name: string | null;
}

export interface Listener {
  pid: number;
  /** Safe to show, clipped. */
  command: string;
  job: NamedJob | null;
}

/** The processes that have one of the sockets open, the oldest first. */
export async function readSocketOwners(sockets: PortSocket[]): Promise<ProcessStat[]> {
  const table = await readTable();
  const all = table.map(({ pid }) => pid);
  const pids = new Set(processesWith(all, sockets));
  return table
    .filter(({ pid }) => pids.has(pid))
    .sort((a, b) => a.startTicks - b.startTicks || a.pid - b.pid);
}

export function describeListener(home: Home | undefined, pid: number): Listener {
  const words = readCommandLine(pid).join(' ').trim();
  return {
    pid,
    command: clip(safe(words), COMMAND_LIMIT) || '?',
    job: home ? jobOf(home, pid) : null,
  };
}

/** The job whose marker the process or its nearest marked ancestor carries. */
function jobOf(home: Home, pid: number): NamedJob | null {
  const mains = HAS_PROC ? [] : liveMains(home);
  for (let n = 0, at = pid; n < MAX_ANCESTORS && at > 1; n++) {
    const stat = HAS_PROC ? undefined : readStat(at);
    const id = HAS_PROC
      ? markedJob(home, readEnvironment(at))
      : mains.find(({ main }) => matchesIdentity(stat, main) || stat?.group === main.pid)?.id;
    if (id !== undefined) return { id, name: foundValue(readSpec(home.job(id), id))?.name ?? null };
    at = (stat ?? readStat(at))?.ppid ?? 0;
  }
  return null;
}

/** The main processes of the live jobs; each leads a group. For systems where markers cannot be read. */
const liveMains = (home: Home): { id: JobId; main: Identity }[] =>
  listLive(home).flatMap((id) => {
    const { main } = readShim(home.job(id));
    return main ? [{ id, main }] : [];
  });

/**
 * The process that is in the way of a server on this port here; `unknown` if we may not see it; undefined if
 * the port is free. Processes in `except` do not count: they end before the server starts.
 */
export async function findListener(
  home: Home | undefined,
  port: number,
  except: number[] = [],
): Promise<Listener | 'unknown' | undefined> {
  const sockets = socketsOn(port, [], true).filter(isInTheWay);
  if (sockets.length === 0) return undefined;
  const owners = await readSocketOwners(sockets);
  if (owners.length === 0) return 'unknown';
  const oldest = owners.find(({ pid }) => !except.includes(pid));
  return oldest && describeListener(home, oldest.pid);
}

export const portTaken = (port: number, listener: Listener): Failure => ({
  code: 'port-taken',
  port,
  ...listener,
});

/** `pid 812 (node server.js)`, and its job if it has one. */
export const listenerText = ({ pid, command, job }: Listener): string =>
  `pid ${pid} (${command})${job ? ` of job ${job.name === null ? '' : `${safe(job.name)} `}${job.id}` : ''}`;

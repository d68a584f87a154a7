/**
 * Who listens on a port: the process, in words that are safe to show, and the job it belongs to. The way for `run`, which
 * refuses a port that is taken, and for `wait`, which names who is in the way.
 */
import { clip, safe } from '../../base/text/sanitize.ts';
import type { Failure } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { listLive } from '../../job/home/job-index.ts';
import { readSpec } from '../../job/home/records.ts';
import type { Identity } from '../../job/identity.ts';
import type { JobId } from '../../job/spec.ts';
import { HAS_PROC, matchesIdentity, type ProcessStat, readStat } from '../os/process-identity.ts';
import { readCommandLine, readEnvironment, readTable } from '../os/process-table.ts';
import { isInTheWay, type PortSocket, processesWith, socketsOn } from '../os/sockets.ts';
import { readShim } from '../shim/shim-record.ts';
import { markedJob } from './process-tree.ts';

const COMMAND_LIMIT = 80;
/** How far up its ancestors a process is looked for a job's marker. */
const GENERATIONS = 16;

/** A job as a message names it. */
export interface NamedJob {
  id: JobId;
  name: string | null;
}

export interface Listener {
  pid: number;
  /** Safe to show, clipped. */
  command: string;
  job: NamedJob | null;
}

/** All processes that hold one of the sockets, the oldest first. */
export async function readHolders(sockets: PortSocket[]): Promise<ProcessStat[]> {
  const table = await readTable();
  const pids = new Set(
    processesWith(
      table.map(({ pid }) => pid),
      sockets,
    ),
  );
  return table
    .filter(({ pid }) => pids.has(pid))
    .sort((a, b) => a.startTicks - b.startTicks || a.pid - b.pid);
}

/** A process that listens, in words. */
export function describeListener(home: Home | undefined, pid: number): Listener {
  const words = readCommandLine(pid).join(' ').trim();
  return {
    pid,
    command: clip(safe(words), COMMAND_LIMIT) || '?',
    job: home ? jobOf(home, pid) : null,
  };
}

/** The job whose marker the process carries, or the nearest of its ancestors that carries one. */
function jobOf(home: Home, pid: number): NamedJob | null {
  const mains = HAS_PROC ? [] : liveMains(home);
  for (let n = 0, at = pid; n < GENERATIONS && at > 1; n++) {
    const stat = HAS_PROC ? undefined : readStat(at);
    const id = HAS_PROC
      ? markedJob(home, readEnvironment(at))
      : mains.find(({ main }) => matchesIdentity(stat, main) || stat?.group === main.pid)?.id;
    if (id !== undefined) {
      const spec = readSpec(home.job(id), id);
      return { id, name: spec.kind === 'read' ? spec.value.name : null };
    }
    at = (stat ?? readStat(at))?.ppid ?? 0;
  }
  return null;
}

/** Where markers cannot be read: the main processes of the live jobs, each of which leads a group. */
const liveMains = (home: Home): { id: JobId; main: Identity }[] =>
  listLive(home).flatMap((id) => {
    const { main } = readShim(home.job(id));
    return main ? [{ id, main }] : [];
  });

/**
 * Who is in the way of a server on this port, here; `unknown`: somebody whose processes we may not see; undefined: nobody.
 * `except`: who is going to leave before.
 */
export async function findListener(
  home: Home | undefined,
  port: number,
  except: number[] = [],
): Promise<Listener | 'unknown' | undefined> {
  const sockets = socketsOn(port, [], true).filter(isInTheWay);
  if (sockets.length === 0) return undefined;
  const holders = await readHolders(sockets);
  if (holders.length === 0) return 'unknown';
  const oldest = holders.find(({ pid }) => !except.includes(pid));
  return oldest && describeListener(home, oldest.pid);
}

/** The failure that names who has the port. */
export const portTaken = (port: number, listener: Listener): Failure => ({
  code: 'port-taken',
  port,
  ...listener,
});

/** `pid 812 (node server.js)`, and the job if it is of one. */
export const listenerText = ({ pid, command, job }: Listener): string =>
  `pid ${pid} (${command})${job ? ` of job ${job.name === null ? '' : `${safe(job.name)} `}${job.id}` : ''}`;

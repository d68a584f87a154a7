/**
 * Finds every process of a job, signals them and kills them. A process belongs to a job only if the kernel
 * proves it, never because a record names its pid. The proofs: it carries the job's marker in its
 * environment; it has the job's log open for writing; it is the main process; it descends from one of these;
 * it is in a session or group that one of these leads. Shim, watcher and owners of any job, and pids up to 1,
 * are never signalled.
 */
import type { Clock } from '../../base/clock.ts';
import { fileAt, isSameFile } from '../../base/fs/file-id.ts';
import { readText } from '../../base/fs/read-record.ts';
import { attemptQuietly } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';
import { foundValue, readOwnerOf } from '../../job/home/records.ts';
import type { Identity } from '../../job/identity.ts';
import type { JobId } from '../../job/spec.ts';
import { isProcForeign } from '../os/call-sandbox.ts';
import {
  filesAt,
  HAS_PROC,
  isAlive,
  isStopped,
  matchesIdentity,
  type NamedFile,
  type ProcessStat,
  readStat,
  thisHost,
} from '../os/process-identity.ts';
import { joinPass, type Pass, type SeenProcess } from './process-pass.ts';

/** The records of a job's processes. Each entry is checked against the kernel before it is believed. */
export interface ProcessRecords {
  home: Home;
  id: JobId;
  main: Identity | undefined;
  /** With --pty: the leader of the session of the main process. */
  leader?: Identity | undefined;
  /** Shim, watcher and owners: they end by themselves. */
  spared: Identity[];
  /** The supervisor. Its children are none of the job's processes; the children of the shim are. */
  owner: Identity | undefined;
  /** When the first supervisor started (clock ticks since boot): no process is older; 0 if unknown. */
  sinceTicks: number;
  /** The processes that the owner saw when the main process ended. */
  left: Identity[];
  /** Find the processes of its --on-exit instead. */
  hook?: boolean;
  /** The caller has watched the main process until now, so the number of its session cannot be reused yet. */
  watched: boolean;
}

export interface EnvMarker {
  BGJOB_ID: string;
  BGJOB_HOME: string;
  BGJOB_TOKEN: string;
}
export const envMarkerOf = (home: Home, id: JobId): EnvMarker => ({
  BGJOB_ID: String(id),
  BGJOB_HOME: home.path,
  BGJOB_TOKEN: home.token,
});

/** The marker for --on-exit: different, so that no stop of the job hits its processes. */
export const hookEnvMarkerOf = (home: Home, id: JobId): EnvMarker => ({
  ...envMarkerOf(home, id),
  BGJOB_TOKEN: `${home.token}-on-exit`,
});

/** The token of the shim of a batch: it has no marker, because it runs one job after the other. */
export const batchTokenOf = (home: Home): string => `${home.token}-batch`;

/** The job whose marker a process carries, if it is a job of this home. */
export function markedJob(home: Home, environment: string[]): JobId | undefined {
  const id = valueIn(environment, 'BGJOB_ID');
  return id !== undefined && belonging(environment, envMarkerOf(home, Number(id))) === 'ours'
    ? Number(id)
    : undefined;
}

const valueIn = (environment: string[], name: keyof EnvMarker): string | undefined =>
  environment.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);

type Belonging = 'ours' | 'another' | 'none';

/** Id and token decide: the process may see the home under another path. */
function belonging(environment: string[], marker: EnvMarker): Belonging {
  const has = (name: keyof EnvMarker) => environment.includes(`${name}=${marker[name]}`);
  if (has('BGJOB_ID') && has('BGJOB_TOKEN')) {
    const home = valueIn(environment, 'BGJOB_HOME');
    if (has('BGJOB_HOME') || (home !== undefined && !isCopy(home, marker))) return 'ours';
  }
  const names = Object.keys(marker) as (keyof EnvMarker)[];
  return names.every((name) => valueIn(environment, name) !== undefined) ? 'another' : 'none';
}

/** Whether the home at this path is a copy of ours: then it has the same token. */
function isCopy(path: string, { BGJOB_HOME, BGJOB_TOKEN }: EnvMarker): boolean {
  const token = readText(`${path}/token`).trim();
  return token !== '' && BGJOB_TOKEN.startsWith(token) && !isSameFile(fileAt(path), fileAt(BGJOB_HOME));
}

/** When the first supervisor of a job started; 0 if that was in another boot. */
export function sinceTicksOf(home: Home, id: JobId): number {
  const first = foundValue(readOwnerOf(home.job(id), 1))?.identity;
  return first?.bootId === thisHost().bootId ? first.startTicks : 0;
}

export type OnFound = (stat: ProcessStat) => void;

/**
 * The living processes of a job, the highest pid first. During the search `onFound` is called for each
 * process that proves by itself that it is the job's. By then the process may be gone.
 */
export async function findProcesses(
  records: ProcessRecords,
  onFound: OnFound = () => {},
): Promise<ProcessStat[]> {
  const scan = new Scan(records, onFound);
  const { id, sinceTicks, spared } = records;
  return scan.members(await joinPass({ id, sinceTicks, spared, visit: (seen) => scan.visit(seen) }));
}

/** One pass over the process table: first each process by itself, then the processes that belong together. */
class Scan {
  private readonly records: ProcessRecords;
  private readonly onFound: OnFound;
  private readonly marker: EnvMarker;
  private readonly logs: NamedFile[];
  private readonly writers = new Set<number>();
  /** The processes that prove by themselves that they are the job's. */
  private readonly shown: SeenProcess[] = [];
  private readonly spared = new Set<number>();
  private readonly ownerPid: number | undefined;

  constructor(records: ProcessRecords, onFound: OnFound) {
    this.records = records;
    this.onFound = onFound;
    const job = records.home.job(records.id);
    this.ownerPid = records.owner && isAlive(records.owner) === 'alive' ? records.owner.pid : undefined;
    this.marker = (records.hook ? hookEnvMarkerOf : envMarkerOf)(records.home, records.id);
    this.logs = filesAt(records.hook ? [job.hookLog] : [job.log, job.err]);
  }

  visit(seen: SeenProcess): void {
    const { stat } = seen;
    const { pid } = stat;
    if (this.records.spared.some((one) => matchesIdentity(stat, one))) this.spared.add(pid);
    // A writer of the log that may be older than the job was started by other means. A child of the owner is
    // not the job's: it cuts the log, and before its exec it has files and environment of the owner.
    // Processes of another job never count. Without /proc open files do not show, and to ask for the title of
    // each process would take one ps for each.
    const mayWrite =
      HAS_PROC &&
      !this.isOlder(stat) &&
      this.records.sinceTicks > 0 &&
      stat.ppid !== this.ownerPid &&
      this.belonging(seen) === 'none';
    // the title is checked first: a supervisor has many files open
    if (mayWrite && !seen.isSupervisor && seen.hasOpen(this.logs)) this.writers.add(pid);
    if (!this.showsItself(seen)) return;
    this.shown.push(seen);
    if (!this.isForeign(seen)) this.onFound(stat);
  }

  private isOlder({ startTicks }: ProcessStat): boolean {
    return startTicks < this.records.sinceTicks;
  }

  /** Most processes of a machine are older than the job: their environment is not read. */
  private belonging(seen: SeenProcess): Belonging {
    return this.isOlder(seen.stat) ? 'none' : belonging(seen.variables, this.marker);
  }

  private showsItself(seen: SeenProcess): boolean {
    return this.belonging(seen) === 'ours' || this.writers.has(seen.stat.pid);
  }

  /** A process that must not be signalled: one of our own, or of another job. */
  private isForeign(seen: SeenProcess): boolean {
    return this.spared.has(seen.stat.pid) || this.belonging(seen) === 'another' || seen.isSupervisor;
  }

  /**
   * The recorded main process, as a child of the shim, which carries the marker if markers can be read. The
   * shim of a batch has none: it must be the recorded one, and have the token of such a shim.
   */
  private isProvenMain({ stat }: SeenProcess, pass: Pass): boolean {
    const { main } = this.records;
    if (main === undefined || !matchesIdentity(stat, main)) return false;
    const parent = pass.get(stat.ppid);
    if (parent === undefined || !HAS_PROC) return this.spared.has(stat.ppid);
    return this.belonging(parent) === 'ours' || (this.spared.has(stat.ppid) && this.isBatchShim(parent));
  }

  private isBatchShim({ variables }: SeenProcess): boolean {
    return variables.includes(`BGJOB_TOKEN=${batchTokenOf(this.records.home)}`);
  }

  /** In the session or group of a main process that is gone, or in the session of the terminal. */
  private isLeftOfMain({ stat }: SeenProcess, pass: Pass): boolean {
    const { main, leader } = this.records;
    return this.isLeftOf(main, stat, pass, true) || this.isLeftOf(leader, stat, pass, false);
  }

  private isLeftOf(led: Identity | undefined, stat: ProcessStat, pass: Pass, alone: boolean): boolean {
    const { watched, left } = this.records;
    if (!led || (stat.session !== led.pid && stat.group !== led.pid)) return false;
    if (stat.startTicks < led.startTicks) return false;
    const current = pass.get(led.pid)?.stat;
    // While the main process lives, nothing is left over, or the pid is reused. The leader of a terminal is
    // not of the job itself.
    if (current) return !alone && matchesIdentity(current, led);
    // the number of a session without a leader may be reused: then only processes seen before count
    return watched || left.some((one) => matchesIdentity(stat, one));
  }

  members(pass: Pass): ProcessStat[] {
    const found = new Map<number, ProcessStat>();
    const add = (seen: SeenProcess): void => {
      const { pid } = seen.stat;
      if (found.has(pid) || this.isForeign(seen)) return;
      found.set(pid, seen.stat);
      for (const other of pass.relatedTo(pid)) add(other);
    };
    const { main, leader } = this.records;
    for (const seen of this.shown) add(seen);
    for (const seen of main ? pass.startedAt(main.startTicks) : [])
      if (this.isProvenMain(seen, pass)) add(seen);
    for (const led of [main, leader])
      for (const seen of led ? pass.relatedTo(led.pid) : []) if (this.isLeftOfMain(seen, pass)) add(seen);
    return [...found.values()].sort((a, b) => b.pid - a.pid);
  }
}

/** Whether a process recorded as the job's is alive but nothing proves that it is the job's. */
export function isUnproven(recorded: Identity | undefined, found: ProcessStat[], pass: Pass): boolean {
  return (
    recorded !== undefined &&
    pass.startedAt(recorded.startTicks).some(({ stat }) => matchesIdentity(stat, recorded)) &&
    !found.some((stat) => matchesIdentity(stat, recorded))
  );
}

const NO_CONT: NodeJS.Signals[] = ['SIGKILL', 'SIGSTOP', 'SIGCONT'];

/**
 * Signals a process that was found; one that is gone by now is no error. Its identity is checked once more,
 * because its pid may have been reused since. (Without /proc that would take one ps for each process:
 * stillThere checks all at once.) A stopped process is continued, or it would not get the signal.
 */
export function signalProcess(stat: ProcessStat, signal: NodeJS.Signals): void {
  // these pids belong to other processes
  if (isProcForeign()) return;
  const now = HAS_PROC ? readStat(stat.pid) : stat;
  if (now?.startTicks !== stat.startTicks) return;
  attemptQuietly(() => {
    process.kill(stat.pid, signal);
    if (!NO_CONT.includes(signal) && isStopped(now)) process.kill(stat.pid, 'SIGCONT');
  });
}

/** A process that survives SIGKILL ends the sweeps after this time (milliseconds) and this many scans. */
const SWEEP_LIMIT_MS = 2000;
const MIN_SCANS = 10;
/** One scan may miss a program that forks and exits all the time. This many in a row do not. */
export const EMPTY_SCANS = 5;

/**
 * Kills each process that `find` finds, at once and from the highest pid down, until five scans in a row find
 * none. A program that forks every 2 ms escapes an ascending sweep, a sweep that signals only at its end, and
 * a single sweep. Returns the processes that are left.
 */
export async function sweep(
  clock: Clock,
  find: (onFound: OnFound) => Promise<ProcessStat[]>,
): Promise<ProcessStat[]> {
  const deadline = clock.monotonic() + SWEEP_LIMIT_MS;
  for (let scan = 1, empty = 0; ; scan++) {
    const struck = new Map<number, ProcessStat>();
    const strike = (stat: ProcessStat): void => {
      if (!struck.has(stat.pid)) signalProcess(stat, 'SIGKILL');
      struck.set(stat.pid, stat);
    };
    for (const stat of await find(strike)) strike(stat);
    empty = struck.size === 0 ? empty + 1 : 0;
    if (empty === EMPTY_SCANS) return [];
    if (clock.monotonic() > deadline && scan >= MIN_SCANS) return [...struck.values()];
    await clock.sleep(empty > 0 ? 1 : 3);
  }
}

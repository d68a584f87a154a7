/**
 * Every process of a job, and stopping them all. A process belongs to a job if the kernel says so in one of these
 * ways, never because a record names its pid: it carries the job's marker in its environment; it holds the
 * job's log open for writing; it is the main process, or descends from one of these; it is in a session or a group
 * that one of these leads. Never signalled: shim, watcher and owners of this or any other job, and pids up to 1.
 */
import type { Clock } from '../../base/clock.ts';
import { fileAt, isSameFile } from '../../base/fs/file-id.ts';
import { readRecord } from '../../base/fs/read-record.ts';
import { ignoreSystemError } from '../../base/result.ts';
import type { Home } from '../../job/home/home.ts';
import { readOwnerOf, wereOwners } from '../../job/home/records.ts';
import type { Identity } from '../../job/identity.ts';
import type { JobId } from '../../job/spec.ts';
import { isProcForeign } from '../os/call-sandbox.ts';
import {
  filesAt,
  HAS_PROC,
  hasOpen,
  isAlive,
  isStopped,
  matchesIdentity,
  type NamedFile,
  type ProcessStat,
  readStat,
  thisHost,
  ticksNow,
} from '../os/process-identity.ts';
import { readEnvironment, readTable, supervisedFolder, supervisedJob } from '../os/process-table.ts';

/** What is known of a job's processes from its records; everything here is checked before it is believed. */
export interface Trail {
  home: Home;
  id: JobId;
  main: Identity | undefined;
  /** With --pty: who leads the session of the main process. */
  leader?: Identity | undefined;
  /** Shim, watcher and owners: they end by themselves. */
  spared: Identity[];
  /** Who supervises the job. What it starts itself is none of the job's processes: those are the shim's. */
  owner: Identity | undefined;
  /** When the first supervisor started (clock ticks since boot): no process of the job is older; 0 if not known. */
  sinceTicks: number;
  /** What the owner saw when the main process ended. */
  left: Identity[];
  /** Not the job's own: those of its --on-exit. */
  hook?: boolean;
  /** The asker has watched the main process until now: its session's number cannot be another's yet. */
  watched: boolean;
}

export interface EnvMarker {
  BGJOB_ID: string;
  BGJOB_HOME: string;
  BGJOB_TOKEN: string;
}
/** The environment variables by which a job's processes are known. */
export const envMarkerOf = (home: Home, id: JobId): EnvMarker => ({
  BGJOB_ID: String(id),
  BGJOB_HOME: home.path,
  BGJOB_TOKEN: home.token,
});

/** The same for those of its --on-exit: of another kind, so that no stop of the job hits them. */
export const hookEnvMarkerOf = (home: Home, id: JobId): EnvMarker => ({
  ...envMarkerOf(home, id),
  BGJOB_TOKEN: `${home.token}-on-exit`,
});

/** The job whose marker a process carries, if it is one of this home. */
export function markedJob(home: Home, environment: string[]): JobId | undefined {
  const id = environment.find((entry) => entry.startsWith('BGJOB_ID='))?.slice('BGJOB_ID='.length);
  return id !== undefined && belonging(environment, envMarkerOf(home, Number(id))) === 'ours'
    ? Number(id)
    : undefined;
}

type Belonging = 'ours' | 'another' | 'none';

/** Id and token decide: the same home may have another path there. */
function belonging(environment: string[], marker: EnvMarker): Belonging {
  const has = (name: keyof EnvMarker) => environment.includes(`${name}=${marker[name]}`);
  if (has('BGJOB_ID') && has('BGJOB_TOKEN')) {
    const home = environment.find((entry) => entry.startsWith('BGJOB_HOME='))?.slice('BGJOB_HOME='.length);
    if (has('BGJOB_HOME') || (home !== undefined && !isCopy(home, marker))) return 'ours';
  }
  return Object.keys(marker).every((name) => environment.some((entry) => entry.startsWith(`${name}=`)))
    ? 'another'
    : 'none';
}

/** Whether two homes have the same token, because one is a copy of the other: then their jobs have the same marks but for the path. */
function isCopy(path: string, { BGJOB_HOME, BGJOB_TOKEN }: EnvMarker): boolean {
  const stored = readRecord(`${path}/token`);
  const token = stored.kind === 'text' ? stored.text.trim() : '';
  return token !== '' && BGJOB_TOKEN.startsWith(token) && !isSameFile(fileAt(path), fileAt(BGJOB_HOME));
}

/** When the first supervisor of a job started, as far as that means anything here. */
export function sinceTicksOf(home: Home, id: JobId): number {
  const first = readOwnerOf(home.job(id), 1);
  if (first.kind !== 'read' || first.value.identity.bootId !== thisHost().bootId) return 0;
  return first.value.identity.startTicks;
}

/** What is done to a process at the moment when it is found. */
export type AsSeen = (stat: ProcessStat) => void;

/**
 * The living processes of a job, the highest pid first. `asSeen` is called, before the search is over, for each that
 * shows by itself that it is the job's, and may be called for one that is gone a moment later.
 */
export async function findProcesses(trail: Trail, asSeen: AsSeen = () => {}): Promise<ProcessStat[]> {
  const look = new Scan(trail, asSeen);
  await readTable((stat) => look.visit(stat));
  return look.members();
}

/** For so long a supervisor may boot before it is on record, clock ticks. */
const BOOT_TICKS = 1000;

/** One look at the process table: what each process shows by itself, and then what belongs together. */
class Scan {
  private readonly trail: Trail;
  private readonly asSeen: AsSeen;
  private readonly marker: EnvMarker;
  private readonly logs: NamedFile[];
  private readonly byPid = new Map<number, ProcessStat>();
  private readonly belongings = new Map<number, Belonging>();
  private readonly writers = new Set<number>();
  private readonly spared = new Set<number>();
  private readonly ownerPid: number | undefined;
  private readonly nowTicks = ticksNow();

  constructor(trail: Trail, asSeen: AsSeen) {
    this.trail = trail;
    this.asSeen = asSeen;
    const job = trail.home.job(trail.id);
    this.ownerPid = trail.owner && isAlive(trail.owner) === 'alive' ? trail.owner.pid : undefined;
    this.marker = trail.hook ? hookEnvMarkerOf(trail.home, trail.id) : envMarkerOf(trail.home, trail.id);
    this.logs = filesAt(trail.hook ? [job.hookLog] : [job.log, job.err]);
  }

  visit(stat: ProcessStat): void {
    const { pid } = stat;
    if (pid <= 1 || pid === process.pid) return;
    this.byPid.set(pid, stat);
    // most of a machine is older than the job, and is not looked at any closer
    const isOlder = stat.startTicks < this.trail.sinceTicks;
    const kind = isOlder ? 'none' : belonging(readEnvironment(pid), this.marker);
    this.belongings.set(pid, kind);
    if (this.trail.spared.some((one) => matchesIdentity(stat, one))) this.spared.add(pid);
    // a writer of the log that may be older than the job is somebody else, who opened it by hand; what the owner starts cuts it, and
    // is the owner's double with its files and environment before it becomes another program; another job's is never ours
    const mayWrite = kind === 'none' && this.trail.sinceTicks > 0 && !isOlder && stat.ppid !== this.ownerPid;
    // the title first: a supervisor has much open
    if (mayWrite && !this.isSupervisor(stat) && hasOpen(pid, this.logs, true)) this.writers.add(pid);
    if (this.showsItself(stat) && !this.isForeign(pid)) this.asSeen(stat);
  }

  /** It carries the marker, or writes the log. */
  private showsItself({ pid }: ProcessStat): boolean {
    return this.belongings.get(pid) === 'ours' || this.writers.has(pid);
  }

  /** Ours that must not be touched, or of another job. */
  private isForeign(pid: number): boolean {
    const stat = this.byPid.get(pid);
    return (
      this.spared.has(pid) ||
      this.belongings.get(pid) === 'another' ||
      (stat !== undefined && this.isSupervisor(stat))
    );
  }

  /** A title is cheap to forge, and so is an open FIFO: a supervisor that does not just boot is on record as an owner. */
  private isSupervisor(stat: ProcessStat): boolean {
    if (supervisedJob(stat.pid) === undefined) return false;
    if (!HAS_PROC || this.nowTicks - stat.startTicks < BOOT_TICKS) return true;
    const folder = supervisedFolder(stat.pid);
    return folder !== undefined && wereOwners(folder).some((one) => matchesIdentity(stat, one));
  }

  /** The recorded main process, as a child of the shim: that carries the marker, where markers can be read. */
  private isProvenMain(stat: ProcessStat): boolean {
    const { main } = this.trail;
    const isOfShim = HAS_PROC ? this.belongings.get(stat.ppid) === 'ours' : this.spared.has(stat.ppid);
    return main !== undefined && matchesIdentity(stat, main) && isOfShim;
  }

  /** In the session or group of a main process that is gone, or in the session of the terminal. */
  private isLeftOfMain(stat: ProcessStat): boolean {
    const { main, leader } = this.trail;
    return this.isLeftOf(main, stat, true) || this.isLeftOf(leader, stat, false);
  }

  private isLeftOf(led: Identity | undefined, stat: ProcessStat, alone: boolean): boolean {
    const { watched, left } = this.trail;
    if (!led || (stat.session !== led.pid && stat.group !== led.pid)) return false;
    if (stat.startTicks < led.startTicks) return false;
    const standing = this.byPid.get(led.pid);
    // while a main process lives nothing was left yet, or it is not our leader; that of a terminal is none of the job's processes
    if (standing) return !alone && matchesIdentity(standing, led);
    // the number of a session without a leader may have been given again since: then only what was seen before counts
    return watched || left.some((one) => matchesIdentity(stat, one));
  }

  /** Everything that belongs to what showed itself: its descendants, and whom it leads. */
  members(): ProcessStat[] {
    const table = [...this.byPid.values()];
    const found = new Map<number, ProcessStat>();
    const add = (stat: ProcessStat): void => {
      if (found.has(stat.pid) || this.isForeign(stat.pid)) return;
      found.set(stat.pid, stat);
      for (const other of table)
        if (other.ppid === stat.pid || other.session === stat.pid || other.group === stat.pid) add(other);
    };
    for (const stat of table)
      if (this.showsItself(stat) || this.isProvenMain(stat) || this.isLeftOfMain(stat)) add(stat);
    return [...found.values()].sort((a, b) => b.pid - a.pid);
  }
}

/** Whether a process that is recorded as the job's is alive but nothing shows that it is the job's. */
export function isUnproven(
  recorded: Identity | undefined,
  found: ProcessStat[],
  table: ProcessStat[],
): boolean {
  return (
    recorded !== undefined &&
    table.some((stat) => matchesIdentity(stat, recorded)) &&
    !found.some((stat) => matchesIdentity(stat, recorded))
  );
}

/** A stopped process need not be continued for these. */
const UNNOTICED: NodeJS.Signals[] = ['SIGKILL', 'SIGSTOP', 'SIGCONT'];

/**
 * Sends a signal to a process that was found; one that is gone by now is fine. Who it is, is asked once more: it may have ended
 * since it was found, and its pid may be another's. (Without /proc that would be a call of ps for each: stillThere asks for all at
 * once.) A stopped process is continued, or it would not notice.
 */
export function signalProcess(stat: ProcessStat, signal: NodeJS.Signals): void {
  // these pids would be other processes'
  if (isProcForeign()) return;
  const now = HAS_PROC ? readStat(stat.pid) : stat;
  if (now?.startTicks !== stat.startTicks) return;
  try {
    process.kill(stat.pid, signal);
    if (!UNNOTICED.includes(signal) && isStopped(now)) process.kill(stat.pid, 'SIGCONT');
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}

/** How long sweeps go on when something survives SIGKILL, milliseconds; but a busy machine may need that for one look. */
const SWEEP_LIMIT_MS = 2000;
const LEAST_LOOKS = 10;
/** A look may fall between two generations of what forks and ends all the time: this many in a row do not. */
export const EMPTY_LOOKS = 5;

/**
 * Kills whatever `find` finds, at sight and from the highest pid down, until five looks in a row find nothing: a process
 * that forks every 2 ms escapes an ascending sweep, one that signals only at its end, and a single one. Returns what is left.
 */
export async function sweep(
  clock: Clock,
  find: (asSeen: AsSeen) => Promise<ProcessStat[]>,
): Promise<ProcessStat[]> {
  const deadline = clock.monotonic() + SWEEP_LIMIT_MS;
  for (let look = 1, empty = 0; ; look++) {
    const struck = new Map<number, ProcessStat>();
    const strike = (stat: ProcessStat): void => {
      if (!struck.has(stat.pid)) signalProcess(stat, 'SIGKILL');
      struck.set(stat.pid, stat);
    };
    for (const stat of await find(strike)) strike(stat);
    empty = struck.size === 0 ? empty + 1 : 0;
    if (empty === EMPTY_LOOKS) return [];
    if (clock.monotonic() > deadline && look >= LEAST_LOOKS) return [...struck.values()];
    await clock.sleep(empty > 0 ? 1 : 3);
  }
}

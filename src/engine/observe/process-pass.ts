/**
 * One pass over the process table, for all searches that wait for one: `kill` of 500 jobs looks at each process
 * once, not 500 times. A pass begins after the search was asked for. What it reads of a process is true for this
 * pass only.
 */
import type { FileId } from '../../base/fs/file-id.ts';
import { isSameFile } from '../../base/fs/file-id.ts';
import { listOwners } from '../../job/home/records.ts';
import {
  HAS_PROC,
  isForWriting,
  matchesIdentity,
  type NamedFile,
  openFile,
  openFiles,
  type ProcessStat,
  ticksNow,
} from '../os/process-identity.ts';
import {
  isOpaque,
  readEnvironment,
  readTable,
  supervisedFolder,
  supervisedJob,
} from '../os/process-table.ts';

/** A supervisor may boot for this long before it is on record, clock ticks. */
const BOOT_TICKS = 1000;

/** Supervisors that are on record as owners, by pid and start: what they are does not change. */
const recorded = new Set<string>();

/** One process as this pass sees it. Each fact is read when it is asked for, and once. */
export class SeenProcess {
  readonly stat: ProcessStat;
  private readonly nowTicks: number;
  private ownVariables: string[] | undefined;
  private supervises: boolean | undefined;
  private hidden: boolean | undefined;
  private open: [fd: string, path: string][] | undefined;
  private readonly files = new Map<string, FileId | undefined>();

  constructor(stat: ProcessStat, nowTicks: number) {
    this.stat = stat;
    this.nowTicks = nowTicks;
  }

  /** The variables of bgjob in its environment. */
  get variables(): string[] {
    this.ownVariables ??= readEnvironment(this.stat.pid).filter((entry) => entry.startsWith('BGJOB_'));
    return this.ownVariables;
  }

  /** Title and open FIFO are easy to forge: unless it is booting, a supervisor must be on record as owner. */
  get isSupervisor(): boolean {
    this.supervises ??= this.readSupervisor();
    return this.supervises;
  }

  get isOpaque(): boolean {
    this.hidden ??= isOpaque(this.stat.pid);
    return this.hidden;
  }

  /** The same as hasOpen of process-identity.ts, which says why the name comes first. */
  hasOpen(files: NamedFile[]): boolean {
    const { pid } = this.stat;
    this.open ??= [...openFiles(pid)];
    for (const [fd, target] of this.open) {
      const named = files.filter(({ name }) => target.endsWith(`/${name}`));
      if (named.length === 0) continue;
      if (!this.files.has(fd)) this.files.set(fd, openFile(pid, fd));
      if (named.some((one) => isSameFile(one, this.files.get(fd))) && isForWriting(pid, fd)) return true;
    }
    return false;
  }

  private readSupervisor(): boolean {
    const { stat } = this;
    const key = `${stat.pid} ${stat.startTicks}`;
    if (recorded.has(key)) return true;
    if (supervisedJob(stat.pid) === undefined) return false;
    if (!HAS_PROC || this.nowTicks - stat.startTicks < BOOT_TICKS) return true;
    const folder = supervisedFolder(stat.pid);
    const isRecorded = folder !== undefined && listOwners(folder).some((one) => matchesIdentity(stat, one));
    if (isRecorded) recorded.add(key);
    return isRecorded;
  }
}

type Visit = (seen: SeenProcess) => void;

/** All processes of a pass but this one and the first one, by pid. */
export type Pass = ReadonlyMap<number, SeenProcess>;

let next: { visits: Visit[]; pass: Promise<Pass> } | undefined;

/** Takes part in the next pass; `visit` is called as soon as a process is read. */
export function joinPass(visit?: Visit): Promise<Pass> {
  if (!next) {
    const visits: Visit[] = [];
    next = { visits, pass: runPass(visits) };
  }
  if (visit) next.visits.push(visit);
  return next.pass;
}

async function runPass(visits: Visit[]): Promise<Pass> {
  // searches that are asked for in this turn of the event loop come along
  await new Promise((resolve) => setImmediate(resolve));
  next = undefined;
  const pass = new Map<number, SeenProcess>();
  const nowTicks = ticksNow();
  await readTable((stat) => {
    if (stat.pid <= 1 || stat.pid === process.pid) return;
    const seen = new SeenProcess(stat, nowTicks);
    pass.set(stat.pid, seen);
    for (const visit of visits) visit(seen);
  });
  return pass;
}

/**
 * One pass over the process table, for all searches that wait for one: `kill` of 500 jobs looks at each process
 * once, not 500 times. A pass begins after the search was asked for. What it reads of a process is true for this
 * pass only.
 */
import type { FileId } from '../../base/fs/file-id.ts';
import { isSameFile } from '../../base/fs/file-id.ts';
import { listOwners } from '../../job/home/records.ts';
import type { Identity } from '../../job/identity.ts';
import type { JobId } from '../../job/spec.ts';
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

const MARKER = ['BGJOB_ID=', 'BGJOB_HOME=', 'BGJOB_TOKEN='] as const;

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

  /** The ids in its marker; undefined if the marker is not whole. */
  get markedIds(): string[] | undefined {
    const { variables } = this;
    const isWhole = MARKER.every((name) => variables.some((entry) => entry.startsWith(name)));
    if (!isWhole) return undefined;
    return variables
      .filter((entry) => entry.startsWith(MARKER[0]))
      .map((entry) => entry.slice(MARKER[0].length));
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

/** The search for the processes of one job. */
interface Search {
  id: JobId;
  /** No process of the job is older. */
  sinceTicks: number;
  spared: Identity[];
  /** Called for each process that may be spared, or be the job's by its marker or its open files. */
  visit(seen: SeenProcess): void;
}

const listIn = <K, V>(map: Map<K, V[]>, key: K): V[] => {
  const list = map.get(key) ?? [];
  map.set(key, list);
  return list;
};

/** All processes of a pass but this one and the first one, by pid. */
export class Pass extends Map<number, SeenProcess> {
  private readonly related = new Map<number, SeenProcess[]>();
  private readonly started = new Map<number, SeenProcess[]>();

  add(seen: SeenProcess): void {
    const { pid, ppid, session, group, startTicks } = seen.stat;
    this.set(pid, seen);
    for (const other of new Set([ppid, session, group])) listIn(this.related, other).push(seen);
    listIn(this.started, startTicks).push(seen);
  }

  /** The children of a process, and the processes of the session and the group that it leads. */
  relatedTo(pid: number): readonly SeenProcess[] {
    return this.related.get(pid) ?? [];
  }

  startedAt(ticks: number): readonly SeenProcess[] {
    return this.started.get(ticks) ?? [];
  }
}

/** The searches of one pass (500 for 500 stops). A process is shown only to those that it can concern. */
class Searches {
  private readonly all: Search[];
  private readonly ofJob = new Map<string, Search[]>();
  private readonly sparing = new Map<number, Search[]>();
  private readonly sinceTicks: number;

  constructor(all: Search[]) {
    this.all = all;
    this.sinceTicks = Math.min(...all.map((one) => one.sinceTicks));
    for (const search of all) {
      listIn(this.ofJob, String(search.id)).push(search);
      for (const ticks of new Set(search.spared.map(({ startTicks }) => startTicks)))
        listIn(this.sparing, ticks).push(search);
    }
  }

  show(seen: SeenProcess): void {
    const concerned = new Set(this.sparing.get(seen.stat.startTicks));
    for (const search of this.searchesFor(seen)) concerned.add(search);
    for (const { visit } of concerned) visit(seen);
  }

  /** Those for which it may be a process of their job. */
  private searchesFor(seen: SeenProcess): Search[] {
    const { startTicks } = seen.stat;
    // most processes of a machine are older than the jobs: nothing more is read of them
    if (startTicks < this.sinceTicks) return [];
    const ids = seen.markedIds;
    if (ids) return ids.flatMap((id) => this.ofJob.get(id) ?? []);
    if (HAS_PROC && seen.isSupervisor) return [];
    return this.all.filter(({ sinceTicks }) => startTicks >= sinceTicks);
  }
}

let next: { searches: Search[]; pass: Promise<Pass> } | undefined;

/** Takes part in the next pass. The search is shown a process as soon as that is read. */
export function joinPass(search?: Search): Promise<Pass> {
  if (!next) {
    const searches: Search[] = [];
    next = { searches, pass: runPass(searches) };
  }
  if (search) next.searches.push(search);
  return next.pass;
}

async function runPass(joined: Search[]): Promise<Pass> {
  // searches that are asked for in this turn of the event loop come along
  await new Promise((resolve) => setImmediate(resolve));
  next = undefined;
  const pass = new Pass();
  const searches = new Searches(joined);
  const nowTicks = ticksNow();
  await readTable((stat) => {
    if (stat.pid <= 1 || stat.pid === process.pid) return;
    const seen = new SeenProcess(stat, nowTicks);
    pass.add(seen);
    searches.show(seen);
  });
  return pass;
}

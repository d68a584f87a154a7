/**
 * Waiting until a job listens on a TCP port. The kernel tells nobody when a socket begins to
 * listen. Its count of sockets is read every 25 ms (microseconds); the tables of sockets and of processes (milliseconds)
 * only when it changed, when a socket shows up whose holder is not known as the job's, and now and then.
 */
import { systemClock } from '../../base/clock.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { readOwner } from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';
import { processesOf } from '../observe/leftovers.ts';
import { observe } from '../observe/observe.ts';
import { describeListener, listenerText, portTaken, readSocketOwners } from '../observe/port-owner.ts';
import { sinceTicksOf } from '../observe/process-tree.ts';
import { HAS_PROC, thisHost } from '../os/process-identity.ts';
import { isInTheWay, processesWith, readSocketCounts, socketsOn } from '../os/sockets.ts';
import type { ConditionMet, Report } from './condition.ts';
import { sleep } from './job-end.ts';

const POLL_MS = HAS_PROC ? 25 : 250;
/** The processes of the job are searched this often while it starts, and later: one that leaves our network is rare. */
const WALK_MS = 250;
const LATER_WALK_MS = 1000;
const STARTED_MS = 5000;
/** Two sockets, one opened and one closed between two looks, leave the count as it was: the tables are read this often at least. */
const RECHECK_MS = 1000;
/** What is not there after this long may take a little longer to be noticed, milliseconds. */
const PATIENT_MS = 60_000;
const PATIENT_FACTOR = 4;
/** A machine with thousands of sockets, or of processes, must not spend a core on looking. */
const IDLE_PER_POLL = 4;
const IDLE_PER_WALK = 25;

export interface PortOptions {
  /** Whoever listens will do. */
  anyOwner: boolean;
}

/** Until a process of the job listens on the port; fails if the port is another's since before the job. */
export async function waitPort(
  home: Home,
  id: JobId,
  port: number,
  { anyOwner }: PortOptions,
  abort: AbortSignal,
  report: Report,
): Promise<Result<ConditionMet | undefined>> {
  const search = new Search(home, id, port, report);
  const begun = systemClock.monotonic();
  while (!abort.aborted) {
    const at = systemClock.monotonic();
    const walkedMs = search.walkedMs;
    const found = anyOwner ? await search.pollForAny() : await search.look();
    if (found !== undefined) return found;
    const now = systemClock.monotonic();
    const factor = now - begun > PATIENT_MS ? PATIENT_FACTOR : 1;
    search.walkEveryMs = now - begun > STARTED_MS ? LATER_WALK_MS : WALK_MS;
    // a walk has a pace of its own
    const pollMs = now - at - (search.walkedMs - walkedMs);
    await sleep(Math.max(POLL_MS * factor, pollMs * IDLE_PER_POLL), abort);
  }
  return ok(undefined);
}

type Found = Result<ConditionMet> | undefined;

const met = (port: number, pid: number | undefined): Result<ConditionMet> =>
  ok({ condition: 'port', facts: { port, pid: pid ?? null } });

/** What one waiter knows of the job's processes and of who else listens. */
class Search {
  private readonly home: Home;
  private readonly id: JobId;
  private readonly port: number;
  private readonly report: Report;
  private members: number[] = [];
  private walkedAt = Number.NEGATIVE_INFINITY;
  walkEveryMs = WALK_MS;
  /** What all walks have cost so far, and the last one, milliseconds. */
  walkedMs = 0;
  private lastWalkMs = 0;
  private counts: string | undefined;
  private lookedAt = Number.NEGATIVE_INFINITY;
  /** Sockets that were looked up among all processes since the last walk, and are not the job's. */
  private readonly foreign = new Set<string>();
  private readonly told = new Set<string>();

  constructor(home: Home, id: JobId, port: number, report: Report) {
    this.home = home;
    this.id = id;
    this.port = port;
    this.report = report;
  }

  private tell(text: string): void {
    if (!this.told.has(text)) this.report(text);
    this.told.add(text);
  }

  private async walk(): Promise<void> {
    const begun = systemClock.monotonic();
    const view = observe(this.home, this.id);
    this.members = view ? (await processesOf(this.home, view)).map(({ pid }) => pid) : [];
    this.walkedAt = systemClock.monotonic();
    this.lastWalkMs = this.walkedAt - begun;
    this.walkedMs += this.lastWalkMs;
    // a socket may be handed on: it is judged again with each walk
    this.foreign.clear();
  }

  /** Whether the tables may hold something new. */
  private isDue(withOwn: boolean): boolean {
    // read before the tables: what begins to listen after this changes it for the next look
    const counts = readSocketCounts(this.windows(), withOwn);
    const now = systemClock.monotonic();
    if (counts !== undefined && counts === this.counts && now - this.lookedAt < RECHECK_MS) return false;
    this.counts = counts;
    this.lookedAt = now;
    return true;
  }

  private async walkIfDue(): Promise<void> {
    const everyMs = Math.max(this.walkEveryMs, this.lastWalkMs * IDLE_PER_WALK);
    if (systemClock.monotonic() - this.walkedAt >= everyMs) await this.walk();
  }

  /** The owner, while there is no process of the job yet: the job starts where its supervisor is. */
  private windows(): number[] {
    if (this.members.length > 0) return this.members;
    const owner = readOwner(this.home.job(this.id));
    return owner.kind === 'read' && this.isHere(owner.value.identity.pidNamespace)
      ? [owner.value.identity.pid]
      : [];
  }

  private isHere(pidNamespace: string): boolean {
    if (pidNamespace === thisHost().pidNamespace) return true;
    this.tell(
      `job ${this.id} runs in another pid namespace: which process listens cannot be seen from here (--any-owner takes any)`,
    );
    return false;
  }

  async pollForAny(): Promise<Found> {
    await this.walkIfDue();
    if (!this.isDue(true)) return undefined;
    const sockets = socketsOn(this.port, this.windows(), true);
    if (sockets.length === 0) return undefined;
    const own = processesWith(this.members, sockets)[0];
    if (own !== undefined) return met(this.port, own);
    const usual = sockets.filter(isInTheWay);
    if (usual.length > 0) return met(this.port, (await readSocketOwners(usual))[0]?.pid);
    // one with an address for itself alone counts if it came with the job: another may have been there for long
    const since = sinceTicksOf(this.home, this.id);
    const [young] = (await readSocketOwners(sockets)).filter(({ startTicks }) => startTicks >= since);
    return young && met(this.port, young.pid);
  }

  async look(): Promise<Found> {
    await this.walkIfDue();
    if (!this.isDue(false)) return undefined;
    const sockets = socketsOn(this.port, this.windows(), false);
    if (sockets.length === 0) return undefined;
    const known = processesWith(this.members, sockets)[0];
    if (known !== undefined) return met(this.port, known);
    if (sockets.every(({ socket }) => this.foreign.has(socket))) return undefined;
    // holders first, then the job's processes: one that was just born is in both
    const holders = await readSocketOwners(sockets);
    await this.walk();
    const mine = new Set(this.members);
    const holder = holders.find(({ pid }) => mine.has(pid));
    if (holder) return met(this.port, holder.pid);
    for (const { socket } of sockets) this.foreign.add(socket);
    const blocking = await readSocketOwners(sockets.filter(isInTheWay));
    const [oldest = holders[0]] = blocking;
    if (!oldest) {
      // gone again, or not ours to see
      const names = new Set(sockets.map(({ socket }) => socket));
      if (socketsOn(this.port, this.windows(), false).some(({ socket }) => names.has(socket)))
        this.tell(
          `port ${this.port} is held by a process that cannot be seen from here; still waiting (--any-owner takes it)`,
        );
      return undefined;
    }
    const listener = describeListener(this.home, oldest.pid);
    const isOlder = oldest.startTicks < sinceTicksOf(this.home, this.id);
    if (isOlder && blocking.length > 0) return fail(portTaken(this.port, listener));
    this.tell(
      `port ${this.port} is held by ${listenerText(listener)}, not by job ${this.id}; still waiting (--any-owner takes it)`,
    );
    return undefined;
  }
}

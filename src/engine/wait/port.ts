/**
 * Waits until a job listens on a TCP port. The kernel reports no event when a socket begins to listen. So its
 * count of sockets is read every 25 ms, which takes microseconds. The tables of sockets and processes take
 * milliseconds: they are read only when the count changed, when a socket shows up that is not known as the
 * job's, and now and then.
 */
import { sleep, systemClock } from '../../base/clock.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { foundValue, readOwner } from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';
import { processesOf } from '../observe/leftovers.ts';
import { observe } from '../observe/observe.ts';
import { describeListener, portTaken, readSocketOwners } from '../observe/port-owner.ts';
import { sinceTicksOf } from '../observe/process-tree.ts';
import { HAS_PROC, thisHost } from '../os/process-identity.ts';
import { isInTheWay, type PortSocket, processesWith, readSocketCounts, socketsOn } from '../os/sockets.ts';
import type { ConditionMet, Report } from './condition.ts';

const POLL_MS = HAS_PROC ? 25 : 250;
/** How often the job's processes are searched while it starts, and later: few leave our network. */
const WALK_MS = 250;
const LATER_WALK_MS = 1000;
const STARTED_MS = 5000;
/** How often the tables are read at least: one socket opened and one closed leave the count unchanged. */
const RECHECK_MS = 1000;
/** After this long a port may be noticed a little later, milliseconds. */
const SLOW_AFTER_MS = 60_000;
const SLOW_FACTOR = 4;
/** With thousands of sockets or processes the polls must not use a whole core. */
const IDLE_PER_POLL = 4;
const IDLE_PER_WALK = 25;

/**
 * Waits until a process of the job listens on the port; fails if an older process of others has the port.
 * `anyOwner`: any listener counts, also of another job or of none.
 */
export async function waitPort(
  home: Home,
  id: JobId,
  port: number,
  anyOwner: boolean,
  abort: AbortSignal,
  report: Report,
): Promise<Result<ConditionMet | undefined>> {
  const search = new PortSearch(home, id, port, report);
  const begun = systemClock.monotonic();
  while (!abort.aborted) {
    const at = systemClock.monotonic();
    const { walkedMs } = search;
    const found = await search.poll(anyOwner, at - begun > STARTED_MS ? LATER_WALK_MS : WALK_MS);
    if (found !== undefined) return found;
    const now = systemClock.monotonic();
    const factor = now - begun > SLOW_AFTER_MS ? SLOW_FACTOR : 1;
    // walks have a pace of their own
    const pollMs = now - at - (search.walkedMs - walkedMs);
    await sleep(Math.max(POLL_MS * factor, pollMs * IDLE_PER_POLL), abort);
  }
  return ok(undefined);
}

type Found = Result<ConditionMet> | undefined;

const portMet = (port: number, pid: number | undefined): Result<ConditionMet> =>
  ok({ condition: 'port', facts: { port, pid: pid ?? null } });

class PortSearch {
  private readonly home: Home;
  private readonly id: JobId;
  private readonly port: number;
  private readonly report: Report;
  private members: number[] = [];
  private walkedAt = Number.NEGATIVE_INFINITY;
  /** The cost of all walks so far, milliseconds; below, of the last one. */
  walkedMs = 0;
  private lastWalkMs = 0;
  private counts: string | undefined;
  private polledAt = Number.NEGATIVE_INFINITY;
  /** Sockets that were found, since the last walk, not to be the job's. */
  private readonly foreign = new Set<string>();

  constructor(home: Home, id: JobId, port: number, report: Report) {
    this.home = home;
    this.id = id;
    this.port = port;
    this.report = report;
  }

  private async walk(): Promise<void> {
    const begun = systemClock.monotonic();
    const view = observe(this.home, this.id);
    this.members = view ? (await processesOf(this.home, view)).map(({ pid }) => pid) : [];
    this.walkedAt = systemClock.monotonic();
    this.lastWalkMs = this.walkedAt - begun;
    this.walkedMs += this.lastWalkMs;
    // a socket may be passed on: each walk judges it again
    this.foreign.clear();
  }

  private isDue(withOwn: boolean): boolean {
    // read before the tables: a socket that listens after this changes the count for the next poll
    const counts = readSocketCounts(this.viewpoints(), withOwn);
    const now = systemClock.monotonic();
    if (counts !== undefined && counts === this.counts && now - this.polledAt < RECHECK_MS) return false;
    this.counts = counts;
    this.polledAt = now;
    return true;
  }

  /** The processes that show the job's network: before the job has any, its supervisor. */
  private viewpoints(): number[] {
    if (this.members.length > 0) return this.members;
    const owner = foundValue(readOwner(this.home.job(this.id)))?.identity;
    if (owner?.pidNamespace === thisHost().pidNamespace) return [owner.pid];
    if (owner) this.report({ kind: 'port-unseen', id: this.id });
    return [];
  }

  async poll(anyOwner: boolean, walkMs: number): Promise<Found> {
    const everyMs = Math.max(walkMs, this.lastWalkMs * IDLE_PER_WALK);
    if (systemClock.monotonic() - this.walkedAt >= everyMs) await this.walk();
    if (!this.isDue(anyOwner)) return undefined;
    const sockets = socketsOn(this.port, this.viewpoints(), anyOwner);
    if (sockets.length === 0) return undefined;
    const own = processesWith(this.members, sockets)[0];
    if (own !== undefined) return portMet(this.port, own);
    return anyOwner ? this.judgeAny(sockets) : this.judge(sockets);
  }

  private async judgeAny(sockets: PortSocket[]): Promise<Found> {
    const usual = sockets.filter(isInTheWay);
    if (usual.length > 0) return portMet(this.port, (await readSocketOwners(usual))[0]?.pid);
    // a listener on one other address counts if it is younger than the job: another may have been there for
    // long
    const since = sinceTicksOf(this.home, this.id);
    const [young] = (await readSocketOwners(sockets)).filter(({ startTicks }) => startTicks >= since);
    return young && portMet(this.port, young.pid);
  }

  private async judge(sockets: PortSocket[]): Promise<Found> {
    if (sockets.every(({ socket }) => this.foreign.has(socket))) return undefined;
    // the owners first, then the job's processes: a process born meanwhile is in both
    const owners = await readSocketOwners(sockets);
    await this.walk();
    const mine = new Set(this.members);
    const owner = owners.find(({ pid }) => mine.has(pid));
    if (owner) return portMet(this.port, owner.pid);
    for (const { socket } of sockets) this.foreign.add(socket);
    const blocking = await readSocketOwners(sockets.filter(isInTheWay));
    const [oldest = owners[0]] = blocking;
    if (!oldest) {
      // gone again, or not visible to us
      const names = new Set(sockets.map(({ socket }) => socket));
      if (socketsOn(this.port, this.viewpoints(), false).some(({ socket }) => names.has(socket)))
        this.report({ kind: 'port-hidden', port: this.port });
      return undefined;
    }
    const listener = describeListener(this.home, oldest.pid);
    const isOlder = oldest.startTicks < sinceTicksOf(this.home, this.id);
    if (isOlder && blocking.length > 0) return fail(portTaken(this.port, listener));
    this.report({ kind: 'port-taken', port: this.port, id: this.id, listener });
    return undefined;
  }
}

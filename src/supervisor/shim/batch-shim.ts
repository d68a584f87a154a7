/**
 * The shim of a batch as its supervisor has it: it takes one order after the other, and stays until the last
 * job of this process has ended. It runs only jobs that have all in common that a shim gets at its start.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import { closing } from '../../base/fs/open-file.ts';
import { readAt } from '../../base/fs/read-record.ts';
import { attemptQuietly } from '../../base/result.ts';
import { ioPriorityWords } from '../../engine/os/io-priority.ts';
import {
  filesAt,
  hasOpen,
  matchesIdentity,
  type ProcessStat,
  pidsInProc,
  readStat,
} from '../../engine/os/process-identity.ts';
import {
  batchShimCall,
  ORDERS_FD,
  type OrderedJob,
  orderLine,
  passesAll,
  SUPERVISOR_FDS,
} from '../../engine/shim/batch-shim.ts';
import type { AdopterCall } from '../../engine/shim/shim.ts';
import { parseShim, type ShimRecord } from '../../engine/shim/shim-record.ts';
import type { Placement } from '../../job/spec.ts';

/** A shim is replaced after so many jobs: dash remembers each process that it has started. */
const MOST_JOBS = 1000;
const RECORD_BYTES = 4096;
/** By then a shim has answered an order, or has ended if its watchers are dead, milliseconds. */
const ANSWER_MS = 1000;

/** What a shim gets at its start. */
export interface Surroundings {
  environment: string[];
  cwd: string;
  placement: Placement;
  call: AdopterCall;
  /** See batchTokenOf. */
  token: string;
  /** Calls `act` with the umask of the jobs. */
  underUmask<T>(act: () => T): T;
}

/** A job that the shim is to run. The functions are called in this order, each once at most. */
export interface Order extends OrderedJob {
  /** The FIFO of the job. */
  alive: string;
  /** Nothing was started, and nothing will be. */
  onRefused(): void;
  /** The main process is on record, or may have been started. */
  onStarted(): void;
  onStatus(code: number): void;
  /** The shim ended before it reported the status. */
  onShimEnd(): void;
}

let current: BatchShim | undefined;
/** The first order of a shim was refused: here no shim can take orders. */
let isUnusable = false;

/** A shim for a job that has these surroundings: the one that runs already, or a new one. */
export function batchShimFor(surroundings: Surroundings): BatchShim | undefined {
  const key = keyOf(surroundings);
  if (current?.mayTake(key)) return current;
  const { environment, cwd } = surroundings;
  if (isUnusable || !passesAll(environment, cwd)) return undefined;
  // the shim of one job will meet the same error, and report it
  const child = attemptQuietly(() => spawnShim(surroundings));
  child?.once('error', () => {});
  if (child?.pid === undefined) return undefined;
  current = new BatchShim(child, child.pid, key);
  return current;
}

/** Of two jobs with one key the environment differs only in id and slot. */
function keyOf({ environment, cwd, placement: { umask, ioPriority }, call }: Surroundings): string {
  const others = environment.filter((entry) => !/^BGJOB_(ID|SLOT)=/.test(entry));
  // an adopter must find the home and the program where they are by now
  return [call.home, call.node, cwd, umask, ioPriority, ...others].join('\0');
}

function spawnShim({ environment, cwd, placement, call, token, underUmask }: Surroundings): ChildProcess {
  const { program, args, environment: env } = batchShimCall(call, environment, cwd, token);
  const [first, ...words] = [...ioPriorityWords(placement.ioPriority), program, ...args];
  const { O_RDONLY, O_DIRECTORY } = constants;
  return closing(openSync(`/proc/${process.pid}/fd`, O_RDONLY | O_DIRECTORY), (fds) => {
    const stdio: ('ignore' | 'pipe' | number)[] = Array.from({ length: ORDERS_FD + 1 }, () => 'ignore');
    stdio[3] = 'pipe';
    stdio[SUPERVISOR_FDS] = fds;
    stdio[ORDERS_FD] = 'pipe';
    return underUmask(() => spawn(first!, words, { cwd, detached: true, env, stdio }));
  });
}

class BatchShim {
  private readonly orders: Socket;
  /** Those whose end the shim has not reported. */
  private readonly open = new Map<number, Order & { isStarted: boolean }>();
  private readonly unreleased = new Set<number>();
  private lastId = 0;
  private taken = 0;
  private isDismissed = false;
  private line = '';
  private unanswered: NodeJS.Timeout | undefined;

  constructor(
    private readonly child: ChildProcess,
    readonly pid: number,
    private readonly key: string,
  ) {
    const reports = child.stdio[3] as Socket;
    this.orders = child.stdio[ORDERS_FD] as unknown as Socket;
    for (const socket of [reports, this.orders]) socket.on('error', () => {});
    reports.on('data', (bytes: Buffer) => this.read(bytes.toString()));
    child.once('exit', () => {
      this.isDismissed = true;
      for (const order of this.open.values()) this.endWithout(order);
      this.open.clear();
    });
  }

  /** Not while a job runs: that may take days, and a job whose order waits could not be stopped. */
  mayTake(key: string): boolean {
    return !this.isDismissed && this.open.size === 0 && this.taken < MOST_JOBS && this.key === key;
  }

  order(order: Order): void {
    this.open.set(order.id, { ...order, isStarted: false });
    this.lastId = order.id;
    this.taken++;
    this.orders.write(orderLine(order));
    // Until the answer no request for the job is read. No signal tells that the shim was stopped before the
    // order, or that its child is stopped which becomes the job
    this.unanswered = setInterval(() => kill([-this.pid], 'SIGCONT'), ANSWER_MS);
  }

  /** The end of this job is published. Its watcher ends, and the shim if no other job was ordered since. */
  release(order: Order): void {
    // after an error of the caller this is called again
    if (!this.unreleased.delete(order.id)) return;
    this.endWatcher(order);
    closeSync(order.recordFd);
    if (this.lastId === order.id) {
      this.isDismissed = true;
      this.orders.end();
    }
    if (this.isDismissed && this.unreleased.size === 0) this.endRest();
  }

  /**
   * The shim waits for its watchers. One of a job that removed record and FIFO was not found. The shim itself
   * may be stopped.
   */
  private endRest(): void {
    const timer = setInterval(() => {
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        clearInterval(timer);
        return;
      }
      kill([this.pid], 'SIGCONT');
      kill(this.find((pid) => readStat(pid)?.ppid === this.pid));
    }, ANSWER_MS);
    timer.unref();
  }

  private read(text: string): void {
    const lines = (this.line + text).split('\n');
    this.line = lines.pop()!;
    for (const line of lines) {
      const [id, what = ''] = line.split(' ');
      const order = this.open.get(Number(id));
      if (!order) continue;
      if (what !== '+') this.open.delete(order.id);
      if (what === '-') this.refuse(order);
      else this.begin(order);
      if (/^\d+$/.test(what)) order.onStatus(Number(what));
    }
  }

  private begin(order: Order & { isStarted: boolean }): void {
    if (order.isStarted) return;
    clearInterval(this.unanswered);
    order.isStarted = true;
    this.unreleased.add(order.id);
    order.onStarted();
  }

  private refuse(order: Order): void {
    clearInterval(this.unanswered);
    this.isDismissed = true;
    isUnusable ||= this.taken === 1;
    if (this.unreleased.size === 0) this.endRest();
    order.onRefused();
  }

  /** The shim was killed. It records itself before it forks anything for a job. */
  private endWithout(order: Order & { isStarted: boolean }): void {
    if (!order.isStarted && this.recordOf(order).shim === undefined) {
      this.refuse(order);
      return;
    }
    this.begin(order);
    order.onShimEnd();
  }

  /** Through the descriptor: the job may have removed the file. */
  private recordOf({ recordFd }: Order): ShimRecord {
    const bytes = Buffer.alloc(RECORD_BYTES);
    return parseShim(bytes.toString('utf8', 0, attemptQuietly(() => readAt(recordFd, bytes, 0)) ?? 0));
  }

  /** All watchers wait at one socket, so a word to one of them may reach another: they are killed. */
  private endWatcher(order: Order): void {
    const { watcher } = this.recordOf(order);
    const stat = watcher && readStat(watcher.pid);
    if (watcher && matchesIdentity(stat, watcher) && this.isHelper(stat)) {
      kill([watcher.pid]);
      return;
    }
    // it is not on record if the shim was killed just then, or the job has changed the record
    const fifo = filesAt([order.alive]);
    kill(this.find((pid) => hasOpen(pid, fifo)));
  }

  /** Jobs are in sessions of their own. */
  private isHelper = (stat: ProcessStat | undefined): boolean =>
    stat !== undefined && stat.pid !== this.pid && stat.session === this.pid;

  private find(accepts: (pid: number) => boolean): number[] {
    return pidsInProc().filter((pid) => this.isHelper(readStat(pid)) && accepts(pid));
  }
}

/** A negative number: the process group. */
function kill(pids: number[], signal: NodeJS.Signals = 'SIGKILL'): void {
  for (const pid of pids) attemptQuietly(() => process.kill(pid, signal));
}

export type { BatchShim };

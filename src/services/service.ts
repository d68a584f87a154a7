/**
 * What scheduler and listener share: a FIFO wakes them, and they end when unneeded, or without home or job.
 */
import { Socket } from 'node:net';
import { sleep, systemClock } from '../base/clock.ts';
import { removeQuietly } from '../base/fs/atomic-write.ts';
import { readText } from '../base/fs/read-record.ts';
import { errnoOf } from '../base/result.ts';
import { recoverQueues } from '../engine/automation/recovery.ts';
import { openServiceFifo, type ServiceJob, startService } from '../engine/launch/service-launch.ts';
import { observe } from '../engine/observe/observe.ts';
import { isProgramReplaced, missingPart } from '../engine/os/own-program.ts';
import { claimInstance } from '../engine/os/process-lock.ts';
import type { JobTemplate } from '../job/automation/template-records.ts';
import type { Failure } from '../job/failure.ts';
import type { Home } from '../job/home/home.ts';
import type { Found } from '../job/home/records.ts';
import { whyUnable } from '../job/needs.ts';
import type { JobId } from '../job/spec.ts';

/** The longest sleep, milliseconds: the wall clock may be changed, and the machine suspended. */
export const POLL_MS = 10_000;
const SHORT_MS = 50;

export class WakeFifo {
  private socket: Socket | undefined;
  private end = (): void => {};
  constructor(
    private readonly home: Home,
    private readonly path: string,
    /** Called at each wake-up, also while no one waits. */
    private readonly onWake: () => void = () => {},
  ) {}

  /** From now on other processes find this service. Throws system errors. */
  async open(): Promise<void> {
    if (this.socket) return;
    const fd = await openServiceFifo(this.home, this.path);
    this.socket = new Socket({ fd, readable: true, writable: false });
    this.socket.on('error', () => {});
    this.socket.on('data', this.onWake);
    this.socket.resume();
  }

  /** After `ms` at the latest. */
  async wait(ms: number): Promise<void> {
    const over = new AbortController();
    const end = () => over.abort();
    this.socket!.once('data', end);
    this.end = end;
    await sleep(Math.max(0, Math.min(ms, POLL_MS)), over.signal);
    this.socket?.off('data', end);
  }

  /** Ends a wait of this process. */
  wake(): void {
    this.end();
  }

  /** From now on other processes start another service. Their earlier changes are on disk. */
  close(): void {
    removeQuietly(this.path);
    this.socket?.destroy();
    this.socket = undefined;
  }
}

/** See RESTART_LOOP. */
export const RESTART = 129;

/**
 * Whether an update replaced the program, and a newer bgjob added a template with options unknown here.
 * Otherwise a service goes on: a listener must not miss a delivery.
 */
export const mustRestart = (readTemplates: () => Found<JobTemplate>[]): boolean =>
  isProgramReplaced() &&
  missingPart() === undefined &&
  readTemplates().some((read) => read.kind === 'read' && whyUnable(read.value) !== null);

export function ownJob(): JobId | null {
  const id = Number(process.env['BGJOB_ID']);
  return Number.isSafeInteger(id) && id > 0 ? id : null;
}

/** `gone`: the folder was removed, because no job needs the service. */
function claimIn(folder: string, key: string): string | undefined {
  try {
    return claimInstance(folder, key);
  } catch (thrown) {
    if (errnoOf(thrown) !== 'ENOENT') throw thrown;
    return 'gone';
  }
}

/** After a previous one has ended; undefined: the service is not needed any more. */
export async function waitForClaim(home: Home, folder: string, key: string): Promise<string | undefined> {
  for (;;) {
    if (!isWanted(home)) return undefined;
    const claim = claimIn(folder, key);
    if (claim === 'gone') return undefined;
    if (claim !== undefined) {
      // a previous instance that was killed may have been about to start the next job of a queue
      await recoverQueues(home);
      return claim;
    }
    await systemClock.sleep(SHORT_MS);
  }
}

/** Starts another instance if the job of this one has ended without a stop. */
export async function startSuccessor(home: Home, service: ServiceJob): Promise<void> {
  const own = ownJob();
  const view = own === null ? undefined : observe(home, own);
  if (view?.kind !== 'ended' || view.status.stop !== null) return;
  await startService(home, service);
}

/** The home is still the opened one, and the job of this process lives. If not, nothing may be started. */
export function isWanted(home: Home): boolean {
  if (readText(`${home.path}/token`).trim() !== home.token) return false;
  const own = ownJob();
  return own === null || observe(home, own)?.kind === 'live';
}

export function startFailureText(failure: Failure): string {
  if (failure.code === 'io') return `cannot ${failure.doing} ${failure.path}: ${failure.errno}`;
  if (failure.code === 'name-taken') return `job ${failure.id} has its name`;
  if (failure.code === 'starter-newer') return failure.why;
  if (failure.code === 'tool-missing') return `there is no ${failure.tool}`;
  if (failure.code === 'program-gone')
    return `${failure.path} is gone, which starts its jobs; the next bgjob command repairs this`;
  return failure.code;
}

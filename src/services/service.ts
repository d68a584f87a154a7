/** What our own jobs have in common: they are woken through a FIFO, and leave when they are not needed, or their home or job is gone. */
import { Socket } from 'node:net';
import { sleep, systemClock } from '../base/clock.ts';
import { removeQuietly } from '../base/fs/atomic-write.ts';
import { readRecord } from '../base/fs/read-record.ts';
import { recoverQueues } from '../engine/automation/recovery.ts';
import { openServiceFifo, type ServiceJob, startService } from '../engine/automation/service-jobs.ts';
import { observe } from '../engine/observe/observe.ts';
import { isProgramReplaced } from '../engine/os/own-program.ts';
import { claimInstance } from '../engine/os/process-lock.ts';
import type { JobTemplate } from '../job/automation/template-records.ts';
import type { Home } from '../job/home/home.ts';
import type { Found } from '../job/home/records.ts';
import { whyUnable } from '../job/needs.ts';
import type { JobId } from '../job/spec.ts';

/** Between two looks without a call, milliseconds: the wall clock may be set, and the machine may sleep. */
export const POLL_MS = 10_000;
const SHORT_MS = 50;

/** The FIFO through which such a job is called. */
export class Calls {
  private socket: Socket | undefined;
  private readonly home: Home;
  private readonly path: string;
  constructor(home: Home, path: string) {
    this.home = home;
    this.path = path;
  }

  /** From here on it is found. Throws system errors. */
  async open(): Promise<void> {
    this.socket = new Socket({
      fd: await openServiceFifo(this.home, this.path),
      readable: true,
      writable: false,
    });
    this.socket.on('error', () => {});
    this.socket.resume();
  }

  /** Resolves with a call, or after so many milliseconds. */
  async next(ms: number): Promise<void> {
    const over = new AbortController();
    const end = () => over.abort();
    this.socket!.once('data', end);
    await sleep(Math.max(0, Math.min(ms, POLL_MS)), over.signal);
    this.socket!.off('data', end);
  }

  /** From here on whoever comes starts another; what came before is on disk. */
  close(): void {
    removeQuietly(this.path);
    this.socket?.destroy();
    this.socket = undefined;
  }
}

/** The exit code after which the shell of such a job starts its program anew, see RESTART_LOOP. */
export const RENEW = 129;

/**
 * Whether a process of the file that lies there now has to take over: an update has replaced the program, and one of these was added
 * by the new one, which this one does not know well enough. (Otherwise it goes on: a listener must not miss a delivery for nothing.)
 */
export const mustRenew = (readTemplates: () => Found<JobTemplate>[]): boolean =>
  isProgramReplaced() &&
  readTemplates().some((read) => read.kind === 'read' && whyUnable(read.value) !== null);

/** The job in which we run; null: none. */
export function ownJob(): JobId | null {
  const id = Number(process.env['BGJOB_ID']);
  return Number.isSafeInteger(id) && id > 0 ? id : null;
}

/** Becomes the one that serves here, as soon as one before, whose job was killed beside it, is gone; undefined: nobody wants it any more. */
export async function becomeInstance(home: Home, folder: string, key: string): Promise<string | undefined> {
  for (;;) {
    if (!isWanted(home)) return undefined;
    const claim = claimInstance(folder, key);
    if (claim !== undefined) {
      // one before that was killed may have been about to start the next job of a queue
      await recoverQueues(home);
      return claim;
    }
    await systemClock.sleep(SHORT_MS);
  }
}

/** When the job in which we run is gone, but was not stopped: another takes its place at once. */
export async function followUp(home: Home, service: ServiceJob): Promise<void> {
  const own = ownJob();
  const view = own === null ? undefined : observe(home, own);
  if (view?.kind !== 'ended' || view.status.stop !== null) return;
  await startService(home, service);
}

/** Whether the home is still the one that was opened, and the job in which we run lives: if not, nothing is started any more. */
export function isWanted(home: Home): boolean {
  const token = readRecord(`${home.path}/token`);
  if (token.kind !== 'text' || token.text.trim() !== home.token) return false;
  const own = ownJob();
  return own === null || observe(home, own)?.kind === 'live';
}

/** How long a blocking command waits: until its deadline, or until somebody signals it. The job never notices either. */
import { setMaxListeners } from 'node:events';
import { after } from '../../base/clock.ts';
import { EXIT } from '../../job/failure.ts';
import type { JobView } from '../../job/view.ts';
import type { Exit } from '../command/command.ts';
import { interruptCode, interruptedBy, onInterrupt } from '../command/interrupt.ts';

export class Deadline {
  private readonly controller = new AbortController();
  private readonly disarm: () => void;

  /** `deadlineMs` null: for ever. */
  constructor(deadlineMs: number | null) {
    // there is one listener per job, condition and look: a warning about that would be shown to the user
    setMaxListeners(0);
    this.disarm = deadlineMs === null ? () => {} : after(deadlineMs, () => this.controller.abort());
    onInterrupt(() => this.controller.abort());
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Stops waiting because there is nothing left to wait for. */
  end(): void {
    this.disarm();
    this.controller.abort();
  }

  /** The exit of a command whose patience ended before the job. */
  exit(): Exit {
    const signal = interruptedBy();
    return { code: signal ? interruptCode(signal) : EXIT.stillRunning, by: 'bgjob' };
  }
}

/** What a call makes of one end. */
export interface Judgement {
  exit: Exit;
  /** The job failed: its last lines are shown, whatever the call makes of that. */
  failed: boolean;
  /** Its failure decides the code of the call, if it is the first. */
  counted: boolean;
  /** What stands behind the sentence that tells the end. */
  remark: string;
}

/** When waiting for many is over, and what comes of it. */
export interface WaitPlan {
  /** Return with the first that ends. */
  any: boolean;
  /** Return with the first that fails. */
  failFast: boolean;
  /** The command that goes on waiting for the same jobs. */
  again: string;
  /** What the call makes of an end; without it the code is the job's. */
  judge?: (view: JobView) => Judgement;
  /** Of what did not fail nothing is told: a person sees the progress. */
  failuresOnly?: boolean;
  /** Gets each end that was told, with its exit. */
  told?: Map<number, Exit>;
}

/** How long a call waits: until its deadline (75), or until a signal comes. The job notices neither. */
import { setMaxListeners } from 'node:events';
import { callAfter, parseDuration } from '../../base/clock.ts';
import { EXIT, fail, ok, type Result } from '../../job/failure.ts';
import type { Exit } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { interruptCode, interruptedBy, onInterrupt } from '../command/interrupt.ts';
import { badNumber } from '../messages/usage.ts';

/** Milliseconds: the option of the call, else BGJOB_MAX_WAIT, else config.json; null: no limit. */
export function deadlineOf(context: Context, own: number | null): Result<number | null> {
  const text = context.env['BGJOB_MAX_WAIT'];
  if (own !== null) return ok(own);
  if (!text) return ok(context.configOrNone().maxWaitMs);
  const ms = parseDuration(text);
  return ms === undefined ? fail(badNumber('BGJOB_MAX_WAIT', text, 'duration')) : ok(ms);
}

export class Deadline {
  private readonly controller = new AbortController();
  private readonly disarm: () => void;

  /** `deadlineMs` null: for ever. */
  constructor(deadlineMs: number | null) {
    // there is one listener per job and condition: a warning about that would be shown to the user
    setMaxListeners(0);
    this.disarm = deadlineMs === null ? () => {} : callAfter(deadlineMs, () => this.controller.abort());
    onInterrupt(() => this.controller.abort());
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** A wait that also ends when its `stop` is called. */
  part(): { signal: AbortSignal; stop: () => void } {
    const own = new AbortController();
    const stop = () => own.abort();
    this.signal.addEventListener('abort', stop, { once: true });
    if (this.signal.aborted) stop();
    return { signal: own.signal, stop };
  }

  /** Stops waiting because there is nothing left to wait for. */
  end(): void {
    this.disarm();
    this.controller.abort();
  }

  /** The exit of a call that ended before the job. */
  exit(): Exit {
    const signal = interruptedBy();
    return { code: signal ? interruptCode(signal) : EXIT.stillRunning, by: 'bgjob' };
  }
}

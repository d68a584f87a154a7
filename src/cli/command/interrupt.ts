/**
 * SIGINT and SIGTERM while a call waits: the call stops waiting, says what still runs, and then dies of
 * that signal. An exit with 130 is not enough: a loop of bash goes on after it, and so does `until bgjob
 * wait …; done; deploy`.
 */

import { constants } from 'node:os';
import { sleepSync } from '../../base/clock.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
export type Interrupt = (typeof SIGNALS)[number] | 'SIGHUP';

let received: Interrupt | undefined;
let isAccepted = false;

export const interruptedBy = (): Interrupt | undefined => received;

export const interruptCode = (signal: Interrupt): number => 128 + constants.signals[signal];

export function noteInterrupt(signal: Interrupt): void {
  if (!isAccepted) received ??= signal;
}

/** The call dies of this signal at its end, whatever was accepted before. */
export function dieAtEndOf(signal: Interrupt): void {
  received = signal;
}

/** For a call that a signal ends as intended: it does not die of the signal. */
export function acceptInterrupt(): void {
  isAccepted = true;
  received = undefined;
}

/** Calls `act` when SIGINT or SIGTERM comes, or has come before. Returns a function that stops that. */
export function onInterrupt(act: () => void): () => void {
  const listeners = SIGNALS.map((signal) => {
    const listener = (): void => {
      noteInterrupt(signal);
      act();
    };
    // not `once`: the spinner ends the process if it finds no listener but its own
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  if (received !== undefined) act();
  return () => {
    for (const remove of listeners) remove();
  };
}

/** The same for SIGHUP: the terminal was closed. */
export function onHangup(act: () => void): () => void {
  const listener = (): void => {
    noteInterrupt('SIGHUP');
    act();
  };
  process.on('SIGHUP', listener);
  return () => process.off('SIGHUP', listener);
}

/** How long a signal to this process may take, if the kernel gives it to another thread, milliseconds. */
const OWN_SIGNAL_MS = 100;

/** Dies of the signal. Returns only in pid 1 of a container, which the kernel spares. */
export function dieOf(signal: Interrupt): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  sleepSync(OWN_SIGNAL_MS);
}

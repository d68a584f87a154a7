/**
 * Ctrl-C and its like while a call waits: the call stops waiting, says how far it is, and then dies of that signal. A shell looks at
 * how its child ended: after an exit with 130 a loop of bash goes on, and so does `until bgjob wait …; do …; done; deploy`.
 */

import { constants } from 'node:os';
import { sleepSync } from '../../base/clock.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
export type Interrupt = (typeof SIGNALS)[number] | 'SIGHUP';

let received: Interrupt | undefined;
let isAccepted = false;

/** The signal that this call dies of at its end. */
export const interruptedBy = (): Interrupt | undefined => received;

/** The exit code that a shell makes of a death by this signal. */
export const interruptCode = (signal: Interrupt): number => 128 + constants.signals[signal];

export function noteInterrupt(signal: Interrupt): void {
  if (!isAccepted) received ??= signal;
}

/** For what is ended by a signal as it should be: it does not die of it. */
export function acceptInterrupt(): void {
  isAccepted = true;
  received = undefined;
}

/** Calls `act` when SIGINT or SIGTERM comes, or came before; what is returned takes that back. */
export function onInterrupt(act: () => void): () => void {
  const listeners = SIGNALS.map((signal) => {
    const listener = (): void => {
      noteInterrupt(signal);
      act();
    };
    // not once: the spinner's cleaning ends the process if it finds no listener but its own
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  if (received !== undefined) act();
  return () => {
    for (const remove of listeners) remove();
  };
}

/** How long a signal to ourselves may take that the kernel gives to another thread, milliseconds. */
const OWN_SIGNAL_MS = 100;

/** Dies of the signal; returns only where the kernel spares us: as pid 1 of a container. */
export function dieOf(signal: Interrupt): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  sleepSync(OWN_SIGNAL_MS);
}

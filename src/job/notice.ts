/** `--notify`: when somebody is told of a job's end, and on which terminal where there is no desktop: the part of a spec. */
import * as is from '../base/schema.ts';
import { identityShape } from './who.ts';

/** As it is typed; a spec has null for `never`. */
export const NOTIFY_WHENS = ['always', 'failure', 'never'] as const;
export type NotifyWhen = (typeof NOTIFY_WHENS)[number];

/** A terminal as one session had it: its name alone is somebody else's as soon as that session has ended. */
const callerTerminalShape = is.object({
  path: is.text,
  /** Of the device: major and minor in one, as the kernel has them. */
  device: is.count,
  /** Who leads the session. */
  leader: identityShape,
  /** TERM. */
  type: is.text,
});
export type CallerTerminal = is.Shaped<typeof callerTerminalShape>;

export const noticeShape = is.object({
  when: is.literal('always', 'failure'),
  /** `NAME=value` of what leads to the desktop of the call, if there is one. */
  desktop: is.listOf(is.text),
  /** From which the job was started; null: from none. */
  terminal: is.nullable(callerTerminalShape),
});
export type Notice = is.Shaped<typeof noticeShape>;

/** Whether a process of ours has something to do when the job has ended. */
export const hasHook = ({ onExit, notify }: { onExit: string | null; notify: Notice | null }): boolean =>
  onExit !== null || notify !== null;

/** How a job ended, as far as it matters here. */
interface End {
  outcome: { kind: string };
  /** As wait would exit. */
  code: number;
  stop: { cause: string } | null;
}

/** Whether that end is told; what somebody asked for is no failure. */
export const isTold = ({ when }: Notice, { outcome, code, stop }: End): boolean =>
  when === 'always' || (code !== 0 && outcome.kind !== 'cancelled' && stop?.cause !== 'kill');

/**
 * The answer of a wait for a condition. Each wait function takes an abort signal and a reporter last. It
 * resolves to ConditionMet when its condition is met, to undefined when the signal fires first, and to a
 * failure when the condition can never be met.
 */

import type { Stream } from '../../job/log/log.ts';
import type { JobId } from '../../job/spec.ts';
import type { Listener } from '../observe/port-owner.ts';

/** `facts` are for JSON, and for the sentence that `cli/messages/wait.ts` makes of them. */
export type ConditionMet =
  | { condition: 'match' | 'fail'; facts: OutputFacts }
  | { condition: 'port'; facts: { port: number; pid: number | null } }
  | { condition: 'url'; facts: { url: string; status: number } }
  | { condition: 'cmd'; facts: { cmd: string } }
  | { condition: 'file'; facts: { file: string } }
  | { condition: 'idle'; facts: { idleMs: number } };

export interface OutputFacts {
  stream: Stream;
  from: number;
  to: number;
  /** Clipped; a long line begins where it matches. */
  line: string;
  cursor: number;
}

/** What an attempt of --until-cmd came to. `last`: the last line of its stderr, or empty. */
export type LineAnswer =
  /** The first attempt has not ended. */
  | { kind: 'attempting' }
  | { kind: 'exited'; code: number; last: string }
  | { kind: 'too-slow'; afterMs: number }
  | { kind: 'not-started'; errno: string; cwd: string };

/** News while a wait goes on, which may come again; cli/messages/wait.ts has the words. */
export type WaitNews =
  | { kind: 'file-unreadable'; path: string; errno: string }
  | { kind: 'url-not-ready'; url: string; answer: string }
  /** The first attempt of --until-cmd found no program to run. */
  | { kind: 'line-not-started'; line: string; answer: LineAnswer }
  /** The job runs in another pid namespace: the owner of a port cannot be seen. */
  | { kind: 'port-unseen'; id: JobId }
  /** The port is taken by a process that we may not see. */
  | { kind: 'port-hidden'; port: number }
  | { kind: 'port-taken'; port: number; id: JobId; listener: Listener };
export type Report = (news: WaitNews) => void;

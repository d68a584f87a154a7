/**
 * What a wait for a condition answers. Every wait takes a signal and a reporter last, and resolves to Met when its
 * condition came true, to undefined when the signal fired first, to a Failure when it can never come true.
 */
import type { Stream } from '../../job/log/log.ts';

/** `facts` are for JSON, and for the sentence that `cli/messages/wait.ts` makes of them. */
export type ConditionMet =
  | { condition: 'match' | 'fail'; facts: OutputFacts }
  | { condition: 'port'; facts: { port: number; pid: number | null } }
  | { condition: 'url'; facts: { url: string; status: number } }
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

/** Tells something on stderr while the waiting goes on. */
export type Report = (text: string) => void;

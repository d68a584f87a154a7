/**
 * The answer of a wait for a condition. Each wait function takes an abort signal and a reporter last. It
 * resolves to ConditionMet when its condition is met, to undefined when the signal fires first, and to a
 * failure when the condition can never be met.
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

/** Prints a line on stderr while the wait goes on. */
export type Report = (text: string) => void;

/**
 * What a wait for a condition answers. Every wait takes a signal and a reporter last, and resolves to Met when its
 * condition came true, to undefined when the signal fired first, to a Failure when it can never come true.
 */

export interface ConditionMet {
  condition: 'match' | 'fail' | 'port' | 'url' | 'file' | 'idle';
  /** For people: `port 3000 (pid 812)`. */
  text: string;
  /** For JSON: `{port, pid}`. */
  facts: Record<string, unknown>;
}

/** Tells something on stderr while the waiting goes on. */
export type Report = (text: string) => void;

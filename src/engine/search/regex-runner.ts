/**
 * Tests cleaned lines against patterns, so that no pattern can hang the process. If the bound of the pattern
 * says that it is quick, it runs here at once; else in a thread, which is ended when it makes no progress on
 * one line for half a second.
 */
import type { Worker } from 'node:worker_threads';
import { callAfter } from '../../base/clock.ts';
import type { Pattern } from '../../base/text/pattern.ts';
import type { Answer, Question, ThreadStart } from './regex-thread.ts';

/** How many steps may be taken in the main thread on one line: a few milliseconds. */
const INLINE_STEPS = 1e6;
/** So few steps that many lines are tested between two reads of the clock. */
const CHEAP_STEPS = 2e4;
/**
 * How often the thread is polled, and how many polls without progress end it. They are counted, so that a
 * suspended machine is not taken for a slow match.
 */
const POLL_MS = 50;
const MAX_POLLS = 10;
const LIMITS = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 };
/** An upper bound for the search below: longer than any useful line. */
const MAX_LENGTH = 2 ** 24;

export type PatternMatch = { pattern: number; matched: string };
/** Why a line could not be tested: it took too much time or too much memory. */
type Trouble = { index: number; why: 'time' | 'memory' };
/** The matches of the lines before the trouble, if there was any; `closed`: they are not wanted any more. */
type Verdict = { found: (PatternMatch | null)[]; trouble?: Trouble } | 'closed';

interface Ready {
  regexp: RegExp;
  literals: string[] | null;
  anyOf: RegExp | null;
  inlineLength: number;
}

/** The longest line that takes at most `steps`; -1 if none does. */
function longestWithin(pattern: Pattern, steps: number): number {
  let [low, high] = [-1, MAX_LENGTH];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (pattern.costOf(middle) <= steps) low = middle;
    else high = middle - 1;
  }
  return low;
}

export function anyOf(texts: string[] | null, flags: string): RegExp | null {
  const quoted = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&').replaceAll('\n', '\\n');
  return texts && new RegExp(texts.map(quoted).join('|'), flags);
}

export class RegexRunner {
  private readonly ready: Ready[];
  private readonly patterns: Pattern[];
  private progress: Int32Array = new Int32Array(1);
  private worker: Worker | undefined;
  private finish: ((verdict: Verdict) => void) | undefined;
  private closed = false;
  readonly cheapLength: number;

  constructor(patterns: Pattern[]) {
    this.patterns = patterns;
    this.ready = patterns.map((pattern) => ({
      regexp: pattern.regexp,
      literals: pattern.literals,
      anyOf: pattern.regexp.ignoreCase ? anyOf(pattern.literals, 'i') : null,
      inlineLength: longestWithin(pattern, INLINE_STEPS),
    }));
    this.cheapLength = Math.min(...patterns.map((pattern) => longestWithin(pattern, CHEAP_STEPS)));
  }

  /** The match, null if there is none, or a question for the thread. */
  match(text: string): PatternMatch | Question | null {
    for (let pattern = 0; pattern < this.ready.length; pattern++) {
      const ready = this.ready[pattern]!;
      if (!mayMatch(ready, text)) continue;
      if (text.length > ready.inlineLength) return this.question(text, pattern);
      let match: RegExpExecArray | null;
      try {
        match = ready.regexp.exec(text);
      } catch (thrown) {
        // V8 has no memory for backtracking left: the thread will report it
        if (thrown instanceof Error) return this.question(text, pattern);
        throw thrown;
      }
      if (match) return { pattern, matched: match[0] };
    }
    return null;
  }

  private question(text: string, from: number): Question {
    const all = this.ready.map((_, pattern) => pattern).slice(from);
    return { text, tries: all.filter((pattern) => mayMatch(this.ready[pattern]!, text)) };
  }

  /** Lets the thread test lines. One call at a time. */
  ask(questions: Question[]): Promise<Verdict> {
    if (this.closed) return Promise.resolve('closed');
    this.worker ??= this.startThread();
    const { worker } = this;
    const { progress } = this;
    return new Promise((resolve) => {
      let cancel: () => void = () => {};
      let last = 0;
      let polls = 0;
      const finish = (verdict: Verdict): void => {
        cancel();
        this.finish = undefined;
        worker.off('message', answered).off('error', broken);
        // an idle thread must not keep the process alive
        worker.unref();
        resolve(verdict);
      };
      const answered = ({ found, stopped }: Answer): void =>
        finish(stopped === null ? { found } : { found, trouble: { index: found.length, why: 'memory' } });
      const stop = (why: Trouble['why']): void => {
        const index = Math.max(0, Atomics.load(progress, 0) - 1);
        void worker.terminate();
        this.worker = undefined;
        const trouble = { index, why };
        if (index === 0) {
          finish({ found: [], trouble });
          return;
        }
        // its earlier matches are lost with it; these lines are known to be quick enough
        worker.off('message', answered);
        cancel();
        void this.ask(questions.slice(0, index)).then((verdict) =>
          resolve(verdict === 'closed' ? verdict : { trouble, ...verdict }),
        );
      };
      const broken = (thrown: Error): void => {
        if ((thrown as NodeJS.ErrnoException).code !== 'ERR_WORKER_OUT_OF_MEMORY') throw thrown;
        stop('memory');
      };
      const poll = (): void => {
        const at = Atomics.load(progress, 0);
        // 0: it is starting, or has answered
        polls = at !== 0 && at === last ? polls + 1 : 0;
        last = at;
        if (polls >= MAX_POLLS) stop('time');
        else cancel = callAfter(POLL_MS, poll);
      };
      this.finish = finish;
      worker.ref();
      worker.on('message', answered).on('error', broken);
      worker.postMessage(questions);
      poll();
    });
  }

  private startThread(): Worker {
    // loaded only if a line may take long, which is rare
    const threads = require('node:worker_threads') as typeof import('node:worker_threads');
    this.progress = new Int32Array(new SharedArrayBuffer(4));
    const sources = this.patterns.map(({ regexp: { source, flags } }) => ({ source, flags }));
    return new threads.Worker(`${__dirname}/regex-thread.js`, {
      workerData: { sources, progress: this.progress } satisfies ThreadStart,
      resourceLimits: LIMITS,
      env: threads.SHARE_ENV,
      execArgv: [],
    });
  }

  /** Ends the thread; a waiting call gets `closed`. */
  close(): void {
    this.closed = true;
    this.finish?.('closed');
    void this.worker?.terminate();
    this.worker = undefined;
  }
}

function mayMatch({ literals, anyOf }: Ready, text: string): boolean {
  if (anyOf) return anyOf.test(text);
  return literals === null || literals.some((literal) => text.includes(literal));
}

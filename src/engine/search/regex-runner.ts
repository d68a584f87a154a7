/**
 * Tests cleaned lines against patterns, so that no expression can hang the process. Where the pattern's own bound says that it is
 * quick, here and at once; else in a thread, which is ended when it gets no further for half a second on one line.
 */
import type { Worker } from 'node:worker_threads';
import { after } from '../../base/clock.ts';
import type { Pattern } from '../../base/text/pattern.ts';
import type { Answer, Question, ThreadStart } from './regex-thread.ts';

/** The steps that may be taken in the main thread on one line: a few milliseconds. */
const INLINE_STEPS = 1e6;
/** So few that many lines are tested between two looks at the clock. */
const CHEAP_STEPS = 2e4;
/** Looks at the thread, and how many without progress end it: counted, so that a suspended machine is not a slow match. */
const POLL_MS = 50;
const MOST_LOOKS = 10;
const LIMITS = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 };
/** Longer than any log line that is worth a bisection. */
const LONGEST = 2 ** 24;

export type PatternMatch = { pattern: number; matched: string };
/** Why a line could not be tested: V8 took too long, or more memory than it may. */
export type Trouble = { index: number; why: 'time' | 'memory' };
/** What the thread found for the lines before the trouble, if there was any; `closed`: nobody wants to know any more. */
export type Verdict = { found: (PatternMatch | null)[]; trouble?: Trouble } | 'closed';

interface Ready {
  regexp: RegExp;
  /** Null: every line may match. */
  literals: string[] | null;
  anyOf: RegExp | null;
  inlineLength: number;
  cheapLength: number;
}

/** The longest line that takes no more than `steps`; -1 if none does. */
function longestWithin(pattern: Pattern, steps: number): number {
  let [low, high] = [-1, LONGEST];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (pattern.costOf(middle) <= steps) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** One of the texts, as an expression; null if there are none. */
export function anyOf(texts: string[] | null, flags: string): RegExp | null {
  const quoted = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&').replaceAll('\n', '\\n');
  return texts && new RegExp(texts.map(quoted).join('|'), flags);
}

export class Matcher {
  private readonly ready: Ready[];
  private readonly sources: ThreadStart['sources'];
  private progress: Int32Array = new Int32Array(1);
  private worker: Worker | undefined;
  private finish: ((verdict: Verdict) => void) | undefined;
  private closed = false;
  /** Lines up to this length cost next to nothing. */
  readonly cheapLength: number;

  constructor(patterns: Pattern[]) {
    this.ready = patterns.map((pattern) => ({
      regexp: pattern.regexp,
      literals: pattern.literals,
      anyOf: pattern.regexp.ignoreCase ? anyOf(pattern.literals, 'i') : null,
      inlineLength: longestWithin(pattern, INLINE_STEPS),
      cheapLength: longestWithin(pattern, CHEAP_STEPS),
    }));
    this.cheapLength = Math.min(...this.ready.map(({ cheapLength }) => cheapLength));
    this.sources = patterns.map(({ regexp: { source, flags } }) => ({ source, flags }));
  }

  /** What matches, null if nothing does, or the question to put to the thread. */
  match(text: string): PatternMatch | Question | null {
    for (let pattern = 0; pattern < this.ready.length; pattern++) {
      const ready = this.ready[pattern]!;
      if (!mayMatch(ready, text)) continue;
      if (text.length > ready.inlineLength) return this.question(text, pattern);
      let match: RegExpExecArray | null;
      try {
        match = ready.regexp.exec(text);
      } catch (thrown) {
        // out of V8's memory for backtracking: the thread will say so
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

  /** Puts lines to the thread. One call at a time. */
  ask(questions: Question[]): Promise<Verdict> {
    if (this.closed) return Promise.resolve('closed');
    this.worker ??= this.startThread();
    const { worker } = this;
    const { progress } = this;
    return new Promise((resolve) => {
      let cancel: () => void = () => {};
      let last = 0;
      let looks = 0;
      const finish = (verdict: Verdict): void => {
        cancel();
        this.finish = undefined;
        worker.off('message', answered).off('error', broken);
        // a thread that rests keeps no process alive
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
        // what it found before died with it; these lines are known to be quick enough
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
      const look = (): void => {
        const at = Atomics.load(progress, 0);
        // 0: it is still starting, or has answered
        looks = at !== 0 && at === last ? looks + 1 : 0;
        last = at;
        if (looks >= MOST_LOOKS) stop('time');
        else cancel = after(POLL_MS, look);
      };
      this.finish = finish;
      worker.ref();
      worker.on('message', answered).on('error', broken);
      worker.postMessage(questions);
      look();
    });
  }

  private startThread(): Worker {
    // loaded where a line may take long: hardly ever
    const threads = require('node:worker_threads') as typeof import('node:worker_threads');
    this.progress = new Int32Array(new SharedArrayBuffer(4));
    return new threads.Worker(`${__dirname}/regex-thread.js`, {
      workerData: { sources: this.sources, progress: this.progress } satisfies ThreadStart,
      resourceLimits: LIMITS,
      env: threads.SHARE_ENV,
      execArgv: [],
    });
  }

  /** Ends the thread; who waits for it is told `closed`. */
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

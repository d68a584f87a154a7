/**
 * The thread in which a line is tested that could take long: V8 cannot be interrupted in a match, but a thread can be ended.
 * It notes which line it is at where the other side can see it, and does nothing else.
 */
import { parentPort, workerData } from 'node:worker_threads';

/** What the thread is started with. `progress[0]`: the number of the line it is at, counted from 1; 0 while it rests. */
export interface ThreadStart {
  sources: { source: string; flags: string }[];
  progress: Int32Array;
}
/** A line, and the patterns to try, in this order. */
export interface Question {
  text: string;
  tries: number[];
}
/** For each line what matched; what stopped the thread at the line after the last. */
export interface Answer {
  found: ({ pattern: number; matched: string } | null)[];
  stopped: string | null;
}

const { sources, progress } = workerData as ThreadStart;
const regexps = sources.map(({ source, flags }) => new RegExp(source, flags));

function test({ text, tries }: Question): Answer['found'][number] {
  for (const pattern of tries) {
    const match = regexps[pattern]!.exec(text);
    if (match) return { pattern, matched: match[0] };
  }
  return null;
}

parentPort!.on('message', (questions: Question[]) => {
  const answer: Answer = { found: [], stopped: null };
  try {
    for (const question of questions) {
      Atomics.store(progress, 0, answer.found.length + 1);
      answer.found.push(test(question));
    }
  } catch (thrown) {
    // the memory of V8's backtracking is limited
    answer.stopped = thrown instanceof Error ? thrown.message : String(thrown);
  }
  Atomics.store(progress, 0, 0);
  parentPort!.postMessage(answer);
});

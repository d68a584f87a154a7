/**
 * The thread that tests lines that could take long: V8 cannot interrupt a match, but a thread can be ended.
 * It publishes the number of its current line in shared memory, and does nothing else.
 */
import { parentPort, workerData } from 'node:worker_threads';

/** The start data of the thread. `progress[0]`: the number of the current line, from 1; 0 while idle. */
export interface ThreadStart {
  sources: { source: string; flags: string }[];
  progress: Int32Array;
}
/** A line, and the patterns to try in this order. */
export interface Question {
  text: string;
  tries: number[];
}
/** The match of each line. `stopped`: why the thread gave up at the line after the last. */
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
    // V8 limits its memory for backtracking
    answer.stopped = thrown instanceof Error ? thrown.message : String(thrown);
  }
  Atomics.store(progress, 0, 0);
  parentPort!.postMessage(answer);
});

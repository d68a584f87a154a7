/** Calls in sandboxes that end with the call, and what `run` says there. */
import { type Answer, BGJOB, type Rig } from './rig.ts';

/** The program as a word of a shell line. */
export const CALL = `'${process.execPath}' -- '${BGJOB}'`;
export const WARNING = /^warning: [^\n]*end[^\n]*: the job will be lost then; [^\n]*run --wait[^\n]*\n$/;

/** Runs a line of bash behind these words. */
export const tell = (rig: Rig, words: string[], line: string): Promise<Answer> => {
  const [program, ...rest] = words;
  return rig.start(program!, [...rest, 'bash', '-c', line]).answer;
};

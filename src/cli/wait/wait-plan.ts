/** How a call waits for several jobs, and what it makes of each end. */
import type { JobView } from '../../job/view.ts';
import type { Exit } from '../command/command.ts';
import { verdict } from '../messages/job-text.ts';

export interface Judgement {
  exit: Exit;
  /** The job failed: its last lines are shown. */
  failed: boolean;
  /** Its failure decides the code of the call, if it is the first. */
  counted: boolean;
  /** Stands behind the sentence of the end. */
  remark: string;
}

/** The judgement where nothing else was asked for: the code is the job's. */
export function judgeEnd(view: JobView, exit = verdict(view)): Judgement {
  return { exit, failed: exit.code !== 0, counted: true, remark: '' };
}

export interface WaitPlan {
  any?: boolean;
  failFast?: boolean;
  /** The command that goes on waiting for the same jobs. */
  again: string;
  /** Without it `judgeEnd`. */
  judge?: (view: JobView) => Judgement;
  /** Which last lines come with an end; without it those of a failure. */
  lastLines?: LastLines;
  /** The jobs are a batch, and treated as many however few they are. */
  isBatch?: boolean;
  /** Nothing is printed of a job that did not fail: a person sees the progress. */
  failuresOnly?: boolean;
  exits?: Map<number, Exit>;
}

/** None, those of a failure, or those of any end, and then more of them. */
export type LastLines = 'none' | 'of a failure' | 'always';

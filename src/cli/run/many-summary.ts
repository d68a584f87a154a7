/** Waits for jobs that were started together, and prints what failed and how to run that again. */
import { observe } from '../../engine/observe/observe.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import type { Exit } from '../command/command.ts';
import { commandLine, jobLabel } from '../messages/job-text.ts';
import { manySummary } from '../messages/run.ts';
import type { Output } from '../output/output.ts';
import type { Deadline } from '../wait/deadline.ts';
import { renderIds } from '../wait/render-ids.ts';
import { waitForEnds } from '../wait/wait-for-ends.ts';

const MOST_NAMED = 20;
const LONGEST_COMMAND = 100;

/** `again`: the command that goes on waiting for the same jobs. */
export async function waitWithSummary(
  output: Output,
  home: Home,
  ids: JobId[],
  again: string,
  deadline: Deadline,
): Promise<Exit> {
  const exits = new Map<JobId, Exit>();
  const plan = { again, exits, isBatch: true, failuresOnly: output.isTerminal(2) };
  const exit = await waitForEnds(output.sideOutput(), home, ids, plan, deadline);
  if (!output.json) printSummary(output, home, ids, exits);
  return exit;
}

function printSummary(output: Output, home: Home, ids: JobId[], exits: ReadonlyMap<JobId, Exit>): void {
  const failed = ids.filter((id) => (exits.get(id)?.code ?? 0) !== 0);
  const counts = { done: exits.size - failed.length, failed: failed.length, open: ids.length - exits.size };
  // what has not ended was named before, with how to go on
  if (counts.failed === 0 && counts.open > 0) return;
  const named = failed.slice(0, MOST_NAMED).map((id) => labelOf(home, id));
  for (const line of manySummary(counts, named, renderIds(failed))) output.note(line);
}

function labelOf(home: Home, id: JobId): string {
  const view = observe(home, id);
  return view ? `${jobLabel(view)} ${commandLine(view, LONGEST_COMMAND)}` : String(id);
}

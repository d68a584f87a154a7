/**
 * The table of `ls` and the notes below it, as lines: coloured and cut to the window for a person, whole for
 * a pipe.
 */
import { systemClock } from '../../base/clock.ts';
import { PastRuns } from '../../engine/usage/past-runs.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobView } from '../../job/view.ts';
import { noJobsText } from '../messages/lists.ts';
import { plainTable } from '../output/columns.ts';
import type { Output } from '../output/output.ts';
import { toneOfView } from '../output/state-style.ts';
import { type Choice, isFiltered, type Picked } from './job-filter.ts';
import {
  cellsOf,
  hasTarget,
  headsOf,
  NO_PROCESS_FACTS,
  readProcessFacts,
  SPARE_COLUMNS,
  STATE_COLUMN,
  showsPorts,
} from './job-rows.ts';
import { lostHint } from './lost-hint.ts';
import { countStates } from './summary.ts';

export interface Page {
  lines: string[];
  notes: string[];
  /** Whether something may change by itself. */
  isLive: boolean;
}

/** Jobs that ended longer ago are dim, milliseconds. */
const OLD_MS = 600_000;
/** Fewer jobs are not counted. */
const COUNTED_FROM = 3;

export const isOld = (view: JobView, now: number): boolean =>
  view.kind === 'ended' && now - view.status.endedAt > OLD_MS;

/** The counts, for a person who looks at a table. */
function summaryOf(output: Output, views: JobView[], hidden: number): string {
  return countStates(views, hidden)
    .map(({ text, failed }) => output.paint(2, failed ? 'red' : null, text))
    .join(' · ');
}

export async function pageOf(
  output: Output,
  home: Home,
  picked: Picked,
  choice: Choice,
  asked: { ports: boolean; usage: boolean },
): Promise<Page> {
  const withPorts = showsPorts(output, home, asked.ports);
  const views = [...picked.views()];
  // the process table is read only where it can tell something
  const mayLeave = withPorts || views.some(({ kind }) => kind === 'ended');
  const facts = mayLeave ? await readProcessFacts(home, withPorts) : NO_PROCESS_FACTS;
  const columns = { withPorts, withTargets: hasTarget(views), withUsage: asked.usage };
  const past = new PastRuns(home);
  const cells = views.map((view) => cellsOf(home, view, facts, picked.overview, columns, past));
  const isLive = views.some(({ kind }) => kind === 'live');
  const rest = picked.rest().join('; ');
  const hint = lostHint(home, views);
  const others = [...(rest === '' ? [] : [`(${rest})`]), ...(hint === undefined ? [] : [`(lost; ${hint})`])];
  if (views.length === 0)
    return {
      lines: [],
      notes: [noJobsText(isFiltered(choice)), ...others],
      isLive,
    };
  const heads = headsOf(columns);
  const isShown = output.isTerminal(1) || output.hasColor(1);
  if (!isShown) return { lines: plainTable(heads, cells), notes: others, isLive };
  const { renderTable } = await import('../output/table.ts');
  const now = systemClock.now();
  const rows = views.map((view, n) => ({
    cells: cells[n]!,
    tone: toneOfView(view),
    isOld: isOld(view, now),
  }));
  const table = renderTable(heads, rows, STATE_COLUMN, output.width(), output.hasColor(1), SPARE_COLUMNS);
  const isCounted = output.isTerminal(1) && output.isTerminal(2) && views.length >= COUNTED_FROM;
  const below = [...(isCounted ? [summaryOf(output, views, picked.hidden())] : []), ...others].join(' ');
  return { lines: table.split('\n'), notes: below === '' ? [] : [below], isLive };
}

/** What tables, objects and lists of schedules and of triggers have in common. */
import { renderDuration, systemClock } from '../../base/clock.ts';
import { clip, safe } from '../../base/text/sanitize.ts';
import { observe } from '../../engine/observe/observe.ts';
import { type JobTemplate, readEvents, type TemplateEvent } from '../../job/automation/template-records.ts';
import type { Home } from '../../job/home/home.ts';
import type { TemplatePaths } from '../../job/home/paths.ts';
import { exitCodeOf } from '../../job/state.ts';
import { commandText, type JobView, shellOf, stateWord } from '../../job/view.ts';
import { codeOf, stateText } from '../messages/job-text.ts';
import { plainTable } from '../output/columns.ts';
import type { Output } from '../output/output.ts';

/** What one of them did so far. */
export interface Deeds {
  /** The newest job that it started. */
  last: { id: number; at: number; view: JobView | undefined } | null;
  counts: Record<TemplateEvent['did'], number>;
}

export function deedsOf(home: Home, paths: TemplatePaths): Deeds {
  const events = readEvents(paths);
  const started = events.findLast(({ job }) => job !== null);
  const counts = { started: 0, skipped: 0, missed: 0, failed: 0 };
  for (const { did, times } of events) counts[did] += times;
  const last = started ? { id: started.job!, at: started.notedAt, view: observe(home, started.job!) } : null;
  return { last, counts };
}

/** `45 exited 0 (3h ago)`. */
export function lastText({ last }: Pick<Deeds, 'last'>): string {
  if (!last) return '-';
  const ago = `${renderDuration(Math.max(0, systemClock.now() - last.at))} ago`;
  return `${last.id} ${last.view ? stateText(last.view, 0, undefined, 'cell') : 'removed'} (${ago})`;
}

/** `2 missed, 1 skipped`. */
export function countsText(counts: Record<string, number>): string {
  const parts = Object.entries(counts).filter(([, count]) => count > 0);
  return parts.length === 0 ? '-' : parts.map(([word, count]) => `${count} ${word}`).join(', ');
}

/** What is kept of the job that is started: never a value of its environment. */
export const templateObject = (template: JobTemplate | null, { last }: Pick<Deeds, 'last'>): object => ({
  command: template?.draft.argv ?? null,
  shell: template && shellOf(template.draft),
  cwd: template?.draft.cwd ?? null,
  queue: template?.queue ?? null,
  environment: template?.environment.map((entry) => entry.slice(0, entry.indexOf('='))) ?? null,
  lastJob: last && {
    id: last.id,
    at: new Date(last.at).toISOString(),
    state: last.view ? stateWord(last.view) : null,
    exitCode: last.view ? codeOf(last.view) : null,
  },
});

/** The last cell of a row: the command, or why the record cannot be used. */
export const commandCell = (template: JobTemplate | null, why: string | null): string =>
  template ? clip(safe(commandText(template.draft)), 100) : safe(why ?? '');

/** A table; the column `LAST` has the colour of that job's state. */
export async function printTriggerTable(
  output: Output,
  heads: string[],
  rows: { cells: string[]; last: Deeds['last'] }[],
): Promise<void> {
  if (!output.isTerminal(1) && !output.hasColor(1)) {
    const cells = rows.map((row) => row.cells);
    for (const line of plainTable(heads, cells)) output.line(line);
    return;
  }
  const { renderTable, toneOf } = await import('../output/table.ts');
  const toned = rows.map(({ cells, last }) => {
    const view = last?.view;
    const code = view?.kind === 'ended' ? exitCodeOf(view.status.outcome) : null;
    return { cells, tone: view ? toneOf(stateWord(view), code) : ('dim' as const) };
  });
  output.line(renderTable(heads, toned, heads.indexOf('LAST'), output.width(), output.hasColor(1)));
}

/** So many of the newest are shown. */
const EVENTS_SHOWN = 20;

/** What one of them did, the newest last. */
export function printEvents(output: Output, events: TemplateEvent[], timezone: string | undefined): void {
  if (output.json) {
    output.objects(events.map(eventObject));
    return;
  }
  const shown = events.slice(-EVENTS_SHOWN);
  if (events.length > shown.length) output.note(`(${events.length - shown.length} before that: --json)`);
  for (const event of shown) output.line(eventText(event, timezone));
}

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
const eventObject = ({ at, until, notedAt, ...rest }: TemplateEvent): object => ({
  v: 1,
  at: iso(at),
  until: iso(until),
  ...rest,
  notedAt: iso(notedAt),
});

function eventText(
  { at, until, times, did, why, job, by, delivery }: TemplateEvent,
  timezone: string | undefined,
): string {
  const when = until === null ? timeText(at, timezone) : `${timeText(at)} to ${timeText(until, timezone)}`;
  const how = by === 'catch-up' ? ' to catch up' : by === 'hand' ? ' by hand' : '';
  const count = times > 1 ? ` (${times} times)` : delivery === null ? '' : ` (delivery ${safe(delivery)})`;
  return `${when}  ${did}${job === null ? '' : ` job ${job}`}${how}${count}${why === null ? '' : `: ${safe(why)}`}`;
}

/** `2026-11-22 03:00:00 Europe/Berlin`, without seconds where there are none. */
export const timeText = (at: number, timezone?: string): string => {
  const text = new Date(at).toLocaleString('sv', timezone === undefined ? {} : { timeZone: timezone });
  const short = text.replace(/:00$/, '');
  return timezone === undefined ? short : `${short} ${timezone}`;
};

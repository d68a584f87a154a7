/** Shared by the lists of schedules and of triggers: cells, objects, and the list of events. */
import { renderDuration, systemClock } from '../../base/clock.ts';
import { directoryNow } from '../../base/fs/moving-link.ts';
import { clip, safe } from '../../base/text/sanitize.ts';
import { observe } from '../../engine/observe/observe.ts';
import { presentProgram } from '../../engine/os/programs.ts';
import type { JobTemplate, TemplateEvent } from '../../job/automation/template-records.ts';
import { zoneNamed } from '../../job/automation/timezone.ts';
import type { Home } from '../../job/home/home.ts';
import { exitCodeOf } from '../../job/state.ts';
import { commandText, type JobView, shellOf, stateWord } from '../../job/view.ts';
import {
  addAgainHint,
  eventText,
  linkFollowedText,
  movedDirectoryText,
  olderEvents,
  programGoneText,
  type ShownEvent,
} from '../messages/automation.ts';
import { codeOf, stateText } from '../messages/job-text.ts';
import { plainTable } from '../output/columns.ts';
import type { Output } from '../output/output.ts';

export interface TemplateHistory {
  /** The newest job that it started. */
  last: { id: number; at: number; view: JobView | undefined } | null;
  counts: Record<TemplateEvent['did'], number>;
}

export function historyOf(home: Home, events: TemplateEvent[]): TemplateHistory {
  const started = events.findLast(({ job }) => job !== null);
  const counts = { started: 0, skipped: 0, missed: 0, failed: 0 };
  for (const { did, times } of events) counts[did] += times;
  const last = started ? { id: started.job!, at: started.notedAt, view: observe(home, started.job!) } : null;
  return { last, counts };
}

/** `45 exited 0 (3h ago)`. */
export function lastText({ last }: Pick<TemplateHistory, 'last'>): string {
  if (!last) return '-';
  const ago = `${renderDuration(Math.max(0, systemClock.now() - last.at))} ago`;
  return `${last.id} ${last.view ? stateText(last.view, 0, undefined, 'cell') : 'removed'} (${ago})`;
}

export function countsText(counts: Record<string, number>): string {
  const parts = Object.entries(counts).filter(([, count]) => count > 0);
  return parts.length === 0 ? '-' : parts.map(([word, count]) => `${count} ${word}`).join(', ');
}

/** What a list shows of the job template: the names of its variables, never their values. */
export const templateObject = (
  template: JobTemplate | null,
  { last }: Pick<TemplateHistory, 'last'>,
): object => ({
  command: template?.draft.argv ?? null,
  shell: template && shellOf(template.draft),
  cwd: template?.draft.cwd ?? null,
  cwdNow: (template && directoryNow(template.draft.cwd)) ?? null,
  queue: template?.queue ?? null,
  environment: template?.environment.map((entry) => entry.slice(0, entry.indexOf('='))) ?? null,
  lastJob: last && {
    id: last.id,
    at: new Date(last.at).toISOString(),
    state: last.view ? stateWord(last.view) : null,
    exitCode: last.view ? codeOf(last.view) : null,
  },
});

/** `./backup.sh (in /srv/app/current, now /srv/app/releases/2)`: the directory only if it is a link. */
export function commandCell(template: JobTemplate | null, why: string | null): string {
  if (!template || why !== null) return clip(safe(why ?? ''), 200);
  const { cwd } = template.draft;
  const command = clip(safe(commandText(template.draft)), 100);
  const now = directoryNow(cwd);
  return now === cwd ? command : `${command} (${movedDirectoryText(cwd, now)})`;
}

/** Says that no job can start, because the program of the command is gone. */
export function noteGoneProgram(output: Output, verb: 'cron' | 'trigger', template: JobTemplate): void {
  const { name, draft, environment } = template;
  // without its directory the row `cwd` says why
  if (directoryNow(draft.cwd) === undefined) return;
  if (presentProgram(draft, draft.line !== null, environment) !== undefined) return;
  output.note(programGoneText(name, draft.argv[0] ?? ''));
  // a path that was typed may come back: the next build makes it
  if (!draft.words[0]?.includes('/')) output.hint(addAgainHint(name, verb));
}

/** Tells where the jobs of a new schedule or trigger run, if its directory is a link. */
export function noteLink(output: Output, cwd: string): void {
  const now = directoryNow(cwd);
  if (now !== cwd) output.note(linkFollowedText(cwd, now));
}

/** Prints objects, or a table whose cell under `LAST` has the colour of that job's state. */
export async function printTemplates<R extends TemplateHistory>(
  output: Output,
  rows: R[],
  {
    heads,
    none,
    objectOf,
    cellsOf,
  }: { heads: string[]; none: string; objectOf: (row: R) => object; cellsOf: (row: R) => string[] },
): Promise<void> {
  if (output.json) return output.objects(rows.map(objectOf));
  if (rows.length === 0) return output.note(none);
  if (!output.isTerminal(1) && !output.hasColor(1)) {
    for (const line of plainTable(heads, rows.map(cellsOf))) output.line(line);
    return;
  }
  const { renderTable, toneOf } = await import('../output/table.ts');
  const toned = rows.map((row) => {
    const view = row.last?.view;
    const code = view?.kind === 'ended' ? exitCodeOf(view.status.outcome) : null;
    return { cells: cellsOf(row), tone: view ? toneOf(stateWord(view), code) : ('dim' as const) };
  });
  output.line(renderTable(heads, toned, heads.indexOf('LAST'), output.width(), output.hasColor(1)));
}

const EVENTS_SHOWN = 20;

/**
 * Prints what a schedule or trigger has done, the newest event last. `rejected`: the requests that started no
 * job; they hide no event.
 */
export function printEvents(
  output: Output,
  events: TemplateEvent[],
  timezone: string | undefined,
  rejected: ShownEvent[] = [],
): void {
  const inOrder = (some: ShownEvent[]) =>
    [...some, ...rejected].sort((one, other) => one.notedAt - other.notedAt);
  if (output.json) {
    output.objects((rejected.length > 0 ? inOrder(events) : events).map(eventObject));
    return;
  }
  const shown = events.slice(-EVENTS_SHOWN);
  if (events.length > shown.length) output.note(olderEvents(events.length - shown.length));
  for (const event of rejected.length > 0 ? inOrder(shown) : shown) {
    const { at, until } = event;
    const when = until === null ? timeText(at, timezone) : `${timeText(at)} to ${timeText(until, timezone)}`;
    output.line(eventText(when, event));
  }
}

export const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
const eventObject = ({ at, until, notedAt, ...rest }: ShownEvent): object => ({
  v: 1,
  at: iso(at),
  until: iso(until),
  ...rest,
  notedAt: iso(notedAt),
});

/**
 * `2026-11-22 03:00:00 Europe/Berlin`, without seconds where there are none. A record may name a zone that
 * this Node does not know: then the time is in UTC.
 */
export const timeText = (at: number, timezone?: string, withZone = timezone !== undefined): string => {
  const zone = timezone === undefined || zoneNamed(timezone) !== undefined ? timezone : 'UTC';
  const text = new Date(at).toLocaleString('sv', zone === undefined ? {} : { timeZone: zone });
  const short = text.replace(/:00$/, '');
  return withZone ? `${short} ${zone}` : short;
};

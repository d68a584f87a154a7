/** Schedules as rows of a table and as objects, and what one of them did. */
import { renderDuration, systemClock } from '../base/clock.ts';
import { clip, safe } from '../base/text.ts';
import type { Home } from '../job/home.ts';
import { commandText, exitCodeOf, stateWord } from '../job/job.ts';
import { listSchedules, readSchedule, type Schedule } from '../job/schedules.ts';
import { isStarterPaused, readEvents, type StarterEvent } from '../job/starters.ts';
import { observe } from '../process/observe.ts';
import { plainTable } from './columns.ts';
import type { Output } from './output.ts';
import { timeText } from './starttimes.ts';
import { stateText } from './wording.ts';

const HEADS = ['NAME', 'SCHEDULE', 'NEXT', 'LAST', 'NOT RUN', 'COMMAND'];
const LAST_COLUMN = 3;

/** What is said of a schedule. */
interface Row {
  name: string;
  schedule: Schedule | null;
  why: string | null;
  paused: boolean;
  next: number | null;
  last: { id: number; at: number; view: ReturnType<typeof observe> } | null;
  counts: Record<StarterEvent['did'], number>;
}

async function rowOf(home: Home, name: string): Promise<Row> {
  const { parseTimetable } = await import('../job/timetable.ts');
  const read = readSchedule(home, name);
  const paths = home.schedule(name);
  const events = readEvents(paths);
  const paused = isStarterPaused(paths);
  const started = events.findLast(({ job }) => job !== null);
  const counts = { started: 0, skipped: 0, missed: 0, failed: 0 };
  for (const { did, times } of events) counts[did] += times;
  const last = started ? { id: started.job!, at: started.notedAt, view: observe(home, started.job!) } : null;
  const common = { name, paused, last, counts };
  if (read.kind !== 'read')
    return {
      ...common,
      schedule: null,
      why: read.kind === 'absent' ? 'it has no record' : read.why,
      next: null,
    };
  const { expression, timezone, createdAt } = read.value;
  const timetable = parseTimetable(expression, timezone, createdAt);
  const next = timetable.ok && !paused ? timetable.value.next(systemClock.now()) : null;
  return { ...common, schedule: read.value, why: null, next };
}

function nextText({ paused, next, schedule }: Row): string {
  if (paused) return 'paused';
  if (next === null || !schedule) return '-';
  const inMs = next - systemClock.now();
  return inMs < 86_400_000 ? `in ${renderDuration(inMs)}` : timeText(next, schedule.timezone);
}

function lastText({ last }: Row): string {
  if (!last) return '-';
  const ago = `${renderDuration(Math.max(0, systemClock.now() - last.at))} ago`;
  return `${last.id} ${last.view ? stateText(last.view) : 'removed'} (${ago})`;
}

function notRunText({ counts: { missed, skipped, failed } }: Row): string {
  const parts = Object.entries({ missed, skipped, failed }).filter(([, count]) => count > 0);
  return parts.length === 0 ? '-' : parts.map(([word, count]) => `${count} ${word}`).join(', ');
}

function objectOf({ name, schedule, why, paused, next, last, counts }: Row): object {
  const view = last?.view;
  return {
    v: 1,
    name,
    expression: schedule?.expression ?? null,
    timezone: schedule?.timezone ?? null,
    command: schedule?.draft.argv ?? null,
    cwd: schedule?.draft.cwd ?? null,
    overlap: schedule?.overlap ?? null,
    catchUp: schedule?.catchUp ?? null,
    queue: schedule?.queue ?? null,
    environment: schedule?.environment.map((entry) => entry.slice(0, entry.indexOf('='))) ?? null,
    paused,
    next: next === null ? null : new Date(next).toISOString(),
    lastJob: last && {
      id: last.id,
      at: new Date(last.at).toISOString(),
      state: view ? stateWord(view) : null,
      exitCode: view?.kind === 'ended' ? exitCodeOf(view.status.outcome) : null,
    },
    ...counts,
    unreadable: why,
  };
}

/** Lists all schedules. */
export async function tellSchedules(output: Output, home: Home | undefined): Promise<void> {
  const rows: Row[] = [];
  for (const name of home ? listSchedules(home) : []) rows.push(await rowOf(home!, name));
  if (output.json) {
    output.objects(rows.map(objectOf));
    return;
  }
  if (rows.length === 0) {
    output.note("no schedules yet: bgjob cron add '0 3 * * *' --name nightly -- ./backup.sh");
    return;
  }
  const cells = rows.map((row) => [
    row.name,
    row.schedule ? safe(row.schedule.expression) : 'unreadable',
    nextText(row),
    lastText(row),
    notRunText(row),
    row.schedule ? clip(safe(commandText(row.schedule.draft)), 100) : safe(row.why ?? ''),
  ]);
  if (output.isTerminal(1) || output.hasColor(1)) {
    const { renderTable, toneOf } = await import('./terminal.ts');
    const toned = rows.map(({ last }, n) => {
      const view = last?.view;
      const code = view?.kind === 'ended' ? exitCodeOf(view.status.outcome) : null;
      return { cells: cells[n]!, tone: view ? toneOf(stateWord(view), code) : ('dim' as const) };
    });
    output.line(renderTable(HEADS, toned, LAST_COLUMN, output.width(), output.hasColor(1)));
  } else for (const line of plainTable(HEADS, cells)) output.line(line);
}

/** So many of the newest are shown. */
const EVENTS_SHOWN = 20;

/** What a schedule or trigger did, the newest last. */
export function tellEvents(output: Output, events: StarterEvent[], timezone: string | undefined): void {
  if (output.json) {
    output.objects(events.map(eventObject));
    return;
  }
  const shown = events.slice(-EVENTS_SHOWN);
  if (events.length > shown.length) output.note(`(${events.length - shown.length} before that: --json)`);
  for (const event of shown) output.line(eventText(event, timezone));
}

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
const eventObject = ({ at, until, notedAt, ...rest }: StarterEvent): object => ({
  v: 1,
  at: iso(at),
  until: iso(until),
  ...rest,
  notedAt: iso(notedAt),
});

function eventText(
  { at, until, times, did, why, job, by, delivery }: StarterEvent,
  timezone: string | undefined,
): string {
  const when = until === null ? timeText(at, timezone) : `${timeText(at)} to ${timeText(until, timezone)}`;
  const how = by === 'catch-up' ? ' to catch up' : by === 'hand' ? ' by hand' : '';
  const count = times > 1 ? ` (${times} times)` : delivery === null ? '' : ` (delivery ${safe(delivery)})`;
  return `${when}  ${did}${job === null ? '' : ` job ${job}`}${how}${count}${why === null ? '' : `: ${safe(why)}`}`;
}

/** `cron ls`: schedules as rows of a table, and as objects. */
import { renderDuration, systemClock } from '../../base/clock.ts';
import { directoryNow } from '../../base/fs/moving-link.ts';
import { clip, safe } from '../../base/text/sanitize.ts';
import { eventsWithClaims } from '../../engine/automation/claimed-jobs.ts';
import { listSchedules, readSchedule, type Schedule } from '../../job/automation/schedule.ts';
import { isTemplatePaused, readEvents, type TemplateEvent } from '../../job/automation/template-records.ts';
import type { Home } from '../../job/home/home.ts';
import { commandText } from '../../job/view.ts';
import {
  addAgainHint,
  NO_RECORD,
  NO_SCHEDULES,
  neverFired,
  readOtherwiseText,
  scheduleRows,
  templateDirectory,
} from '../messages/automation.ts';
import { neverDue } from '../messages/schedules.ts';
import type { Output } from '../output/output.ts';
import {
  commandCell,
  countsText,
  historyOf,
  iso,
  lastText,
  noteGoneProgram,
  printEvents,
  printTemplates,
  type TemplateHistory,
  templateObject,
  timeText,
} from './shared-table.ts';

interface Row extends TemplateHistory {
  name: string;
  schedule: Schedule | null;
  why: string | null;
  paused: boolean;
  /** The next times, three at most; none if it is paused. */
  times: number[];
  events: TemplateEvent[];
}

async function rowOf(home: Home, name: string): Promise<Row> {
  const { nextTimes, parseTimetable } = await import('../../job/automation/timetable.ts');
  const read = readSchedule(home, name);
  const paused = isTemplatePaused(home.schedule(name));
  if (read.kind !== 'read') {
    const why = read.kind === 'absent' ? NO_RECORD : read.why;
    const events = readEvents(home.schedule(name));
    return { name, paused, schedule: null, why, times: [], events, ...historyOf(home, events) };
  }
  const schedule = read.value;
  const parsed = parseTimetable(schedule.expression, schedule.timezone, schedule.createdAt);
  const timetable = parsed.ok ? parsed.value : undefined;
  const events = eventsWithClaims(home, name, { schedule, timetable });
  const times = timetable && !paused ? nextTimes(timetable, systemClock.now()) : [];
  const why = parsed.ok ? null : neverDue(parsed.failure);
  return { name, paused, schedule, why, times, events, ...historyOf(home, events) };
}

/** The times of `@every` are the same in each zone. */
const scheduleText = ({ expression, timezone }: Schedule): string =>
  clip(safe(/^@every/i.test(expression) ? expression : `${expression} (${timezone})`), 80);

function nextText({ paused, times, schedule }: Row): string {
  if (paused) return 'paused';
  const [next] = times;
  if (next === undefined || !schedule) return '-';
  const inMs = next - systemClock.now();
  return inMs < 86_400_000 ? `in ${renderDuration(inMs)}` : timeText(next, schedule.timezone);
}

function objectOf({ name, schedule, why, paused, times, last, counts }: Row): object {
  return {
    v: 1,
    name,
    expression: schedule?.expression ?? null,
    timezone: schedule?.timezone ?? null,
    overlap: schedule?.overlap ?? null,
    catchUp: schedule?.catchUp ?? null,
    paused,
    next: iso(times[0] ?? null),
    nextTimes: times.map(iso),
    ...templateObject(schedule, { last }),
    ...counts,
    unreadable: why,
  };
}

export async function printSchedules(output: Output, home: Home | undefined): Promise<void> {
  const rows: Row[] = [];
  for (const name of home ? listSchedules(home) : []) rows.push(await rowOf(home!, name));
  await printTemplates(output, rows, {
    heads: ['NAME', 'SCHEDULE', 'NEXT', 'LAST', 'NOT RUN', 'COMMAND'],
    none: NO_SCHEDULES,
    objectOf,
    cellsOf: (row) => {
      const { name, schedule, counts, why } = row;
      const expression = schedule ? scheduleText(schedule) : 'unreadable';
      const notRun = countsText({ missed: counts.missed, skipped: counts.skipped, failed: counts.failed });
      return [name, expression, nextText(row), lastText(row), notRun, commandCell(schedule, why)];
    },
  });
}

/** Prints one schedule with its next times, and then its events. In JSON these are the events alone. */
export async function printSchedule(output: Output, home: Home, schedule: Schedule): Promise<void> {
  const { name, timezone, draft } = schedule;
  const { times, why, paused, events } = await rowOf(home, name);
  if (output.json) return printEvents(output, events, timezone);
  const next = why ?? (paused ? 'paused' : times.map((at) => timeText(at, timezone, false)).join(', '));
  const directory = templateDirectory(draft.cwd, directoryNow(draft.cwd));
  for (const [head, text] of scheduleRows(schedule, next, clip(safe(commandText(draft)), 2000), directory))
    output.line(`${head.padEnd(11)}${text}`);
  const { readOtherwise } = await import('../../job/automation/timetable.ts');
  const otherwise = why === null ? readOtherwise(schedule.expression) : null;
  if (otherwise) output.note(`(${readOtherwiseText(otherwise)})`);
  if (why !== null) output.hint(addAgainHint(name));
  printEvents(output, events, timezone);
  if (events.length === 0) output.note(neverFired(name));
  noteGoneProgram(output, 'cron', schedule);
}

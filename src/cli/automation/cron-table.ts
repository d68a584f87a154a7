/** `cron ls`: schedules as rows of a table, and as objects. */
import { renderDuration, systemClock } from '../../base/clock.ts';
import { safe } from '../../base/text/sanitize.ts';
import { listSchedules, readSchedule, type Schedule } from '../../job/automation/schedule.ts';
import { isTemplatePaused } from '../../job/automation/template-records.ts';
import type { Home } from '../../job/home/home.ts';
import { NO_RECORD, NO_SCHEDULES } from '../messages/automation.ts';
import type { Output } from '../output/output.ts';
import {
  commandCell,
  countsText,
  lastText,
  printTemplates,
  readTemplateHistory,
  type TemplateHistory,
  templateObject,
  timeText,
} from './shared-table.ts';

interface Row extends TemplateHistory {
  name: string;
  schedule: Schedule | null;
  why: string | null;
  paused: boolean;
  next: number | null;
}

async function rowOf(home: Home, name: string): Promise<Row> {
  const { parseTimetable } = await import('../../job/automation/timetable.ts');
  const read = readSchedule(home, name);
  const paths = home.schedule(name);
  const paused = isTemplatePaused(paths);
  const common = { name, paused, ...readTemplateHistory(home, paths) };
  if (read.kind !== 'read')
    return { ...common, schedule: null, why: read.kind === 'absent' ? NO_RECORD : read.why, next: null };
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

function objectOf({ name, schedule, why, paused, next, last, counts }: Row): object {
  return {
    v: 1,
    name,
    expression: schedule?.expression ?? null,
    timezone: schedule?.timezone ?? null,
    overlap: schedule?.overlap ?? null,
    catchUp: schedule?.catchUp ?? null,
    paused,
    next: next === null ? null : new Date(next).toISOString(),
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
      const expression = schedule ? safe(schedule.expression) : 'unreadable';
      const notRun = countsText({ missed: counts.missed, skipped: counts.skipped, failed: counts.failed });
      return [name, expression, nextText(row), lastText(row), notRun, commandCell(schedule, why)];
    },
  });
}

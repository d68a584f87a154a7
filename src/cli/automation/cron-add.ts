/** `cron add`: parses and checks a new schedule, writes it, and makes sure that the scheduler runs. */
import { systemClock } from '../../base/clock.ts';
import { attempt } from '../../base/fs/atomic-write.ts';
import { ensureServed, schedulerOf } from '../../engine/automation/service-jobs.ts';
import { listSchedules, type Schedule } from '../../job/automation/schedule.ts';
import { addTemplate } from '../../job/automation/template-records.ts';
import { callerZone } from '../../job/automation/timezone.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import { admitNeeds } from '../../job/home/home.ts';
import { shellOf } from '../../job/view.ts';
import { type Exit, type Input, SUCCESS } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import {
  ANOTHER_ZONE,
  ESCAPED_PERCENT,
  laterTimesText,
  missingCommand,
  missingExpression,
  readOtherwiseText,
  scheduleAdded,
  zoneUnreadText,
} from '../messages/automation.ts';
import { everyWithoutUnit, keyWithoutPassphrase } from '../messages/schedules.ts';
import { notOneOf } from '../messages/usage.ts';
import { printWarning } from '../messages/warnings.ts';
import { pipefailNotes } from '../shell/pipes.ts';
import { bootNote, changeBoot } from './boot-entry.ts';
import { iso, noteLink, timeText } from './shared-table.ts';
import { parseTemplate, TEMPLATE_OPTIONS } from './template-draft.ts';

const { name, 'pass-env': passEnv, ...itsJobs } = TEMPLATE_OPTIONS;

export const CRON_OPTIONS = {
  name,
  'pass-env': passEnv,
  tz: { kind: 'text', value: 'ZONE', text: "the time zone of EXPR (default: TZ, or this machine's)" },
  overlap: {
    kind: 'text',
    value: 'skip|queue|allow',
    text: 'if the last job still runs: skip the new one (default), start it after the last, or run both',
  },
  'catch-up': {
    kind: 'flag',
    text: 'start one job for all missed times; otherwise they are only recorded as missed',
  },
  boot: {
    kind: 'flag',
    text: 'go on after a restart of the machine: writes an @reboot line of crontab, or a user unit',
  },
  'no-boot': { kind: 'flag', text: 'remove that line or unit' },
  ...itsJobs,
} as const;
type CronInput = Input<typeof CRON_OPTIONS>;

const OVERLAPS = ['skip', 'queue', 'allow'] as const;

function parseOverlap(text: string | null): Result<Schedule['overlap']> {
  const overlap = OVERLAPS.find((one) => one === (text ?? 'skip'));
  return overlap ? ok(overlap) : fail(notOneOf('--overlap', text!, OVERLAPS, 'bgjob cron --help'));
}

/** Adds a schedule. `words`: the expression, then the command. */
export async function addSchedule(
  context: Context,
  { options, separated }: Pick<CronInput, 'options' | 'separated'>,
  words: string[],
): Promise<Result<Exit>> {
  const { output } = context;
  const [expression, ...command] = words;
  if (expression === undefined) return fail(missingExpression());
  const { lacksUnit, nextTimes, parseTimetable, parseTimezone, readOtherwise } = await import(
    '../../job/automation/timetable.ts'
  );
  const callers = options.tz === null ? callerZone(context.env['TZ']) : null;
  const zone = callers ? ok(callers.timezone) : parseTimezone(options.tz!);
  if (!zone.ok) return zone;
  const overlap = parseOverlap(options.overlap);
  if (!overlap.ok) return overlap;
  if (lacksUnit(expression)) return fail(everyWithoutUnit(expression));
  const timetable = parseTimetable(expression, zone.value, systemClock.now());
  if (!timetable.ok) return timetable;
  if (command.length === 0) return fail(missingCommand('cron'));
  const opened = context.makeHome();
  if (!opened.ok) return opened;
  const home = opened.value;
  const known = listSchedules(home);
  const isTaken = (taken: string) => known.includes(taken);
  const asked = options.tz === null ? null : zone.value;
  const made = parseTemplate(context, { options, separated }, command, isTaken, asked);
  if (!made.ok) return made;
  const { template, passed } = made.value;
  const { name } = template;
  if (options.boot || options['no-boot']) {
    const changed = changeBoot(context, options.boot);
    if (!changed.ok) return changed;
  }
  const schedule: Schedule = {
    ...template,
    expression: expression.trim(),
    timezone: zone.value,
    overlap: overlap.value,
    catchUp: options['catch-up'],
  };
  const paths = home.schedule(name);
  const added = attempt('write', paths.dir, () => {
    if (schedule.needs.length > 0) admitNeeds(home);
    return addTemplate(home, home.schedules, paths, schedule);
  });
  if (!added.ok) return added;
  if (!added.value) return fail({ code: 'starter-taken', kind: 'schedule', name });
  const served = await ensureServed(home, schedulerOf(home));
  if (callers && callers.unread !== null)
    printWarning(output, {
      code: 'zone-unread',
      message: zoneUnreadText(callers.unread, zone.value) + ANOTHER_ZONE,
    });
  const otherwise = readOtherwise(schedule.expression);
  if (otherwise) printWarning(output, { code: 'crontab-differs', message: readOtherwiseText(otherwise) });
  if ([schedule.draft.line ?? '', ...command].some((word) => word.includes('\\%')))
    printWarning(output, { code: 'escaped-percent', message: ESCAPED_PERCENT });
  const times = nextTimes(timetable.value, systemClock.now());
  const [next = null, ...later] = times;
  if (output.json) {
    output.object({
      v: 1,
      name,
      expression: schedule.expression,
      timezone: zone.value,
      next: iso(next),
      nextTimes: times.map(iso),
      shell: shellOf(schedule.draft),
      environment: passed,
    });
    return served.ok ? ok(SUCCESS) : served;
  }
  output.line(name);
  // the schedule is written: the next bgjob command starts the scheduler
  if (!served.ok) return served;
  const when = next === null ? null : timeText(next, zone.value);
  const { draft } = schedule;
  output.note(scheduleAdded(when, (next ?? 0) - systemClock.now(), { draft, environment: passed }));
  if (later.length > 0) output.note(laterTimesText(later.map((at) => timeText(at, zone.value, false))));
  noteLink(output, draft.cwd);
  for (const note of pipefailNotes(schedule.draft, !options['no-pipefail'])) output.note(note);
  if (draft.target && draft.target.host !== '') output.note(keyWithoutPassphrase(draft.target, 'schedule'));
  output.note(bootNote(context));
  return ok(SUCCESS);
}

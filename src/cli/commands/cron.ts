/** `bgjob cron`: schedules, which start jobs at their times. */
import { systemClock } from '../../base/clock.ts';
import { attempt } from '../../base/fs/atomic-write.ts';
import { ensureServed, schedulerOf, wakeServices } from '../../engine/automation/service-jobs.ts';
import { liveJobs, startFrom } from '../../engine/automation/start-once.ts';
import { isInThisNamespace } from '../../engine/launch/confinement.ts';
import { countBetween } from '../../job/automation/due.ts';
import { listSchedules, readSchedule, type Schedule } from '../../job/automation/schedule.ts';
import {
  appendEvent,
  isTemplatePaused,
  NO_SCHEDULER,
  recordedUntil,
  setTemplatePaused,
} from '../../job/automation/template-records.ts';
import type { Timetable } from '../../job/automation/timetable.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { TemplatePaths } from '../../job/home/paths.ts';
import { changeBoot } from '../automation/boot-entry.ts';
import { addSchedule, CRON_OPTIONS } from '../automation/cron-add.ts';
import { printSchedule, printSchedules } from '../automation/cron-table.ts';
import { checkPlain, removeOne } from '../automation/remove.ts';
import { type Exit, SUCCESS, verb } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import {
  HISTORY_NOT_WRITTEN,
  NO_RECORD,
  pausedText,
  stillRuns,
  unreadableTemplate,
} from '../messages/automation.ts';
import { needsName, notOneOf } from '../messages/usage.ts';
import { parentOf } from '../run/draft.ts';

const ACTIONS = ['add', 'ls', 'run', 'pause', 'resume', 'rm'] as const;
type Action = (typeof ACTIONS)[number];
const ALIASES: Record<string, Action> = { list: 'ls', remove: 'rm', start: 'run' };

/** The schedule of that name. */
function requireSchedule(home: Home | undefined, name: string): Result<{ home: Home; schedule: Schedule }> {
  const known = home ? listSchedules(home) : [];
  if (!home || !known.includes(name)) return fail({ code: 'no-such-starter', kind: 'schedule', name, known });
  const read = readSchedule(home, name);
  if (read.kind !== 'read') {
    return fail(unreadableTemplate('schedule', name, read.kind === 'absent' ? NO_RECORD : read.why));
  }
  return ok({ home, schedule: read.value });
}

/** Starts its job now. */
async function runNow(context: Context, home: Home, schedule: Schedule): Promise<Result<Exit>> {
  const { name } = schedule;
  const paths = home.schedule(name);
  const live = schedule.overlap === 'allow' ? [] : liveJobs(home, paths);
  const last = live.at(-1);
  if (last !== undefined && schedule.overlap === 'skip') return fail(stillRuns(last, name));
  const at = systemClock.now();
  const started = await startFrom(home, paths, schedule, {
    origin: { kind: 'schedule', name, at: null },
    variables: [`BGJOB_SCHEDULE=${name}`],
    claim: null,
    parent: parentOf(context),
    after: last === undefined ? [] : [last],
  });
  if (!started.ok) return started;
  const id = started.value;
  const noted = attempt('write', paths.history, () =>
    appendEvent(paths, {
      at,
      until: null,
      times: 1,
      did: 'started',
      why: null,
      job: id,
      by: 'hand',
      notedAt: at,
    }),
  );
  if (!noted.ok) context.output.note(HISTORY_NOT_WRITTEN);
  if (context.output.json) context.output.object({ v: 1, id, name, log: { path: home.job(id).log } });
  else context.output.line(String(id));
  return ok(SUCCESS);
}

async function setPaused(
  context: Context,
  home: Home,
  schedule: Schedule,
  paused: boolean,
): Promise<Result<Exit>> {
  const { name, expression, timezone, createdAt } = schedule;
  const paths = home.schedule(name);
  const was = isTemplatePaused(paths);
  const { parseTimetable } = await import('../../job/automation/timetable.ts');
  const timetable = parseTimetable(expression, timezone, createdAt);
  const changed = attempt('change schedule', paths.dir, () => {
    if (was === paused) return;
    // before the resume: a scheduler that sees it begins where the journal ends
    if (!paused && timetable.ok) noteLeftOut(paths, timetable.value, createdAt);
    setTemplatePaused(paths, paused);
  });
  if (!changed.ok) return changed;
  const { output } = context;
  if (output.json) output.object({ v: 1, name, paused });
  else output.line(pausedText(name, was, paused));
  // a schedule of another sandbox is served by a scheduler there
  if (!paused && isInThisNamespace(schedule)) return ensureScheduler(home);
  wakeServices(home.schedules);
  return ok(SUCCESS);
}

/** Writes an event for every time up to now that has none: missed before the pause, skipped during it. */
function noteLeftOut(paths: TemplatePaths, timetable: Timetable, createdAt: number): void {
  const now = systemClock.now();
  const since = pausedSince(paths.paused);
  const from = recordedUntil(paths, createdAt, now);
  const missed = countBetween(timetable, from, Math.min(since, now));
  const left = countBetween(timetable, Math.max(since, from), now);
  const event = { job: null, by: 'time', notedAt: now } as const;
  if (missed) appendEvent(paths, { ...missed, did: 'missed', why: NO_SCHEDULER, ...event });
  if (left) appendEvent(paths, { ...left, did: 'skipped', why: 'it was paused', ...event });
}

function pausedSince(path: string): number {
  const { statSync } = require('node:fs') as typeof import('node:fs');
  return Math.round(statSync(path).mtimeMs);
}

async function ensureScheduler(home: Home): Promise<Result<Exit>> {
  const called = await ensureServed(home, schedulerOf(home));
  return called.ok ? ok(SUCCESS) : called;
}

async function onEach(
  context: Context,
  action: Exclude<Action, 'add' | 'ls'>,
  names: string[],
): Promise<Result<Exit>> {
  const opened = context.home();
  if (!opened.ok) return opened;
  // all of them, or nothing
  for (const name of names) {
    const found = requireSchedule(opened.value, name);
    if (!found.ok && !(action === 'rm' && found.failure.code === 'usage')) return found;
  }
  for (const name of names) {
    const home = opened.value!;
    const found = requireSchedule(home, name);
    const done =
      action === 'rm'
        ? removeOne(context.output, home, home.schedule(name), {
            kind: 'schedule',
            name,
            known: listSchedules(home),
          })
        : !found.ok
          ? found
          : action === 'run'
            ? await runNow(context, home, found.value.schedule)
            : await setPaused(context, home, found.value.schedule, action === 'pause');
    if (!done.ok) return done;
  }
  return ok(SUCCESS);
}

async function list(context: Context, names: string[]): Promise<Result<Exit>> {
  const opened = context.home();
  if (!opened.ok) return opened;
  if (names.length === 0) await printSchedules(context.output, opened.value);
  for (const name of names) {
    const found = requireSchedule(opened.value, name);
    if (!found.ok) return found;
    const { home, schedule } = found.value;
    await printSchedule(context.output, home, schedule);
  }
  return ok(SUCCESS);
}

export const cron = verb({
  name: 'cron',
  operands: 'add EXPR [-- COMMAND...] | ls [NAME] | run NAME | pause NAME | resume NAME | rm NAME',
  arity: [0, Number.POSITIVE_INFINITY],
  changes: true,
  summary: 'schedules: start jobs at given times, with no terminal open',
  description: [
    "EXPR has five fields (minute hour day month weekday), or six with seconds first, or is '@every 90s',",
    '@daily, @hourly and so on.',
    '',
    'At each time an ordinary job starts, in the directory where add was called, with the name of the',
    'schedule. Its environment is PATH, HOME, LANG and SHELL of that call, the variables of --pass-env',
    'and -e, and BGJOB_SCHEDULE and BGJOB_SCHEDULED_AT.',
    '',
    'Each time starts one job, even if processes are killed or the clock is set. A time at which no',
    'scheduler ran is recorded as missed; with --catch-up one job makes up for all missed times. ls NAME',
    'lists what was started, what was not, and why.',
    '',
    'The scheduler is a job, too (bgjob ls -a). Any bgjob command starts it again if it is gone; after a',
    'restart of the machine bgjob boot does.',
    '',
    'When summer time begins, a time that does not exist moves to the next one that does; when it ends, a',
    'time that comes twice starts one job.',
  ],
  examples: [
    ["bgjob cron add '0 3 * * *' -n nightly -- ./backup.sh", 'every night at three'],
    ["bgjob cron add '@every 5m' --timeout 4m 'curl -fsS localhost:3000/health'", 'every 5 minutes'],
    ['bgjob cron ls', 'next times, results'],
    ['bgjob cron run nightly', 'start its job now'],
    ['bgjob cron add --boot', 'also after a restart'],
  ],
  options: CRON_OPTIONS,
  async run(context, { options, words, separated }) {
    const [word = 'ls', ...rest] = words;
    const action = ALIASES[word] ?? ACTIONS.find((one) => one === word);
    if (!action) return fail(notOneOf('cron', word, ACTIONS, 'bgjob cron --help'));
    if (action === 'add') {
      if (rest.length === 0 && (options.boot || options['no-boot'])) {
        const changed = changeBoot(context, options.boot);
        return changed.ok ? ok(SUCCESS) : changed;
      }
      return addSchedule(context, { options, separated }, rest);
    }
    const plain = checkPlain('cron', options);
    if (!plain.ok) return plain;
    if (action === 'ls') return list(context, rest);
    if (rest.length === 0) return fail(needsName(`cron ${action}`, 'schedule', 'bgjob cron ls'));
    return onEach(context, action, rest);
  },
});

/** `bgjob cron`: jobs that start by themselves at their times. */
import { systemClock } from '../../base/clock.ts';
import { attempt } from '../../base/fs/atomic-write.ts';
import { safe } from '../../base/text/sanitize.ts';
import { ensureServed, schedulerOf, wakeServices } from '../../engine/automation/service-jobs.ts';
import { liveJobs, startFrom } from '../../engine/automation/start-once.ts';
import { isInThisNamespace } from '../../engine/queue/confinement.ts';
import { countBetween } from '../../job/automation/due.ts';
import { listSchedules, readSchedule, type Schedule } from '../../job/automation/schedule.ts';
import {
  isTemplatePaused,
  NOBODY,
  notedUntil,
  noteEvent,
  readEvents,
  setTemplatePaused,
} from '../../job/automation/template-records.ts';
import type { Timetable } from '../../job/automation/timetable.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { TemplatePaths } from '../../job/home/paths.ts';
import { changeBoot } from '../automation/boot-entry.ts';
import { addSchedule, CRON_OPTIONS } from '../automation/cron-add.ts';
import { printSchedules } from '../automation/cron-table.ts';
import { checkPlain, removeOne, usage } from '../automation/remove.ts';
import { printEvents } from '../automation/shared-table.ts';
import { type Exit, SUCCESS, verb } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { parentOf } from '../run/draft.ts';

const ACTIONS = ['add', 'ls', 'run', 'pause', 'resume', 'rm'] as const;
type Action = (typeof ACTIONS)[number];
const ALIASES: Record<string, Action> = { list: 'ls', remove: 'rm', start: 'run' };

/** One that is there. */
function requireSchedule(home: Home | undefined, name: string): Result<{ home: Home; schedule: Schedule }> {
  const known = home ? listSchedules(home) : [];
  if (!home || !known.includes(name)) return fail({ code: 'no-such-starter', kind: 'schedule', name, known });
  const read = readSchedule(home, name);
  if (read.kind !== 'read') {
    const why = read.kind === 'absent' ? 'it has no record' : safe(read.why);
    return usage(`schedule ${name}: ${why}; nothing was done`, `bgjob cron rm ${name}`);
  }
  return ok({ home, schedule: read.value });
}

/** Starts its job now, by hand. */
async function runNow(context: Context, home: Home, schedule: Schedule): Promise<Result<Exit>> {
  const { name } = schedule;
  const paths = home.schedule(name);
  const live = schedule.overlap === 'allow' ? [] : liveJobs(home, paths);
  const last = live.at(-1);
  if (last !== undefined && schedule.overlap === 'skip')
    return usage(`job ${last} of ${name} still runs, and --overlap is skip`, `bgjob wait ${last}`);
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
    noteEvent(paths, {
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
  if (!noted.ok) context.output.note('(that it was started could not be noted)');
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
    // first: a scheduler that sees that it goes on begins where the journal ends
    if (!paused && timetable.ok) noteLeftOut(paths, timetable.value, createdAt);
    setTemplatePaused(paths, paused);
  });
  if (!changed.ok) return changed;
  const { output } = context;
  if (output.json) output.object({ v: 1, name, paused });
  else
    output.line(
      `${name} ${was === paused ? `is ${paused ? 'paused' : 'not paused'} already` : paused ? 'paused' : 'resumed'}`,
    );
  // another sandbox has a scheduler of its own, or nobody
  if (!paused && isInThisNamespace(schedule)) return served(home);
  wakeServices(home.schedules);
  return ok(SUCCESS);
}

/** A word on every time up to now that has none: before it was paused, and since. */
function noteLeftOut(paths: TemplatePaths, timetable: Timetable, createdAt: number): void {
  const now = systemClock.now();
  const since = pausedSince(paths.paused);
  const from = notedUntil(paths, createdAt, now);
  const missed = countBetween(timetable, from, Math.min(since, now));
  const left = countBetween(timetable, Math.max(since, from), now);
  const event = { job: null, by: 'time', notedAt: now } as const;
  if (missed) noteEvent(paths, { ...missed, did: 'missed', why: NOBODY, ...event });
  if (left) noteEvent(paths, { ...left, did: 'skipped', why: 'it was paused', ...event });
}

function pausedSince(path: string): number {
  const { statSync } = require('node:fs') as typeof import('node:fs');
  return Math.round(statSync(path).mtimeMs);
}

async function served(home: Home): Promise<Result<Exit>> {
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
    printEvents(context.output, readEvents(home.schedule(name)), schedule.timezone);
  }
  return ok(SUCCESS);
}

export const cron = verb({
  name: 'cron',
  operands: 'add EXPR [-- COMMAND...] | ls [NAME] | run NAME | pause NAME | resume NAME | rm NAME',
  arity: [0, Number.POSITIVE_INFINITY],
  changes: true,
  summary: 'jobs that start at their times, with no terminal open',
  description: [
    "EXPR has five fields (minute hour day month weekday) or six with seconds first, or is @daily and its like, or '@every 90s'. Each",
    'firing is an ordinary job of the directory where add was called, with the name of the schedule. It gets PATH, HOME, LANG and SHELL',
    'of that call, what --pass-env names, and -e; and BGJOB_SCHEDULE and BGJOB_SCHEDULED_AT.',
    'A time fires once, however often processes are killed or the clock is set. One that nobody was there for is noted as missed, or made',
    'up for by one run (--catch-up). ls NAME tells what was started and what was not, and why. One job, the scheduler, serves all of',
    'them (bgjob ls -a); any bgjob command starts it again if it is gone, and after a restart of the machine bgjob boot does.',
    'At the change to summer time a time that does not exist is the next that does; one that comes twice in autumn fires once.',
  ],
  examples: [
    ["bgjob cron add '0 3 * * *' -n nightly -- ./backup.sh", 'every night at three'],
    [
      "bgjob cron add '@every 5m' --timeout 4m 'curl -fsS localhost:3000/health'",
      'every five minutes, a shell line',
    ],
    ['bgjob cron ls', 'next times, last results, what was missed'],
    ['bgjob cron run nightly', 'now, by hand'],
    ['bgjob cron add --boot', 'also after a restart of the machine'],
  ],
  options: CRON_OPTIONS,
  async run(context, { options, words, separated }) {
    const [word = 'ls', ...rest] = words;
    const action = ALIASES[word] ?? ACTIONS.find((one) => one === word);
    if (!action) return usage(`cron: "${safe(word)}" is none of ${ACTIONS.join(', ')}`, 'bgjob cron --help');
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
    if (rest.length === 0) return usage(`cron ${action} needs the NAME of a schedule`, 'bgjob cron ls');
    return onEach(context, action, rest);
  },
});

/** `bgjob kill`: stops jobs with all their processes, and checks that they are gone. */
import { systemClock } from '../../base/clock.ts';
import { safe } from '../../base/text/sanitize.ts';
import { forgetUnownedEnvironment } from '../../engine/launch/stored-environment.ts';
import { portsIn } from '../../engine/os/sockets.ts';
import { wakeQueueWaiters } from '../../engine/queue/queue-waiter.ts';
import { stopJob, stopUnreadable } from '../../engine/stop/stop-job.ts';
import { canSweep } from '../../engine/stop/stop-request.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { parseSignal } from '../../job/signals.ts';
import { DEFAULT_GRACE_MS } from '../../job/spec.ts';
import type { Stop } from '../../job/state.ts';
import { isWaiting, type JobView, type UnreadableView } from '../../job/view.ts';
import { type Exit, SUCCESS, verb } from '../command/command.ts';
import { parseSessionOption, SESSION_OPTION } from '../command/session-option.ts';
import { judgeable, selectAll } from '../jobs/select.ts';
import {
  groupNotes,
  killedText,
  killedUnreadableText,
  notASignal,
  serviceReturnsText,
} from '../messages/control.ts';
import { printFailure } from '../messages/failures.ts';
import { forcedNote, hiddenNote, jobObject } from '../messages/job-text.ts';
import { unseenThereText } from '../messages/targets.ts';
import { markReported } from '../output/mark-reported.ts';
import type { Output } from '../output/output.ts';

/** The options that choose live jobs where no REF is given. */
const GROUP_OPTIONS = {
  all: { kind: 'flag', text: 'all live jobs of this project, except the job that calls this' },
  queue: { kind: 'list', short: '-Q', value: 'NAME', text: 'the live jobs of this queue' },
  tag: { kind: 'list', value: 'TAG', text: 'the live jobs with this label' },
  session: { ...SESSION_OPTION, text: `the live ${SESSION_OPTION.text}` },
  'all-projects': {
    kind: 'flag',
    short: '-a',
    text: 'with --all, --queue, --tag, --session: jobs of all projects',
  },
} as const;

const DEFAULT_SIGNAL = 'SIGTERM';

/** At most so many are stopped at once by their owners: each scans all processes several times. */
const AT_ONCE = 16;
/** From so many on this process scans for all of them; each takes a descriptor. */
const MANY = 5;
const MOST_AT_ONCE = 500;

/** Stops one job and prints what became of it. */
async function killOne(
  output: Output,
  home: Home,
  given: JobView,
  asked: (view: JobView) => Stop,
  isOneOfMany: boolean,
): Promise<Result<Exit>> {
  if (given.kind === 'unreadable') return killUnreadable(output, home, given, asked(given));
  const judged = judgeable(given);
  if (!judged.ok) return judged;
  const stop = asked(judged.value);
  const done = await stopJob(home, judged.value, stop, isOneOfMany);
  if (!done.ok) return done;
  const { before, after, processes, forced, unseen, hidden, listened, tookMs } = done.value;
  if (output.json) {
    const isCancelled = after.kind === 'ended' && after.status.outcome.kind === 'cancelled';
    const result = before.kind === 'ended' ? 'already' : isCancelled ? 'cancelled' : 'killed';
    output.object({
      ...jobObject(after, systemClock.now(), { leftovers: 0, logPath: home.job(before.id).log }),
      ...{
        result,
        processes,
        forced,
        unseen: unseen?.why ?? null,
        hidden,
        tookMs: Math.round(tookMs),
        freed: portsIn(listened),
      },
      ...SUCCESS,
    });
  } else {
    output.line(killedText(done.value, systemClock.now()));
    // a later call may have shortened the grace
    const isEndOfStop = before.kind === 'live' && after.kind === 'ended';
    const { graceMs, signal } = (isEndOfStop && after.status.stop) || stop;
    const note = forcedNote(forced, graceMs, signal);
    if (note !== undefined) output.note(note);
    if (unseen && before.spec.target) output.note(unseenThereText(before.spec.target));
    for (const one of hidden) output.note(hiddenNote(one));
  }
  // the user has seen the end now
  if (after.kind === 'ended') markReported(output, home, after);
  forgetUnownedEnvironment(home, after);
  return ok(SUCCESS);
}

/** The same of a job whose records cannot be read: what is shown to be of it is stopped. */
async function killUnreadable(
  output: Output,
  home: Home,
  view: UnreadableView,
  stop: Stop,
): Promise<Result<Exit>> {
  const done = await stopUnreadable(home, view, stop);
  if (!done.ok) return done;
  const { stopped, forced } = done.value;
  if (output.json) {
    const object = jobObject(view, systemClock.now(), { leftovers: 0, logPath: home.job(view.id).log });
    output.object({ ...object, result: 'killed', processes: stopped, forced, ...SUCCESS });
  } else {
    output.line(killedUnreadableText(view, stopped));
    const note = forcedNote(forced, stop.graceMs, stop.signal);
    if (note !== undefined) output.note(note);
  }
  return ok(SUCCESS);
}

export const kill = verb({
  name: 'kill',
  operands: 'REF...',
  // at least one, but for --queue, --tag, --session, --all: checked below
  arity: [0, Number.POSITIVE_INFINITY],
  // as for kill(1): -9, -KILL
  shorthand: (word) => (/^-(\d+|[A-Z]{2,}\d*)$/.test(word) ? ['--signal', word.slice(1)] : undefined),
  changes: true,
  summary: 'stop jobs with all their processes; return when they are gone',
  description: [
    'Sends TERM to every process of the job, also to daemons that it started, and after the grace KILL to',
    'those that are left. A program that the job starts after TERM gets no TERM: it may clean up until',
    'the grace ends. A second call can only shorten the grace. A job that waits in a queue is cancelled.',
    '',
    'Of a job that has ended, the processes that it left running are stopped. A process gets a signal',
    'only if it is certain that it belongs to the job.',
    '',
    '--queue, --tag, --session and --all stop live jobs of this project, first those that wait; if there are none,',
    'the exit code is 0. They leave out the job that calls this, the jobs that started it, and the',
    'scheduler and listeners of bgjob.',
  ],
  examples: [
    ['bgjob kill 42', 'TERM, and KILL after 5s'],
    ['bgjob kill web --now', 'KILL at once'],
    ['bgjob kill --queue api', 'all jobs of a queue, also those that wait'],
    ['bgjob kill --all', 'all live jobs of this project'],
    ['bgjob kill -s INT --grace 30s 42', 'as Ctrl-C would, with half a minute to clean up'],
  ],
  options: {
    ...GROUP_OPTIONS,
    signal: { kind: 'text', short: '-s', value: 'SIG', text: 'the first signal (default TERM)' },
    grace: { kind: 'duration', value: 'DUR', text: "the time until KILL (default: the job's --grace, 5s)" },
    now: { kind: 'flag', text: 'KILL at once' },
  },
  async run(context, { options, words }) {
    const { output } = context;
    const signal = parseSignal(options.signal ?? DEFAULT_SIGNAL);
    if (!signal) return fail(notASignal(options.signal!));
    const session = parseSessionOption(context, options.session);
    if (!session.ok) return session;
    const asking = { ...options, session: session.value };
    const isGroup = options.all || asking.session || options.queue.length + options.tag.length > 0;
    const groups =
      isGroup || words.length === 0 || options['all-projects']
        ? (require('../jobs/live-group.ts') as typeof import('../jobs/live-group.ts'))
        : null;
    const fits = groups?.checkGroup(asking, words) ?? ok(undefined);
    if (!fits.ok) return fits;
    const opened = context.home();
    if (!opened.ok) return opened;
    const group = groups?.liveGroup(context, opened.value, asking) ?? ok(null);
    if (!group.ok) return group;
    if (groups && group.value && !output.json)
      for (const note of groupNotes(asking, group.value)) output.note(note);
    if (group.value?.views.length === 0) return ok(SUCCESS);
    const selected = group.value ? ok(group.value.views) : selectAll(context, words, 'bgjob kill');
    if (!selected.ok) return selected;
    const by =
      process.env['BGJOB_ID'] === undefined ? 'kill' : `kill, by job ${safe(process.env['BGJOB_ID'])}`;
    const asked = (view: JobView): Stop => ({
      by,
      cause: 'kill',
      signal: options.now ? 'SIGKILL' : signal,
      graceMs:
        options.now || signal === 'SIGKILL'
          ? 0
          : (options.grace ?? ('spec' in view ? view.spec.graceMs : DEFAULT_GRACE_MS)),
      at: systemClock.now(),
    });
    const results: Result<Exit>[] = [];
    const home = opened.value!;
    const killAll = async (entries: [number, JobView][], atOnce = AT_ONCE, isMany = false): Promise<void> => {
      const rest = entries.values();
      const killRest = async () => {
        for (const [n, view] of rest) results[n] = await killOne(output, home, view, asked, isMany);
      };
      await Promise.all(Array.from({ length: atOnce }, killRest));
    };
    const all = [...selected.value.entries()];
    // jobs that wait come first: where a job that runs is stopped, the next one of its queue would start
    await killAll(all.filter(([, view]) => isWaiting(view)));
    const running = all.filter(([, view]) => !isWaiting(view));
    const plain = running.filter(([, view]) => running.length >= MANY && canSweep(home, view));
    await killAll(plain, MOST_AT_ONCE, true);
    await killAll(running.filter((entry) => !plain.includes(entry)));
    wakeQueueWaiters(opened.value!, selected.value);
    const origins = selected.value.map((view) => ('spec' in view ? view.spec.origin : null));
    const own = origins.find((origin) => origin?.kind === 'own');
    if (own && !output.json) output.note(serviceReturnsText(own.serves));
    const [failed, ...others] = results.filter((result) => !result.ok);
    for (const { failure } of others) printFailure(output, failure, false);
    return failed ?? ok(SUCCESS);
  },
});

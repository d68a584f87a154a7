/** `bgjob kill`: stops jobs and every process of theirs, and verifies it. */
import { renderDuration, systemClock } from '../../base/clock.ts';
import { plural, safe } from '../../base/text/sanitize.ts';
import { forgetUnownedEnvironment } from '../../engine/launch/stored-environment.ts';
import { portsIn } from '../../engine/os/sockets.ts';
import { wakeQueueWaiters } from '../../engine/queue/queue-waiter.ts';
import { type Stopped, stopJob, stopUnreadable } from '../../engine/stop/stop-job.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { noteSeen } from '../../job/home/records.ts';
import { parseSignal } from '../../job/signals.ts';
import { type Stop, shownEnd } from '../../job/state.ts';
import type { JobView, UnreadableView } from '../../job/view.ts';
import { type Exit, SUCCESS, verb } from '../command/command.ts';
import { judgeable, selectAll } from '../jobs/select.ts';
import { messageOf } from '../messages/failures.ts';
import { forcedNote, hiddenNote, jobLabel, jobObject, outcomeText, stateText } from '../messages/job-text.ts';
import type { Output } from '../output/output.ts';
import { portText } from '../run/replace.ts';

/** Which live jobs are meant where none is named. */
const GROUP_OPTIONS = {
  all: { kind: 'flag', text: 'every live job of this project, but the one in which this is called' },
  queue: { kind: 'list', short: '-Q', value: 'NAME', text: 'those that wait or run in this queue' },
  tag: { kind: 'list', value: 'TAG', text: 'those with this label' },
  'all-projects': { kind: 'flag', short: '-a', text: 'with --all, --queue, --tag: of every project' },
} as const;

const isWaiting = (view: JobView): boolean => view.kind === 'live' && view.status.phase === 'queued';

const DEFAULT_SIGNAL = 'SIGTERM';

/** So many are stopped at once: the owner of each looks at all processes several times, and those that are gone are none. */
const AT_ONCE = 16;

/** Stops one job and says what became of it. */
async function killOne(
  output: Output,
  home: Home,
  given: JobView,
  asked: (view: JobView) => Stop,
): Promise<Result<Exit>> {
  if (given.kind === 'unreadable') return killUnreadable(output, home, given, asked(given));
  const judged = judgeable(given);
  if (!judged.ok) return judged;
  const stop = asked(judged.value);
  const done = await stopJob(home, judged.value, stop);
  if (!done.ok) return done;
  const { before, after, processes, forced, hidden, listened, tookMs } = done.value;
  if (output.json) {
    const isCancelled = after.kind === 'ended' && after.status.outcome.kind === 'cancelled';
    const result = before.kind === 'ended' ? 'already' : isCancelled ? 'cancelled' : 'killed';
    output.object({
      ...jobObject(after, systemClock.now(), { leftovers: 0, logPath: home.job(before.id).log }),
      ...{ result, processes, forced, hidden, tookMs: Math.round(tookMs), freed: portsIn(listened) },
      ...SUCCESS,
    });
  } else {
    output.line(textOf(done.value));
    const { graceMs, signal } = stop;
    const note = forcedNote(forced, graceMs, signal);
    if (note !== undefined) output.note(note);
    for (const one of hidden) output.note(hiddenNote(one));
  }
  // this was the telling
  if (after.kind === 'ended' && !output.readerGone && output.lost === undefined) noteSeen(home.job(after.id));
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
    const count = plural(stopped, 'process', 'processes');
    output.line(`${jobLabel(view)} ${stateText(view)}: killed ${count} that the kernel shows to be of it`);
    const note = forcedNote(forced, stop.graceMs, stop.signal);
    if (note !== undefined) output.note(note);
  }
  return ok(SUCCESS);
}

function textOf({ before, after, processes, listened, tookMs }: Stopped): string {
  const count = plural(processes, 'process', 'processes');
  if (before.kind === 'ended') {
    const endedAt = shownEnd(before.status);
    const ago = endedAt === null ? '' : ` ${renderDuration(systemClock.now() - endedAt)} ago`;
    const swept = processes > 0 ? `; killed ${count} that it left${portText(listened)}` : '';
    return `${jobLabel(before)} already ${outcomeText(before.status.outcome, before.spec)}${ago}${swept}`;
  }
  const label = jobLabel(before);
  const took = renderDuration(tookMs);
  if (after.kind !== 'ended') return `${label} killed (${took}): ${count}${portText(listened)}`;
  const { outcome } = after.status;
  if (outcome.kind === 'cancelled') return `${label} cancelled before it started`;
  const how =
    outcome.kind === 'killed'
      ? `killed (${safe(outcome.signal).replace(/^SIG/, '')}, ${took})`
      : `${outcomeText(outcome, after.spec)} (${took})`;
  return `${label} ${how}: ${count}${portText(listened)}`;
}

export const kill = verb({
  name: 'kill',
  operands: 'REF...',
  // at least one, but for --queue, --tag, --all: checked below
  arity: [0, Number.POSITIVE_INFINITY],
  // as for kill(1): -9, -KILL
  shorthand: (word) => (/^-(\d+|[A-Z]{2,}\d*)$/.test(word) ? ['--signal', word.slice(1)] : undefined),
  changes: true,
  summary: 'stop jobs and every process of theirs; returns when they are gone',
  description: [
    'Sends TERM to every process of the job, however it daemonised, and after the grace KILL to what is left. What a handler of',
    'TERM starts gets no TERM: it may clean up until the grace ends. A job that waits in a queue is cancelled.',
    'A job that ended already: stops what it left running. A process that is not shown to be of the job is never signalled.',
    '--queue, --tag and --all stop live jobs of this project, those that wait first; where there is none that is no failure. Left out',
    'are the job in which this is called, those that started it, and the scheduler and listeners of bgjob.',
  ],
  examples: [
    ['bgjob kill 42', 'TERM, and KILL after 5s'],
    ['bgjob kill web --now', 'KILL at once'],
    ['bgjob kill --queue api', 'a whole queue, also what waits in it'],
    ['bgjob kill --all', 'every live job of this project'],
    ['bgjob kill -s INT --grace 30s 42', 'as Ctrl-C would, with half a minute to clean up'],
  ],
  options: {
    ...GROUP_OPTIONS,
    signal: { kind: 'text', short: '-s', value: 'SIG', text: 'the signal to begin with (default TERM)' },
    grace: { kind: 'duration', value: 'DUR', text: "the time before KILL (default: the job's --grace, 5s)" },
    now: { kind: 'flag', text: 'KILL at once' },
  },
  async run(context, { options, words }) {
    const { output } = context;
    const signal = parseSignal(options.signal ?? DEFAULT_SIGNAL);
    if (!signal)
      return fail({
        code: 'usage',
        message: `-s: "${safe(options.signal!)}" is not a signal`,
        hint: 'kill -l',
      });
    const isGroup = options.all || options.queue.length + options.tag.length > 0;
    const groups =
      isGroup || words.length === 0 || options['all-projects']
        ? (require('../jobs/live-group.ts') as typeof import('../jobs/live-group.ts'))
        : null;
    const fits = groups?.checkGroup(options, words) ?? ok(undefined);
    if (!fits.ok) return fits;
    const opened = context.home();
    if (!opened.ok) return opened;
    const group = groups?.liveGroup(context, opened.value, options) ?? ok(null);
    if (!group.ok) return group;
    if (groups && group.value && !output.json)
      for (const note of groups.groupNotes(options, group.value)) output.note(note);
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
          : (options.grace ?? ('spec' in view ? view.spec.graceMs : 5000)),
      at: systemClock.now(),
    });
    const results: Result<Exit>[] = [];
    const killAll = async (entries: [number, JobView][]): Promise<void> => {
      const rest = entries.values();
      const killRest = async () => {
        for (const [n, view] of rest) results[n] = await killOne(output, opened.value!, view, asked);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, killRest));
    };
    const all = [...selected.value.entries()];
    // what waits first, all of it: where one that runs is stopped, the next would start
    await killAll(all.filter(([, view]) => isWaiting(view)));
    await killAll(all.filter(([, view]) => !isWaiting(view)));
    wakeQueueWaiters(opened.value!, selected.value);
    const origins = selected.value.map((view) => ('spec' in view ? view.spec.origin : null));
    const own = origins.find((origin) => origin?.kind === 'own');
    if (own && !output.json)
      output.note(
        `(as long as something needs it, the next bgjob command starts it again: bgjob ${own.serves === 'triggers' ? 'trigger' : 'cron'} --help)`,
      );
    const [failed, ...others] = results.filter((result) => !result.ok);
    for (const { failure } of others) output.error(safe(messageOf(failure).message));
    return failed ?? ok(SUCCESS);
  },
});

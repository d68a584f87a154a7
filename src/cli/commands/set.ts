/** `bgjob set`: changes limits and priority of jobs that wait or run. */
import { parseDuration, systemClock } from '../../base/clock.ts';
import { errnoOf } from '../../base/result.ts';
import { setJob, setTrouble } from '../../engine/stop/set-job.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import { changesLimits, type Settings } from '../../job/settings.ts';
import type { JobView, LiveView } from '../../job/view.ts';
import { type Exit, SUCCESS, verb } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { judgeable, selectAll } from '../jobs/select.ts';
import { setResultText } from '../messages/control.ts';
import { printFailure } from '../messages/failures.ts';
import { jobObject, queueOf } from '../messages/job-text.ts';
import { zeroLimit } from '../messages/run.ts';
import { badNumber, setNeedsOption } from '../messages/usage.ts';
import { checkPriority } from '../run/queue-options.ts';
import { refuseThere } from '../targets/on-option.ts';

interface SetOptions {
  timeout: string | null;
  'idle-timeout': string | null;
  grace: number | null;
  priority: number | null;
}

/** The limit of an option; null: `none`; undefined: it was not given. */
function limitOf(options: SetOptions, name: 'timeout' | 'idle-timeout'): Result<number | null | undefined> {
  const text = options[name];
  if (text === null) return ok(undefined);
  if (text === 'none') return ok(null);
  const ms = parseDuration(text);
  if (ms === undefined) return fail(badNumber(`--${name}`, text, 'duration'));
  return ms === 0 ? fail(zeroLimit(name, true)) : ok(ms);
}

function changesOf(options: SetOptions, word: string): Result<Settings> {
  const timeout = limitOf(options, 'timeout');
  if (!timeout.ok) return timeout;
  const idle = limitOf(options, 'idle-timeout');
  if (!idle.ok) return idle;
  const { grace, priority } = options;
  const ranked = checkPriority(priority);
  if (!ranked.ok) return ranked;
  const changes: Settings = {
    ...(timeout.value !== undefined && { timeoutMs: timeout.value }),
    ...(idle.value !== undefined && { idleTimeoutMs: idle.value }),
    ...(grace !== null && { graceMs: grace }),
    ...(priority !== null && { priority }),
  };
  return Object.keys(changes).length === 0 ? fail(setNeedsOption(word)) : ok(changes);
}

/** Fails if the job cannot be changed so. */
function checkJob(view: JobView, changes: Settings): Result<LiveView> {
  const judged = judgeable(view);
  if (!judged.ok) return judged;
  const fits = changesLimits(changes) ? refuseThere(view, 'set of a limit') : ok(undefined);
  if (!fits.ok) return fits;
  const isUnranked = changes.priority !== undefined && queueOf(view) === null;
  const trouble = setTrouble(view, changes) ?? (isUnranked ? { kind: 'no-queue' as const } : undefined);
  return trouble ? fail({ code: 'not-set', id: view.id, trouble }) : ok(judged.value as LiveView);
}

async function setOne(context: Context, view: LiveView, changes: Settings): Promise<Result<Exit>> {
  const { output } = context;
  const opened = context.home();
  if (!opened.ok) return opened;
  const home = opened.value!;
  let changed: Awaited<ReturnType<typeof setJob>>;
  try {
    changed = await setJob(home, view, changes);
  } catch (thrown) {
    return fail({ code: 'io', doing: 'set job', path: String(view.id), errno: errnoOf(thrown) });
  }
  if (!changed.ok) return changed;
  const now = systemClock.now();
  const logPath = home.job(view.id).log;
  if (output.json)
    output.object({ ...jobObject(changed.value, now, { logPath }), result: 'set', ...SUCCESS });
  else output.line(setResultText(changed.value, changes, systemClock.monotonic()));
  return ok(SUCCESS);
}

export const set = verb({
  name: 'set',
  operands: 'REF...',
  arity: [1, Number.POSITIVE_INFINITY],
  brief: '',
  changes: true,
  summary: 'change a limit or the priority of a job that waits or runs',
  description: [
    'A limit of a running job counts from its start, as before, and not from now. If the new time is over',
    'already the job is stopped at once, as timed out (124). Pauses do not count.',
    'Only a job that waits in a queue has a priority.',
    '',
    'The new values hold for later attempts (--retry) and for restart, too. If one of the jobs cannot be',
    'changed so, none is.',
  ],
  examples: [
    ['bgjob set train --timeout 8h', 'it may run for 8 hours in all'],
    ['bgjob set train --timeout none', 'no limit'],
    ['bgjob set 42 43 --priority 5', 'before jobs of a lower priority'],
  ],
  options: {
    timeout: { kind: 'text', value: 'DUR|none', text: 'stop the job DUR after its start (124)' },
    'idle-timeout': { kind: 'text', value: 'DUR|none', text: 'stop the job after DUR without output' },
    grace: { kind: 'duration', value: 'DUR', text: 'the time between TERM and KILL' },
    priority: { kind: 'integer', value: 'N', text: 'its priority in its queue' },
  },
  async run(context, { options, words }) {
    const changes = changesOf(options, words[0]!);
    if (!changes.ok) return changes;
    const selected = selectAll(context, words, 'bgjob set');
    if (!selected.ok) return selected;
    const views: LiveView[] = [];
    for (const view of selected.value) {
      const checked = checkJob(view, changes.value);
      if (!checked.ok) return checked;
      views.push(checked.value);
    }
    const results = await Promise.all(views.map((view) => setOne(context, view, changes.value)));
    const [failed, ...others] = results.filter((result) => !result.ok);
    for (const { failure } of others) printFailure(context.output, failure, false);
    return failed ?? ok(SUCCESS);
  },
});

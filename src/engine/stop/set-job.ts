/**
 * Changes limits and priority of a job that waits or runs (`bgjob set`). What was changed is on disk before
 * this returns, and every later reader, owner and attempt gets it with the spec. The change of a running job
 * counts only when its owner has named it in the state: until then nothing is reported as set, and if that
 * answer does not come the change is taken back.
 *
 * A version that does not know `set` must not start the job with the old limits. So the home gets a format
 * that its commands refuse, the entry moves to where its processes do not look, and an owner of such a
 * version is recognised by what it knows.
 */
import { fail, ok, type Result, type SetTrouble } from '../../job/failure.ts';
import { admitSettings, type Home } from '../../job/home/home.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import { foundValue, readOwner, readSettings, SETTINGS, writeSettings } from '../../job/home/records.ts';
import { findEntry, hideFromOlder, moveEntry } from '../../job/queue/queue-files.ts';
import { rankOf } from '../../job/queue/queue-order.ts';
import { changesLimits, type Settings } from '../../job/settings.ts';
import type { JobId } from '../../job/spec.ts';
import type { EndedView, JobView, LiveView } from '../../job/view.ts';
import { wasQueued } from '../launch/stored-environment.ts';
import { observe } from '../observe/observe.ts';
import { isLocked } from '../os/process-identity.ts';
import { howEnded } from '../queue/queued-job.ts';
import { untilAnswered } from './owner-answer.ts';

/** Why a job in this state cannot be changed so. */
export function setTrouble(view: JobView, { priority }: Settings): SetTrouble | undefined {
  if (view.kind === 'ended') return { kind: 'ended', how: howEnded(view.status.outcome) };
  if (view.kind !== 'live') return { kind: 'ended', how: 'was removed' };
  const { phase } = view.status;
  if (phase === 'stopping') return { kind: 'stopping' };
  return priority !== undefined && phase !== 'queued' ? { kind: 'started' } : undefined;
}

/** Returns the job as it is when the change counts. Throws system errors. */
export async function setJob(
  home: Home,
  before: LiveView,
  changes: Settings,
): Promise<Result<LiveView | EndedView>> {
  const { id, spec } = before;
  const job = home.job(id);
  const refuse = (trouble: SetTrouble) => fail({ code: 'not-set', id, trouble });
  const trouble = setTrouble(before, changes) ?? (isQueued(before) ? undefined : olderTrouble(job));
  if (trouble) return refuse(trouble);
  const limits = changesLimits(changes);
  if (limits) admitSettings(home);
  // the place first: a list names the priority of the entry
  if (changes.priority !== undefined) {
    const entry = wasQueued(spec) ? findEntry(home, spec) : undefined;
    const rank = rankOf(changes.priority);
    if (!entry || !moveEntry(home.queue(spec.placement!.queue), entry, rank))
      return refuse({ kind: 'started' });
  }
  const earlier = foundValue(readSettings(job))?.settings ?? {};
  const number = writeSettings(job, changes);
  if (limits && isQueued(before) && wasQueued(spec)) {
    const entry = findEntry(home, spec);
    if (entry) hideFromOlder(home.queue(spec.placement.queue), entry);
  }
  const answered = limits ? await answerOf(home, before, number) : viewNow(home, id);
  if (!('trouble' in answered)) return ok(answered.view);
  const { timeoutMs, idleTimeoutMs, graceMs } = { ...before.spec, ...earlier };
  // the owner would obey it later, when the user does not expect it
  if (limits && answered.trouble.kind !== 'ended') writeSettings(job, { timeoutMs, idleTimeoutMs, graceMs });
  return refuse(answered.trouble);
}

type Answer = { view: LiveView | EndedView } | { trouble: SetTrouble };

function viewNow(home: Home, id: JobId): Answer {
  const view = observe(home, id);
  return view?.kind === 'live' || view?.kind === 'ended'
    ? { view }
    : { trouble: { kind: 'ended', how: 'was removed' } };
}

const isQueued = ({ status }: LiveView | EndedView): boolean => status.phase === 'queued';

/** An owner that has not recorded itself yet is not older: the format of the home keeps that one away. */
function olderTrouble(job: JobPaths): SetTrouble | undefined {
  const owner = foundValue(readOwner(job));
  return owner && !owner.knows.includes(SETTINGS) ? { kind: 'older' } : undefined;
}

/** The job once the change counts: it waits, and no process starts it just now; or its owner has answered. */
async function answerOf(home: Home, { id }: LiveView, number: number): Promise<Answer> {
  const job = home.job(id);
  const answer = await untilAnswered(home, id, () => {
    const now = viewNow(home, id);
    if ('trouble' in now) return now;
    const { view } = now;
    // first: a limit that is over ends the job at once
    if ((view.state?.settings ?? 0) >= number) return now;
    const trouble = setTrouble(view, {}) ?? (isQueued(view) ? undefined : olderTrouble(job));
    if (trouble) return { trouble };
    // a process that locks it from here on reads the change before it starts the job
    return isQueued(view) && !isLocked(job.alive) ? now : undefined;
  });
  return typeof answer === 'string' ? { trouble: { kind: answer } } : answer;
}

/**
 * Restarts jobs. Everything that can be refused is refused before the first of them is touched. Then each
 * is stopped if it runs, and started: in the order given, but after the jobs that it waits for. After a
 * failure the rest is left as it was.
 */

import { startMissingTargets } from '../../engine/launch/target-service.ts';
import { callerJob } from '../../engine/observe/caller-jobs.ts';
import { countLeftovers, markedProcesses, processesOf } from '../../engine/observe/leftovers.ts';
import { nameOwner } from '../../engine/observe/name-owner.ts';
import { attendAdded, attendQueue } from '../../engine/queue/admission.ts';
import type { QueuedDraft } from '../../engine/queue/enqueue.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { jobNameOf } from '../../job/home/name-claims.ts';
import { markSuperseded } from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';
import type { EndedView, JobView, LiveView } from '../../job/view.ts';
import type { Context } from '../command/context.ts';
import { judgeable } from '../jobs/select.ts';
import { followedBy, stopsItself } from '../messages/run.ts';
import type { Output } from '../output/output.ts';
import { type StartCheck, startNamed } from './name-policy.ts';
import { stopOne } from './replace.ts';
import { placementAgain, type Redraft, redraftOf } from './restart-draft.ts';

export interface Again extends Redraft {
  view: LiveView | EndedView;
  /** Earlier jobs of its name that were given, too: this one replaces them. */
  earlier: JobId[];
}

export interface Restarted {
  id: JobId;
  again: Again;
  replaced: JobId[];
}

/** The jobs to restart, in order. Fails if one of them cannot be restarted; then nothing was done. */
export function planRestarts(context: Context, home: Home, given: JobView[]): Result<Again[]> {
  const plan = new Map<string, Again>();
  const own = callerJob(home, process.env);
  for (const one of given) {
    const judged = judgeable(one);
    if (!judged.ok) return judged;
    const view = judged.value;
    if (view.kind === 'live' && view.id === own && given.length > 1)
      return fail(stopsItself(view, 'restart'));
    const redrafted = redraftOf(context, home, view);
    if (!redrafted.ok) return redrafted;
    const follower = followerOf(home, view, redrafted.value);
    if (follower && !given.some(({ id }) => id === follower.id)) return fail(followedBy(view, follower));
    const title = jobNameOf(view.spec);
    const key = title ? `${title.name} ${title.project}` : String(view.id);
    const other = plan.get(key);
    if (!other) plan.set(key, { ...redrafted.value, view, earlier: [] });
    else if (other.view.id > view.id) other.earlier.push(view.id);
    else {
      plan.delete(key);
      plan.set(key, { ...redrafted.value, view, earlier: [...other.earlier, other.view.id] });
    }
  }
  return ok(inOrder([...plan.values()]));
}

/** The live job that has the name of this one now, in its project or in that of the new job. */
function followerOf(home: Home, view: LiveView | EndedView, { draft }: Redraft): JobView | undefined {
  for (const title of [jobNameOf(view.spec), jobNameOf(draft)]) {
    const owner = title && nameOwner(home, title);
    if (owner && owner.id !== view.id) return owner;
  }
  return undefined;
}

/** As given, but each after the jobs that it waits for. */
function inOrder(plan: Again[]): Again[] {
  const byId = new Map(plan.map((again) => [again.view.id, again]));
  const ordered = new Set<Again>();
  const add = (again: Again): void => {
    if (ordered.has(again)) return;
    for (const { id } of again.view.spec.placement?.after ?? []) {
      const awaited = byId.get(id);
      // a job waits only for jobs with lower ids: there is no cycle
      if (awaited && id < again.view.id) add(awaited);
    }
    ordered.add(again);
  };
  for (const again of plan) add(again);
  return [...ordered];
}

/**
 * Restarts them, and calls `report` for each; its failure ends the call. After a failure `left` names those that
 * were not restarted.
 */
export async function restartJobs(
  output: Output,
  home: Home,
  plan: Again[],
  mayStart: StartCheck,
  report: (restarted: Restarted) => Promise<Result<void>>,
): Promise<{ done: Restarted[]; failed: { failure: Result<never>; left: JobId[] } | null }> {
  const done: Restarted[] = [];
  const renewed = new Map<JobId, JobId>();
  const queues = new Set<string>();
  // one scan of the processes serves all; a single job gets a thorough one
  const marked = plan.length > 1 ? await markedProcesses(home) : undefined;
  let failed: { failure: Result<never>; left: JobId[] } | null = null;
  for (const [n, again] of plan.entries()) {
    const started = await restartOne(output, home, again, renewed, marked, mayStart);
    if (!started.ok) {
      failed = { failure: started, left: plan.slice(n).map(({ view }) => view.id) };
      break;
    }
    const { id, placement } = started.value;
    for (const old of [again.view.id, ...again.earlier]) {
      renewed.set(old, id);
      markSuperseded(home.job(old), id);
    }
    if (placement) queues.add(placement.queue);
    const restarted = { id, again, replaced: started.value.replaced };
    done.push(restarted);
    // of a single job: the queue moves on before the id is printed
    if (placement && plan.length === 1) await attendAdded(home, id, placement.queue);
    const reported = await report(restarted);
    if (reported.ok) continue;
    failed = { failure: reported, left: [] };
    break;
  }
  if (plan.length > 1) {
    for (const queue of queues) await attendQueue(home, queue);
    await startMissingTargets(home);
  }
  return { done, failed };
}

async function restartOne(
  output: Output,
  home: Home,
  again: Again,
  renewed: ReadonlyMap<JobId, JobId>,
  marked: Awaited<ReturnType<typeof markedProcesses>> | undefined,
  mayStart: StartCheck,
): Promise<Result<{ id: JobId; placement: QueuedDraft['placement'] | null; replaced: JobId[] }>> {
  const { view, draft: first } = again;
  const follower = followerOf(home, view, again);
  if (follower) return fail(followedBy(view, follower));
  // a job that cannot be started again is not stopped
  const may = await mayStart([view.id]);
  if (!may.ok) return may;
  const stopped: JobId[] = [];
  const leftovers = async (ended: EndedView): Promise<number> =>
    marked ? countLeftovers(home, ended, marked) : (await processesOf(home, ended)).length;
  const left = view.kind === 'ended' ? await leftovers(view) : 1;
  const cleared = left > 0 ? await stopOne(output, home, view, stopped, 'restart') : ok(undefined);
  if (!cleared.ok) return cleared;
  const placement = placementAgain(view.spec, renewed);
  const draft = { ...first, placement };
  const naming = draft.name === null ? 'alone' : 'replace';
  const started = await startNamed(output, home, draft, naming, mayStart, 'restart');
  if (!started.ok) return started;
  const { id, replaced } = started.value;
  return ok({ id, placement, replaced: [...stopped, ...replaced] });
}

/**
 * Starts one job of a schedule or trigger, never twice for the same time or delivery. The claim names the id
 * of the job and is durable before the job is written: a process that finds the claim after a kill knows
 * whether the job was started.
 */
import { directoryNow } from '../../base/fs/moving-link.ts';
import { claimStart, type JobTemplate, readEvents } from '../../job/automation/template-records.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { jobNameOf } from '../../job/home/name-claims.ts';
import type { TemplatePaths } from '../../job/home/paths.ts';
import { whyUnable } from '../../job/needs.ts';
import { NO_QUEUE } from '../../job/queue/queue-order.ts';
import type { JobId, Origin, Placement } from '../../job/spec.ts';
import { type Draft, launch } from '../launch/launch.ts';
import { moveDraft, movePwd } from '../launch/moved-draft.ts';
import { withAccount } from '../launch/variable-rules.ts';
import { nameOwner } from '../observe/name-owner.ts';
import { observe } from '../observe/observe.ts';
import { isProcForeign } from '../os/call-sandbox.ts';
import { identify } from '../os/process-identity.ts';
import { attendAdded } from '../queue/admission.ts';
import { enqueue, placementFor } from '../queue/enqueue.ts';
import { jobsWithoutEvent } from './claimed-jobs.ts';

interface Occasion {
  origin: Origin;
  /** `NAME=value`, added to the stored environment. */
  variables: string[];
  /** The key and generation of the claim to make; null: started by hand, as often as the user likes. */
  claim: { key: string; generation: number } | null;
  payload?: Uint8Array;
  parent: JobId | null;
  /** The job starts after these have ended. */
  after: JobId[];
}

/** Starts or queues the job and returns its id. It gets the template's name, if no live job has that. */
export async function startFrom(
  home: Home,
  paths: TemplatePaths,
  template: JobTemplate,
  occasion: Occasion,
): Promise<Result<JobId>> {
  const { claim } = occasion;
  if (isProcForeign()) return fail({ code: 'proc-foreign' });
  const unable = whyUnable(template);
  if (unable !== null) return fail({ code: 'starter-newer', name: template.name, why: unable });
  const { cwd } = template.draft;
  const now = directoryNow(cwd) ?? cwd;
  const moved = now === cwd ? template.draft : { ...moveDraft(template.draft, now), cwdLink: cwd };
  const named = { ...moved, name: template.name };
  // like variables given with -e: a restart uses them, too
  const env = [...named.env, ...occasion.variables];
  const draft: Draft = {
    ...named,
    name: nameOwner(home, jobNameOf(named)!) ? null : template.name,
    env,
    parent: occasion.parent,
    session: null,
    origin: occasion.origin,
    environment: [...withAccount(movePwd(template.environment, cwd, now)), ...occasion.variables],
    placement: placementOn(template, occasion.after),
    ...(occasion.payload && { payload: occasion.payload }),
  };
  const mayStart = (job: JobId): Result<void> =>
    claim === null || claimStart(paths, { ...claim, job, by: identify(process.pid)! })
      ? ok(undefined)
      : fail({ code: 'started-before', name: template.name });
  // the supervisor inherits it
  const before = process.umask(template.umask);
  try {
    const { placement } = draft;
    if (!placement) return await launch(home, draft, mayStart);
    const queued = await enqueue(home, { ...draft, placement }, mayStart);
    if (queued.ok) await attendAdded(home, queued.value, placement.queue);
    return queued;
  } finally {
    process.umask(before);
  }
}

function placementOn({ queue, draft }: JobTemplate, ids: JobId[]): Placement | null {
  const waits = queue !== null || ids.length > 0;
  const after = ids.map((id) => ({ id, any: true }));
  return placementFor(
    draft.target,
    waits ? { queue: queue ?? NO_QUEUE, priority: 0, notBefore: null, after } : null,
  );
}

/** The live jobs of a schedule or trigger, the newest last. */
export function liveJobs(home: Home, paths: TemplatePaths): JobId[] {
  const events = readEvents(paths);
  const ids = [...events.flatMap(({ job }) => job ?? []), ...jobsWithoutEvent(home, paths, events)];
  return ids.filter((id) => observe(home, id)?.kind === 'live').sort((one, other) => one - other);
}

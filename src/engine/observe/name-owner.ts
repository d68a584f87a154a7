/**
 * Which job has a name now. A claim counts while somebody holds its job's FIFO: the launcher opens it before it claims, so
 * that one who is killed in between frees the name at once, and one who is only stopped keeps it.
 */
import { type Clock, systemClock } from '../../base/clock.ts';
import { type Failure, fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { projectKey } from '../../job/home/job-index.ts';
import {
  claimName,
  isClaimDamaged,
  judgeClaims,
  pruneNameClaims,
  readClaims,
  type Title,
  titleOf,
} from '../../job/home/name-claims.ts';
import { readOwner } from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';
import { type JobView, stateWord } from '../../job/view.ts';
import { isLocked } from '../os/process-identity.ts';
import { observe } from './observe.ts';
import { listUnended } from './unended.ts';

/** Between two looks at somebody who is about to start, milliseconds. */
const POLL_MS = 10;
/** Such a one needs milliseconds; after this it was stopped, milliseconds. */
const SETTLE_MS = 10_000;

/** What a claim is worth, and the job that it names; a `none` may have no job any more. */
export type NameClaimState =
  | { claimState: 'holds' | 'pending'; view: JobView }
  | { claimState: 'none'; view: JobView | undefined };

/** What the claim of this job is worth. */
export function claimStateOf(home: Home, id: JobId): NameClaimState {
  const job = home.job(id);
  const view = observe(home, id);
  // nobody knows what it is, but it lives
  if (view?.kind === 'unreadable')
    return { view, claimState: view.runs || isLocked(job.alive) ? 'holds' : 'none' };
  if (view?.kind !== 'live') return { view, claimState: 'none' };
  if (view.status.phase === 'queued') return { view, claimState: 'holds' };
  // held first: whoever lets go has written the owner before
  const held = isLocked(job.alive);
  if (readOwner(job).kind !== 'absent') return { view, claimState: 'holds' };
  return { view, claimState: held ? 'pending' : 'none' };
}

/** The live job that has the name, or is about to have it. */
export function nameOwner(home: Home, title: Title): JobView | undefined {
  const live = readClaims(home, title).flatMap(({ id }) => {
    const found = claimStateOf(home, id);
    return found.claimState === 'none' ? [] : [found];
  });
  const found = (live.find(({ claimState }) => claimState === 'holds') ?? live.at(-1))?.view;
  return found ?? (isClaimDamaged(home, title) ? findNameOwner(home, title) : undefined);
}

/** The same from the specs of all live jobs. */
function findNameOwner(home: Home, title: Title): JobView | undefined {
  const key = projectKey(title.project);
  const ids = listUnended(home, (project) => project === key);
  for (const id of ids.sort((a, b) => b - a)) {
    const { claimState, view } = claimStateOf(home, id);
    const own = view && 'spec' in view ? titleOf(view.spec) : undefined;
    if (claimState === 'holds' && own?.name === title.name && own.project === title.project) return view;
  }
  return undefined;
}

/** That this job has the name already. */
export function nameTaken(title: Title, view: JobView): Extract<Failure, { code: 'name-taken' }> {
  const ageMs = 'status' in view && view.status.phase !== 'starting' ? ageOf(view) : null;
  return { code: 'name-taken', name: title.name, id: view.id, state: stateWord(view), ageMs, ports: [] };
}

const ageOf = (view: JobView): number | null =>
  'spec' in view ? Math.max(0, systemClock.now() - view.spec.createdAt) : null;

/**
 * Claims the name for a job that is about to start, whose spec is written and whose FIFO the caller holds. Fails if
 * another has it; then the caller takes the job back and withdraws the claim.
 */
export async function takeName(
  home: Home,
  title: Title,
  id: JobId,
  clock: Clock = systemClock,
): Promise<Result<void>> {
  const mine = claimName(home, title, id);
  const deadline = clock.monotonic() + SETTLE_MS;
  for (;;) {
    const others = readClaims(home, title)
      .filter((claim) => claim.id !== id)
      .map((claim) => ({ ...claim, ...claimStateOf(home, claim.id) }));
    const judged = judgeClaims(mine, others);
    if (judged === 'free') {
      pruneNameClaims(home, title, others);
      return ok(undefined);
    }
    if (judged === 'taken' || clock.monotonic() > deadline) {
      const live = others.filter(({ claimState }) => claimState !== 'none');
      const holder = live.find(({ claimState }) => claimState === 'holds') ?? live.at(-1)!;
      return fail(nameTaken(title, holder.view!));
    }
    await clock.sleep(POLL_MS);
  }
}

/** What the claim is worth once its launcher has asked: `pending` only if that one does not get any further. */
export async function waitSettled(home: Home, id: JobId): Promise<NameClaimState> {
  const deadline = systemClock.monotonic() + SETTLE_MS;
  for (;;) {
    const found = claimStateOf(home, id);
    if (found.claimState !== 'pending' || systemClock.monotonic() > deadline) return found;
    await systemClock.sleep(POLL_MS);
  }
}

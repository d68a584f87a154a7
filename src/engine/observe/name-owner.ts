/**
 * Which live job has a name. A claim counts while its job's FIFO is locked. The launcher opens the FIFO
 * before it claims: if it is killed in between, the name is free at once; if it is only stopped, the name
 * stays taken.
 */
import { sleep, systemClock } from '../../base/clock.ts';
import { type Failure, fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { projectKey } from '../../job/home/job-index.ts';
import {
  claimName,
  isClaimDamaged,
  type JobName,
  jobNameOf,
  judgeClaims,
  pruneNameClaims,
  readClaims,
} from '../../job/home/name-claims.ts';
import { readOwner } from '../../job/home/records.ts';
import type { JobId } from '../../job/spec.ts';
import { type JobView, stateWord } from '../../job/view.ts';
import { isLocked } from '../os/process-identity.ts';
import { observe } from './observe.ts';
import { listUnended } from './unended.ts';

/** How often the state of a claim is polled while another job is about to start, milliseconds. */
const POLL_MS = 10;
/** After this time a start that goes on counts as stopped (SIGSTOP), milliseconds. */
const SETTLE_MS = 10_000;

/** The state of a claim and the job that it names. With `none` the job may be gone. */
type NameClaimState =
  | { claimState: 'owns' | 'pending'; view: JobView }
  | { claimState: 'none'; view: JobView | undefined };

export function claimStateOf(home: Home, id: JobId): NameClaimState {
  const job = home.job(id);
  const view = observe(home, id);
  // the job is alive, whatever else it is
  if (view?.kind === 'unreadable')
    return { view, claimState: view.runs || isLocked(job.alive) ? 'owns' : 'none' };
  if (view?.kind !== 'live') return { view, claimState: 'none' };
  if (view.status.phase === 'queued') return { view, claimState: 'owns' };
  // the lock is read before the owner: a launcher writes the owner before it unlocks
  const locked = isLocked(job.alive);
  if (readOwner(job).kind !== 'absent') return { view, claimState: 'owns' };
  return { view, claimState: locked ? 'pending' : 'none' };
}

export function nameOwner(home: Home, title: JobName): JobView | undefined {
  const found = chooseOwner(readClaims(home, title).map(({ id }) => claimStateOf(home, id)));
  return found ?? (isClaimDamaged(home, title) ? findNameOwner(home, title) : undefined);
}

function chooseOwner(claims: NameClaimState[]): JobView | undefined {
  const live = claims.filter(({ claimState }) => claimState !== 'none');
  return (live.find(({ claimState }) => claimState === 'owns') ?? live.at(-1))?.view;
}

/** The same from the specs of all live jobs, for a damaged claim. */
function findNameOwner(home: Home, title: JobName): JobView | undefined {
  const key = projectKey(title.project);
  const ids = listUnended(home, (project) => project === key);
  for (const id of ids.sort((a, b) => b - a)) {
    const { claimState, view } = claimStateOf(home, id);
    const own = view && 'spec' in view ? jobNameOf(view.spec) : undefined;
    if (claimState === 'owns' && own?.name === title.name && own.project === title.project) return view;
  }
  return undefined;
}

export function nameTaken(title: JobName, view: JobView): Extract<Failure, { code: 'name-taken' }> {
  const hasAge = 'status' in view && view.status.phase !== 'starting';
  const ageMs = hasAge ? Math.max(0, systemClock.now() - view.spec.createdAt) : null;
  return { code: 'name-taken', name: title.name, id: view.id, state: stateWord(view), ageMs, ports: [] };
}

/**
 * Claims the name for a job that is about to start. Its spec is written, and the caller holds its FIFO open.
 * Fails if another job has the name; then the caller removes its job and withdraws the claim.
 */
export async function takeName(home: Home, title: JobName, id: JobId): Promise<Result<void>> {
  const mine = claimName(home, title, id);
  const deadline = systemClock.monotonic() + SETTLE_MS;
  for (;;) {
    const others = readClaims(home, title)
      .filter((claim) => claim.id !== id)
      .map((claim) => ({ ...claim, ...claimStateOf(home, claim.id) }));
    const judged = judgeClaims(mine, others);
    if (judged === 'free') {
      pruneNameClaims(home, title, others);
      return ok(undefined);
    }
    if (judged === 'taken' || systemClock.monotonic() > deadline)
      return fail(nameTaken(title, chooseOwner(others)!));
    await sleep(POLL_MS);
  }
}

/** The state of the claim once its launcher has decided; `pending` only if the launcher is stuck. */
export async function waitSettled(home: Home, id: JobId): Promise<NameClaimState> {
  const deadline = systemClock.monotonic() + SETTLE_MS;
  for (;;) {
    const found = claimStateOf(home, id);
    if (found.claimState !== 'pending' || systemClock.monotonic() > deadline) return found;
    await sleep(POLL_MS);
  }
}

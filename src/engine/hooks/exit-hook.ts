/**
 * Starts the hook process of `--on-exit`, `--notify` and `--tell` after the end is published, and tells readers how far
 * it is. The process that publishes the end starts it and may be killed just then, so another may start it
 * again. The hook process decides by a claim, which it makes first of all and never removes.
 * supervisor/run-hook.ts is that process.
 */
import { closeSync, constants, lstatSync, openSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { attemptQuietly, errnoOf } from '../../base/result.ts';
import * as is from '../../base/schema.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobPaths } from '../../job/home/paths.ts';
import { foundValue, readChecked, readState } from '../../job/home/records.ts';
import { hasHook, isNotified, type Spec } from '../../job/spec.ts';
import { exitCodeOf } from '../../job/state.ts';
import type { EndedView, JobView } from '../../job/view.ts';
import { spawnDetached } from '../launch/spawn-supervisor.ts';
import { storeEnvironment } from '../launch/stored-environment.ts';
import { missingPart, nodeProgram, SUPERVISOR } from '../os/own-program.ts';
import { linkToSelf, readProcessLink } from '../os/process-lock.ts';

export const HOOK_LIMIT_MS = 60_000;
/** For this long after an end it may be about to start, milliseconds. */
const DUE_MS = 60_000;

let runHere: ((home: Home, spec: Spec) => Promise<void>) | undefined;

/** For a supervisor, which has the code of a hook process: it does its work if none can be started. */
export function runHooksHere(run: (home: Home, spec: Spec) => Promise<void>): void {
  runHere = run;
}

/** Starts the hook process, if the job needs one and it was not started before; returns at once. */
export function startHook(home: Home, spec: Spec): void {
  if (!hasHook(spec) || readHookClaim(home.job(spec.id))) return;
  if (spec.onExit === null && !isNoticeDue(home, spec)) return;
  if (runHere && missingPart() !== undefined) {
    void runHere(home, spec);
    return;
  }
  // on a full disk it gets our environment
  if (spec.onExit !== null) attemptQuietly(() => storeEnvironment(home, spec));
  // 3 and 4 may be descriptors of ours, which 'ignore' does not close: the job would seem to be locked
  const nothing = openSync('/dev/null', constants.O_RDONLY);
  const args = [SUPERVISOR, home.path, String(spec.id), '--hook'];
  const child = spawnDetached(spec.id, nodeProgram(), args, [nothing, nothing]);
  closeSync(nothing);
  child.on('error', () => {});
}

/** Whether the end may have to be notified or told. It is published by now, or the disk is full. */
function isNoticeDue(home: Home, { id, notify, tell }: Spec): boolean {
  const asked = [notify, tell].filter((one) => one !== null);
  const status = asked.length === 0 ? undefined : foundValue(readState(home.job(id)))?.status;
  if (status?.phase !== 'ended') return asked.length > 0;
  const { outcome, stop } = status;
  return asked.some((one) => isNotified(one, { outcome, code: exitCodeOf(outcome), stop }));
}

/** Becomes the only hook process of the job; false if another process is or was. Throws system errors. */
export const claimHook = (job: JobPaths): boolean => linkToSelf(job.hook);

function readHookClaim(job: JobPaths): { pid: number; isAlive: boolean; at: number } | undefined {
  try {
    // a zombie counts as dead: where pid 1 reaps no children it stays for ever
    return { ...readProcessLink(job.hook), at: lstatSync(job.hook).mtimeMs };
  } catch (thrown) {
    // something else has that name: then no process can make a claim
    return errnoOf(thrown) === 'ENOENT' ? undefined : { pid: 0, isAlive: false, at: 0 };
  }
}

const hookedSchema = is.object({
  v: is.version(1),
  startedAt: is.time,
  endedAt: is.time,
  /** The exit code as a shell gives it; null: it ended otherwise, see `why`. */
  code: is.nullable(is.upTo(255)),
  why: is.nullable(is.text),
});
export type HookEnd = is.SchemaType<typeof hookedSchema>;

type HookProgress = { kind: 'due' | 'not-run' | 'unseen' } | { kind: 'runs'; pid: number; since: number };
export type HookView = HookProgress | { kind: 'waits' } | { kind: 'done'; end: HookEnd };

/** Undefined if the job has no --on-exit. */
export function hookOf(home: Home, view: JobView): HookView | undefined {
  if (!('spec' in view) || view.spec.onExit === null) return undefined;
  if (view.kind !== 'ended') return { kind: 'waits' };
  // read first: a record written meanwhile is found below
  const progress = hookProgress(home, view);
  const end = readChecked(home.job(view.id).hooked, 'on-exit.json', hookedSchema);
  return end.kind === 'read' ? { kind: 'done', end: end.value } : progress;
}

export function hookProgress(home: Home, view: EndedView): HookProgress {
  const claim = readHookClaim(home.job(view.id));
  if (claim) return claim.isAlive ? { kind: 'runs', pid: claim.pid, since: claim.at } : { kind: 'unseen' };
  // no process was left to start it
  if (view.status.outcome.kind === 'lost' && view.state?.status.phase !== 'ended') return { kind: 'not-run' };
  const agoMs = systemClock.now() - view.status.endedAt;
  return agoMs < DUE_MS ? { kind: 'due' } : { kind: 'not-run' };
}

/** Whether the hook process runs or is about to: then the job is still needed. */
export function isHookDue(home: Home, { id, spec }: EndedView, agoMs: number): boolean {
  if (!hasHook(spec) || (spec.onExit === null && !isNoticeDue(home, spec))) return false;
  const claim = readHookClaim(home.job(id));
  return claim ? claim.isAlive : agoMs < DUE_MS;
}

/**
 * Helper processes of a job (shim, watcher, terminal) as its owner sees them: they are not part of the job,
 * and record its end.
 */
import { systemClock } from '../base/clock.ts';
import { fileOf, isSameFile } from '../base/fs/file-id.ts';
import { findProcesses, type OnFound, sinceTicksOf } from '../engine/observe/process-tree.ts';
import { identify, isAlive, openFile, openFiles, type ProcessStat } from '../engine/os/process-identity.ts';
import { helperProcesses, readShim, type ShimRecord } from '../engine/shim/shim-record.ts';
import type { Home } from '../job/home/home.ts';
import type { JobPaths } from '../job/home/paths.ts';
import type { Owner } from '../job/home/records.ts';
import type { Identity } from '../job/identity.ts';
import type { Spec } from '../job/spec.ts';

interface Supervised {
  readonly home: Home;
  readonly spec: Spec;
  readonly job: JobPaths;
  readonly owner: Owner;
  readonly left: Identity[];
  readonly shimPid: number | undefined;
  readonly watcherPid: number | undefined;
  readonly aliveFd: number;
}

const records = new WeakMap<Supervised, ShimRecord>();

/** If the home is away, the last one: without it a stop would hit the helper processes. */
export function readShimRecord(supervision: Supervised): ShimRecord {
  const record = readShim(supervision.job, supervision.owner.identity);
  if (record.shim === undefined) return records.get(supervision) ?? record;
  records.set(supervision, record);
  return record;
}

/** The main process is known to be the job's: the owner has watched it from the start (`watched`). */
export function findJobProcesses(supervision: Supervised, onFound?: OnFound): Promise<ProcessStat[]> {
  const { home, spec, owner, left, shimPid, watcherPid } = supervision;
  const record = readShimRecord(supervision);
  const { main, leader } = record;
  const own = [shimPid, watcherPid].map((pid) => (pid === undefined ? undefined : identify(pid)));
  const spared = [...helperProcesses(record), ...own].filter((one) => one !== undefined);
  const sinceTicks = sinceTicksOf(home, spec.id);
  const known = { main, leader, spared, owner: owner.identity, sinceTicks, left, watched: true };
  return findProcesses({ home, id: spec.id, ...known }, onFound);
}

const goneSince = new WeakMap<Supervised, number>();
/** By then the shim has recorded the end. */
const SHIM_MS = 500;

/** The shim; with --pty the leader, or the shim after `script` ended. */
export function hasExitRecorder(supervision: Supervised): boolean {
  const { shim, terminal, leader } = readShimRecord(supervision);
  const lives = (one: Identity | undefined) => one !== undefined && isAlive(one) !== 'dead';
  if (terminal && !lives(terminal) && !lives(leader)) {
    const now = systemClock.monotonic();
    const since = goneSince.get(supervision) ?? now;
    goneSince.set(supervision, since);
    if (now - since > SHIM_MS) return false;
  }
  const isWriting = lives(shim) && !hasUnlocked(shim!, supervision.aliveFd);
  return supervision.shimPid !== undefined || isWriting || [terminal, leader].some(lives);
}

/**
 * A shim that has written its last record has closed `alive`, and waits for its watcher. If the job removed
 * `exit.N`, that record cannot be read.
 */
function hasUnlocked({ pid }: Identity, aliveFd: number): boolean {
  const open = [...openFiles(pid)];
  // no open file is shown if we may not read them
  return (
    open.length > 0 &&
    !open.some(([fd, path]) => path.includes('/alive') && isSameFile(openFile(pid, fd), fileOf(aliveFd)))
  );
}

/** If `script` hangs, the end must be published anyway. */
const DRAIN_MS = 5000;

export function isDraining(supervision: Supervised, endedAt: number): boolean {
  if (supervision.spec.pty === null || Math.abs(systemClock.now() - endedAt) > DRAIN_MS) return false;
  const { terminal } = readShimRecord(supervision);
  return terminal !== undefined && isAlive(terminal) !== 'dead';
}

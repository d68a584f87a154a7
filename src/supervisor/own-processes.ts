/** Who of ours stands beside a job, as its owner sees it: they are no part of it, write down its end, and what it said last. */
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

/** What is asked here of a supervision. */
interface HelperProcess {
  readonly home: Home;
  readonly spec: Spec;
  readonly job: JobPaths;
  readonly owner: Owner;
  readonly left: Identity[];
  readonly shimPid: number | undefined;
  readonly watcherPid: number | undefined;
  readonly aliveFd: number;
}

/** What the shim wrote down, as it was read last. */
const records = new WeakMap<HelperProcess, ShimRecord>();

/** What the shim wrote down, also while the home is away: what of ours was not spared would be stopped with the job. */
export function recordOf(beside: HelperProcess): ShimRecord {
  const record = readShim(beside.job, beside.owner.identity);
  if (record.shim === undefined) return records.get(beside) ?? record;
  records.set(beside, record);
  return record;
}

/** The job's processes; `watched`, because we have seen the main process until now. */
export function findOwn(beside: HelperProcess, onFound?: OnFound): Promise<ProcessStat[]> {
  const { home, spec, owner, left, shimPid, watcherPid } = beside;
  const record = recordOf(beside);
  const { main, leader } = record;
  const own = [shimPid, watcherPid].map((pid) => (pid === undefined ? undefined : identify(pid)));
  const spared = [...helperProcesses(record), ...own].filter((one) => one !== undefined);
  const sinceTicks = sinceTicksOf(home, spec.id);
  const known = { main, leader, spared, owner: owner.identity, sinceTicks, left, watched: true };
  return findProcesses({ home, id: spec.id, ...known }, onFound);
}

/** Since when the terminal of a job is seen to be gone, milliseconds. */
const goneSince = new WeakMap<HelperProcess, number>();
/** After that the shim has written what it makes of it. */
const SHIM_MS = 500;

/** Whether somebody lives who will write the exit status down: the shim; with --pty the leader, or the shim at the end of `script`. */
export function hasScribe(beside: HelperProcess): boolean {
  const { shim, terminal, leader } = recordOf(beside);
  const lives = (one: Identity | undefined) => one !== undefined && isAlive(one) !== 'dead';
  if (terminal && !lives(terminal) && !lives(leader)) {
    const now = systemClock.monotonic();
    const since = goneSince.get(beside) ?? now;
    goneSince.set(beside, since);
    if (now - since > SHIM_MS) return false;
  }
  const isWriting = lives(shim) && !hasLetGo(shim!, beside.aliveFd);
  return beside.shimPid !== undefined || isWriting || [terminal, leader].some(lives);
}

/**
 * Whether a shim that lives has written all that it writes: then it has closed the FIFO `alive`, and waits for its watcher. If the job
 * removed `exit.N`, nobody finds what it wrote.
 */
function hasLetGo({ pid }: Identity, aliveFd: number): boolean {
  const open = [...openFiles(pid)];
  // what may not be seen shows nothing
  return (
    open.length > 0 &&
    !open.some(([fd, path]) => path.includes('/alive') && isSameFile(openFile(pid, fd), fileOf(aliveFd)))
  );
}

/** How long `script` may take after the end of the job, milliseconds: something that hangs must not hide that end. */
const DRAIN_MS = 5000;

/** Whether the terminal still writes into the log what the job said last. */
export function isDraining(beside: HelperProcess, endedAt: number): boolean {
  if (beside.spec.pty === null || Math.abs(systemClock.now() - endedAt) > DRAIN_MS) return false;
  const { terminal } = recordOf(beside);
  return terminal !== undefined && isAlive(terminal) !== 'dead';
}

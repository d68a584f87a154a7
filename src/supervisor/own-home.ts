/**
 * Finds the home of a job whose FIFO `alive` this process inherited. The home may have been moved, and
 * another home may be at its path. The FIFO is open, so the kernel tells the job's directory, and on Linux
 * also its current path.
 */
import { fileAt, fileOf, isRemoved, isSameFile, pathOf } from '../base/fs/file-id.ts';
import { attemptQuietly } from '../base/result.ts';
import { matchesIdentity, readStat } from '../engine/os/process-identity.ts';
import { rememberToolsIn } from '../engine/os/tool-memory.ts';
import { readShim } from '../engine/shim/shim-record.ts';
import { AnchoredHome } from '../job/home/anchored-home.ts';
import { openHome } from '../job/home/home.ts';
import type { JobPaths } from '../job/home/paths.ts';
import type { JobId } from '../job/spec.ts';
import { ALIVE_FD } from './supervision.ts';

/** Between the check of a path and its use lies some time in any case, milliseconds. */
const TRUST_MS = 1;

export function anchoredHome(path: string): AnchoredHome | undefined {
  const home = openHome(path, false, Number.POSITIVE_INFINITY);
  const anchored = attemptQuietly(() =>
    home.ok && home.value ? new AnchoredHome(home.value, TRUST_MS) : undefined,
  );
  if (anchored) rememberToolsIn(anchored);
  return anchored;
}

/** At `path` or at its current path; `away`: it cannot be reached now; undefined: it was removed. */
export function homeOf(path: string, id: JobId): AnchoredHome | 'away' | undefined {
  const moved = new RegExp(`^(.*)/jobs/${id}/alive$`, 's').exec(pathOf(ALIVE_FD) ?? '')?.[1];
  for (const at of moved === undefined || moved === path ? [path] : [path, moved]) {
    const home = anchoredHome(at);
    if (home && isOfThisProcess(home.job(id))) return home;
  }
  return isRemoved(ALIVE_FD) ? undefined : 'away';
}

/** Whether the job's FIFO is the inherited one, or if it was replaced, the job's watcher our parent. */
function isOfThisProcess(job: JobPaths): boolean {
  if (isSameFile(fileAt(job.alive), fileOf(ALIVE_FD))) return true;
  const { watcher } = readShim(job);
  return (
    watcher !== undefined && watcher.pid === process.ppid && matchesIdentity(readStat(watcher.pid), watcher)
  );
}

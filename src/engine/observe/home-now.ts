/** Where the home of a job is by now: a home may be moved while a call uses it. */
import { dirname } from 'node:path';
import { type Home, openHome } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import { readTable, supervisedFolder, supervisedJob } from '../os/process-table.ts';

/** The home at this path, if it is that of the token: another one may have been made there. */
function homeAt(path: string, token: string): Home | undefined {
  const opened = openHome(path, false);
  return opened.ok && opened.value?.token === token ? opened.value : undefined;
}

/** The home at its path; else where the supervisor of the job has its folder. Undefined: it is not found. */
export async function homeNow(path: string, token: string, id: JobId): Promise<Home | undefined> {
  const there = homeAt(path, token);
  if (there) return there;
  for (const { pid } of await readTable()) {
    const folder = supervisedJob(pid) === id ? supervisedFolder(pid) : undefined;
    const moved = folder === undefined ? undefined : homeAt(dirname(dirname(folder)), token);
    if (moved) return moved;
  }
  return undefined;
}

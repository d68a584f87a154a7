/** What a job uses now, or what it used, as a reader sees it. */
import type { Home } from '../../job/home/home.ts';
import { foundValue, readOwner } from '../../job/home/records.ts';
import { type JobUsage, type JobView, recordedUsage } from '../../job/view.ts';
import { readShim } from '../shim/shim-record.ts';
import { groupName, groupOf, type MemoryWay } from './control-group.ts';
import { sampleTree } from './sample.ts';

/** Null: it does not run and has not ended, it runs elsewhere, or nothing is known. */
export function readUsage(home: Home, view: JobView): JobUsage | null {
  if (view.kind === 'ended') return recordedUsage(view);
  if (view.kind !== 'live' || !('startedAt' in view.status) || view.spec.target !== null) return null;
  const job = home.job(view.id);
  const { main } = readShim(job, foundValue(readOwner(job))?.identity);
  const sample = main && sampleTree(main);
  if (!sample) return null;
  const { cpuMs, memoryBytes, largestBytes } = sample;
  return { cpuMs, memoryBytes, peakMemoryBytes: Math.max(memoryBytes ?? 0, largestBytes), from: 'samples' };
}

/** How the limit of a job is kept; null: it has none, does not run, or that is not known any more. */
export function limitWay(home: Home, view: JobView): MemoryWay['way'] | null {
  if (!('spec' in view) || view.spec.memory === null || view.kind === 'elsewhere') return null;
  if (view.kind === 'ended') return recordedUsage(view)?.from === 'cgroup' ? 'group' : null;
  const job = home.job(view.id);
  const { main } = readShim(job, foundValue(readOwner(job))?.identity);
  if (!main || !('startedAt' in view.status)) return null;
  const group = groupOf(main.pid, groupName(home, view.id, view.state?.attempt ?? 1));
  return group === undefined ? 'samples' : group.endsWith('.scope') ? 'scope' : 'group';
}

/** The targets of config.json, and those that jobs name directly, with their live jobs. */
import { isServed } from '../../engine/launch/service-launch.ts';
import { targetServiceOf } from '../../engine/launch/target-service.ts';
import type { Config } from '../../job/home/config.ts';
import type { Home } from '../../job/home/home.ts';
import { listTargetJobs, listTargetKeys, readSilence, readTarget } from '../../job/targets/target-records.ts';
import type { TargetRow } from '../messages/targets.ts';

export function listTargets(home: Home | undefined, { targets }: Pick<Config, 'targets'>): TargetRow[] {
  const rows = new Map<string, TargetRow>();
  for (const target of targets.values()) rows.set(target.name, { target, jobs: 0, contact: undefined });
  for (const key of home ? listTargetKeys(home) : []) {
    const record = readTarget(home!, key);
    const jobs = record ? listTargetJobs(home!, key).length : 0;
    if (!record || jobs === 0) continue;
    const { name } = record.target;
    const known = rows.get(name);
    const contact = {
      isServed: isServed(targetServiceOf(home!, record.target)),
      silence: readSilence(home!, key),
    };
    rows.set(name, { target: known?.target ?? record.target, jobs: (known?.jobs ?? 0) + jobs, contact });
  }
  return [...rows.values()].sort((a, b) => (a.target.name < b.target.name ? -1 : 1));
}

/** Control groups with the names that systemd gives them, in a folder of this test. */
import * as fs from 'node:fs';
import { join } from 'node:path';

const HIERARCHY = ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup'].find((path) =>
  fs.existsSync(join(path, 'cgroup.procs')),
);

/** The folder of the control groups of this test. */
export const ownSlice = (): string => `${HIERARCHY}/bgjob-test-${process.pid}`;

/** Why no control group can be made here; false if one can. */
export function cannotMakeGroups(): string | false {
  if (!HIERARCHY) return 'there are no control groups here';
  try {
    fs.mkdirSync(ownSlice());
    fs.rmdirSync(ownSlice());
    return false;
  } catch {
    return 'no control group can be made here';
  }
}

/** Words before a command that runs in this control group. */
export function inGroup(group: string): string[] {
  const path = join(ownSlice(), group);
  fs.mkdirSync(path, { recursive: true });
  return ['sh', '-c', `echo $$ >'${path}/cgroup.procs' && exec "$@"`, 'sh'];
}

/** Removes all groups of this test; no process may be in them. */
export function removeSlice(path = ownSlice()): void {
  if (!fs.existsSync(path)) return;
  for (const entry of fs.readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) removeSlice(join(path, entry.name));
  fs.rmdirSync(path);
}

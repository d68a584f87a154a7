/**
 * Where a job may run: whoever starts one that somebody else queued must be confined as that one was: the same user, namespaces,
 * limits, capabilities and control group. Working directory, environment and umask are set anew for each job.
 */
import * as fs from 'node:fs';
import { getPriority } from 'node:os';
import { namesIn, readRecord } from '../../base/fs/read-record.ts';
import { errnoOf } from '../../base/result.ts';
import { projectKey } from '../../job/home/job-index.ts';
import { sandboxKey } from '../../job/queue/queue-order.ts';
import type { Placement, Spec } from '../../job/spec.ts';
import { thisHost } from '../os/process-identity.ts';

type Sandbox = Pick<Placement, 'sandbox' | 'cgroup'>;

const readSmall = (path: string): string => {
  const stored = readRecord(path);
  return stored.kind === 'text' ? stored.text.replace(/\0/g, '') : '';
};

function linkText(path: string): string {
  try {
    return fs.readlinkSync(path);
  } catch (thrown) {
    return errnoOf(thrown);
  }
}

/** What /proc/self/status says of confinement. */
const CONFINING = /^(Cap\w+|NoNewPrivs|Seccomp\w*|Cpus_allowed|Mems_allowed):.*$/gm;

function namespaces(): string[] {
  const names = namesIn('/proc/self/ns').filter((name) => !name.endsWith('_for_children'));
  return names.sort().map((name) => linkText(`/proc/self/ns/${name}`));
}

function readSandbox(): Sandbox {
  const { dev, ino } = fs.statSync('/');
  const ids = [process.getuid!(), process.geteuid!(), process.getgid!(), process.getegid!()];
  const facts = [
    ...ids,
    ...(process.getgroups?.() ?? []).sort((a, b) => a - b),
    thisHost().machine,
    // another root in the same namespace
    ...[dev, ino, ...namespaces()],
    getPriority(),
    // rt_priority and policy
    readSmall('/proc/self/stat').split(') ').at(-1)!.split(' ').slice(37, 39).join(' '),
    readSmall('/proc/self/limits'),
    readSmall('/proc/self/oom_score_adj'),
    readSmall('/proc/self/attr/current'),
    ...(readSmall('/proc/self/status').match(CONFINING) ?? []),
  ];
  return { sandbox: projectKey(facts.join('\n')), cgroup: readSmall('/proc/self/cgroup').trim() };
}

/**
 * Which namespaces and root this process is in: what schedules and triggers are started in no other of. (Limits and control group
 * differ between two logins of the same user.)
 */
export function thisWorld(): string {
  const { dev, ino } = fs.statSync('/');
  return projectKey([process.geteuid!(), dev, ino, ...namespaces()].join('\n'));
}

/** Whether something that was added in a world is started here; of another boot the numbers of namespaces mean nothing. */
export const isOfThisWorld = ({ world, bootId }: { world: string; bootId: string }): boolean =>
  bootId !== thisHost().bootId || world === thisWorld();

let mine: Sandbox | undefined;
/** The sandbox of this process; it is asked for once. */
export function thisSandbox(): Sandbox {
  mine ??= readSandbox();
  return mine;
}
export const thisSandboxKey = (): string => sandboxKey(thisSandbox());

/** Whether a control group is there no more: with the session that it was made for it is removed. */
function isGone(cgroup: string): boolean {
  const path = /^0::(\/.*)$/m.exec(cgroup)?.[1];
  return (
    path !== undefined &&
    fs.existsSync('/sys/fs/cgroup/cgroup.procs') &&
    !fs.existsSync(`/sys/fs/cgroup${path}`)
  );
}

/** Whether a queued job may be started by this process: its sandbox is ours, or was, and its control group is gone. */
export function mayRunHere({ placement, bootId }: Pick<Spec, 'placement' | 'bootId'>): boolean {
  if (placement === null) return false;
  const { sandbox, cgroup } = thisSandbox();
  if (placement.sandbox !== sandbox) return false;
  return placement.cgroup === cgroup || bootId !== thisHost().bootId || isGone(placement.cgroup);
}

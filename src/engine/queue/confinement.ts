/**
 * Where a job may run: whoever starts one that somebody else queued must be confined as that one was: the same user, namespaces,
 * limits, capabilities and control group. Working directory, environment and umask are set anew for each job.
 */
import { existsSync, readlinkSync, statSync } from 'node:fs';
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
    return readlinkSync(path);
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

/**
 * What setarch changed for this process and for all that it starts: addresses, the machine that uname tells. Where it is the usual one
 * nothing is said of it: jobs that an earlier version queued have the same key then.
 */
function readPersonality(): string[] {
  const value = readSmall('/proc/self/personality').trim();
  return /^0*$/.test(value) ? [] : [`personality ${value}`];
}

function readSandbox(): Sandbox {
  const { dev, ino } = statSync('/');
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
    ...readPersonality(),
  ];
  return { sandbox: projectKey(facts.join('\n')), cgroup: readSmall('/proc/self/cgroup').trim() };
}

/** The fields of a status that say how far a process is confined beyond its namespaces. */
function confiningFields(pid: string): Map<string, string> | undefined {
  const fields = readSmall(`/proc/${pid}/status`).matchAll(/^(Cap\w+|NoNewPrivs|Seccomp\w*):\s*(\w+)$/gm);
  const found = new Map([...fields].map(([, name, value]) => [name!, value!]));
  return found.size > 0 ? found : undefined;
}

/**
 * How this process is confined beyond its namespaces: no new privileges, seccomp, capabilities that it cannot have. Nothing is said of
 * what pid 1 is subject to as well: that is the place, a container for example, and all processes of it are alike.
 */
export function confinementOf(
  own: ReadonlyMap<string, string>,
  first: ReadonlyMap<string, string> | undefined,
  isRoot: boolean,
): string[] {
  const bits = (name: string): bigint => BigInt(`0x${own.get(name) ?? '0'}`);
  const usual = (name: string): string | undefined =>
    first?.get(name) ?? (name === 'CapBnd' ? own.get(name) : '0');
  const facts = ['NoNewPrivs', 'Seccomp', 'Seccomp_filters', 'CapBnd'].flatMap((name) =>
    own.get(name) === undefined || own.get(name) === usual(name) ? [] : [`${name} ${own.get(name)}`],
  );
  // a login may give some as ambient ones (systemd gives CAP_WAKE_ALARM): that is no other place
  const permitted = bits('CapPrm') & ~bits('CapAmb');
  if (permitted !== (isRoot ? bits('CapBnd') & ~bits('CapAmb') : 0n))
    facts.push(`CapPrm ${permitted.toString(16)}`);
  return facts;
}

let confinement: string[] | undefined;
function thisConfinement(): string[] {
  const own = confiningFields('self');
  confinement ??= own ? confinementOf(own, confiningFields('1'), process.geteuid!() === 0) : [];
  return confinement;
}

/**
 * Which namespaces, root and confinement this process has: what schedules and triggers are started in no other of. (Limits and control
 * group differ between two logins of the same user.)
 */
export function thisNamespaceKey(): string {
  const { dev, ino } = statSync('/');
  return projectKey([process.geteuid!(), dev, ino, ...namespaces(), ...thisConfinement()].join('\n'));
}

/** The first namespaces of a machine, as the kernel numbers them (include/linux/proc_ns.h). */
const FIRST = /^(ipc:\[4026531839|uts:\[4026531838|user:\[4026531837|pid:\[4026531836)\]$/;

/** The same as far as it means something after a restart of the machine, when namespaces have other numbers. */
export function thisPlace(): string {
  const first = namespaces().filter((name) => FIRST.test(name));
  return projectKey([process.geteuid!(), ...first, ...thisConfinement()].join('\n'));
}

/** Where a schedule or trigger was added. */
export const thisAdded = (): Added => ({
  world: thisNamespaceKey(),
  place: thisPlace(),
  bootId: thisHost().bootId,
});

/** Where something was added; `place`: null in records of before 0.9. */
interface Added {
  world: string;
  place: string | null;
  bootId: string;
}

/**
 * Whether something that was added in a world is started here. Of another boot the numbers of namespaces mean nothing: then the
 * kind of place counts. A record of before 0.9 does not name it, and is for no process that is confined.
 */
export function isInThisNamespace({ world, place, bootId }: Added): boolean {
  if (bootId === thisHost().bootId) return world === thisNamespaceKey();
  return place === null ? thisConfinement().length === 0 : place === thisPlace();
}

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
    path !== undefined && existsSync('/sys/fs/cgroup/cgroup.procs') && !existsSync(`/sys/fs/cgroup${path}`)
  );
}

/** Whether a queued job may be started by this process: its sandbox is ours, or was, and its control group is gone. */
export function mayRunHere({ placement, bootId }: Pick<Spec, 'placement' | 'bootId'>): boolean {
  if (placement === null) return false;
  const { sandbox, cgroup } = thisSandbox();
  if (placement.sandbox !== sandbox) return false;
  return placement.cgroup === cgroup || bootId !== thisHost().bootId || isGone(placement.cgroup);
}

/**
 * Where a job may run. A process that starts a queued job must be confined as the process that queued it: the
 * same user, namespaces, limits, capabilities and control group. Working directory, environment and umask do
 * not count: each job gets its own.
 */
import { existsSync, readlinkSync, statSync } from 'node:fs';
import { getPriority } from 'node:os';
import { namesIn, readText } from '../../base/fs/read-record.ts';
import { errnoOf } from '../../base/result.ts';
import { projectKey } from '../../job/home/job-index.ts';
import { sandboxKey } from '../../job/queue/queue-order.ts';
import type { JobId, Placement, Spec } from '../../job/spec.ts';
import { type Target, targetSandbox } from '../../job/target.ts';
import type { TargetAdded } from '../../job/targets/target-records.ts';
import { thisHost } from '../os/process-identity.ts';

type Sandbox = Pick<Placement, 'sandbox' | 'cgroup'>;

const readSmall = (path: string): string => readText(path).replace(/\0/g, '');

function linkText(path: string): string {
  try {
    return readlinkSync(path);
  } catch (thrown) {
    return errnoOf(thrown);
  }
}

const CONFINING = /^(Cap\w+|NoNewPrivs|Seccomp\w*|Cpus_allowed|Mems_allowed):.*$/gm;

function namespaces(): string[] {
  const names = namesIn('/proc/self/ns').filter((name) => !name.endsWith('_for_children'));
  return names.sort().map((name) => linkText(`/proc/self/ns/${name}`));
}

/**
 * The changes that setarch made for this process and its children: addresses, the machine name of uname. The
 * usual value gives no entry, so that jobs queued by earlier versions have the same key.
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

function confiningFields(pid: string): Map<string, string> | undefined {
  const fields = readSmall(`/proc/${pid}/status`).matchAll(/^(Cap\w+|NoNewPrivs|Seccomp\w*):\s*(\w+)$/gm);
  const found = new Map([...fields].map(([, name, value]) => [name!, value!]));
  return found.size > 0 ? found : undefined;
}

/**
 * How this process is confined beyond its namespaces: no new privileges, seccomp, missing capabilities. A
 * restriction that pid 1 has as well gives no entry: it belongs to the machine or container, and all its
 * processes are alike.
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
  // a login may grant ambient capabilities (systemd grants CAP_WAKE_ALARM): they are no other confinement
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
 * The key of this process's namespaces, root and confinement. Schedules and triggers start only where this
 * key is the same. Limits and control group do not count: they differ between two logins of the same user.
 */
export function thisNamespaceKey(): string {
  const { dev, ino } = statSync('/');
  return projectKey([process.geteuid!(), dev, ino, ...namespaces(), ...thisConfinement()].join('\n'));
}

/** The first namespaces of a machine, as the kernel numbers them (include/linux/proc_ns.h). */
const FIRST = /^(ipc:\[4026531839|uts:\[4026531838|user:\[4026531837|pid:\[4026531836)\]$/;

/** The part of that key that survives a restart of the machine, when namespaces get other numbers. */
function stableNamespaceKey(): string {
  const first = namespaces().filter((name) => FIRST.test(name));
  return projectKey([process.geteuid!(), ...first, ...thisConfinement()].join('\n'));
}

/** The namespaces in which a schedule or trigger is added here, as its record keeps them. */
export const thisAdded = () => ({
  world: thisNamespaceKey(),
  place: stableNamespaceKey(),
  bootId: thisHost().bootId,
});

/**
 * Whether a schedule or trigger that was added in these namespaces is started here. After a restart the
 * numbers of namespaces are others: then the stable key counts. Records of versions before 0.9 have none
 * (null); they are started by unconfined processes only.
 */
export function isInThisNamespace({
  world,
  place,
  bootId,
}: {
  world: string;
  place: string | null;
  bootId: string;
}): boolean {
  if (bootId === thisHost().bootId) return world === thisNamespaceKey();
  return place === null ? thisConfinement().length === 0 : place === stableNamespaceKey();
}

/** Whether jobs of a target that was used first in these namespaces run through a service of this process. */
export const isTargetHere = (added: TargetAdded): boolean =>
  added.machine === thisHost().machine && isInThisNamespace(added);
export const thisTargetAdded = (): TargetAdded => ({ ...thisAdded(), machine: thisHost().machine });

let mine: Sandbox | undefined;
/** The sandbox of this process; read once. */
export function thisSandbox(): Sandbox {
  mine ??= readSandbox();
  return mine;
}
export const thisSandboxKey = (): string => sandboxKey(thisSandbox());

/** Whether a control group is gone: it is removed with the session for which it was made. */
function isGone(cgroup: string): boolean {
  const path = /^0::(\/.*)$/m.exec(cgroup)?.[1];
  return (
    path !== undefined && existsSync('/sys/fs/cgroup/cgroup.procs') && !existsSync(`/sys/fs/cgroup${path}`)
  );
}

/** Whether this process may start a queued job: same sandbox, and the same control group, or it is gone. */
export function mayRunHere({ placement, bootId }: Pick<Spec, 'placement' | 'bootId'>): boolean {
  if (placement === null) return false;
  const { sandbox, cgroup } = thisSandbox();
  if (placement.sandbox !== sandbox) return false;
  return placement.cgroup === cgroup || bootId !== thisHost().bootId || isGone(placement.cgroup);
}

/** For which waiting jobs a process moves queues on. */
export interface Runner {
  /** See sandboxKey. */
  key: string;
  mayRun(spec: Pick<Spec, 'placement' | 'bootId'>): boolean;
  /** Another attempt of a job on a target does not run it twice: how many owners ended early says nothing. */
  isPatient: boolean;
  /** Whether a job whose turn has come may start now; else it goes on waiting, and others pass it. */
  isReady(id: JobId): boolean;
}

/** For jobs that run in this sandbox. */
export const localRunner = (): Runner => ({
  key: thisSandboxKey(),
  mayRun: mayRunHere,
  isPatient: false,
  isReady: () => true,
});

/** For jobs of a target: only its service starts them. */
export function targetRunner(target: Target, isReady: Runner['isReady']): Runner {
  const { sandbox } = targetSandbox(target);
  return {
    key: sandboxKey(targetSandbox(target)),
    mayRun: ({ placement }) => placement?.sandbox === sandbox,
    isPatient: true,
    isReady,
  };
}

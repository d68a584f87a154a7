/**
 * The service jobs: one scheduler for all schedules, one listener for all triggers of a port. They are
 * ordinary jobs of the home's own project. Each starts with the first schedule or trigger and ends with the
 * last. Each holds a FIFO open, and a byte wakes it; a process that finds the FIFO not held starts the job
 * again, and one that finds its program gone replaces it. The name of the job makes sure that there is only
 * one.
 */
import { constants, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { makeDirectory } from '../../base/fs/directories.ts';
import { hasReader, wakeReader } from '../../base/fs/fifo.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import { errnoOf, systemError } from '../../base/result.ts';
import type { Address } from '../../job/automation/trigger.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import { type JobView, type LiveView, stateWord } from '../../job/view.ts';
import { makeFifoAt } from '../launch/alive-fifo.ts';
import { ownEnvironment } from '../launch/environment.ts';
import { launch } from '../launch/launch.ts';
import { nameOwner } from '../observe/name-owner.ts';
import { missingPart, nodeProgram } from '../os/own-program.ts';
import { findTool } from '../os/programs.ts';
import { thisNamespaceKey } from '../queue/confinement.ts';
import { RESTART_LOOP } from '../queue/queue-waiter.ts';
import { stopJob } from '../stop/stop-job.ts';

export interface ServiceJob {
  serves: 'schedules' | 'triggers';
  name: string;
  fifo: string;
  /** Its arguments after the home. */
  args: string[];
}

/** Schedules and triggers start only in the namespaces where they were added: each has its own services. */
const inThisNamespace = (name: string): string => `${name}-${thisNamespaceKey().slice(0, 4)}`;

export const schedulerOf = (home: Home): ServiceJob => ({
  serves: 'schedules',
  name: inThisNamespace('scheduler'),
  fifo: `${home.schedules}/~${thisNamespaceKey()}`,
  args: [],
});

export const listenerOf = (home: Home, { host, port }: Address): ServiceJob => ({
  serves: 'triggers',
  // the name of a job has no colons
  name: inThisNamespace(`listener-${port}${host === '127.0.0.1' ? '' : `-${host.replaceAll(':', '_')}`}`),
  fifo: `${home.triggers}/~${thisNamespaceKey()}.${port}.${host}`,
  args: [host, String(port)],
});

/** The record of the requests for which the listener of an address started no job. */
export const rejectionsOf = (home: Home, { host, port }: Address): string =>
  // no `~`: each such file is taken for a FIFO
  `${home.triggers}/refused.${thisNamespaceKey()}.${port}.${host}`;

export const jobOf = (home: Home, { name }: ServiceJob): JobView | undefined =>
  nameOwner(home, { name, project: home.path });

const ANSWER_MS = 20_000;
const POLL_MS = 10;
const OWN_LOG_BYTES = 16 * 2 ** 20;

/** Starts the job unless it lives; does not wait. Returns its id; undefined if it is there or about to be. */
export async function startService(home: Home, service: ServiceJob): Promise<Result<JobId | undefined>> {
  const { serves, name, args } = service;
  if (jobOf(home, service)) return ok(undefined);
  const command = [nodeProgram(), join(__dirname, 'boot.js'), `--${serves}`, home.path, ...args];
  const started = await launch(home, {
    name,
    // the shell restarts it if a signal ends it
    argv: [findTool('sh') ?? '/bin/sh', '-c', RESTART_LOOP, 'sh', ...command],
    line: null,
    words: ['bgjob', serves],
    script: null,
    cwd: home.path,
    cwdLink: null,
    project: home.path,
    tags: [],
    env: [],
    changedVariables: [],
    keepEnv: false,
    timeoutMs: null,
    idleTimeoutMs: null,
    graceMs: 5000,
    maxLogBytes: OWN_LOG_BYTES,
    onMaxLog: 'trim',
    split: false,
    stdin: null,
    pty: null,
    placement: null,
    retry: 0,
    backoffMs: 0,
    onExit: null,
    notify: null,
    tell: null,
    server: false,
    parent: null,
    session: null,
    origin: { kind: 'own', serves },
    environment: Object.entries(ownEnvironment(process.env)).map(([key, value]) => `${key}=${value}`),
  });
  if (started.ok) return started;
  return started.failure.code === 'name-taken' ? ok(undefined) : started;
}

/** Whether the service runs; it is not woken. */
export const isServed = ({ fifo }: ServiceJob): boolean => hasReader(fifo);

/** A running service that can start no job, because a part of its program is gone. */
export interface BrokenService {
  job: LiveView;
  missing: string;
}

export function brokenService(home: Home, service: ServiceJob): BrokenService | undefined {
  const job = jobOf(home, service);
  if (job?.kind !== 'live') return undefined;
  const { argv } = job.spec;
  const [node, file] = argv.slice(Math.max(0, argv.indexOf(`--${service.serves}`) - 2));
  const missing = file && missingPart(node, dirname(file));
  return missing ? { job, missing } : undefined;
}

/** Stops a service whose program is gone, so that the caller's program can serve. */
export async function stopBroken(home: Home, service: ServiceJob): Promise<void> {
  const broken = brokenService(home, service);
  // the caller's program may be gone, too
  if (!broken || missingPart() !== undefined) return;
  const by = `bgjob: ${broken.missing} is gone`;
  const at = systemClock.now();
  await stopJob(home, broken.job, { by, cause: 'kill', signal: 'SIGTERM', graceMs: 5000, at });
}

/** Wakes the running services of all namespaces; starts none. */
export function wakeServices(folder: string): void {
  for (const name of namesIn(folder)) if (name.startsWith('~')) wakeReader(`${folder}/${name}`);
}

/** Wakes the service, and starts it if it does not run; returns when it knows the records on disk. */
export async function ensureServed(home: Home, service: ServiceJob): Promise<Result<void>> {
  const { serves, fifo } = service;
  const failed = (id: number | null, why: string) => fail({ code: 'not-served', kind: serves, id, why });
  try {
    makeDirectory(`${home.path}/${serves}`);
    await stopBroken(home, service);
    for (let deadline = systemClock.monotonic() + ANSWER_MS, id: JobId | undefined; ; ) {
      if (wakeReader(fifo)) return ok(undefined);
      const begun = await startService(home, service);
      if (!begun.ok) return begun;
      if (id !== undefined && begun.value !== undefined) return failed(id, 'it has ended at once');
      id ??= begun.value;
      if (systemClock.monotonic() > deadline) {
        const job = jobOf(home, service);
        if (!job) return failed(null, 'it does not start');
        return failed(job.id, `it is ${stateWord(job)} and does not answer`);
      }
      await systemClock.sleep(POLL_MS);
    }
  } catch (thrown) {
    const path = `${home.path}/${serves}`;
    return fail({ code: 'io', doing: 'start what serves', path, errno: errnoOf(thrown) });
  }
}

const { O_RDWR, O_NONBLOCK, O_NOFOLLOW } = constants;

/** For the service itself: makes its FIFO and holds it open. Throws system errors. */
export async function openServiceFifo(home: Home, path: string): Promise<number> {
  const made = await makeFifoAt(home, path);
  if (!made.ok) throw systemError('EIO', path);
  return openSync(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW);
}

/**
 * Starts a service: a long-lived job of our own that serves schedules, triggers or a target. Each holds a FIFO
 * open, and a byte wakes it. A process that finds the FIFO not open starts the job again. The name of the job
 * makes sure that there is only one.
 */
import { constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { hasReader } from '../../base/fs/fifo.ts';
import { systemError } from '../../base/result.ts';
import { ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import type { JobId } from '../../job/spec.ts';
import type { JobView } from '../../job/view.ts';
import { nameOwner } from '../observe/name-owner.ts';
import { nodeProgram } from '../os/own-program.ts';
import { findTool } from '../os/programs.ts';
import { makeFifoAt } from './alive-fifo.ts';
import { ownEnvironment } from './environment.ts';
import { launch } from './launch.ts';
import { RESTART_LOOP } from './spawn-supervisor.ts';

export type Serves = 'schedules' | 'triggers' | 'target';

export interface ServiceJob<S extends Serves = Serves> {
  serves: S;
  name: string;
  fifo: string;
  /** Its arguments after the home. */
  args: string[];
}

export const jobOf = (home: Home, { name }: ServiceJob): JobView | undefined =>
  nameOwner(home, { name, project: home.path });

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
    memory: null,
    split: false,
    stdin: null,
    pty: null,
    placement: null,
    target: null,
    retry: 0,
    retryOn: null,
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

const { O_RDWR, O_NONBLOCK, O_NOFOLLOW } = constants;

/** For the service itself: makes its FIFO and holds it open. Throws system errors. */
export async function openServiceFifo(home: Home, path: string): Promise<number> {
  const made = await makeFifoAt(home, path);
  if (!made.ok) throw systemError('EIO', path);
  return openSync(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW);
}

/** Of schedules and triggers. */
export type TemplateService = ServiceJob<'schedules' | 'triggers'>;

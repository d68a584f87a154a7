/**
 * Where the bench plays: a folder of its own for homes, files and the peers' state, the built program, and an environment
 * without anything of the caller's. At the end no process and no file is left, whatever went wrong.
 */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRunning, processesNaming } from '../rig/processes.ts';
import { until } from '../rig/until.ts';
import { Meter, type Reading } from './meter.ts';

const BGJOB = join(__dirname, '..', 'bin', 'bgjob');

export class Stage {
  readonly dir = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'bgjob-bench-')));
  readonly home = join(this.dir, 'home');
  readonly meter = new Meter(this.dir);
  /** Few rounds: to see that it works. */
  readonly quick: boolean;
  /** A bare Node start: the reference of most figures. */
  readonly node = [process.execPath, '-e', '0'];
  // NODE_EXTRA_CA_CERTS, which alone adds 100 ms to every Node start, stays behind like all the rest
  readonly env: Record<string, string> = {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: this.dir,
    LANG: 'C.UTF-8',
    BGJOB_HOME: this.home,
  };

  constructor(quick: boolean) {
    this.quick = quick;
  }

  /** A command line of the built program; under this Node, as `node -e 0` is. */
  bgjob(...args: string[]): string[] {
    return [process.execPath, BGJOB, ...args];
  }

  measure(command: string[], env: Record<string, string> = {}): Reading & { stdout: string } {
    return this.meter.run(command, { ...this.env, ...env });
  }

  /** Starts a job; what the call cost, and the job's id. */
  start(...args: string[]): Reading & { id: number } {
    const { stdout, ...reading } = this.measure(this.bgjob('run', ...args));
    return { ...reading, id: Number(stdout) };
  }

  path(id: number, name: string): string {
    return join(this.home, 'jobs', String(id), name);
  }

  owner(id: number): number {
    return JSON.parse(fs.readFileSync(this.path(id, 'owner.1'), 'utf8')).identity.pid;
  }

  /** Waits until a job ended and its supervisor is gone: nothing of one round runs on into the next. */
  async settle(id: number): Promise<void> {
    const pid = this.owner(id);
    await until(
      () => isRunning(pid),
      (running) => !running,
      `the end of job ${id}`,
    );
  }

  close(): void {
    for (let rest = processesNaming(this.dir); rest.length > 0; rest = processesNaming(this.dir))
      for (const { pid } of rest.sort((a, b) => b.pid - a.pid))
        if (isRunning(pid)) process.kill(pid, 'SIGKILL');
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

/**
 * A target for tests of the verbs, without sshd: a program `ssh` in the PATH of the rig that runs its command
 * under another home, with a login's environment. The far side is the real one.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { pathsBelow } from './folder.ts';
import { isRunning } from './processes.ts';
import { type Rig, rigTest } from './rig.ts';
import { until } from './until.ts';

export class Box {
  readonly home: string;
  private readonly dir: string;

  constructor(private readonly rig: Rig) {
    this.dir = join(rig.dir, 'box');
    this.home = join(this.dir, 'home');
    fs.mkdirSync(this.home, { recursive: true });
    const script = [
      '#!/bin/sh',
      // known before it looks: what cut() does not find there finds that it is down
      `echo $$ >>${this.dir}/connections`,
      `[ ! -e ${this.dir}/down ] || { echo "ssh: connect to host gpu1 port 22: Connection refused" >&2; exit 255; }`,
      `while [ -e ${this.dir}/hangs ]; do sleep 0.1; done`,
      `exec env -i HOME=${this.home} PATH=/usr/bin:/bin LOGNAME=far USER=far SHELL=/bin/sh ` +
        `sh -c 'cd && [ ! -e ${this.dir}/no-proc ] || sed -u "s|-r /proc/self/stat|-r /none|" | /bin/sh; ` +
        `[ -e ${this.dir}/no-proc ] || exec /bin/sh'`,
      '',
    ].join('\n');
    fs.writeFileSync(join(rig.dir, 'bin', 'ssh'), script, { mode: 0o755 });
  }

  /** From now on it refuses connections, and those that are open are cut. */
  cut(): void {
    fs.writeFileSync(join(this.dir, 'down'), '');
    const path = join(this.dir, 'connections');
    const pids = fs.existsSync(path) ? fs.readFileSync(path, 'utf8').split('\n').map(Number) : [];
    for (const pid of pids) if (pid > 0 && isRunning(pid)) process.kill(pid, 'SIGKILL');
    fs.rmSync(path, { force: true });
  }
  mend(): void {
    fs.rmSync(join(this.dir, 'down'));
  }

  /** From now on a login gives no answer, until `answer`. */
  hang(): void {
    fs.writeFileSync(join(this.dir, 'hangs'), '');
  }
  answer(): void {
    fs.rmSync(join(this.dir, 'hangs'));
  }

  /** From now on it is a machine without /proc. */
  hideProc(): void {
    fs.writeFileSync(join(this.dir, 'no-proc'), '');
  }

  /** The files of jobs that are left there. */
  left(): string[] {
    return pathsBelow(join(this.home, '.bgjob-far')).filter((name) => /-\d+-\d+/.test(name));
  }

  config(targets: object): void {
    fs.mkdirSync(this.rig.home, { recursive: true, mode: 0o700 });
    fs.writeFileSync(join(this.rig.home, 'config.json'), JSON.stringify({ targets }));
  }

  /** The service job; undefined: it does not run. */
  async service(): Promise<any> {
    const jobs = await this.rig.json(['ls', '-a']);
    return jobs.find(({ origin, state }) => origin?.serves === 'target' && state === 'running');
  }

  /** The process of the service. */
  servicePid(): number | undefined {
    for (const name of fs.readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      try {
        const words = fs.readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
        const env = fs.readFileSync(`/proc/${name}/environ`, 'utf8').split('\0');
        if (words[0]?.startsWith('bgjob[target]') && env.includes(`BGJOB_HOME=${this.rig.home}`))
          return Number(name);
      } catch {
        // it has ended
      }
    }
    return undefined;
  }

  /** As a power cut does it: service, its shell and its supervisor at once. False: no service ran. */
  async killService(): Promise<boolean> {
    const pid = this.servicePid();
    if (pid === undefined) return false;
    process.kill(pid, 'SIGKILL');
    await until(
      () => isRunning(pid),
      (runs) => !runs,
      'the end of the service',
    );
    return true;
  }

  /** Ends the service, as a user would. */
  async end(): Promise<void> {
    const service = await this.service();
    if (service) await this.rig.bgjob(['kill', String(service.id), '--now']);
  }
}

/** A test with a target `box`, after which nothing is left there. */
export function boxTest(name: string, body: (rig: Rig, box: Box) => Promise<void>): void {
  rigTest(name, async (rig) => {
    const box = new Box(rig);
    box.config({ box: { engine: 'ssh', host: 'gpu1' } });
    await body(rig, box);
    await box.end();
  });
}

/** Fails if files of jobs are left there: they are removed once the ends are recorded. */
export async function untilClean(box: Box): Promise<void> {
  assert.deepEqual(
    await until(
      () => box.left(),
      (left) => left.length === 0,
      'no file of a job is left there',
    ),
    [],
  );
}

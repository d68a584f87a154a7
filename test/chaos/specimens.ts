/** A home with jobs of every kind, for tests that damage what is written there; and a process that nobody may signal. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { isRunning } from '../rig/processes.ts';
import type { Puppet } from '../rig/puppet.ts';
import type { Rig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { killOwner, runPuppet, slay } from './death.ts';

export interface Specimens {
  /** Jobs that ended, each in its way. */
  ended: number[];
  /** Jobs that run; one of them under an adopter. */
  live: { id: number; puppet: Puppet }[];
}

/** Runs them: the home is quiet when this returns. */
export async function makeSpecimens(rig: Rig): Promise<Specimens> {
  const ended: number[] = [];
  const run = async (args: string[]): Promise<number> => {
    const { stdout } = await rig.bgjob(['run', '-w', ...args]);
    const id = Number.parseInt(stdout, 10);
    ended.push(id);
    return id;
  };
  await run(['-n', 'named', '-t', 'tag', '-e', 'A=1', '--', 'echo', 'out']);
  await run(['exit 3']);
  await run(['--timeout', '50ms', 'sleep 1000']);
  await run(['--split', '--keep-env', 'echo error >&2; kill -s KILL $$']);
  await run(['sleep 1000 & exit 0']);
  await rig.bgjob(['kill', String(ended.at(-1))]);
  const trimmed = await run(['--max-log', '64k', 'for i in $(seq 30000); do echo $i; done']);
  await rig.bgjob(['tail', String(trimmed), '--new']);
  const script = await rig.bgjob(['run', '-w', '-'], { input: 'echo script\n' });
  ended.push(Number.parseInt(script.stdout, 10));

  const stopped = await rig.run(['sleep 1000']);
  await rig.untilState(stopped, 'running');
  await rig.bgjob(['kill', String(stopped)]);
  ended.push(stopped);

  const lost = await runPuppet(rig, await rig.puppet());
  const { shim, watcher, main } = rig.shimRecord(lost);
  for (const pid of [watcher, rig.ownerPid(lost), shim, main]) await slay(pid!);
  ended.push(lost);

  const live: Specimens['live'] = [];
  for (const options of [['-n', 'web'], []]) {
    const puppet = await rig.puppet();
    live.push({ id: await runPuppet(rig, puppet, options), puppet });
  }
  await killOwner(rig, live[1]!.id);
  for (const id of ended)
    await until(
      () => isRunning(rig.ownerPid(id)),
      (running) => !running,
      `the end of the supervisor of ${id}`,
    );
  return { ended, live };
}

/** A process in a session of its own which notes every signal that can be noted. */
export class Canary {
  readonly pid: number;
  /** Its line of /proc/PID/stat, and the start in it. */
  readonly line: string;
  readonly startTicks: number;
  private readonly child: ChildProcess;
  private readonly heard: string;

  private constructor(child: ChildProcess, heard: string) {
    this.child = child;
    this.heard = heard;
    this.pid = child.pid!;
    this.line = fs.readFileSync(`/proc/${this.pid}/stat`, 'latin1').trim();
    this.startTicks = Number(this.line.slice(this.line.lastIndexOf(')') + 2).split(' ')[19]);
  }

  /** `heard`: the file in which it notes them. */
  static async start(heard: string): Promise<Canary> {
    const script = `for (const name of ['HUP', 'INT', 'QUIT', 'USR1', 'USR2', 'TERM', 'URG', 'CONT', 'ALRM'])
      process.on('SIG' + name, () => require('fs').appendFileSync(process.argv[1], name));
      process.stdout.write('ready'); setInterval(() => {}, 2 ** 30);`;
    const child = spawn(process.execPath, ['-e', script, heard], {
      detached: true,
      env: {},
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await once(child.stdout!, 'data');
    return new Canary(child, heard);
  }

  /** Nobody has touched it. */
  assertUnharmed(): void {
    assert.ok(isRunning(this.pid) && this.child.signalCode === null, 'a foreign process was killed');
    assert.match(fs.readFileSync(`/proc/${this.pid}/stat`, 'latin1'), /\) S /, 'it was stopped');
    const heard = fs.existsSync(this.heard) ? fs.readFileSync(this.heard, 'utf8') : '';
    assert.equal(heard, '', 'a foreign process was signalled');
  }

  close(): void {
    this.child.kill('SIGKILL');
  }
}

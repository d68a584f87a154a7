/** Any of the processes of a job, in any number and order, killed at any instant. */
import * as fs from 'node:fs';
import { isRunning } from '../rig/processes.ts';
import type { Rig } from '../rig/rig.ts';
import { pass, readJson } from './death.ts';
import type { Lane } from './settings.ts';
import { assertTrue, Witness } from './truth.ts';

const VICTIMS = ['launcher', 'supervisor', 'shim', 'watcher', 'job', 'supervisor'] as const;
type Victim = (typeof VICTIMS)[number];

/** The pid of a process of this job, if it is still that. */
function pidOf(rig: Rig, id: number, who: Victim): number | undefined {
  try {
    if (who === 'supervisor') return rig.ownerPid(id);
    const { shim, watcher, main } = rig.shimRecord(id);
    return { shim, watcher, job: main, launcher: undefined }[who];
  } catch {
    // not written down yet, or gone
    return undefined;
  }
}

/** Whether the process is one of this job: a pid may have been given again. */
function isOf(rig: Rig, id: number, pid: number): boolean {
  try {
    const command = fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1');
    return isRunning(pid) && (command.startsWith(`bgjob[${id}]`) || command.includes(rig.dir));
  } catch {
    return false;
  }
}

/** One round; how the job ended. */
export async function randomRound(lane: Lane): Promise<{ end: string }> {
  const { rig, chance } = lane;
  const witness = new Witness(rig, lane.code());
  const plan = VICTIMS.filter(() => chance() < 0.4).map((who) => ({ who, atMs: chance() * 350 }));
  const call = rig.startBgjob(['run', '--', '/bin/sh', '-c', witness.line('sleep 0.1')]);
  const killed: string[] = [];
  await Promise.all(
    plan.map(async ({ who, atMs }) => {
      await pass(atMs);
      if (who === 'launcher') {
        if (call.child.exitCode === null && call.child.kill('SIGKILL')) killed.push(who);
        return;
      }
      const id = witness.findId(rig);
      const pid = id === undefined ? undefined : pidOf(rig, id, who);
      if (id === undefined || !pid || !isOf(rig, id, pid)) return;
      process.kill(pid, 'SIGKILL');
      // whether it had ended just before cannot be known here
      killed.push(who === 'job' ? 'job, perhaps' : who);
    }),
  );
  const { stdout } = await call.answer;
  const id = witness.findId(rig);
  lane.gave(id);
  const owner = id && readJson(rig.file(id, 'owner.1'));
  try {
    return { end: await assertTrue(rig, witness, { killed, printed: stdout }) };
  } catch (thrown) {
    throw new Error(`at random: ${JSON.stringify({ plan, killed, owner })}`, { cause: thrown });
  }
}

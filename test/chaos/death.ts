/** What the tests about death share: chance with a seed, ending a process for good, and waiting for the next owner. */
import * as fs from 'node:fs';
import { isRunning } from '../rig/processes.ts';
import type { Puppet } from '../rig/puppet.ts';
import type { Rig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';

/** Numbers from 0 to 1 (mulberry32). The seed is printed; BGJOB_TEST_SEED repeats a run. */
export function seededChance(what: string): () => number {
  let state = Number(process.env['BGJOB_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31)) | 0;
  console.log(`${what}: BGJOB_TEST_SEED=${state}`);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Here alone: a crash has to come at some instant, and an instant is a time. */
export const pass = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** SIGKILL, and back when the process is gone. */
export async function slay(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  await untilGone(pid);
}

export const untilGone = (pid: number): Promise<boolean> =>
  until(
    () => isRunning(pid),
    (running) => !running,
    `end of ${pid}`,
  );

/** `act` for 0, 1, …, count - 1, `width` at a time. */
export async function inParallel(
  count: number,
  width: number,
  act: (n: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await act(next++);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

export const readJson = (path: string): any => {
  try {
    return JSON.parse(fs.readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
};

/** The state once an owner of this generation has published one. */
export const untilPublished = (rig: Rig, id: number, generation: number): Promise<any> =>
  until(
    () => readJson(rig.file(id, 'state.json')),
    (state) => state?.generation === generation,
    `a state of owner ${generation} of job ${id}`,
  );

/** Starts the puppet as a job that its first owner has published as running. */
export async function runPuppet(rig: Rig, puppet: Puppet, options: string[] = []): Promise<number> {
  const id = await rig.run([...options, '--', ...puppet.command]);
  await puppet.ready();
  await untilPublished(rig, id, 1);
  return id;
}

/** Kills the owner and returns when the next one has published: its pid. */
export async function killOwner(rig: Rig, id: number, generation = 2): Promise<number> {
  await slay(rig.ownerPid(id));
  await untilPublished(rig, id, generation);
  return rig.ownerPid(id);
}

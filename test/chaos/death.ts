/** What the tests about death share: chance with a seed, ending a process for good, and waiting for the next owner. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { uptime } from 'node:os';
import { isRunning, letterOf, processesNaming } from '../rig/processes.ts';
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

/** SIGKILL to a process whose record may be old: a pid may have been given again. Whether it was that one. */
export function killIfItIsStillThat({ pid, startTicks }: { pid: number; startTicks: number }): boolean {
  let stat = '';
  try {
    stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return false;
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (Number(fields[19]) !== startTicks || !isRunning(pid)) return false;
  process.kill(pid, 'SIGKILL');
  return true;
}

/** SIGSTOP; false if the process has ended by itself. Back when it stands still. */
export async function halt(pid: number): Promise<boolean> {
  if (isRunning(pid)) process.kill(pid, 'SIGSTOP');
  return until(
    () => letterOf(pid),
    (letter) => ['T', 'Z', 'X', ''].includes(letter),
    `a process ${pid} that stands still`,
  ).then((letter) => letter === 'T');
}

/** Copies a home while job 1 runs. Its owner stands still: cp fails where a temporary file goes before its turn. */
export async function copyHome(rig: Rig, to: string): Promise<void> {
  const owner = rig.ownerPid(1);
  assert.ok(await halt(owner));
  execFileSync('cp', ['-a', rig.home, to]);
  process.kill(owner, 'SIGCONT');
}

/** The children that a process has now. */
export function childrenOf(pid: number): number[] {
  try {
    const tasks = fs.readdirSync(`/proc/${pid}/task`);
    const texts = tasks.map((task) => fs.readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8'));
    return texts.join(' ').split(' ').filter(Boolean).map(Number);
  } catch {
    // it is gone
    return [];
  }
}

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

const LIVE = ['queued', 'starting', 'running', 'stopping', 'paused'];
/** Whether a job as `show --json` tells it goes on; of a lost one nobody knows when it ended. */
export const isLive = ({ state }: { state: string }): boolean => LIVE.includes(state);

/** The owner of the highest generation. */
export function ownerOf(rig: Rig, id: number): { pid: number; startTicks: number } {
  const names = fs.readdirSync(rig.file(id, '.')).filter((name) => /^owner\.\d+$/.test(name));
  const highest = Math.max(...names.map((name) => Number(name.slice('owner.'.length))));
  return readJson(rig.file(id, `owner.${highest}`)).identity;
}

/** The state once an owner of this generation has published one. */
export const untilPublished = (rig: Rig, id: number, generation: number): Promise<any> =>
  until(
    () => readJson(rig.file(id, 'state.json')),
    (state) => state?.generation === generation,
    `a state of owner ${generation} of job ${id}`,
  );

/**
 * The state once an owner of this generation has published the end. A call that tells the end may come before:
 * if the owner is slow, a reader takes the end from the record of the shim.
 */
export const untilEndPublished = (rig: Rig, id: number, generation: number): Promise<any> =>
  until(
    () => readJson(rig.file(id, 'state.json')),
    (state) => state?.generation === generation && state.status.phase === 'ended',
    `the end of job ${id}, published by owner ${generation}`,
  );

/** Nothing of this rig runs any more. */
export const untilIdle = (rig: Rig): Promise<unknown> =>
  until(
    () => processesNaming(rig.dir),
    (found) => found.length === 0,
    'no process',
  );

/** Waits for what `show` says of a job. A call costs as much as a job: it is made when a record has changed, and now and then. */
export async function untilShown(
  rig: Rig,
  id: number,
  holds: (job: any) => boolean,
  what: string,
): Promise<any> {
  const show = calledSeldom(
    () => rig.show(id),
    () => stampOf(rig.file(id, '')),
  );
  return until(show, holds, what);
}

/** Changes with each file that comes, goes or is replaced in a folder. */
export const stampOf = (dir: string): string =>
  String(fs.statSync(dir, { bigint: true, throwIfNoEntry: false })?.mtimeNs);

/** Calls `ask` if the stamp has changed since, or a quarter of a second is over: some answers are in no record. */
export function calledSeldom<T>(ask: () => Promise<T>, stamp: () => string): () => Promise<T> {
  let last: T;
  let [stampThen, dueAt] = ['none', 0];
  return async () => {
    const now = stamp();
    if (now === stampThen && performance.now() < dueAt) return last;
    stampThen = now;
    last = await ask();
    dueAt = performance.now() + 250;
    return last;
  };
}

/** Starts the puppet as a job that its first owner has published as running. */
export async function runPuppet(rig: Rig, puppet: Puppet, options: string[] = []): Promise<number> {
  const id = await rig.run([...options, '--', ...puppet.command]);
  await puppet.ready();
  await untilPublished(rig, id, 1);
  return id;
}

/** Changes a record as by hand. Without its seal: such a record is taken as it is. */
export function amend(path: string, change: (record: any) => void): void {
  const { sum: _, ...record } = readJson(path);
  change(record);
  fs.writeFileSync(`${path}.amended`, JSON.stringify(record));
  fs.renameSync(`${path}.amended`, path);
}

/** The watcher is stopped: whoever kills the owner now leaves nobody in charge until `letGo`. */
export async function stopWatcher(rig: Rig, id: number): Promise<{ letGo: () => void }> {
  const watcher = rig.shimRecord(id).watcher!;
  process.kill(watcher, 'SIGSTOP');
  await until(
    () => letterOf(watcher),
    (letter) => letter === 'T',
    'a watcher that stands',
  );
  return { letGo: () => process.kill(watcher, 'SIGCONT') };
}

/** Kills the owner, does `act` while nobody is in charge, and returns when the next one has published. */
export async function betweenOwners(
  rig: Rig,
  id: number,
  generation: number,
  act: () => unknown,
): Promise<void> {
  const { letGo } = await stopWatcher(rig, id);
  await slay(rig.ownerPid(id));
  await act();
  letGo();
  await untilPublished(rig, id, generation);
}

/** A limit that no test reaches by itself; and so long ago jobs can have been started: the machine is up for twice as long. */
export const longMs = (): number => Math.floor(uptime() * 500);

/** As if the job had been started `ms` earlier than it was. */
export const startEarlier = (rig: Rig, id: number, ms: number): void =>
  amend(rig.file(id, 'state.json'), ({ status }) => {
    status.startedAt -= ms;
    status.startedMonotonicMs -= ms;
  });

/** Kills the owner and returns when the next one has published: its pid. */
export async function killOwner(rig: Rig, id: number, generation = 2): Promise<number> {
  await slay(rig.ownerPid(id));
  await untilPublished(rig, id, generation);
  return rig.ownerPid(id);
}

/**
 * What the tests about queues share: jobs that write down themselves when they run, the processes that may be
 * killed, and what has
 * to be true when a queue is empty. What ran, and beside what, is known from the jobs, not from the program
 * that is judged.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { openHome } from '../../src/job/home/home.ts';
import { makeQueue, writeSlots } from '../../src/job/queue/queue-files.ts';
import { isRunning, letterOf, openFiles, parentOf, processesNaming } from '../rig/processes.ts';
import type { Rig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { calledSeldom, isLive, pass, stampOf } from './death.ts';

/**
 * The book in which jobs write their starts and ends, one line each, appended: its order is the order of
 * events.
 */
export class Book {
  private readonly path: string;
  private readonly script: string;
  constructor(rig: Rig) {
    this.path = join(rig.dir, 'book');
    this.script = join(rig.dir, 'job.sh');
    fs.writeFileSync(this.path, '');
    const note = (kind: string) => `echo "${kind} $BGJOB_ID" >>'${this.path}'`;
    // the lock ends with the job: of two with one number the second does not get it
    const lock = `exec 8>>'${join(rig.dir, 'slot')}'."$BGJOB_SLOT"; flock -n 8 || ${note('x')}`;
    const slot = `[ -z "$BGJOB_SLOT" ] || { ${lock}; }`;
    fs.writeFileSync(this.script, `${slot}; ${note('s')}; eval "$2"; ${note('e')}; exit $1\n`);
  }
  /** A command that notes its start, does `body`, notes its end, and exits with `code`. */
  command(body = ':', code = 0): string[] {
    return ['/bin/sh', this.script, String(code), body];
  }
  private read(): { kind: string; id: number }[] {
    const lines = fs.readFileSync(this.path, 'utf8').split('\n').filter(Boolean);
    return lines.map((line) => ({ kind: line[0]!, id: Number(line.slice(2)) }));
  }
  /** The ids in the order of their starts. */
  get starts(): number[] {
    return this.read().flatMap(({ kind, id }) => (kind === 's' ? [id] : []));
  }
  /** The jobs that found another one in their slot (BGJOB_SLOT). */
  get clashes(): number[] {
    return this.read().flatMap(({ kind, id }) => (kind === 'x' ? [id] : []));
  }
  get ends(): number[] {
    return this.read().flatMap(({ kind, id }) => (kind === 'e' ? [id] : []));
  }
  /**
   * How many ran at once at most; `counts`: those that are not counted are over for bgjob before they end.
   */
  most(counts: (id: number) => boolean = () => true): number {
    const running: number[] = [];
    let most = 0;
    for (const { kind, id } of this.read().filter(({ kind, id }) => kind !== 'x' && counts(id))) {
      if (kind === 's') running.push(id);
      else running.splice(running.indexOf(id), 1);
      most = Math.max(most, running.length);
    }
    return most;
  }
}

/** Sets the slots of the queue, as `queue set` does; makes the home and the queue. */
export async function setSlots(rig: Rig, name: string, slots: number): Promise<void> {
  const home = openHome(rig.home, true);
  assert.ok(home.ok);
  writeSlots(makeQueue(home.value, name), slots);
}

export type Role = 'owner' | 'shim' | 'watcher' | 'adopter' | 'keeper' | 'launcher' | 'hook';

export interface Victim {
  pid: number;
  role: Role;
  /** Of this job, as far as it can be told. */
  id: number | undefined;
}

/** That of 0.6.0 has its text in its arguments, and so the words of the adopter that its watcher starts. */
const SHIM = /BGJOB_ENV_S|^\S*sh -c set \+eux; e=/;

/**
 * The processes of bgjob itself in this rig; those of jobs are not among them, and none that is about to
 * become one.
 */
export function machinery(rig: Rig): Victim[] {
  const found = processesNaming(rig.dir);
  const shims = new Set(found.filter(({ command }) => SHIM.test(command)).map(({ pid }) => pid));
  return found.flatMap(({ pid, command }): Victim[] => {
    const alive = openFiles(pid).find((path) => path.endsWith('/alive'));
    const id = Number(/\/jobs\/(\d+)\//.exec(alive ?? command)?.[1]) || undefined;
    if (shims.has(pid)) {
      if (!shims.has(parentOf(pid))) return [{ pid, role: 'shim', id }];
      return id !== undefined && watcherOf(rig, id) === pid ? [{ pid, role: 'watcher', id }] : [];
    }
    if (command.includes('--adopt')) return [{ pid, role: 'adopter', id }];
    if (command.includes('--hook') || isHook(pid, command)) return [{ pid, role: 'hook', id }];
    const title = /^bgjob\[([^\]]*)\]/.exec(command)?.[1];
    if (title !== undefined && /^\d+$/.test(title)) return [{ pid, role: 'owner', id: Number(title) }];
    if (title !== undefined || command.includes('--keep')) return [{ pid, role: 'keeper', id: undefined }];
    if (command.includes('bin/bgjob')) return [{ pid, role: 'launcher', id: undefined }];
    return [];
  });
}

/**
 * A process that does what --on-exit says bears the title of a supervisor; in the place of `alive` it has
 * nothing open.
 */
function isHook(pid: number, command: string): boolean {
  try {
    return /^bgjob\[\d+\]/.test(command) && fs.readlinkSync(`/proc/${pid}/fd/4`) === '/dev/null';
  } catch {
    return false;
  }
}

function watcherOf(rig: Rig, id: number): number | undefined {
  try {
    return rig.shimRecord(id).watcher;
  } catch {
    return undefined;
  }
}

/** False if it was gone already. */
function signalled(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return isRunning(pid) && process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** SIGKILL; false if it was gone already. */
export const slain = (pid: number): boolean => signalled(pid, 'SIGKILL');

/** So many at most. */
const MOST_KILLS = 80;
/**
 * So many for each start and end of a job, and before the first one: on a slow machine others would be killed
 * faster than they start.
 */
const KILLS_EACH = 2;

/** Kills one process of the machinery every now and then, as long as `goesOn`; returns who was killed. */
export async function killAtRandom(
  rig: Rig,
  book: Book,
  chance: () => number,
  roles: Role[],
  pauseMs: number,
  goesOn: () => boolean,
): Promise<Victim[]> {
  const killed: Victim[] = [];
  // After a killed call the next one lives until a job has got on, or another process was killed: the calls of
  // `untilEnded` move the queue on, and a slow one would be killed again and again.
  let callKilledAt = -1;
  const progress = () => book.starts.length + book.ends.length + killed.length;
  const mayDie = ({ role }: Victim) =>
    roles.includes(role) && (role !== 'launcher' || progress() !== callKilledAt);
  while (goesOn() && killed.length < MOST_KILLS) {
    await pass(chance() * 2 * pauseMs);
    if (killed.length >= KILLS_EACH * (1 + book.starts.length + book.ends.length)) continue;
    const victims = machinery(rig).filter(mayDie);
    const chosen = victims[Math.floor(chance() * victims.length)];
    if (!chosen || !signalled(chosen.pid, 'SIGSTOP')) continue;
    // it stands still now: since it was listed, a fork may have become another program
    await until(
      () => letterOf(chosen.pid),
      (letter) => 'TtZX'.includes(letter),
      'a process that stands still',
    );
    const all = machinery(rig);
    const victim = all.find((one) => one.pid === chosen.pid && mayDie(one));
    // A process that is just forking has a child that looks like itself. The killed one may have been about
    // to become a shim. The two may have numbers of different jobs: a fork takes the next job of its queue.
    const parent = victim && all.find(({ pid }) => pid === parentOf(victim.pid));
    const isFork = victim?.role === 'owner' && parent?.role === 'owner';
    const isSpared = !victim || (isFork && !roles.includes('shim'));
    if (isSpared) signalled(chosen.pid, 'SIGCONT');
    if (isSpared || !slain(chosen.pid)) continue;
    killed.push(isFork ? { ...victim, role: 'shim' } : victim);
    if (victim.role === 'launcher') callKilledAt = progress();
  }
  return killed;
}

/** Whether a job was given up for a reason: three of those who were about to start it were killed. */
export function isGivenUp(job: any, killed: Victim[]): boolean {
  if (job.state !== 'start-failed' || !/^3 supervisors in a row /.test(job.reason)) return false;
  const owners = killed.filter(({ role, id }) => id === job.id && (role === 'owner' || role === 'adopter'));
  assert.ok(owners.length >= 3, `given up after ${owners.length} kills: ${JSON.stringify(job)}`);
  return true;
}

/**
 * All of them when they have ended; a command moves the queues on meanwhile, as the next one of a user would.
 */
export async function untilEnded(rig: Rig, ids: number[]): Promise<any[]> {
  // what waits is moved on by the command also where nothing changes any more
  const homes = ['live', 'ended', 'queues'].map((name) => join(rig.home, name));
  const ask = calledSeldom(
    () => jobsOf(rig, ids),
    () => homes.map(stampOf).join(),
  );
  return until(
    ask,
    // the command itself may have been killed
    (jobs) => jobs.length === ids.length && !jobs.some(isLive),
    'the end of all jobs',
    60_000 + 5_000 * ids.length,
  );
}

/** These jobs as `ls` tells them, in the order of their ids; none if the call was killed. */
export async function jobsOf(rig: Rig, ids: number[]): Promise<any[]> {
  const { code, stdout } = await rig.bgjob(['ls', '-a', '-n', '100000', '--json']);
  // killed, it may have left half a line
  if (code === 137) return [];
  const jobs = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  return jobs.filter(({ id }) => ids.includes(id)).sort((a, b) => a.id - b.id);
}

/**
 * Waits until nothing of ours runs, and asserts that an empty queue leaves nothing but its settings. `isLeft`:
 * no process was left to remove the environment of this job.
 */
export async function assertIdle(rig: Rig, isLeft: (id: number) => boolean = () => false): Promise<void> {
  await until(
    () => processesNaming(rig.dir),
    (found) => found.length === 0,
    'no process',
  );
  const queues = join(rig.home, 'queues');
  for (const name of fs.existsSync(queues) ? fs.readdirSync(queues) : []) {
    assert.deepEqual(fs.readdirSync(join(queues, name, 'waiting')), [], `markers of ${name}`);
    const rest = fs.readdirSync(join(queues, name)).filter((file) => /^(env|batch|new)\./.test(file));
    assert.deepEqual(rest, [], `files of ${name}`);
  }
  // that of a job that nobody ended is left to gc; one whose launcher was killed before it was in the queue
  // is starting, for others
  for (const { id, state } of await rig.json(['ls', '-a', '-n', '100000']))
    if (state !== 'lost' && state !== 'starting' && !isLeft(id))
      assert.equal(fs.existsSync(rig.file(id, 'env.json')), false, `environment of ${id}, ${state}`);
}

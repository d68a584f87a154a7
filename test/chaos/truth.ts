/**
 * What has to be true of a job after anything was killed. What really happened is known from the job itself,
 * which writes
 * files outside the home as its first and last act, and from what the shim wrote down: not from the program
 * that is judged.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { attemptQuietly } from '../../src/base/result.ts';
import { processesNaming } from '../rig/processes.ts';
import type { Rig } from '../rig/rig.ts';
import { until } from '../rig/until.ts';
import { readJson } from './death.ts';

/** The promises. Each is shown once to fail against a program that breaks it. */
export type Promised =
  | 'no job is shown running that is not'
  | 'no exit code is lost'
  | 'no outcome is invented'
  | 'no id is reused'
  | 'no half-written record is visible'
  | 'no process is left'
  | 'an id that was printed is a job'
  | 'everything goes on'
  | 'no job is started twice'
  | 'no more run than there are slots'
  | 'a stop lets a job clean up';

export class Broken extends Error {
  readonly promised: Promised;
  constructor(promised: Promised, what: string) {
    super(`${promised}: ${what}`);
    this.promised = promised;
  }
}

/** A job whose end can be judged. */
export class Witness {
  readonly code: number;
  /** How it ends if nobody harms it: by itself, by its time limit, or in the grace of a stop. */
  readonly by: 'itself' | 'timeout' | 'stop';
  private readonly base: string;
  constructor(rig: Rig, code: number, by: Witness['by'] = 'itself') {
    this.code = code;
    this.by = by;
    this.base = join(fs.mkdtempSync(join(rig.dir, 'witness-')), 'job');
  }
  /** A shell line: says that it started, does `body`, says that it ends. */
  line(body: string): string {
    const rest = this.by === 'timeout' ? 'exec sleep 1000' : `echo >'${this.base}.ended'; exit ${this.code}`;
    return `echo >>'${this.base}.started'; ${body}; ${rest}`;
  }
  get started(): boolean {
    return fs.existsSync(`${this.base}.started`);
  }
  /** How often it was started. */
  get starts(): number {
    return this.started ? fs.statSync(`${this.base}.started`).size : 0;
  }
  get ended(): boolean {
    return fs.existsSync(`${this.base}.ended`);
  }
  /** The job's id, from the records: nobody may have been told it. */
  findId(rig: Rig): number | undefined {
    const jobs = join(rig.home, 'jobs');
    for (const id of fs.existsSync(jobs) ? fs.readdirSync(jobs) : []) {
      if (!fs.existsSync(join(jobs, id, 'spec.json'))) continue;
      const texts = ['spec.json', 'script'].map((name) => join(jobs, id, name));
      if (texts.some((path) => fs.existsSync(path) && fs.readFileSync(path, 'utf8').includes(this.base)))
        return Number(id);
    }
    return undefined;
  }
}

/** Every record under its final name is whole: at this instant, and so is what `ls` says. */
export async function assertWhole(rig: Rig): Promise<any[]> {
  for (const path of recordsIn(rig.home)) {
    // an environment goes as soon as it is not needed
    const text = readText(path);
    if (text !== undefined && readJson(path) === undefined && fs.existsSync(path))
      throw new Broken('no half-written record is visible', `${path}: ${JSON.stringify(text)}`);
  }
  const listed = await rig.json(['ls', '-a', '-n', '100000']);
  for (const job of listed)
    if (job.state === 'unreadable')
      throw new Broken('no half-written record is visible', JSON.stringify(job));
  return listed;
}

function readText(path: string): string | undefined {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** All files below a directory; gc may remove any of them meanwhile. */
function filesBelow(dir: string): string[] {
  const entries = attemptQuietly(() => fs.readdirSync(dir, { withFileTypes: true })) ?? [];
  return entries.flatMap((entry) => {
    const path = join(dir, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

const recordsIn = (home: string): string[] =>
  filesBelow(home).filter(
    (path) =>
      /\/(spec\.json|state\.json|env\.json|owner\.\d+|stop\.\w+|claim\.\d+)$/.test(path) &&
      !path.startsWith(join(home, 'trash/')),
  );

/** The status that the shim of an attempt wrote down; undefined if it did not. */
function writtenCode(rig: Rig, id: number, attempt: number): number | undefined {
  const path = rig.file(id, `exit.${attempt}`);
  const text = fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : '';
  return /^\d{1,3}\n/.test(text) ? Number.parseInt(text, 10) : undefined;
}

/**
 * After this long without an end nothing goes on any more, milliseconds. It ends a hang, and says nothing
 * about speed.
 */
const GIVE_UP_MS = 60_000;
const patience = new AsyncLocalStorage<number>();
const giveUpMs = (): number => patience.getStore() ?? GIVE_UP_MS;

/**
 * Judges a program that is expected to hang: it is not waited for as long as for one that is expected to go
 * on.
 */
export const impatiently = <T>(body: () => Promise<T>): Promise<T> => patience.run(10_000, body);

const LIVE = ['running', 'stopping'];
const NEVER_STARTED = 'its supervisor ended before it started the job';

/** What was done to a job: who of its machinery was killed. */
export interface Harm {
  /** Roles that were killed. */
  killed: string[];
  /** `run` printed this. */
  printed: string;
  /** How often it may have been started. */
  mostStarts?: number;
}

/** Once, or with retries as often as was asked for. */
function assertStarts(witness: Witness, most: number): void {
  if (witness.starts > most)
    throw new Broken('no job is started twice', `${witness.starts} starts, at most ${most}`);
}

/**
 * Judges a job when everything that can go on has gone on. Returns how it ended; `unborn`: its launcher was
 * killed before it
 * was a job. `cut off`: as that, but its spec stands; it counts as starting for 30 s.
 */
export async function assertTrue(rig: Rig, witness: Witness, harm: Harm): Promise<string> {
  const { killed, printed, mostStarts = 1 } = harm;
  // asked in this order: what has no process now will not get one
  let alive = processesNaming(rig.dir).length > 0;
  const listed = await assertWhole(rig);
  const id = witness.findId(rig);
  if (printed !== '' && printed !== `${id}\n`)
    throw new Broken('an id that was printed is a job', `${JSON.stringify(printed)}, the job is ${id}`);
  if (id === undefined) {
    if (witness.started) throw new Broken('everything goes on', 'a job runs that has no record');
    return 'unborn';
  }
  let first = listed.find((job) => job.id === id);
  // a supervisor that boots, or a mkfifo of a launcher that was killed beside it
  if (alive && first?.state === 'starting')
    await until(
      async () => {
        alive = processesNaming(rig.dir).length > 0;
        first = (await rig.json(['ls', '-a', '-n', '100000'])).find((job) => job.id === id) ?? first;
      },
      () => !alive || first.state !== 'starting',
      'the start, or nobody who could',
    );
  if (!alive && LIVE.includes(first.state))
    throw new Broken('no job is shown running that is not', JSON.stringify(first));
  if (!alive && first.state === 'starting') {
    if (witness.started || printed !== '')
      throw new Broken('everything goes on', `starting for ever: ${JSON.stringify(first)}`);
    return 'cut off';
  }
  const env = { BGJOB_MAX_WAIT: `${giveUpMs()}ms` };
  const wait = await rig.bgjob(['wait', '--json', String(id)], { env, limitMs: 2 * GIVE_UP_MS });
  const end = JSON.parse(wait.stdout.split('\n')[0]!);
  if (end.result !== 'ended') {
    // the judge may have come while the last of its processes was dying
    const isShownOnly = processesNaming(rig.dir).length === 0;
    const promised = isShownOnly ? 'no job is shown running that is not' : 'everything goes on';
    throw new Broken(promised, `no end: ${JSON.stringify(end)}`);
  }
  assertOutcome(rig, id, witness, killed, end);
  // one that is started again and again is left, too: the reason is told
  await assertNothingLeft(rig).finally(() => assertStarts(witness, mostStarts));
  await assertAgreed(rig, id, end);
  return end.state;
}

/** The outcome is the true one, or `lost` where nobody can know it. */
function assertOutcome(rig: Rig, id: number, witness: Witness, killed: string[], end: any): void {
  const what = `killed ${killed.join(', ')}: ${JSON.stringify(end)}`;
  const written = writtenCode(rig, id, end.attempts);
  const told = end.state === 'exited' || end.state === 'timed-out' || end.state === 'killed';
  const free = witness.by !== 'itself' || killed.includes('job, perhaps');
  const expected = killed.includes('job') ? 137 : free ? undefined : witness.code;
  if (told && written === undefined) throw new Broken('no outcome is invented', what);
  if (end.state === 'exited') {
    if (end.exitCode !== written || (expected !== undefined && end.exitCode !== expected))
      throw new Broken('no outcome is invented', `${what}, written ${written}, expected ${expected}`);
    return;
  }
  if (told) {
    const expectedState = { itself: undefined, timeout: 'timed-out', stop: 'killed' }[witness.by];
    if (end.state !== expectedState) throw new Broken('no outcome is invented', what);
    return;
  }
  if (end.state !== 'lost') throw new Broken('no outcome is invented', what);
  if (written !== undefined) throw new Broken('no exit code is lost', `${what}, written ${written}`);
  if (killed.includes('shim') || killed.includes("supervisor's fork")) return;
  // the shim lived: it saw the end of what it started
  if (witness.started || killed.some((who) => who.startsWith('job')) || end.reason !== NEVER_STARTED)
    throw new Broken('no exit code is lost', what);
}

/** No process of the job or of its machinery. */
export async function assertNothingLeft(rig: Rig): Promise<void> {
  try {
    await until(
      () => processesNaming(rig.dir),
      (found) => found.length === 0,
      'no process',
      giveUpMs(),
    );
  } catch (thrown) {
    throw new Broken('no process is left', (thrown as Error).message);
  }
}

/** `ls` says what `wait` said, also when all processes are gone. */
async function assertAgreed(rig: Rig, id: number, end: any): Promise<void> {
  const job = (await assertWhole(rig)).find((one) => one.id === id);
  if (job?.state !== end.state || job?.exitCode !== end.exitCode)
    throw new Broken('everything goes on', `ls: ${JSON.stringify(job)}, wait: ${JSON.stringify(end)}`);
}

/** Ids are new: larger than every one that was ever seen in this home. */
export function assertNewId(rig: Rig, id: number | undefined, highest: number): number {
  if (id !== undefined && id <= highest)
    throw new Broken('no id is reused', `${id} in ${rig.home} after ${highest}`);
  return Math.max(highest, id ?? 0);
}
